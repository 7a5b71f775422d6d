//! "Did you mean": the known word that is nearest to a mistyped one.

/// Below this similarity a suggestion would puzzle more than help.
const NEAR: f64 = 0.8;

/// The nearest of `known` to `word`, if one is near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// What to say of a word that is not among `known`.
pub(super) fn unknown<'a>(
    what: &str,
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("there is no such {what}; did you mean `{near}`?");
    }
    let known: Vec<_> = known.into_iter().map(|word| format!("`{word}`")).collect();
    if known.is_empty() {
        format!("there is no such {what}, and none is known here")
    } else {
        format!("there is no such {what}; known here: {}", known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_letter_is_recognised_and_another_word_is_not() {
        let known = ["schedule", "splay", "store"];
        assert_eq!(nearest("shcedule", known), Some("schedule"));
        assert_eq!(nearest("frequency", known), None);
    }
}

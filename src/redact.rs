//! Text from outside, made fit to be shown: one line, of limited length, without anything that looks like a secret.

const MARK: &str = "[redacted]";

/// `text` as one line of at most `limit` characters, with JWTs and other long random words left out.
///
/// A guess, for texts that should hold no secret in the first place: where a secret is *known* to have been within
/// reach of the author, do not show the text at all, or take the secret out first ([`crate::secret::Token::lend`]).
pub fn foreign_text(text: &str, limit: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut shown = String::new();
    for piece in clean.split_inclusive(|c| !is_word(c)) {
        let word = piece.trim_end_matches(|c| !is_word(c));
        if looks_secret(word) {
            shown.push_str(MARK);
            shown.push_str(piece.get(word.len()..).unwrap_or_default());
        } else {
            shown.push_str(piece);
        }
    }
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    if shown.chars().count() <= limit {
        return shown;
    }
    shown.chars().take(limit).chain(['…']).collect()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '~' | '+')
}

/// A JWT begins with `eyJ`; other secrets are long and mix cases and digits, which UUIDs, host names and digests of
/// images do not.
fn looks_secret(word: &str) -> bool {
    let has = |kind: fn(&char) -> bool| word.chars().any(|c| kind(&c));
    let random =
        has(char::is_ascii_digit) && has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase);
    (word.len() >= 16 && word.contains("eyJ")) || (word.len() >= 32 && random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jwts_and_long_random_words_are_left_out() {
        let shown = foreign_text(
            "token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.c2ln, and aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3!",
            200,
        );
        assert_eq!(shown, "token=[redacted], and [redacted]!");
    }

    #[test]
    fn what_a_person_needs_to_read_stays() {
        let text = "pod etl-7 of pg.us-east-1-aws.motherduck.com refused 0190163d-8694-739b-aea5-966c26f8ad91";
        assert_eq!(foreign_text(text, 200), text);
    }

    #[test]
    fn the_text_is_one_line_of_limited_length() {
        assert_eq!(foreign_text("a\n\n\u{1b}[31mb\tc", 200), "a [31mb c");
        assert_eq!(foreign_text("ééééé", 3), "ééé…");
    }
}

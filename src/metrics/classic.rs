//! From OpenMetrics to the older text format, in which a counter's family is called what its samples are called.

/// `text` in the older format.
pub(super) fn from_openmetrics(text: &str) -> String {
    let mut lines = text.lines().peekable();
    let mut classic = String::with_capacity(text.len());
    while let Some(line) = lines.next() {
        let renamed = match line.split_once(' ') {
            Some(("#", rest)) if rest == "EOF" || rest.starts_with("UNIT ") => continue,
            Some(("#", rest)) => {
                let next = lines.peek().copied().unwrap_or_default();
                let is_counter = is_type_counter(line) || is_type_counter(next);
                rename(rest, is_counter)
            }
            Some(_) | None => None,
        };
        classic.push_str(renamed.as_deref().unwrap_or(line));
        classic.push('\n');
    }
    classic
}

fn is_type_counter(line: &str) -> bool {
    line.starts_with("# TYPE ") && line.ends_with(" counter")
}

/// `HELP x …` or `TYPE x counter` of a counter, by the name of its samples.
fn rename(rest: &str, is_counter: bool) -> Option<String> {
    let mut parts = rest.splitn(3, ' ');
    let (keyword, name, text) = (parts.next()?, parts.next()?, parts.next()?);
    is_counter.then(|| format!("# {keyword} {name}_total {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counters_family_is_called_as_its_samples_are() {
        let text = "# HELP a Some a.\n# TYPE a counter\na_total{x=\"y\"} 1\n\
                    # HELP b The counter\n# TYPE b gauge\nb 2\n# EOF\n";
        let classic = "# HELP a_total Some a.\n# TYPE a_total counter\na_total{x=\"y\"} 1\n\
                       # HELP b The counter\n# TYPE b gauge\nb 2\n";
        assert_eq!(from_openmetrics(text), classic);
    }
}

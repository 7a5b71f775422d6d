//! Text from outside, made fit to be shown: one line, of limited length, without the secrets that this process holds,
//! without anything else that looks like one, and without characters that command a terminal or hide what is said.

mod held;

pub use self::held::{strike, strike_whole};

const MARK: &str = "[redacted]";
/// What is longer than this many times its limit is cut before anything is looked for in it.
const SPARE: usize = 16;

/// `text` as [`presentable`] makes it, with JWTs and other long random words left out too: secrets of others, which
/// nobody here can know.
pub fn foreign_text(text: &str, limit: usize) -> String {
    let clean = cleaned(text, limit);
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
    cut(&shown, limit)
}

/// `text` as one line of at most `limit` characters, without control and format characters, and without any part of
/// a secret that this process holds: whoever was sent one may send it back.
pub fn presentable(text: &str, limit: usize) -> String {
    cut(&cleaned(text, limit), limit)
}

/// `text` as [`presentable`] makes it, but with its lines and their indentation, each of at most `limit` characters.
pub fn presentable_lines(text: &str, limit: usize) -> String {
    let line = |line: &str| {
        let rest = line.trim_start_matches(' ');
        let (indent, _) = line.split_at(line.len() - rest.len());
        format!("{indent}{}", presentable(rest, limit))
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Whether a character has no business in a text that people are shown: it moves a terminal's cursor, begins a line,
/// turns the direction of the text, or is not seen at all.
pub fn is_unfit(c: char) -> bool {
    c.is_control() || is_line_end(c) || is_format(c)
}

fn cleaned(text: &str, limit: usize) -> String {
    let fit = text.chars().filter(|c| !is_format(*c));
    let fit = fit.map(|c| if is_unfit(c) { ' ' } else { c });
    strike(&fit.take(limit.saturating_mul(SPARE)).collect::<String>()).into_owned()
}

fn cut(text: &str, limit: usize) -> String {
    let shown = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if shown.chars().count() <= limit {
        return shown;
    }
    shown.chars().take(limit).chain(['…']).collect()
}

/// Unicode's categories Zl and Zp.
fn is_line_end(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Unicode's category Cf: <https://www.unicode.org/reports/tr44/#General_Category_Values>.
fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}'
    )
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
    fn nothing_commands_a_terminal_turns_the_text_or_hides_in_it() {
        let told =
            "a\u{1b}[2J\u{9b}1m b\u{202e}c\u{2028}d\u{200b}e\u{feff}\u{e0041}f\u{2029}\r\n\0g";
        assert_eq!(presentable(told, 200), "a [2J 1m bc def g");
        assert_eq!(foreign_text(told, 200), presentable(told, 200));
        assert!(is_unfit('\u{2067}') && is_unfit('\u{7f}') && !is_unfit('é') && !is_unfit(' '));
    }

    #[test]
    fn a_secret_that_is_held_and_every_part_of_it_are_struck() {
        let token = crate::secret::Token::new("hvs.CAESIJ-held-secret").unwrap();
        for (said, shown) in [
            ("denied: hvs.CAESIJ-held-secret!", "denied: [redacted]!"),
            ("denied: CAESIJ-held", "denied: [redacted]"),
            ("x-AESIJ-held-sec-x", "x-[redacted]-x"),
            ("denied: hvs.CA\u{200b}ESIJ-h", "denied: [redacted]"),
            ("a held key", "a held key"),
        ] {
            assert_eq!(presentable(said, 200), shown, "{said}");
        }
        drop(token);
        assert_eq!(presentable("hvs.CAESIJ-held-secret", 200), "hvs.CAESIJ-held-secret");
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

    const WORDS: &[&str] = &[
        "hvs.t0ken",
        "-that-is",
        "-held",
        "-here",
        "t0ken-th",
        "\u{200b}",
        "\u{202e}",
        "\u{2028}",
        "\u{1b}[2J",
        "\0",
        "\u{e0041}",
        "\u{feff}",
        "eyJ",
        "eyJhbGciOiJIUzI1NiJ9",
        "\u{600}",
        "\r\n",
        "[redacted]",
        "\u{301}",
    ];

    #[test]
    fn whatever_is_said_no_part_of_a_secret_and_nothing_unfit_is_shown() {
        const SECRET: &str = "hvs.t0ken-that-is-held-here";
        let token = crate::secret::Token::new(SECRET).unwrap();
        let parts: Vec<_> = (0..=SECRET.len() - 8).map(|at| &SECRET[at..at + 8]).collect();
        crate::drawn::each("words", WORDS, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            for limit in [0, 7, 40, 1_000] {
                for shown in [foreign_text(&text, limit), presentable(&text, limit)] {
                    crate::drawn::assert_fit(&shown, limit + 1);
                    assert!(parts.iter().all(|part| !shown.contains(part)), "{shown:?}");
                }
            }
            for line in presentable_lines(&text, 100).split('\n') {
                assert!(parts.iter().all(|part| !line.contains(part)), "{line:?}");
            }
        });
        drop(token);
    }
}

//! A file of one's own shape beside the bare token: a text with the places where the token goes, in the spelling that
//! its readers undo.

use secrecy::zeroize::{Zeroize, Zeroizing};
use serde_json::Value;

use crate::secret::Token;

/// The longest text.
const LONGEST: usize = 64 * 1024;

/// One more file of each version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    name: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Token(Spelling),
}

/// How the token is spelled, so that its readers read exactly the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Bare,
    Percent,
    Json,
}

/// Why a template is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The name would leave the secret's directory, or hide a file of pintail's.
    #[error(
        "{name:?} is no name for a file beside the token: use letters, digits, '.', '_' and '-', a letter, a digit or '_' first, and none of `token`, `motherduck.env` and `record.json`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// It has no place for the token.
    #[error(
        "the text has no place for the token: `{{token}}`, `{{token:percent}}` or `{{token:json}}`"
    )]
    NoToken,
    /// A placeholder of another name.
    #[error(
        "`{{{name}}}` is no placeholder: there are `{{token}}`, `{{token:percent}}` and `{{token:json}}`"
    )]
    Placeholder {
        /// What stands between the braces.
        name: String,
    },
    /// It is longer than a file of this kind ever is.
    #[error("the text is longer than 64 KiB")]
    Long,
}

impl Template {
    /// Reads the text of the file `name`. A brace is a placeholder's only where a word in small letters stands within
    /// it and its partner: JSON needs its own.
    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        if !is_name(name) {
            return Err(TemplateError::Name { name: name.to_owned() });
        }
        if text.len() > LONGEST {
            return Err(TemplateError::Long);
        }
        let mut parts = vec![];
        let mut kept = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            kept.push_str(before);
            let Some((word, after)) = after.split_once('}').filter(|(word, _)| is_word(word))
            else {
                kept.push('{');
                rest = after;
                continue;
            };
            let spelling = Spelling::named(word)
                .ok_or_else(|| TemplateError::Placeholder { name: word.to_owned() })?;
            parts.push(Part::Text(std::mem::take(&mut kept)));
            parts.push(Part::Token(spelling));
            rest = after;
        }
        kept.push_str(rest);
        parts.push(Part::Text(kept));
        if !parts.iter().any(|part| matches!(part, Part::Token(_))) {
            return Err(TemplateError::NoToken);
        }
        Ok(Self { name: name.to_owned(), parts })
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that serves `token`.
    pub(super) fn render(&self, token: &Token) -> Zeroizing<Vec<u8>> {
        token.lend(|token| {
            // As long as it can get, so that no copy of it stays behind.
            let longest = |part: &Part| match part {
                Part::Text(text) => text.len(),
                Part::Token(_) => 2 + 6 * token.len(),
            };
            let mut bytes =
                Zeroizing::new(Vec::with_capacity(self.parts.iter().map(longest).sum()));
            for part in &self.parts {
                match part {
                    Part::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                    Part::Token(spelling) => spelling.spell(token, &mut bytes),
                }
            }
            bytes
        })
    }
}

impl Spelling {
    fn named(word: &str) -> Option<Self> {
        match word {
            "token" => Some(Self::Bare),
            "token:percent" => Some(Self::Percent),
            "token:json" => Some(Self::Json),
            _ => None,
        }
    }

    fn spell(self, token: &str, into: &mut Vec<u8>) {
        match self {
            Self::Bare => into.extend_from_slice(token.as_bytes()),
            Self::Percent => {
                for byte in token.bytes() {
                    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                        into.push(byte);
                    } else {
                        into.push(b'%');
                        into.extend_from_slice(hex::encode_upper([byte]).as_bytes());
                    }
                }
            }
            Self::Json => {
                let mut value = Value::from(token);
                let quoted = Zeroizing::new(value.to_string());
                if let Value::String(copy) = &mut value {
                    copy.zeroize();
                }
                into.extend_from_slice(quoted.as_bytes());
            }
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == ':')
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.len() <= 128
        && name.starts_with(is_first)
        && name.chars().all(is_plain)
        && !super::file::NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, token: &str) -> String {
        let template = Template::parse("a.env", text).unwrap();
        String::from_utf8(template.render(&Token::new(token).unwrap()).to_vec()).unwrap()
    }

    #[test]
    fn a_reader_that_undoes_the_spelling_reads_exactly_the_token() {
        for token in ["eyJ.a-b_c", "a/b+c==", "100%&?#@:", "\"quoted\\\"", "é{token}}{"] {
            let uri = rendered("motherduck://x:{token:percent}@host/db?a=1", token);
            let url = url::Url::parse(&uri).unwrap();
            let password = url.password().unwrap().replace('+', "%2B");
            let read = url::form_urlencoded::parse(format!("t={password}").as_bytes())
                .next()
                .unwrap()
                .1
                .into_owned();
            assert_eq!(read, token, "{uri}");
            let json = rendered("{\"motherduck\": {\"password\": {token:json}}}\n", token);
            let value: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(value["motherduck"]["password"], token, "{json}");
            assert_eq!(rendered("A={token}\n", token), format!("A={token}\n"));
        }
    }

    #[test]
    fn a_template_that_would_serve_no_token_or_hide_a_file_is_refused() {
        let refused = |name: &str, text: &str| Template::parse(name, text).unwrap_err().to_string();
        assert!(refused("a.env", "A=1").contains("no place for the token"));
        assert!(refused("a.env", "A={tokn}").contains("`{tokn}`"));
        assert!(refused("a.env", "A={token:url}").contains("`{token:url}`"));
        assert!(refused("a.env", &format!("{{token}}{}", "x".repeat(LONGEST))).contains("64 KiB"));
        for name in
            ["", "token", "record.json", "motherduck.env", "..data", ".hidden", "a/b", "é", "a b"]
        {
            assert!(refused(name, "{token}").contains("no name for a file"), "{name}");
        }
    }

    #[test]
    fn braces_that_are_no_placeholders_stay() {
        for text in ["{", "}", "{}", "{\"a\":{", "${HOME}", "{{", "{1}"] {
            assert_eq!(rendered(&format!("{text}{{token}}"), "t"), format!("{text}t"));
        }
    }
}

//! Placeholders such as `{credential}` in paths and URLs.

use super::suggest;
use crate::names::CredentialName;

const SAMPLE_ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// `template` with each placeholder replaced by its value among `values`.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> Result<String, String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) =
            after.split_once('}').ok_or("a placeholder that begins with `{` must end with `}`")?;
        let value = values.iter().find(|(known, _)| *known == name).ok_or_else(|| {
            let known = values.iter().map(|(known, _)| *known);
            format!("`{{{name}}}`: {}", suggest::unknown("placeholder", name, known))
        })?;
        filled.push_str(before);
        filled.push_str(value.1);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The text as one part of a URL.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
    }
    encoded
}

/// What the placeholders of URLs stand for.
pub(super) struct Names<'a> {
    pub(super) credential: &'a CredentialName,
    pub(super) username: &'a str,
    pub(super) store: &'a str,
    pub(super) path: &'a str,
}

impl Names<'_> {
    /// A URL's `template` with sample values.
    pub(super) fn fill(&self, template: &str) -> Result<String, String> {
        let (path, store) = (percent_encode(self.path), percent_encode(self.store));
        let values = [
            ("credential", self.credential.as_str()),
            ("username", self.username),
            ("token_id", SAMPLE_ID),
            ("previous_token_id", SAMPLE_ID),
            ("rotation_id", SAMPLE_ID),
            ("store", store.as_str()),
            ("path", path.as_str()),
        ];
        fill(template, &values)
    }
}

//! Why a server says no, in its own words: of limited length, on one line, without secrets.

use reqwest::Response;

use crate::redact::foreign_text;

/// No reason is longer; the rest is not read.
const READ: usize = 4096;
/// As much of it is shown.
const SHOWN: usize = 200;

/// The text of an answer that says no; `None` if it has none that people can read. `secret` stands in the request, and
/// is taken out of what comes back.
pub async fn reason(mut response: Response, secret: &str) -> Option<String> {
    let mut read = Vec::new();
    while read.len() < READ {
        // What came before a connection broke may be all that there is to know.
        let Ok(Some(chunk)) = response.chunk().await else { break };
        read.extend_from_slice(&chunk);
    }
    read.truncate(READ);
    let text = String::from_utf8_lossy(&read);
    let text = if secret.is_empty() { text } else { text.replace(secret, "[redacted]").into() };
    // A page is for browsers: the status tells as much.
    let is_page = text.trim_start().starts_with('<');
    Some(foreign_text(&text, SHOWN)).filter(|shown| !shown.is_empty() && !is_page)
}

/// The reason behind a status, if there is one.
pub fn behind(reason: Option<&String>) -> String {
    reason.map(|text| format!(": {text}")).unwrap_or_default()
}

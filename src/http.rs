//! What the HTTP clients share: headers that may be secrets, bounded answers, and how long a server asks to be left
//! alone.

pub mod body;

pub mod reason;

pub mod settings;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use url::{Host, Url};

use self::settings::HeaderSource;
use crate::secret::{SecretError, SecretSource, Token, TokenError};

/// Headers by the configuration, ready to be sent.
#[derive(Debug)]
pub struct Headers {
    plain: HeaderMap,
    secret: Vec<(HeaderName, SecretSource)>,
    /// What may be a password in the plain ones.
    _held: Vec<Token>,
}

/// The headers of one request. What is secret in them is held as long as this, so that nobody's words show it.
pub struct Filled {
    /// As they are sent.
    pub headers: HeaderMap,
    _held: Vec<Token>,
}

/// What stands in the names of headers with secrets.
const TELLING: [&str; 6] = ["auth", "cookie", "key", "pass", "secret", "token"];

/// A header that HTTP does not allow.
#[derive(Debug, thiserror::Error)]
#[error("header {name:?} has a name or a value that HTTP does not allow")]
pub struct NotAHeader {
    /// Its name.
    pub name: String,
}

/// Why the headers are not complete; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// A secret value could not be read.
    #[error("cannot read the value of header {name}")]
    Secret {
        /// The header's name.
        name: HeaderName,
        /// What is wrong.
        source: SecretError,
    },
    /// A secret value cannot stand in a header.
    #[error("the value of header {name} cannot be used")]
    Text {
        /// The header's name.
        name: HeaderName,
        /// What is wrong.
        source: TokenError,
    },
}

impl Headers {
    /// The configured headers, names and plain values checked.
    pub fn new(settings: &BTreeMap<String, HeaderSource>) -> Result<Self, NotAHeader> {
        let mut plain = HeaderMap::new();
        let mut secret = Vec::new();
        let mut held = Vec::new();
        for (name, source) in settings {
            let wrong = || NotAHeader { name: name.clone() };
            let parsed: HeaderName = name.parse().map_err(|_| wrong())?;
            match source {
                HeaderSource::Plain(text) => {
                    let mut value: HeaderValue = text.parse().map_err(|_| wrong())?;
                    // It may well be a password that somebody put into the configuration.
                    value.set_sensitive(true);
                    if TELLING.iter().any(|part| parsed.as_str().contains(part)) {
                        held.extend(
                            text.split_whitespace().filter_map(|word| Token::new(word).ok()),
                        );
                    }
                    plain.insert(parsed, value);
                }
                HeaderSource::Secret(place) => secret.push((parsed, place.clone())),
            }
        }
        Ok(Self { plain, secret, _held: held })
    }

    /// The headers as they are to be sent now. Secrets are read for each request: they may have been rotated, too.
    pub fn read(&self) -> Result<Filled, HeaderError> {
        let (mut headers, mut held) = (self.plain.clone(), vec![]);
        for (name, place) in &self.secret {
            let name = || name.clone();
            let secret =
                place.read().map_err(|source| HeaderError::Secret { name: name(), source })?;
            let value =
                secret.header("").map_err(|source| HeaderError::Text { name: name(), source })?;
            headers.insert(name(), value);
            held.push(secret);
        }
        Ok(Filled { headers, _held: held })
    }
}

/// A URL as it is shown: scheme, host and port. A password may stand before them, and a key in the path or the query.
pub fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The same of a template, which need not be a URL.
pub fn origin_of(template: &str) -> String {
    let Some((scheme, rest)) = template.split_once("://") else {
        return "the configured URL".to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// Whoever asks for more is not believed.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// How long an answer's `Retry-After` asks to wait, a day at most: seconds, or a date, which counts from the answer's
/// own `Date` where it has one, since the clocks may differ.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let now = date(headers).unwrap_or_else(Timestamp::now);
        let wait = now.duration_until(http_date(text)?);
        Duration::try_from(wait).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(LONGEST_WAIT))
}

/// The `Date` header.
pub fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// A date as HTTP writes it: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// Whether the URL's host is this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers)
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_by_the_servers_clock() {
        assert_eq!(wait("90"), Some(Duration::from_secs(90)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:07 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("later"), None);
        assert_eq!(wait(""), None);
        assert_eq!(wait("-1"), None);
    }

    #[test]
    fn of_urls_nothing_is_shown_that_may_be_a_secret() {
        let text = "https://user:pass@h.example:8443/reload/x?key=k#f";
        let expected = "https://h.example:8443";
        assert_eq!(origin(&Url::parse(text).unwrap()), expected);
        assert_eq!(origin_of(text), expected);
        assert_eq!(origin_of("https://{credential}.svc/a@b"), "https://{credential}.svc");
        assert_eq!(origin_of("https://h?key=k@x"), "https://h");
        assert_eq!(origin_of("s3cret"), "the configured URL");
    }

    #[test]
    fn nobody_can_ask_for_ages() {
        let forever = ["18446744073709551615", "99999999999999999999999", "86401"];
        let dates = ["Wed, 29 Dec 9999 23:59:59 GMT", "Sat, 06 Nov 2094 08:49:07 GMT"];
        for text in forever.into_iter().chain(dates) {
            assert_eq!(wait(text), Some(LONGEST_WAIT), "{text}");
        }
    }
}

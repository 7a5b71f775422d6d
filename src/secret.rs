//! Secret texts: a token that cannot be printed, and the files or variables that secrets are read from.

pub mod wiped;

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use hyper::body::Bytes;
use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

pub use self::wiped::Wiped;
use crate::regular;

/// No secret that is read from a file is larger.
const MOST_BYTES: usize = 64 << 10;

/// A secret text: a MotherDuck token, a Vault token, a client's password.
///
/// It has no `Clone`, `PartialEq`, `Serialize` or `Display`, and one way in: [`Token::lend`]. It is wiped on drop.
///
/// As long as one lives, [`crate::redact`] knows its text, and takes it out of what others say.
pub struct Token(Arc<SecretString>);

/// The secrets that live, for [`each_held`].
static HELD: Mutex<Vec<Weak<SecretString>>> = Mutex::new(vec![]);

/// Lends each secret that this process holds to `borrower`, which must not keep, print or log it.
#[expect(clippy::disallowed_methods, reason = "the other place where a secret's text is reached")]
pub(crate) fn each_held(mut borrower: impl FnMut(&str)) {
    let held: Vec<_> = {
        let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().filter_map(Weak::upgrade).collect()
    };
    for secret in held {
        borrower(secret.expose_secret());
    }
}

impl Token {
    /// Takes a secret text, trimmed of surrounding white space and of the mark that some editors put before a text.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim().trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            Err(TokenError::Empty)
        } else if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            Err(TokenError::NotOneWord)
        } else {
            Ok(Self::hold(text))
        }
    }

    fn hold(text: &str) -> Self {
        let secret = Arc::new(SecretString::from(text));
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() == held.capacity() {
            held.retain(|one| one.strong_count() > 0);
        }
        held.push(Arc::downgrade(&secret));
        Self(secret)
    }

    /// Lends the text to `borrower`, which must not keep, print or log it.
    #[expect(clippy::disallowed_methods, reason = "the one place where a secret's text is reached")]
    pub fn lend<T>(&self, borrower: impl FnOnce(&str) -> T) -> T {
        borrower(self.0.expose_secret())
    }

    /// The same for a second owner.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// The SHA-256 digest of the text, as lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        self.lend(|text| hex::encode(Sha256::digest(text.as_bytes())))
    }

    /// The text as an HTTP header value that logs show as `Sensitive`, behind `prefix` (such as `Bearer `).
    ///
    /// It is wiped with its last copy.
    pub fn header(&self, prefix: &str) -> Result<HeaderValue, TokenError> {
        let text = self.lend(|text| wiped::concat(&[prefix, text]));
        HeaderValue::from_maybe_shared(Bytes::from_owner(text))
            .map(|mut value| {
                value.set_sensitive(true);
                value
            })
            .map_err(|_| TokenError::NotOneWord)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a text cannot be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing but white space.
    #[error("the secret is empty")]
    Empty,
    /// White space or a control character inside.
    #[error(
        "the secret has a line break, a space or a control character inside; it must be one word"
    )]
    NotOneWord,
}

/// Where a secret is read from: configuration names the place and never holds the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file with the secret as its whole content.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

impl SecretSource {
    /// Reads the secret anew; a file may have been rotated since the last time.
    pub fn read(&self) -> Result<Token, SecretError> {
        self.read_as(|text| text)
    }

    /// Reads a token anew, which may stand there as in a file of variables: `NAME=`, quotes. No token has either.
    pub fn read_token(&self) -> Result<Token, SecretError> {
        self.read_as(bare)
    }

    /// [`Self::read`], on a thread that may wait for a file: a mount that hangs must not hold up anybody else.
    pub async fn fetch(&self) -> Result<Token, SecretError> {
        self.aside(Self::read).await
    }

    /// [`Self::read_token`], likewise.
    pub async fn fetch_token(&self) -> Result<Token, SecretError> {
        self.aside(Self::read_token).await
    }

    async fn aside(
        &self,
        read: fn(&Self) -> Result<Token, SecretError>,
    ) -> Result<Token, SecretError> {
        let Self::File(path) = self else { return read(self) };
        let source = self.clone();
        spawn_blocking(move || read(&source)).await.unwrap_or_else(|error| {
            let source = std::io::Error::other(error);
            Err(SecretError::File { path: path.clone(), source })
        })
    }

    fn read_as(&self, part: impl FnOnce(&str) -> &str) -> Result<Token, SecretError> {
        let text = match self {
            Self::File(path) => {
                let unread = |source| SecretError::File { path: path.clone(), source };
                let content = regular::read(path, MOST_BYTES).map_err(unread)?;
                let text = std::str::from_utf8(&content).map_err(|_| {
                    unread(std::io::Error::new(ErrorKind::InvalidData, "it is not text in UTF-8"))
                })?;
                Zeroizing::new(text.to_owned())
            }
            Self::Env(name) => Zeroizing::new(
                std::env::var(name).map_err(|_| SecretError::Env { name: name.clone() })?,
            ),
        };
        Token::new(part(&text)).map_err(|source| SecretError::Text { place: self.clone(), source })
    }
}

/// The value of `export NAME="value"`, whichever of that is there.
fn bare(text: &str) -> &str {
    let text = text.trim().trim_start_matches('\u{feff}').trim();
    let text = text.strip_prefix("export ").unwrap_or(text).trim_start();
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let value = match text.split_once('=') {
        // What goes on with `=` or `.`, or ends there, is padded, and no name.
        Some((name, value))
            if is_name(name) && !value.is_empty() && !value.starts_with(['=', '.']) =>
        {
            value.trim()
        }
        Some(_) | None => text,
    };
    let unquoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    unquoted('"').or_else(|| unquoted('\'')).unwrap_or(value)
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// Why a secret could not be read from its source.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret from file {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The variable is not set, or not text.
    #[error("environment variable {name}, which should hold a secret, is not set")]
    Env {
        /// The variable.
        name: String,
    },
    /// The text cannot be a secret.
    #[error("{place} does not hold a usable secret")]
    Text {
        /// Where it stands.
        place: SecretSource,
        /// What is wrong with it.
        source: TokenError,
    },
}

impl SecretError {
    /// Whether it may pass by itself: a file may come, or be filled, later; a variable stays as it is.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::File { source, .. } => regular::may_pass(source),
            Self::Text { place: SecretSource::File(_), source: TokenError::Empty } => true,
            Self::Env { .. } | Self::Text { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_printed_by_any_formatter() {
        let token = Token::new("s3cret-text").unwrap();
        assert!(!format!("{token:?}").contains("s3cret"));
        let header = token.header("Bearer ").unwrap();
        assert!(!format!("{header:?}").contains("s3cret"));
    }

    #[test]
    fn a_trailing_newline_is_dropped_and_an_inner_one_refused() {
        assert_eq!(Token::new("abc\n").unwrap().lend(str::to_owned), "abc");
        assert_eq!(Token::new("ab\nc").unwrap_err(), TokenError::NotOneWord);
        assert_eq!(Token::new(" \n").unwrap_err(), TokenError::Empty);
    }

    #[test]
    fn a_token_is_found_in_what_shells_and_editors_make_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let source = SecretSource::File(file.clone());
        for text in [
            "eyJ.abc.d-e_f",
            "\u{feff}eyJ.abc.d-e_f\r\n",
            "\"eyJ.abc.d-e_f\"\n",
            "'eyJ.abc.d-e_f'",
            "motherduck_token=eyJ.abc.d-e_f\n",
            "MOTHERDUCK_TOKEN=\"eyJ.abc.d-e_f\"\n",
            "\u{feff}export TOKEN='eyJ.abc.d-e_f'",
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(
                source.read_token().unwrap().lend(str::to_owned),
                "eyJ.abc.d-e_f",
                "{text:?}"
            );
        }
        for text in ["abcd==", "abcd=", "eyJ=.abc=.d", "a\"b\"c", "\"", "=x"] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(source.read_token().unwrap().lend(str::to_owned), text, "it is left alone");
        }
        std::fs::write(&file, "user=eyJ and more").unwrap();
        assert!(source.read_token().is_err());
        std::fs::write(&file, "name=a,other=b").unwrap();
        let whole = source.read().unwrap().lend(str::to_owned);
        assert_eq!(whole, "name=a,other=b", "other secrets are taken as they are");
    }

    #[test]
    fn the_digest_is_the_sha256_of_the_text() {
        let token = Token::new("abc").unwrap();
        assert_eq!(
            token.sha256(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}

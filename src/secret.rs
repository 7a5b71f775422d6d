//! Secret texts: a token that cannot be printed, and the files or variables that secrets are read from.

use std::fmt;
use std::path::PathBuf;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A secret text: a MotherDuck token, a Vault token, a client's password.
///
/// It has no `Clone`, `PartialEq`, `Serialize` or `Display`, and one way in: [`Token::lend`]. It is wiped on drop.
pub struct Token(SecretString);

impl Token {
    /// Takes a secret text, trimmed of surrounding white space.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.is_empty() {
            Err(TokenError::Empty)
        } else if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            Err(TokenError::NotOneWord)
        } else {
            Ok(Self(SecretString::from(text)))
        }
    }

    /// Lends the text to `borrower`, which must not keep, print or log it.
    #[expect(clippy::disallowed_methods, reason = "the one place where a secret's text is reached")]
    pub fn lend<T>(&self, borrower: impl FnOnce(&str) -> T) -> T {
        borrower(self.0.expose_secret())
    }

    /// A second copy, for the few places where two owners need one.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        self.lend(|text| Self(SecretString::from(text)))
    }

    /// The SHA-256 digest of the text, as lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        self.lend(|text| hex::encode(Sha256::digest(text.as_bytes())))
    }

    /// The text as an HTTP header value that logs show as `Sensitive`, behind `prefix` (such as `Bearer `).
    pub fn header(&self, prefix: &str) -> Result<reqwest::header::HeaderValue, TokenError> {
        self.lend(|text| reqwest::header::HeaderValue::from_str(&format!("{prefix}{text}")))
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

/// A text of an answer that is wiped when it is dropped.
#[derive(Deserialize)]
#[serde(from = "String")]
pub struct Wiped(pub Zeroizing<String>);

impl From<String> for Wiped {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
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
        let text = match self {
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|source| SecretError::File { path: path.clone(), source })?,
            Self::Env(name) => {
                std::env::var(name).map_err(|_| SecretError::Env { name: name.clone() })?
            }
        };
        let text = Zeroizing::new(text);
        Token::new(&text).map_err(|source| SecretError::Text { place: self.to_string(), source })
    }
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
        /// The source, as text.
        place: String,
        /// What is wrong with it.
        source: TokenError,
    },
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
    fn the_digest_is_the_sha256_of_the_text() {
        let token = Token::new("abc").unwrap();
        assert_eq!(
            token.sha256(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}

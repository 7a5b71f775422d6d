//! A token on standard input.

use std::io::{IsTerminal, Read};

use secrecy::zeroize::Zeroizing;

use super::super::error::CliError;
use crate::secret::Token;

/// Longer than any token.
const MOST_BYTES: u64 = 64 * 1024;

/// Reads it. A terminal would show what is typed.
pub(super) fn read() -> Result<Token, CliError> {
    let input = std::io::stdin();
    if input.is_terminal() {
        let message = "standard input is a terminal, which would show the token";
        return Err(CliError::usage(message, Some("pintail identify < FILE".to_owned())));
    }
    token(input.lock())
}

fn token(input: impl Read) -> Result<Token, CliError> {
    let refused = |message: &str| {
        let hint = "give the token alone, as one word: pintail identify < FILE";
        CliError::usage(message, Some(hint.to_owned()))
    };
    let mut bytes = Zeroizing::new(Vec::new());
    input
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refused(&format!("standard input cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_BYTES) {
        return Err(refused("what stands on standard input is too long for a token"));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| refused("what stands on standard input is not text"))?;
    Token::new(text).map_err(|error| refused(&format!("standard input holds no token: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let CliError { code, message, hint } = token(bytes).unwrap_err();
        assert_eq!(code, crate::cli::ExitCode::Usage);
        assert!(hint.unwrap().contains("pintail identify"), "{message}");
        message
    }

    #[test]
    fn a_token_is_one_word_and_a_line_break_may_follow() {
        assert_eq!(token(&b"t0ken\n"[..]).unwrap().lend(str::to_owned), "t0ken");
    }

    #[test]
    fn what_is_no_token_is_refused_and_not_shown() {
        for (bytes, part) in [
            (&b""[..], "empty"),
            (b" \n", "empty"),
            (b"s3cret and more", "one word"),
            (b"s3cret\nmore", "one word"),
            (b"s3cret\xff", "not text"),
        ] {
            let message = refusal(bytes);
            assert!(message.contains(part), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
        assert!(refusal(&vec![b'a'; 70_000]).contains("too long"));
        token(&vec![b'a'; 65_536][..]).unwrap();
    }
}

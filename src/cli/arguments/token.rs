//! `pintail token`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::motherduck::RESERVED_TOKEN_NAMES;
use crate::names::{AccountName, TokenId};
use crate::record::TokenType;

/// What to do with an account's tokens.
#[derive(Debug, Clone, Subcommand)]
pub enum Token {
    /// Create a token by hand.
    ///
    /// Its text is a secret. It is shown this once: on a terminal, with `--output json`, or in --secret-file. If that
    /// fails, the token is revoked again.
    Create(CreateToken),
    /// List an account's tokens. Their texts are not known to anybody but their holders.
    List {
        /// The account's username.
        username: AccountName,
    },
    /// Revoke a token for good; everybody who uses it loses access.
    Revoke(RevokeToken),
}

/// `token create`.
#[derive(Debug, Clone, Args)]
pub struct CreateToken {
    /// The account's username.
    pub username: AccountName,
    /// The token's name, 1 to 255 characters. Names that begin with `pintail/` are for the tokens that pintail manages.
    #[arg(long, value_parser = token_name)]
    pub name: String,
    /// How long it lives, such as 30d: 5m to 365d. For ever if absent.
    #[arg(long, value_name = "DURATION", value_parser = ttl)]
    pub ttl: Option<Duration>,
    /// What it may do: `read_write` or `read_scaling`.
    #[arg(long = "type", value_name = "TYPE", default_value = "read_write", value_parser = token_type)]
    pub token_type: TokenType,
    /// What it is for, 1 to 1000 characters; dropped where MotherDuck knows no descriptions yet.
    #[arg(long, value_name = "TEXT", value_parser = description)]
    pub description: Option<String>,
    /// Write the token's text into this file and nowhere else. It must not exist, and gets mode 0600.
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
}

/// `token revoke`.
#[derive(Debug, Clone, Args)]
pub struct RevokeToken {
    /// The account's username.
    pub username: AccountName,
    /// The token's ID, a UUID.
    pub token_id: TokenId,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
    /// Revoke it although pintail manages it, or although a configured secret serves it or may serve it.
    #[arg(long)]
    pub managed: bool,
}

fn token_name(text: &str) -> Result<String, String> {
    let name = text_of(text, 255)?;
    if name.trim() != name {
        return Err("it must not begin or end with white space".to_owned());
    }
    if RESERVED_TOKEN_NAMES.iter().any(|reserved| reserved.eq_ignore_ascii_case(&name)) {
        return Err("MotherDuck keeps this name to itself".to_owned());
    }
    if name == "pintail" || name.starts_with("pintail/") {
        return Err("names of this form are for the tokens that pintail manages".to_owned());
    }
    Ok(name)
}

fn description(text: &str) -> Result<String, String> {
    text_of(text, 1000)
}

/// A text for MotherDuck, which counts characters.
pub(super) fn text_of(text: &str, most: usize) -> Result<String, String> {
    if !(1..=most).contains(&text.chars().count()) {
        return Err(format!("it must have 1 to {most} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("it must be one line without control characters".to_owned());
    }
    Ok(text.to_owned())
}

fn ttl(text: &str) -> Result<Duration, String> {
    let range = Duration::from_mins(5)..=Duration::from_hours(365 * 24);
    match super::duration(text)? {
        ttl if ttl.subsec_nanos() == 0 && range.contains(&ttl) => Ok(ttl),
        _ => Err("a token lives for 5m to 365d, in whole seconds".to_owned()),
    }
}

fn token_type(text: &str) -> Result<TokenType, String> {
    [TokenType::ReadWrite, TokenType::ReadScaling]
        .into_iter()
        .find(|token_type| token_type.as_str() == text)
        .ok_or_else(|| "a token's type is read_write or read_scaling".to_owned())
}

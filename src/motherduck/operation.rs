//! The operations of the REST API: what each one asks for, and where.

use std::fmt;

use reqwest::Method;
use url::Url;

use crate::names::{AccountName, TokenId};

/// One operation of the REST API. A new one makes the compiler list what there is to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// List the accounts that have a Duckling running.
    ListActiveAccounts,
    /// List an account's tokens.
    ListTokens(AccountName),
    /// Create a token for an account.
    CreateToken(AccountName),
    /// Revoke an account's token.
    RevokeToken(AccountName, TokenId),
}

impl Operation {
    /// The operation in one word, for metrics.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::ListActiveAccounts => "list_active_accounts",
            Self::ListTokens(_) => "list_tokens",
            Self::CreateToken(_) => "create_token",
            Self::RevokeToken(..) => "revoke_token",
        }
    }

    /// The method of the request.
    pub(super) fn method(&self) -> Method {
        match self {
            Self::ListActiveAccounts | Self::ListTokens(_) => Method::GET,
            Self::CreateToken(_) => Method::POST,
            Self::RevokeToken(..) => Method::DELETE,
        }
    }

    /// Whether doing it twice is the same as doing it once.
    pub(super) fn is_idempotent(&self) -> bool {
        match self {
            Self::ListActiveAccounts | Self::ListTokens(_) | Self::RevokeToken(..) => true,
            Self::CreateToken(_) => false,
        }
    }

    /// The URL below `base`; `None` where a segment would change the path's structure.
    pub(super) fn url(&self, base: &Url) -> Option<Url> {
        match self {
            Self::ListActiveAccounts => endpoint(base, &["v1", "active_accounts"]),
            Self::ListTokens(account) | Self::CreateToken(account) => {
                endpoint(base, &["v1", "users", account.as_str(), "tokens"])
            }
            Self::RevokeToken(account, id) => {
                endpoint(base, &["v1", "users", account.as_str(), "tokens", &id.to_string()])
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ListActiveAccounts => f.write_str("list the active accounts"),
            Self::ListTokens(account) => write!(f, "list the tokens of account {account}"),
            Self::CreateToken(account) => write!(f, "create a token for account {account}"),
            Self::RevokeToken(account, id) => write!(f, "revoke token {id} of account {account}"),
        }
    }
}

/// The segments below `base`, each percent-encoded. An empty one, `.` or `..` would name another thing than was meant
/// (`url` would drop the dots silently).
fn endpoint(base: &Url, segments: &[&str]) -> Option<Url> {
    if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return None;
    }
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut().ok()?.pop_if_empty().extend(segments);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_segment_cannot_change_the_paths_structure() {
        let url = endpoint(&base("https://h/prefix/"), &["v1", "a/b?c#d%2F", "x"]).unwrap();
        assert_eq!(url.as_str(), "https://h/prefix/v1/a%2Fb%3Fc%23d%252F/x");
        for bad in ["", ".", ".."] {
            assert_eq!(endpoint(&base("https://h"), &["v1", bad]), None, "{bad:?}");
        }
    }

    #[test]
    fn a_token_is_addressed_by_account_and_uuid() {
        let id = "7F0C2F7E-5F63-4F6E-9A55-0F8F0A3F1A01".parse().unwrap();
        let operation = Operation::RevokeToken("etl_prod".parse().unwrap(), id);
        assert_eq!(
            operation.url(&base("https://h")).unwrap().path(),
            "/v1/users/etl_prod/tokens/7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01"
        );
    }
}

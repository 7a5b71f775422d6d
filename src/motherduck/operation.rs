//! The operations of the REST API: what each one asks for, and where.

use std::fmt;

use reqwest::{Method, StatusCode};
use url::Url;

use super::dives::DiveId;
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
    /// List all users of the organisation.
    ListUsers,
    /// Create a service account.
    CreateAccount(AccountName),
    /// Delete a service account with all its data.
    DeleteAccount(AccountName),
    /// Read how an account's Ducklings are configured.
    GetDucklings(AccountName),
    /// Configure an account's Ducklings.
    SetDucklings(AccountName),
    /// Open a session that shows a dive as an account sees it.
    EmbedDive(DiveId, AccountName),
}

impl Operation {
    /// The operation in one word, for metrics.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::ListActiveAccounts => "list_active_accounts",
            Self::ListTokens(_) => "list_tokens",
            Self::CreateToken(_) => "create_token",
            Self::RevokeToken(..) => "revoke_token",
            Self::ListUsers => "list_users",
            Self::CreateAccount(_) => "create_account",
            Self::DeleteAccount(_) => "delete_account",
            Self::GetDucklings(_) => "get_ducklings",
            Self::SetDucklings(_) => "set_ducklings",
            Self::EmbedDive(..) => "embed_dive",
        }
    }

    /// The method of the request.
    pub(super) fn method(&self) -> Method {
        match self {
            Self::ListActiveAccounts
            | Self::ListTokens(_)
            | Self::ListUsers
            | Self::GetDucklings(_) => Method::GET,
            Self::CreateToken(_) | Self::CreateAccount(_) | Self::EmbedDive(..) => Method::POST,
            Self::SetDucklings(_) => Method::PUT,
            Self::RevokeToken(..) | Self::DeleteAccount(_) => Method::DELETE,
        }
    }

    /// Whether doing it twice is the same as doing it once.
    pub(super) fn is_idempotent(&self) -> bool {
        match self {
            Self::ListActiveAccounts
            | Self::ListTokens(_)
            | Self::ListUsers
            | Self::GetDucklings(_)
            | Self::SetDucklings(_)
            | Self::RevokeToken(..)
            | Self::DeleteAccount(_) => true,
            Self::CreateToken(_) | Self::CreateAccount(_) | Self::EmbedDive(..) => false,
        }
    }

    /// Whether it goes before others whoever asks for it: each moment that a token lives which should not is a risk.
    pub(super) fn is_urgent(&self) -> bool {
        match self {
            Self::RevokeToken(..) => true,
            Self::ListActiveAccounts
            | Self::ListTokens(_)
            | Self::CreateToken(_)
            | Self::ListUsers
            | Self::CreateAccount(_)
            | Self::DeleteAccount(_)
            | Self::GetDucklings(_)
            | Self::SetDucklings(_)
            | Self::EmbedDive(..) => false,
        }
    }

    /// The largest answer of success that is read. Accounts have dozens of tokens, organisations thousands of users.
    pub(super) fn answer_limit(&self) -> usize {
        match self {
            Self::ListUsers | Self::ListActiveAccounts => 8 << 20,
            Self::ListTokens(_) => 2 << 20,
            Self::CreateToken(_)
            | Self::CreateAccount(_)
            | Self::GetDucklings(_)
            | Self::SetDucklings(_)
            | Self::RevokeToken(..)
            | Self::DeleteAccount(_)
            | Self::EmbedDive(..) => 64 << 10,
        }
    }

    /// Whether an answer of this status says that it was done, whole and by now.
    pub(super) fn is_done(&self, status: StatusCode) -> bool {
        match self.method() {
            // Part of a list (206), or what a cache has left of it, is no list.
            Method::GET => status == StatusCode::OK,
            // What was taken on (202) may yet fail.
            Method::DELETE => status.is_success() && status != StatusCode::ACCEPTED,
            _ => status.is_success(),
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
            Self::ListUsers | Self::CreateAccount(_) => endpoint(base, &["v1", "users"]),
            Self::DeleteAccount(account) => endpoint(base, &["v1", "users", account.as_str()]),
            Self::GetDucklings(account) | Self::SetDucklings(account) => {
                endpoint(base, &["v1", "users", account.as_str(), "instances"])
            }
            Self::EmbedDive(dive, _) => {
                endpoint(base, &["v1", "dives", dive.as_str(), "embed-session"])
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
            Self::ListUsers => f.write_str("list the users"),
            Self::CreateAccount(account) => write!(f, "create account {account}"),
            Self::DeleteAccount(account) => write!(f, "delete account {account}"),
            Self::GetDucklings(account) => write!(f, "read the Ducklings of account {account}"),
            Self::SetDucklings(account) => {
                write!(f, "configure the Ducklings of account {account}")
            }
            Self::EmbedDive(dive, account) => {
                write!(f, "open a session of dive {dive} for account {account}")
            }
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

    #[test]
    fn every_operation_has_the_documented_method_and_path() {
        let account = || "etl_prod".parse::<AccountName>().unwrap();
        let dive = "a dive/1".parse().unwrap();
        for (operation, line) in [
            (Operation::ListUsers, "GET /v1/users"),
            (Operation::CreateAccount(account()), "POST /v1/users"),
            (Operation::DeleteAccount(account()), "DELETE /v1/users/etl_prod"),
            (Operation::GetDucklings(account()), "GET /v1/users/etl_prod/instances"),
            (Operation::SetDucklings(account()), "PUT /v1/users/etl_prod/instances"),
            (Operation::EmbedDive(dive, account()), "POST /v1/dives/a%20dive%2F1/embed-session"),
        ] {
            let url = operation.url(&base("https://h")).unwrap();
            assert_eq!(format!("{} {}", operation.method(), url.path()), line);
        }
    }
}

//! What a person should look at, in words.

use serde::Serialize;

use super::super::arguments::FindingKind;
use super::super::status::row::Row;
use super::super::table::quoted;
use super::accounts::Source;
use super::{Kind, Token};
use crate::names::{AccountName, CredentialName, TokenId};
use crate::rotation::condition::{Condition, Severity, State, place_vacant};
use crate::text::{instant, span};

/// One thing that a person should look at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    #[serde(rename = "finding")]
    pub(super) kind: FindingKind,
    pub(super) username: String,
    pub(super) credential: Option<CredentialName>,
    pub(super) token_id: Option<TokenId>,
    pub(super) message: String,
    pub(super) hint: String,
    /// Whether the exit code is none of its business.
    pub(super) allowed: bool,
}

/// What a person should help with. What cannot be seen is told of as an error.
pub(super) fn of_credential(row: &Row) -> Option<Finding> {
    let Condition { state, severity, message, hint, .. } = &row.condition;
    let is_seen = *state != State::Unknown;
    (is_seen && (state.is_problem() || *severity == Severity::Critical)).then(|| Finding {
        kind: FindingKind::Stuck,
        username: row.username.to_string(),
        credential: Some(row.name.clone()),
        token_id: row.token_id,
        message: message.clone().unwrap_or_default(),
        hint: hint.clone().unwrap_or_default(),
        allowed: false,
    })
}

/// All that there is to remark on a token.
pub(super) fn of_token<'a>(
    username: &'a AccountName,
    token: &'a Token,
) -> impl Iterator<Item = Finding> + 'a {
    token.findings.iter().map(move |kind| Finding {
        kind: *kind,
        username: username.to_string(),
        credential: token.credential.clone(),
        token_id: Some(token.id),
        message: message(*kind, token),
        hint: hint(*kind, username, token),
        allowed: false,
    })
}

/// An account that no credential covers.
pub(super) fn of_stranger(source: Source, username: &str) -> Finding {
    let message = match source {
        Source::Users | Source::None => "no credential covers this service account",
        Source::Active => "no credential covers this active account, which may be a person's",
    };
    Finding {
        kind: FindingKind::Uncovered,
        username: username.to_owned(),
        credential: None,
        token_id: None,
        message: message.to_owned(),
        hint: "give it a credential; or look whether another deployment, or nobody, needs it"
            .to_owned(),
        allowed: false,
    }
}

fn message(finding: FindingKind, token: &Token) -> String {
    let name = quoted(token.name.as_deref());
    let (id, age) = (token.id, span(token.age));
    let kind = token.kind.as_str();
    match finding {
        FindingKind::Stuck
        | FindingKind::Uncovered
        | FindingKind::WrongAccount
        | FindingKind::IdentityUnclear => String::new(),
        FindingKind::Unmanaged => {
            let end = token.expires_at.map_or_else(
                || "never expires".to_owned(),
                |at| format!("expires {}", instant(at)),
            );
            format!("nobody manages token {id} {name}: {age} old, {end}")
        }
        FindingKind::Orphan => format!("token {id} was never served, and has lived for {age}"),
        FindingKind::Elsewhere => format!(
            "token {id} {name} lives where its credential's secret is not, and consumers may use it"
        ),
        FindingKind::Foreign => format!("token {id} {name} is another deployment's"),
        FindingKind::NeverExpires => format!("the {kind} token {id} {name} never expires"),
        FindingKind::OlderThanPolicy => {
            format!(
                "the {kind} token {id} {name} is {age} old, more than the policy lets one become"
            )
        }
    }
}

fn hint(kind: FindingKind, username: &AccountName, token: &Token) -> String {
    let revoke = format!("pintail token revoke {username} {}", token.id);
    let rotate = |why: &str| match &token.credential {
        Some(name) if token.kind == Kind::Served => format!("{why}pintail rotate-now {name}"),
        Some(name) if token.kind != Kind::Unmanaged => {
            format!("the rotation that is under way revokes it: pintail status {name}")
        }
        Some(_) | None => format!("if nobody needs it: {revoke}"),
    };
    match kind {
        FindingKind::Stuck | FindingKind::Uncovered | FindingKind::WrongAccount | FindingKind::IdentityUnclear => {
            String::new()
        }
        FindingKind::Unmanaged => format!(
            "adopt it, if a secret holds it (pintail adopt NAME --token-id {}); if nobody needs it: {revoke}",
            token.id
        ),
        FindingKind::Orphan => "the daemon, or rotate-now --due, revokes it: does one of them run?".to_owned(),
        FindingKind::Elsewhere => match &token.credential {
            Some(credential) => place_vacant(&[token.id], credential).1,
            None => format!("if nobody needs it: {revoke}"),
        },
        FindingKind::Foreign => {
            "if that deployment is meant to share the account, --allow foreign; if it is gone, revoke the token"
                .to_owned()
        }
        FindingKind::NeverExpires => rotate("set a `ttl`, then "),
        FindingKind::OlderThanPolicy => rotate("does the daemon run? "),
    }
}

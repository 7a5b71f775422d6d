//! `pintail identify`: whose a token is that somebody found, and what would replace it. Its text goes nowhere but to the
//! endpoint.

mod found;
mod input;

use std::io::Write;
use std::sync::Arc;

use serde::Serialize;

use self::found::{Match, Part, find};
use super::answer::{self, Answer};
use super::error::CliError;
use super::table::counted;
use super::{ExitCode, Output};
use crate::config::Config;
use crate::consumers::verify::identify as open_with;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::names::{AccountName, CredentialName, TokenId};
use crate::rotation::world::Verdict;
use crate::secret::Token;

/// Identifies the token on standard input.
pub async fn identify(config: Arc<Config>, output: Output) -> anyhow::Result<ExitCode> {
    let token = input::read()?;
    let engine =
        Engine::open(config).await.map_err(|fault| CliError::fault(fault, ExitCode::Usage))?;
    let identified = observe(&engine, &token).await;
    answer::give(&identified, output)?;
    Ok(identified.code())
}

/// What the token is to this deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum TokenStatus {
    /// A credential serves it.
    Served,
    /// A credential served it before.
    Predecessor,
    /// It opens an account that credentials cover, or stands in one of their secrets; pintail does not manage it.
    Unmanaged,
    /// Nothing here tells of it.
    Unknown,
}

/// Whether the token connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Connection {
    Works,
    Refused,
    /// That could not be found out.
    Unknown,
}

/// Something that could not be looked at.
#[derive(Debug, Serialize)]
struct Unseen {
    subject: String,
    message: String,
    hint: Option<String>,
}

/// What is known of the token.
#[derive(Debug, Serialize)]
struct Identified {
    connection: Connection,
    /// The account that it opens, as the endpoint says; null if it does not say.
    account: Option<String>,
    status: TokenStatus,
    credential: Option<CredentialName>,
    /// The account of that credential.
    credential_account: Option<AccountName>,
    /// Its ID, where a record tells.
    token_id: Option<TokenId>,
    /// Where its text stands.
    place: Option<String>,
    /// The credentials of the account that it opens.
    account_credentials: Vec<CredentialName>,
    /// The command that replaces it, or that leads there.
    replaced_by: Option<String>,
    errors: Vec<Unseen>,
}

async fn observe(engine: &Engine, token: &Token) -> Identified {
    let (found, mut errors) = find(engine, token).await;
    let opened = open_with(token, &engine.config.postgres).await;
    let (connection, account) = match opened {
        Ok(Verdict::Works(answer)) => (Connection::Works, answer.map(|answer| answer.account)),
        Ok(Verdict::Refused(_)) => (Connection::Refused, None),
        Err(error) => {
            errors.push(Unseen::new("connection", error.into()));
            (Connection::Unknown, None)
        }
    };
    let credentials = engine.config.credentials.values();
    let is_opened = |username: &str| {
        account.as_ref().is_some_and(|account| account.eq_ignore_ascii_case(username))
    };
    let account_credentials: Vec<_> = credentials
        .filter(|one| is_opened(one.username.as_str()))
        .map(|one| one.name.clone())
        .collect();
    let status = match found.as_ref().map(|found| found.part) {
        Some(Part::Served) => TokenStatus::Served,
        Some(Part::Predecessor) => TokenStatus::Predecessor,
        Some(Part::Unmanaged | Part::InMirror) => TokenStatus::Unmanaged,
        None if !account_credentials.is_empty() => TokenStatus::Unmanaged,
        None => TokenStatus::Unknown,
    };
    Identified {
        connection,
        replaced_by: replaced_by(found.as_ref(), connection, account.as_deref()),
        account,
        status,
        credential_account: found.as_ref().and_then(|found| {
            let credential = engine.config.credentials.get(&found.credential)?;
            Some(credential.username.clone())
        }),
        credential: found.as_ref().map(|found| found.credential.clone()),
        token_id: found.as_ref().and_then(|found| found.token_id),
        place: found.map(|found| found.place),
        account_credentials,
        errors,
    }
}

/// The command that replaces the token. One that nobody here knows is looked up by whoever manages its account.
fn replaced_by(
    found: Option<&Match>,
    connection: Connection,
    account: Option<&str>,
) -> Option<String> {
    let Some(Match { credential, part, .. }) = found else {
        let is_name = |account: &&str| account.parse::<AccountName>().is_ok();
        return account.filter(is_name).map(|account| format!("pintail token list {account}"));
    };
    match (part, connection) {
        (Part::Predecessor, Connection::Refused) => None,
        (Part::Served | Part::Predecessor, _) => Some(format!("pintail rotate-now {credential}")),
        (Part::InMirror, _) => Some(format!("pintail status {credential}")),
        (Part::Unmanaged, _) => Some(format!("pintail adopt {credential} --token-id UUID")),
    }
}

impl Unseen {
    fn new(subject: impl Into<String>, fault: Fault) -> Self {
        Self { subject: subject.into(), message: fault.message, hint: fault.hint }
    }
}

impl Identified {
    /// Nothing is known of it, and something could not be looked at: that it is unknown is not the last word.
    fn code(&self) -> ExitCode {
        let is_open = self.status == TokenStatus::Unknown && !self.errors.is_empty();
        if is_open { ExitCode::Failed } else { ExitCode::Settled }
    }

    fn opens(&self) -> String {
        match (self.connection, &self.account) {
            (Connection::Works, Some(account)) => format!("it opens account {account:?}"),
            (Connection::Works, None) => {
                "it connects; the endpoint does not say which account it opens".to_owned()
            }
            (Connection::Refused, _) => {
                "it opens nothing: it was revoked, has expired, or never was a token".to_owned()
            }
            (Connection::Unknown, _) => "whether it connects could not be found out".to_owned(),
        }
    }

    fn stands(&self) -> String {
        let at = self.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        let id = self.token_id.map(|id| format!(", token {id}")).unwrap_or_default();
        match (self.status, &self.credential) {
            (TokenStatus::Served, Some(name)) => format!("credential {name} serves it{id}{at}"),
            (TokenStatus::Predecessor, Some(name)) => {
                format!("credential {name} served it before{id}")
            }
            (TokenStatus::Unmanaged, Some(name)) => {
                format!(
                    "it stands in the secret of credential {name}{at}, and pintail does not manage it"
                )
            }
            (_, None) if !self.account_credentials.is_empty() => {
                let names: Vec<_> =
                    self.account_credentials.iter().map(CredentialName::as_str).collect();
                format!(
                    "no secret of that account's credentials ({}) holds it: it is unmanaged",
                    names.join(", ")
                )
            }
            (_, _) => "no secret here holds it: it is unknown".to_owned(),
        }
    }
}

impl Answer for Identified {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}", self.opens())?;
        writeln!(out, "{}", self.stands())?;
        if let (Some(opened), Some(meant)) = (&self.account, &self.credential_account)
            && !opened.eq_ignore_ascii_case(meant.as_str())
        {
            writeln!(out, "note: that credential is of account {meant}")?;
        }
        if let Some(command) = &self.replaced_by {
            let what = match self.credential {
                Some(_) => "to replace it",
                None => "to find its ID, and revoke it with pintail token revoke",
            };
            writeln!(out, "{what}: {command}")?;
        }
        for Unseen { subject, message, hint } in &self.errors {
            writeln!(out, "error: {subject}: {message}")?;
            if let Some(hint) = hint {
                writeln!(out, "hint: {hint}")?;
            }
        }
        if !self.errors.is_empty() {
            writeln!(out, "{}", counted(self.errors.len(), "error"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

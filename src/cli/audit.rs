//! `pintail audit`: every token of every account and what there is to remark on it, for people and for CI; changes
//! nothing.

mod accounts;
mod connection;
mod findings;
mod judge;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use self::accounts::Source;
use self::findings::Finding;
use super::answer;
use super::arguments::FindingKind;
use super::inventory::Inventory;
use super::observe::{Observed, observe, with_siblings};
use super::selection;
use super::status::daemon::Daemon;
use super::status::row::Row;
use super::{Audit, ExitCode, Output};
use crate::config::Config;
use crate::engine::Engine;
use crate::names::{AccountName, CredentialName, TokenId};
use crate::rotation::condition::{Reason, State};
use crate::rotation::ownership::Ownership;
use jiff::Timestamp;

/// Audits all accounts.
pub async fn audit(
    config: Arc<Config>,
    arguments: &Audit,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let names = selection::chosen(&config, &arguments.names).await?;
    let engine = selection::open(config).await?;
    let report = survey(&engine, &names, arguments).await;
    answer::give(&report, output)?;
    Ok(report.code())
}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    accounts: Vec<Account>,
    /// Where the accounts that no credential covers are known from.
    accounts_source: Source,
    uncovered_accounts: Vec<String>,
    findings: Vec<Finding>,
    /// What could not be looked at, so that nothing is known of it.
    errors: Vec<Unseen>,
}

/// Something that could not be looked at.
#[derive(Debug, Serialize)]
struct Unseen {
    subject: String,
    message: String,
    hint: Option<String>,
}

/// One account that credentials cover.
#[derive(Debug, Serialize)]
struct Account {
    username: AccountName,
    credentials: Vec<CredentialReport>,
    /// Null if the account could not be listed.
    tokens: Option<Vec<Token>>,
}

/// How a credential stands.
#[derive(Debug, Serialize)]
struct CredentialReport {
    name: CredentialName,
    state: State,
    reason: Option<Reason>,
    token_id: Option<TokenId>,
    expires_at: Option<Timestamp>,
    findings: Vec<FindingKind>,
}

/// Whose a token is; in an account with a secret that could not be read, a stray cannot be told from a served one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Served,
    Predecessor,
    Elsewhere,
    Orphan,
    Unmanaged,
    Foreign,
    Unknown,
}

/// A token that MotherDuck lists.
#[derive(Debug, Serialize)]
struct Token {
    id: TokenId,
    name: Option<String>,
    kind: Kind,
    /// Whose record knows it, or whose name it has.
    credential: Option<CredentialName>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    age_days: i64,
    findings: Vec<FindingKind>,
    #[serde(skip)]
    age: jiff::SignedDuration,
}

impl Report {
    /// A finding needs a person (3), what could not be seen is a failure (1); the former says more.
    fn code(&self) -> ExitCode {
        if self.findings.iter().any(|finding| !finding.allowed) {
            ExitCode::Held
        } else if self.errors.is_empty() {
            ExitCode::Settled
        } else {
            ExitCode::Failed
        }
    }
}

impl Kind {
    fn of(ownership: Ownership, all_read: bool) -> Self {
        match ownership {
            Ownership::Served => Self::Served,
            Ownership::Predecessor => Self::Predecessor,
            Ownership::Foreign => Self::Foreign,
            Ownership::Elsewhere => Self::Elsewhere,
            Ownership::Orphan | Ownership::Unmanaged if !all_read => Self::Unknown,
            Ownership::Orphan => Self::Orphan,
            Ownership::Unmanaged => Self::Unmanaged,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Predecessor => "predecessor",
            Self::Orphan => "orphan",
            Self::Elsewhere => "elsewhere",
            Self::Unmanaged => "unmanaged",
            Self::Foreign => "foreign",
            Self::Unknown => "unknown",
        }
    }
}

/// One list for each account, however many credentials it has, and one of all accounts.
async fn survey(engine: &Engine, names: &[CredentialName], arguments: &Audit) -> Report {
    let config = &engine.config;
    let names = with_siblings(config, names);
    let observations = observe(engine, &names, |_, _, _| true).await;
    let inventory = Inventory::new(config, &observations);
    let daemon = Daemon::ask(config).await;
    let mut by_account: BTreeMap<String, Vec<&Observed<'_>>> = BTreeMap::new();
    for observed in &observations {
        by_account.entry(observed.credential.username.canonical()).or_default().push(observed);
    }
    let (mut accounts, mut findings, mut errors) = (vec![], vec![], vec![]);
    for observations in by_account.values() {
        let Some(first) = observations.first() else { continue };
        let username = &first.credential.username;
        let rows: Vec<_> = observations
            .iter()
            .map(|observed| Row::new(config, observed, &inventory, &daemon))
            .collect();
        let all_read = observations.iter().all(|observed| observed.secret.is_ok());
        let tokens = observations.iter().find_map(|observed| observed.listed()).map(|listed| {
            let token = |listed| judge::token(config, &inventory, observations, listed, all_read);
            listed.iter().map(token).collect::<Vec<_>>()
        });
        findings.extend(rows.iter().filter_map(findings::of_credential));
        for token in tokens.iter().flatten() {
            findings.extend(findings::of_token(username, token));
        }
        unseen(observations, &mut errors);
        accounts.push(Account {
            username: username.clone(),
            credentials: rows.into_iter().map(CredentialReport::from).collect(),
            tokens,
        });
    }
    let is_whole = names.len() == config.credentials.len();
    let uncovered = if is_whole { Some(accounts::uncovered(engine).await) } else { None };
    let (accounts_source, uncovered_accounts) = match uncovered {
        // Who asks for some does not ask for what none of them covers.
        None => (Source::None, vec![]),
        Some(Ok(found)) => found,
        Some(Err(error)) => {
            errors.push(error);
            (Source::None, vec![])
        }
    };
    findings
        .extend(uncovered_accounts.iter().map(|name| findings::of_stranger(accounts_source, name)));
    if arguments.connect {
        let (exposures, unseen) = connection::examine(engine, &names).await;
        findings.extend(exposures);
        errors.extend(unseen);
    }
    for finding in &mut findings {
        finding.allowed = arguments.allow.contains(&finding.kind);
    }
    Report { accounts, accounts_source, uncovered_accounts, findings, errors }
}

/// The secrets that could not be read, and the list that did not come, each once.
fn unseen(observations: &[&Observed<'_>], errors: &mut Vec<Unseen>) {
    for observed in observations {
        if let Err(fault) = &observed.secret {
            errors.push(Unseen {
                subject: observed.credential.name.to_string(),
                message: fault.message.clone(),
                hint: fault.hint.clone(),
            });
        }
    }
    let failed = observations.iter().find_map(|observed| observed.listing.as_ref()?.as_ref().err());
    if let (Some(fault), Some(observed)) = (failed, observations.first()) {
        errors.push(Unseen {
            subject: format!("account {}", observed.credential.username),
            message: fault.message.clone(),
            hint: fault.hint.clone(),
        });
    }
}

impl From<Row> for CredentialReport {
    fn from(row: Row) -> Self {
        let findings = findings::of_credential(&row).map(|found| found.kind);
        Self {
            name: row.name,
            state: row.condition.state,
            reason: row.condition.reason,
            token_id: row.token_id,
            expires_at: row.expires_at,
            findings: findings.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests;

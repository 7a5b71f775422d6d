//! `pintail fleet`: what the rules do that make credentials, before they do it; changes nothing.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use serde::Serialize;

use super::answer::{self, Answer};
use super::by_hand::sanitise;
use super::error::CliError;
use super::table::table;
use super::{ExitCode, Fleet, Fleets, Output, TestPattern, selection};
use crate::config::{Config, Credential};
use crate::engine::{Called, Purpose, RollCall, test_pattern};
use crate::fleet::{Members, Secret, WhyNot};
use crate::names::{AccountName, CredentialName, FleetName};
use crate::status::FleetState;

/// Does it.
pub(super) async fn fleet(
    base: Arc<Config>,
    arguments: &Fleet,
    output: Output,
) -> anyhow::Result<ExitCode> {
    match arguments {
        Fleet::Plan(which) => plan(base, which, output).await,
        Fleet::List(which) => list(base, which, output).await,
        Fleet::Test(pattern) => test(base, pattern, output).await,
    }
}

/// The rules that are meant.
fn chosen(base: &Config, which: &Fleets) -> Result<Vec<FleetName>, CliError> {
    let known: Vec<_> = base.fleets.keys().map(|name| format!("`{name}`")).collect();
    let hint = || match known.as_slice() {
        [] => "no fleet is configured: a rule stands under [fleets.NAME]".to_owned(),
        known => format!("configured are {}", known.join(", ")),
    };
    if let Some(unknown) = which.names.iter().find(|name| !base.fleets.contains_key(*name)) {
        let message = format!("there is no fleet `{unknown}` in the configuration");
        return Err(CliError::usage(message, Some(hint())));
    }
    let is_meant = |name: &&FleetName| which.names.is_empty() || which.names.contains(name);
    Ok(base.fleets.keys().filter(is_meant).cloned().collect())
}

/// What a rule would do about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// It belongs to it, and its secret is managed.
    Member,
    /// It would get its first token.
    Joins,
    /// Its secret holds a token that is to be adopted.
    Unmanaged,
    /// It would join when others have not joined lately.
    Waits,
    /// Its secret cannot be read.
    Unread,
    /// It cannot belong to it.
    Refused,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Joins => "joins",
            Self::Unmanaged => "unmanaged",
            Self::Waits => "waits",
            Self::Unread => "unread",
            Self::Refused => "refused",
        }
    }
}

/// What would become of one account.
#[derive(Debug, Serialize)]
struct Judged {
    account: String,
    verdict: Verdict,
    credential: Option<CredentialName>,
    why: Option<String>,
}

/// What one rule would do.
#[derive(Debug, Serialize)]
struct Plan {
    #[serde(flatten)]
    state: FleetState,
    judged: Vec<Judged>,
}

#[derive(Debug, Serialize)]
struct Plans {
    fleets: Vec<Plan>,
}

async fn plan(base: Arc<Config>, which: &Fleets, output: Output) -> anyhow::Result<ExitCode> {
    let names = chosen(&base, which)?;
    let engine = selection::open(base.clone()).await?;
    let mut roll = RollCall::default();
    let called = roll.call(&engine, &base, Purpose::Rotate).await;
    let (config, _) = base.enlist(&roll.members(), &Members::new());
    let credentials = by_account(&config);
    let standings = roll.standings().into_iter().filter(|one| names.contains(&one.name));
    let plan = |state: FleetState| {
        let called = called.iter().find(|called| called.fleet == state.name);
        let judged = called.map(|called| judge(called, &credentials)).unwrap_or_default();
        Plan { state, judged }
    };
    let plans = Plans { fleets: standings.map(plan).collect() };
    answer::give(&plans, output)?;
    let is_lacking = plans.fleets.iter().any(|plan| plan.state.problem.is_some());
    Ok(if is_lacking { ExitCode::Failed } else { ExitCode::Settled })
}

/// The credentials that rules have made, by rule and account.
fn by_account(config: &Config) -> BTreeMap<(FleetName, AccountName), &Credential> {
    let made = config.credentials.values();
    made.filter_map(|one| Some(((one.fleet.clone()?, one.username.lower()), one))).collect()
}

fn judge(
    called: &Called,
    credentials: &BTreeMap<(FleetName, AccountName), &Credential>,
) -> Vec<Judged> {
    let outcome = &called.outcome;
    let joined = outcome.joined.iter().map(|account| {
        let (verdict, why) = match called.secrets.get(account) {
            Some(Secret::Vacant) => (Verdict::Joins, None),
            Some(Secret::Unmanaged) => {
                let why =
                    "its secret holds a token that pintail did not put there: `pintail adopt`";
                (Verdict::Unmanaged, Some(why.to_owned()))
            }
            Some(Secret::Taken { .. } | Secret::Unread(_)) | None => (Verdict::Member, None),
        };
        let key = (called.fleet.clone(), account.clone());
        let credential = credentials.get(&key).map(|credential| credential.name.clone());
        Judged { account: account.to_string(), verdict, credential, why }
    });
    let told = |account: &str, verdict, why: Option<String>| Judged {
        account: sanitise(account),
        verdict,
        credential: None,
        why: why.map(|why| sanitise(&why)),
    };
    let waiting = outcome.waiting.iter().map(|it| told(it.as_str(), Verdict::Waits, None));
    let unread = outcome.unread.iter();
    let unread = unread.map(|(it, why)| told(it.as_str(), Verdict::Unread, Some(why.clone())));
    let refused = outcome.refused.iter();
    let refused = refused.map(|(it, why)| told(it, Verdict::Refused, Some(why.to_string())));
    joined.chain(waiting).chain(unread).chain(refused).collect()
}

impl Answer for Plans {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        if self.fleets.is_empty() {
            return writeln!(out, "no fleet is configured");
        }
        for Plan { state, judged } in &self.fleets {
            head(state, out)?;
            let count = |verdict| judged.iter().filter(|one| one.verdict == verdict).count();
            writeln!(
                out,
                "  {} members, {} join now, {} unmanaged, {} wait (at most {} join), {} refused",
                count(Verdict::Member),
                count(Verdict::Joins),
                count(Verdict::Unmanaged),
                count(Verdict::Waits),
                state.joins_at_most,
                count(Verdict::Refused),
            )?;
            let mut rows = table(&["account", "verdict", "credential", "why"]);
            let shown = judged.iter().filter(|one| one.verdict != Verdict::Member);
            for Judged { account, verdict, credential, why } in shown {
                rows.add_row([
                    account.clone(),
                    verdict.as_str().to_owned(),
                    credential.as_ref().map(ToString::to_string).unwrap_or_default(),
                    why.clone().unwrap_or_default(),
                ]);
            }
            writeln!(out, "{}", rows.trim_fmt())?;
        }
        Ok(())
    }
}

fn head(state: &FleetState, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{}: {}", state.name, state.accounts)?;
    if let Some(problem) = &state.problem {
        writeln!(out, "  problem  {problem}")?;
    }
    match &state.hint {
        Some(hint) => writeln!(out, "  hint     {hint}"),
        None => Ok(()),
    }
}

/// A credential that a rule has made.
#[derive(Debug, Serialize)]
struct Made {
    name: CredentialName,
    username: AccountName,
    store: String,
    path: String,
}

#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    state: FleetState,
    credentials: Vec<Made>,
}

#[derive(Debug, Serialize)]
struct Lists {
    fleets: Vec<Listed>,
}

async fn list(base: Arc<Config>, which: &Fleets, output: Output) -> anyhow::Result<ExitCode> {
    let names = chosen(&base, which)?;
    let engine = selection::open(base.clone()).await?;
    let mut roll = RollCall::default();
    roll.call(&engine, &base, Purpose::Look).await;
    let (config, _) = base.enlist(&roll.members(), &Members::new());
    let standings = roll.standings().into_iter().filter(|one| names.contains(&one.name));
    let listed = |state: FleetState| {
        let made = config.credentials.values();
        let made = made.filter(|one| one.fleet.as_ref() == Some(&state.name));
        let credentials = made.map(|one| Made {
            name: one.name.clone(),
            username: one.username.clone(),
            store: one.store.clone(),
            path: one.path.clone(),
        });
        Listed { credentials: credentials.collect(), state }
    };
    let lists = Lists { fleets: standings.map(listed).collect() };
    answer::give(&lists, output)?;
    let is_lacking = lists.fleets.iter().any(|list| list.state.problem.is_some());
    Ok(if is_lacking { ExitCode::Failed } else { ExitCode::Settled })
}

impl Answer for Lists {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        if self.fleets.is_empty() {
            return writeln!(out, "no fleet is configured");
        }
        for Listed { state, credentials } in &self.fleets {
            head(state, out)?;
            let mut rows = table(&["credential", "account", "store", "path"]);
            for Made { name, username, store, path } in credentials {
                rows.add_row([name.to_string(), username.to_string(), store.clone(), path.clone()]);
            }
            writeln!(out, "{}", rows.trim_fmt())?;
        }
        Ok(())
    }
}

/// What a pattern would mean.
#[derive(Debug, Serialize)]
struct Tested {
    pattern: String,
    accounts: Vec<TestedAccount>,
}

#[derive(Debug, Serialize)]
struct TestedAccount {
    account: String,
    /// Whether it could belong to a rule with this pattern.
    fits: bool,
    why: Option<String>,
}

async fn test(base: Arc<Config>, wanted: &TestPattern, output: Output) -> anyhow::Result<ExitCode> {
    let engine = selection::open(base.clone()).await?;
    let (pattern, except) = (wanted.pattern.clone(), wanted.except.clone());
    let found = test_pattern(&engine, &base, pattern, except).await;
    let found = found.map_err(|fault| CliError::fault(fault, ExitCode::Failed))?;
    let account = |(account, why): &(String, Option<WhyNot>)| TestedAccount {
        account: sanitise(account),
        fits: why.is_none(),
        why: why.as_ref().map(|why| sanitise(&why.to_string())),
    };
    let pattern = wanted.pattern.to_string();
    answer::give(&Tested { pattern, accounts: found.iter().map(account).collect() }, output)?;
    Ok(ExitCode::Settled)
}

impl Answer for Tested {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let fit = self.accounts.iter().filter(|one| one.fits).count();
        let others = self.accounts.len() - fit;
        writeln!(
            out,
            "`{}` means {fit} accounts, and {others} that cannot belong to a fleet",
            self.pattern
        )?;
        let mut rows = table(&["account", "fits", "why not"]);
        for TestedAccount { account, fits, why } in &self.accounts {
            let fits = if *fits { "yes" } else { "no" };
            rows.add_row([account.clone(), fits.to_owned(), why.clone().unwrap_or_default()]);
        }
        writeln!(out, "{}", rows.trim_fmt())
    }
}

//! `pintail plan`: what would be done now, and when the schedule comes round next; changes nothing.

mod account;
mod words;

use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::answer::{self, Answer};
use super::observe::{Observed, ObservedSecret, observe, observe_mirrors};
use super::selection;
use super::{ExitCode, Names, Output};
use crate::config::{self, Config};
use crate::engine::{Engine, subject};
use crate::names::{CredentialName, TokenId};
use crate::record::Record;
use crate::rotation::condition::pause_words;
use crate::rotation::decide::{Decided, Decision, Observation, Request, decide};
use crate::rotation::evidence::Evidence;
use crate::rotation::mirror::{MirrorState, foreign};
use crate::rotation::pause::paused;
use crate::rotation::schedule::{Schedule, neglected, renewal, waiting};
use crate::rotation::time::Time;
use crate::text::{instant, relative};
use account::{AccountPlan, Accounts, accounts};
use words::words;

/// How many scheduled runs are shown.
const RUNS: usize = 3;

/// Shows what the daemon would do now.
pub async fn plan(
    config: Arc<Config>,
    arguments: &Names,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let names = selection::chosen(&config, arguments).await?;
    preview(config, names, |_| Request::SCHEDULE, output).await
}

/// Shows what would be done now for `names` if it were asked for.
pub async fn preview(
    config: Arc<Config>,
    names: Vec<CredentialName>,
    asked: impl Fn(&CredentialName) -> Request,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let engine = selection::open(config).await?;
    let plans = draw_up(&engine, &names, asked).await;
    answer::give(&plans, output)?;
    let seen = plans.credentials.iter().all(|plan| plan.error.is_none());
    Ok(if seen { ExitCode::Settled } else { ExitCode::Failed })
}

/// What would be done, credential by credential.
#[derive(Debug, Serialize)]
struct Plans {
    credentials: Vec<Plan>,
}

/// What would be done for one credential.
#[derive(Debug, Serialize)]
struct Plan {
    name: CredentialName,
    /// One word for the next step.
    decision: Option<&'static str>,
    /// The rule that asks for it.
    rule: Option<&'static str>,
    /// The next step in words.
    #[serde(skip)]
    action: String,
    reason: Option<String>,
    /// The tokens that are revoked in the end, if all goes well.
    revokes: Vec<TokenId>,
    /// What interrupted rotations left behind; revoked after the next write.
    orphans: Vec<TokenId>,
    /// Tokens that live where pintail does not look: left alone until a person acts.
    elsewhere: Vec<TokenId>,
    next_runs: Vec<Timestamp>,
    renew_at: Option<Timestamp>,
    /// What would be done to the account first, where it is declared and not as declared.
    account: Option<AccountPlan>,
    error: Option<String>,
    hint: Option<String>,
    #[serde(skip)]
    zone: Option<TimeZone>,
    #[serde(skip)]
    now: Timestamp,
}

async fn draw_up(
    engine: &Engine,
    names: &[CredentialName],
    asked: impl Fn(&CredentialName) -> Request,
) -> Plans {
    let config = &engine.config;
    let mut observations = observe(engine, names, |credential, found, time| {
        next_step(config, credential, found, None, time, asked(&credential.name)).step
            == Decision::List
    })
    .await;
    observe_mirrors(engine, &mut observations).await;
    let accounts = accounts(engine, &mut observations).await;
    let plan = |observed: &Observed<'_>| {
        let mut plan = Plan::new(config, observed, asked(&observed.credential.name));
        plan.add_account(config, &observed.credential.username.canonical(), &accounts);
        plan
    };
    Plans { credentials: observations.iter().map(plan).collect() }
}

fn next_step(
    config: &Config,
    credential: &config::Credential,
    found: &ObservedSecret,
    observed: Option<&Observed<'_>>,
    time: Time,
    request: Request,
) -> Decided {
    let mirrored = observed.is_none_or(Observed::mirrored);
    let mut evidence = Evidence::default();
    if mirrored {
        evidence.proofs_mut().mirror.count(time.now, Ok(()));
    }
    let seen = Observation {
        time,
        secret: found.state(observed.map_or(&[], |observed| &observed.in_mirrors)),
        listing: observed.and_then(Observed::listed),
        mirrored,
        is_unproved: false,
        evidence: &evidence,
        request,
    };
    decide(&subject(config, credential), &seen)
}

impl Plan {
    fn new(config: &Config, observed: &Observed<'_>, request: Request) -> Self {
        let credential = observed.credential;
        let schedule = &credential.policy.schedule;
        let record = observed.secret.as_ref().ok().and_then(ObservedSecret::record);
        let expires_at = record.and_then(|record| record.expires_at);
        let is_paused = paused(&credential.policy, record, observed.time).is_some();
        let runs = if is_paused { 0 } else { RUNS };
        let mut plan = Self {
            name: credential.name.clone(),
            decision: None,
            rule: None,
            action: "not known".to_owned(),
            reason: None,
            revokes: vec![],
            orphans: vec![],
            elsewhere: vec![],
            next_runs: schedule.runs(observed.time.now).take(runs).map(|run| run.start).collect(),
            renew_at: expires_at.map(|at| renewal(&credential.policy, at)),
            account: None,
            error: observed.fault().map(|fault| fault.message.clone()),
            hint: observed.fault().and_then(|fault| fault.hint.clone()),
            zone: zone(schedule),
            now: observed.time.now,
        };
        if let (None, Ok(found)) = (observed.fault(), &observed.secret) {
            let Decided { rule, step } =
                next_step(config, credential, found, Some(observed), observed.time, request);
            let words = words(step, record, request, &credential.name);
            plan.rule = Some(rule);
            plan.decision = Some(words.decision);
            plan.action = words.action;
            let is_at_rest = plan.decision == Some("rest");
            let stopped =
                is_at_rest.then(|| held_back(credential, record, observed.time)).flatten();
            plan.reason = Some(stopped.unwrap_or(words.reason));
            plan.revokes = words.revokes;
            plan.orphans = words.orphans;
            plan.elsewhere = words.elsewhere;
            plan.hint = words.hint;
            if let ("mirror", Some(mirror)) =
                (words.decision, observed.mirror_with(MirrorState::Foreign))
            {
                let fault = foreign(&mirror.place());
                plan.reason = Some(fault.message);
                plan.hint = fault.hint;
            }
        }
        plan
    }

    /// What would be done to the account; what cannot be seen of it is an error, unless there is another.
    fn add_account(&mut self, config: &Config, canonical: &str, accounts: &Accounts) {
        match accounts.get(canonical) {
            Some((username, Ok(state))) => {
                let ensure = config.accounts.get(canonical).is_some_and(|account| account.ensure);
                self.account = AccountPlan::new(username, state, ensure);
            }
            Some((_, Err(fault))) if self.error.is_none() => {
                self.error = Some(fault.message.clone());
                self.hint.clone_from(&fault.hint);
            }
            Some((_, Err(_))) | None => {}
        }
    }

    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}: {}", self.name, self.action)?;
        let mut line = |title: &str, text: &str| writeln!(out, "  {title:<8} {text}");
        if let Some(reason) = &self.reason {
            line("why", reason)?;
        }
        if let Some(rule) = self.rule {
            line("rule", rule)?;
        }
        for text in self.account.iter().flat_map(AccountPlan::lines) {
            line("account", &text)?;
        }
        if let Some(error) = &self.error {
            line("error", error)?;
        }
        if let Some(hint) = &self.hint {
            line("hint", hint)?;
        }
        for id in &self.revokes {
            line("revokes", &format!("{id}, as the last step"))?;
        }
        for id in &self.orphans {
            line("orphan", &format!("{id}, never served, to be revoked after the next write"))?;
        }
        for id in &self.elsewhere {
            line("keeps", &format!("{id}, which may be in use elsewhere"))?;
        }
        for (number, &at) in self.next_runs.iter().enumerate() {
            line(if number == 0 { "next" } else { "" }, &self.run(at))?;
        }
        match self.renew_at {
            Some(at) if at > self.now => {
                let when = relative(at, self.now);
                line("renewal", &format!("{} ({when}), for its expiry", instant(at)))
            }
            Some(_) => line("renewal", "due now, for its expiry"),
            None => Ok(()),
        }
    }

    /// A scheduled instant in UTC and as the schedule's own clock shows it.
    fn run(&self, at: Timestamp) -> String {
        let utc = instant(at);
        match &self.zone {
            Some(zone) => {
                let local = at.to_zoned(zone.clone());
                let name = zone.iana_name().unwrap_or_default();
                format!("{utc} ({} {name})", local.strftime("%a %Y-%m-%d %H:%M:%S"))
            }
            None => utc,
        }
    }
}

impl Answer for Plans {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        self.credentials.iter().try_for_each(|plan| plan.write_text(out))
    }
}

/// What keeps from being begun what would else be due.
fn held_back(
    credential: &config::Credential,
    record: Option<&Record>,
    time: Time,
) -> Option<String> {
    let policy = &credential.policy;
    if let Some(paused) = paused(policy, record, time) {
        let expiry = record.and_then(|record| neglected(policy, record, time));
        let expiry = expiry.map(|at| format!(", though its token expires at {}", instant(at)));
        let expiry = expiry.unwrap_or_default();
        return Some(format!("nothing is begun{expiry}: {}", pause_words(paused)));
    }
    let run = waiting(policy, record?, time)?;
    Some(format!(
        "the schedule asked for it at {}; it waits for its window until {}",
        instant(run.instant),
        instant(run.start)
    ))
}

/// The schedule's time zone, if it has one of its own.
fn zone(schedule: &Schedule) -> Option<TimeZone> {
    schedule.zone().filter(|zone| zone.iana_name() != Some("UTC")).cloned()
}

#[cfg(test)]
mod tests;

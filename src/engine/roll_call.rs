//! The roll call: lists are fetched, secrets of newcomers are read, and the rules' members follow from them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use futures::StreamExt;
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::Engine;
use crate::config::{Config, Credential};
use crate::fault::{Fault, FaultKind, chain};
use crate::fleet::{
    Claims, Glob, JoinRate, LeaveLimit, LeavesHeld, Listed, Members, Moment, Outcome, Roll, Rule,
    Secret, Source, WhyNot, claim, read_accounts,
};
use crate::names::{AccountName, CredentialName, FleetName};
use crate::record::SecretContent;
use crate::status::{FleetState, RefusedAccount};

/// The most accounts of each kind that a state names.
const NAMED: usize = 20;

/// What a roll call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To look, or to work on what is there: whoever is listed is a member.
    Look,
    /// To rotate: first tokens are made for so many accounts in a time.
    Rotate,
}

/// The rules' members, and how their lists were called.
#[derive(Debug, Clone)]
pub struct RollCall {
    rolls: BTreeMap<FleetName, Roll>,
    standings: BTreeMap<FleetName, FleetState>,
    began: Instant,
}

impl Default for RollCall {
    fn default() -> Self {
        Self { rolls: BTreeMap::new(), standings: BTreeMap::new(), began: Instant::now() }
    }
}

/// What came of the list of one rule.
#[derive(Debug)]
pub struct Called {
    /// The rule.
    pub fleet: FleetName,
    /// Who joined, waits, left or was refused.
    pub outcome: Outcome,
    /// What the newcomers' secrets hold.
    pub secrets: BTreeMap<AccountName, Secret>,
}

/// The complete lists of one call, and why others did not come.
#[derive(Default)]
struct Lists {
    users: Option<Result<Vec<Listed>, Fault>>,
    files: BTreeMap<FleetName, Result<Vec<AccountName>, Fault>>,
}

impl RollCall {
    /// The members of each rule.
    pub fn members(&self) -> Members {
        let members = |roll: &Roll| roll.members().cloned().collect();
        self.rolls.iter().map(|(name, roll)| (name.clone(), members(roll))).collect()
    }

    /// How the rules stand.
    pub fn standings(&self) -> Vec<FleetState> {
        self.standings.values().cloned().collect()
    }

    /// Whether some list did not come, or some secret could not be read, so that it is worth trying again soon.
    pub fn is_lacking(&self) -> bool {
        self.standings.values().any(|one| one.problem.is_some() || one.unread > 0)
    }

    /// Forgets the rules that `base` does not have.
    pub fn keep(&mut self, base: &Config) {
        self.rolls.retain(|name, _| base.fleets.contains_key(name));
        self.standings.retain(|name, _| base.fleets.contains_key(name));
    }

    /// Fetches the lists of the rules of `base`, and takes them in. `engine` has the stores that `base` names. Returns
    /// what came of the lists that came.
    pub async fn call(&mut self, engine: &Engine, base: &Config, purpose: Purpose) -> Vec<Called> {
        self.keep(base);
        let elapsed = self.began.elapsed();
        let rules: Vec<&Rule> = base.fleets.values().map(|fleet| &fleet.rule).collect();
        let lists = fetch(engine, &rules).await;
        let now = engine.now();
        let moment = Moment { now, elapsed, apart: base.daemon.sweep };
        let claims = self.claim(base, &rules, &lists);
        let (trial, unfit) = base.enlist(&self.members(), &self.newcomers(&claims));
        let unfit: BTreeMap<(FleetName, AccountName), String> =
            unfit.into_iter().map(|it| ((it.fleet, it.account.lower()), it.why)).collect();
        let mut secrets = BTreeMap::new();
        for (fleet, accounts) in self.newcomers(&claims) {
            let accounts = accounts.into_iter().map(|account| (fleet.clone(), account));
            let accounts = accounts.filter(|key| !unfit.contains_key(key));
            secrets.extend(accounts.map(|key| (key, Secret::Taken { first_token_at: None })));
        }
        if purpose == Purpose::Rotate {
            read(engine, &trial, &mut secrets).await;
        }
        let mut called = vec![];
        for rule in rules {
            let Some(accounts) = claims.accounts.get(&rule.name) else {
                self.list_did_not_come(rule, lists.fault(rule));
                continue;
            };
            let mut accounts = accounts.clone();
            for ((fleet, account), why) in &unfit {
                if *fleet == rule.name {
                    accounts.insert(account.clone(), Some(WhyNot::Unfit(why.clone())));
                }
            }
            let of_rule = secrets.iter().filter(|((fleet, _), _)| *fleet == rule.name);
            let of_rule: BTreeMap<_, _> =
                of_rule.map(|((_, account), it)| (account.clone(), it.clone())).collect();
            let roll = self.rolls.entry(rule.name.clone()).or_default();
            let mut outcome = roll.call(rule, &accounts, &of_rule, moment);
            outcome.refused.extend(claims.useless.get(&rule.name).into_iter().flatten().cloned());
            let members = roll.members().count();
            self.took_in(rule, members, &outcome, now);
            called.push(Called { fleet: rule.name.clone(), outcome, secrets: of_rule });
        }
        called
    }

    fn claim(&self, base: &Config, rules: &[&Rule], lists: &Lists) -> Claims {
        let tables: BTreeMap<String, &CredentialName> = base
            .credentials
            .values()
            .filter(|one| one.fleet.is_none())
            .map(|one| (one.username.canonical(), &one.name))
            .collect();
        let users = lists.users.as_ref().and_then(|users| users.as_deref().ok());
        let files = lists
            .files
            .iter()
            .filter_map(|(name, lines)| Some((name.clone(), lines.as_ref().ok()?.clone())));
        claim(
            rules,
            users,
            &files.collect(),
            |account| tables.get(&account.canonical()).copied().cloned(),
            |account| {
                let mut has = self.rolls.iter().filter(|(_, roll)| roll.has(account));
                has.next().map(|(name, _)| name.clone())
            },
        )
    }

    fn newcomers(&self, claims: &Claims) -> Members {
        let nobody = Roll::default();
        let newcomers = |(name, accounts): (&FleetName, &BTreeMap<_, _>)| {
            let roll = self.rolls.get(name).unwrap_or(&nobody);
            (name.clone(), roll.newcomers(accounts).cloned().collect())
        };
        claims.accounts.iter().map(newcomers).collect()
    }

    fn list_did_not_come(&mut self, rule: &Rule, fault: Option<Fault>) {
        let members = self.rolls.entry(rule.name.clone()).or_default().members().count();
        let before = self.standings.remove(&rule.name);
        let fault = fault.unwrap_or_else(|| Fault {
            kind: FaultKind::Transient,
            message: "its list was not asked for".to_owned(),
            hint: None,
        });
        let known = before.as_ref().and_then(|one| one.problem.as_ref());
        if known != Some(&fault.message) {
            let Fault { message, hint, .. } = &fault;
            tracing::error!(fleet = %rule.name, members, error = message, hint, "accounts of a fleet not listed");
        }
        let mut state = before.unwrap_or_else(|| state(rule));
        state.members = members;
        state.problem = Some(fault.message);
        state.hint = fault.hint;
        self.standings.insert(rule.name.clone(), state);
    }

    fn took_in(&mut self, rule: &Rule, members: usize, outcome: &Outcome, now: Timestamp) {
        let held = outcome.held.map(|held| held_back(rule, held));
        let unread = outcome.unread.first().map(|(account, why)| {
            (format!("the secret for account {account} cannot be read: {why}"), None)
        });
        let (problem, hint) = held.or(unread).unzip();
        let state = FleetState {
            listed_at: Some(now),
            members,
            waiting: outcome.waiting.len(),
            waiting_accounts: some(&outcome.waiting),
            unread: outcome.unread.len(),
            missing: outcome.missing.len(),
            missing_accounts: some(&outcome.missing),
            refused: outcome.refused.len(),
            refused_accounts: outcome.refused.iter().take(NAMED).map(refused).collect(),
            problem,
            hint: hint.flatten(),
            ..state(rule)
        };
        let before = self.standings.insert(rule.name.clone(), state.clone());
        tell(&state, before.as_ref(), outcome);
    }
}

fn state(rule: &Rule) -> FleetState {
    FleetState {
        name: rule.name.clone(),
        accounts: rule.source.to_string(),
        listed_at: None,
        members: 0,
        waiting: 0,
        waiting_accounts: vec![],
        joins_at_most: rule.joins_at_most.to_string(),
        unread: 0,
        missing: 0,
        missing_accounts: vec![],
        refused: 0,
        refused_accounts: vec![],
        problem: None,
        hint: None,
    }
}

fn some(accounts: &[AccountName]) -> Vec<String> {
    accounts.iter().take(NAMED).map(ToString::to_string).collect()
}

fn refused((account, why): &(String, WhyNot)) -> RefusedAccount {
    RefusedAccount {
        account: crate::redact::presentable(account, 255),
        why: crate::redact::presentable(&why.to_string(), 500),
    }
}

fn held_back(rule: &Rule, held: LeavesHeld) -> (String, Option<String>) {
    let LeavesHeld { missing, limit } = held;
    let message = format!(
        "{missing} members are missing from the list, and at most {limit} may leave at once, never all: nobody leaves \
         and nobody joins until that is settled"
    );
    let hint = format!(
        "see whether the admin token, `accounts` and the list are the right ones; if so many did go, raise \
         fleets.{}.leaves_at_most, or take the rule out",
        rule.name
    );
    (message, Some(hint))
}

/// Tells people what has changed: once for each change, not for each list.
fn tell(now: &FleetState, before: Option<&FleetState>, outcome: &Outcome) {
    let fleet = &now.name;
    let count = outcome.joined.len();
    match outcome.joined.as_slice() {
        [] => {}
        [account] => tracing::info!(%fleet, %account, "account joined a fleet"),
        [_, ..] => tracing::info!(%fleet, accounts = count, "accounts joined a fleet"),
    }
    let kept = "its secret and its tokens are kept as they are, and nobody renews them any more";
    for account in &outcome.left {
        tracing::warn!(%fleet, %account, hint = kept, "account left a fleet: two lists did not name it");
    }
    for account in &outcome.turned_away {
        tracing::warn!(%fleet, %account, "account is no longer a fleet's, as it is configured now");
    }
    if before.is_none_or(|before| before.problem != now.problem)
        && let Some(problem) = &now.problem
    {
        tracing::error!(%fleet, error = problem, hint = now.hint, "fleet cannot follow its list");
    }
    let waiting = before.map_or(0, |before| before.waiting);
    if now.waiting > waiting && now.problem.is_none() {
        let hint = format!(
            "joins_at_most is {}: if they are all meant, raise fleets.{fleet}.joins_at_most",
            now.joins_at_most
        );
        tracing::warn!(%fleet, accounts = now.waiting, hint, "accounts wait to join a fleet");
    }
    let was_refused = |refused: &RefusedAccount| {
        before.is_some_and(|before| before.refused_accounts.contains(refused))
    };
    for refused in now.refused_accounts.iter().filter(|refused| !was_refused(refused)) {
        let RefusedAccount { account, why } = refused;
        tracing::warn!(%fleet, account, why, "account cannot belong to a fleet");
    }
    if before.is_none() && now.members == 0 && now.waiting == 0 {
        tracing::warn!(%fleet, accounts = now.accounts, "fleet has no members");
    }
}

impl Lists {
    fn fault(&self, rule: &Rule) -> Option<Fault> {
        match &rule.source {
            Source::MotherDuck { .. } => self.users.as_ref()?.as_ref().err().cloned(),
            Source::File(_) => self.files.get(&rule.name)?.as_ref().err().cloned(),
        }
    }
}

async fn fetch(engine: &Engine, rules: &[&Rule]) -> Lists {
    let needs_users = rules.iter().any(|rule| matches!(rule.source, Source::MotherDuck { .. }));
    let users = if needs_users { Some(users(engine).await) } else { None };
    Lists { users, ..fetch_files(rules).await }
}

async fn fetch_files(rules: &[&Rule]) -> Lists {
    let mut lists = Lists::default();
    for rule in rules {
        if let Source::File(path) = &rule.source {
            lists.files.insert(rule.name.clone(), file(path.clone()).await);
        }
    }
    lists
}

async fn users(engine: &Engine) -> Result<Vec<Listed>, Fault> {
    match engine.motherduck.list_all_users().await {
        Ok(users) => {
            let listed = users.into_iter().map(|user| Listed {
                username: user.username,
                is_service_account: user.is_service_account,
                is_deprovisioned: user.is_deprovisioned,
                roles: user.roles,
            });
            Ok(listed.collect())
        }
        Err(error) => {
            let hint = error.has_no_user_list().then(|| {
                "if this MotherDuck has no list of users, or the token may not read it, list the accounts in a file: \
                 accounts.file"
                    .to_owned()
            });
            let fault = Fault::from(error);
            Err(Fault { hint: hint.or(fault.hint), ..fault })
        }
    }
}

async fn file(path: PathBuf) -> Result<Vec<AccountName>, Fault> {
    let shown = path.display().to_string();
    let read = spawn_blocking(move || read_accounts(&path)).await;
    let fault = |message| Fault { kind: FaultKind::Transient, message, hint: None };
    let read = read.map_err(|error| fault(chain(&error)))?;
    read.map_err(|error| fault(format!("accounts file {shown}: {}", chain(&error))))
}

/// Puts what the newcomers' secrets hold into `secrets`.
async fn read(
    engine: &Engine,
    trial: &Config,
    secrets: &mut BTreeMap<(FleetName, AccountName), Secret>,
) {
    let wanted: BTreeSet<_> = secrets.keys().cloned().collect();
    let is_wanted = |credential: &&Credential| {
        let fleet = credential.fleet.clone();
        fleet.is_some_and(|fleet| wanted.contains(&(fleet, credential.username.lower())))
    };
    let credentials = trial.credentials.values().filter(is_wanted);
    let names: Vec<_> = credentials.map(|credential| credential.name.clone()).collect();
    // Each is made when its turn has come: a read takes up kilobytes.
    let found: Vec<_> = futures::stream::iter(names)
        .map(|name| read_one(engine, trial, name))
        .buffer_unordered(trial.daemon.concurrency)
        .collect()
        .await;
    // What was not read is not known.
    for secret in secrets.values_mut() {
        *secret = Secret::Unread("it was not asked for".to_owned());
    }
    secrets.extend(found.into_iter().flatten());
}

async fn read_one(
    engine: &Engine,
    trial: &Config,
    name: CredentialName,
) -> Option<((FleetName, AccountName), Secret)> {
    let credential = trial.credentials.get(&name)?;
    let fleet = credential.fleet.clone()?;
    let reading = engine.read_secret(credential).await;
    let secret = match reading.map(|reading| reading.content) {
        Ok(SecretContent::Vacant) => Secret::Vacant,
        Ok(SecretContent::Unmanaged { .. }) => Secret::Unmanaged,
        Ok(SecretContent::Managed { record, .. } | SecretContent::Edited { record, .. }) => {
            Secret::Taken { first_token_at: record.first_token_at }
        }
        Err(fault) => Secret::Unread(fault.message),
    };
    Some(((fleet, credential.username.lower()), secret))
}

/// What `matching`, less `except`, would mean of MotherDuck's users beside the rules of `base`.
pub async fn test(
    engine: &Engine,
    base: &Config,
    matching: Glob,
    except: Vec<Glob>,
) -> Result<Vec<(String, Option<WhyNot>)>, Fault> {
    let listed = users(engine).await?;
    let Ok(name) = "test".parse::<FleetName>() else { return Ok(vec![]) };
    let rule = Rule {
        name: name.clone(),
        source: Source::MotherDuck { matching, except },
        joins_at_most: JoinRate::default(),
        leaves_at_most: LeaveLimit::default(),
    };
    let mut rules = vec![&rule];
    rules.extend(base.fleets.values().map(|fleet| &fleet.rule).filter(|it| it.name != name));
    let lists = Lists { users: Some(Ok(listed)), ..fetch_files(&rules).await };
    let mut claims = RollCall::default().claim(base, &rules, &lists);
    let accounts = claims.accounts.remove(&name).unwrap_or_default();
    let useless = claims.useless.remove(&name).unwrap_or_default();
    let accounts = accounts.into_iter().map(|(account, why)| (account.to_string(), why));
    Ok(accounts.chain(useless.into_iter().map(|(name, why)| (name, Some(why)))).collect())
}

/// The configuration with whatever credentials its rules may have for `account`, without asking whether it is listed:
/// for whoever is about to do something to the account by hand.
pub async fn assume(base: &Config, account: &AccountName) -> Config {
    let mut members = Members::new();
    for fleet in base.fleets.values() {
        let Rule { name, source, .. } = &fleet.rule;
        let is_meant = match source {
            Source::MotherDuck { matching, except } => {
                let name = account.as_str();
                matching.matches(name) && !except.iter().any(|glob| glob.matches(name))
            }
            Source::File(path) => {
                let listed = file(path.clone()).await;
                // Of a file that cannot be read nobody knows that it is not listed.
                listed.map_or(true, |listed| listed.contains(&account.lower()))
            }
        };
        if is_meant && base.table_of(account).is_none() {
            members.insert(name.clone(), vec![account.lower()]);
        }
    }
    base.enlist(&members, &Members::new()).0
}

//! `[credentials.NAME]` and `[defaults]`: the same keys, all of them optional.

mod account;
mod calendar;
mod cron;
pub(super) mod fields;
mod lifetime;
mod mirror;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use figment::value::Dict;
use schemars::{JsonSchema, json_schema};
use serde::Deserialize;
use serde_json::json;

use self::account::{Accounts, Ducklings};
use self::calendar::Calendars;
pub(super) use self::fields::TOKEN_FIELD;
use self::lifetime::Begins;
use self::mirror::Home;
pub use self::mirror::Mirror;
pub(super) use self::mirror::RECORD;
use super::deploy::restart::{self, Restarts};
use super::findings::{Findings, Key};
use super::gate::CHOOSE_A_GATE;
use super::kubernetes::default_name;
use super::limits::{Limits, Range};
use super::placeholders::{Names, fill};
use super::scalar::{FieldName, Flag, Span, Word, format_duration};
use super::schema::named_schema;
use super::stores::{self, Stores};
use super::table::{named, shaped, table};
use super::{deploy, gate, path, verify};
use crate::account::settings::DeclaredAccount;
use crate::consumers::gate::settings::{Gate, Hook};
use crate::consumers::verify::settings::Proof;
use crate::kubernetes::settings::Cluster;
use crate::names::{AccountName, CredentialName, FleetName, Owner};
use crate::record::{TOKEN_ID_FIELD, TokenType};
use crate::rotation::policy::{CatchUp, OnFailure, Policy};
use crate::rotation::schedule::{Schedule, Windows};
use crate::stores::settings::{Format, StoreSettings};

const PATH: &str = "motherduck/{credential}";
const DAY: Duration = Duration::from_hours(24);
const ORPHAN_GRACE: Limits<Duration> = Range::new(Duration::ZERO, DAY).or(Duration::from_mins(10));

/// `[credentials.NAME]`, with the defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its name.
    pub name: CredentialName,
    /// The rule that made it, unless it stands in a table.
    pub fleet: Option<FleetName>,
    /// The MotherDuck service account.
    pub username: AccountName,
    /// What its tokens may do.
    pub token_type: TokenType,
    /// The store's name; it exists in [`Config::stores`](super::Config::stores).
    pub store: String,
    /// Where in the store the secret is, placeholders filled in: relative, without empty, `.` or `..` parts. What
    /// stands there is the commit point of every rotation; with `format = "plain"` it lies below the configured path.
    pub path: String,
    /// The key of the token's text (default `motherduck_token`).
    pub token_field: String,
    /// The key of the token's ID beside it (default `token_id`), if it is to stand there.
    pub token_id_field: Option<String>,
    /// Where else the token is kept: no place twice, and none that is another credential's.
    pub mirrors: Vec<Mirror>,
    /// How long a new token lives; for ever if `None`.
    pub ttl: Option<Duration>,
    /// When it is rotated, and how failures are treated.
    pub policy: Arc<Policy>,
    /// How the consumers' health is asked for.
    pub gate: Arc<Gate>,
    /// What makes the clients reload.
    pub deploy: Option<Arc<Hook>>,
    /// How a token is proved to work.
    pub verify: Arc<Proof>,
}

impl Credential {
    /// Shares with `other` what is the same: the credentials of one rule differ in little.
    pub(super) fn share_with(&mut self, other: &Self) {
        if self.policy == other.policy {
            self.policy.clone_from(&other.policy);
        }
        if self.gate == other.gate {
            self.gate.clone_from(&other.gate);
        }
        if self.deploy == other.deploy {
            self.deploy.clone_from(&other.deploy);
        }
        if self.verify == other.verify {
            self.verify.clone_from(&other.verify);
        }
    }

    /// The names of the stores in which its token is kept.
    pub fn stores(&self) -> impl Iterator<Item = &str> {
        let mirrors = self.mirrors.iter().map(|mirror| mirror.store.as_str());
        mirrors.chain([self.store.as_str()])
    }
}

named_schema!(
    "AccountName",
    AccountName,
    |_generator| json_schema!({ "type": "string", "minLength": 1 })
);

/// The keys of a credential.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Credential")]
pub(super) struct Table {
    /// The MotherDuck account whose tokens are rotated; by default the credential's name.
    #[schemars(extend("examples" = ["etl_prod"]))]
    username: Option<AccountName>,
    /// What its tokens may do: `read_write` or `read_scaling`.
    #[schemars(extend("default" = "read_write", "examples" = ["read_scaling"]))]
    token_type: Option<Word<TokenType>>,
    /// The name of the store in which the token is kept.
    #[schemars(extend("examples" = ["vault"]))]
    store: Option<String>,
    /// Where in the store, relative. `{credential}`, `{username}`, `{owner}` and `{token_type}` are filled in; in Kubernetes, the Secret's name.
    #[schemars(extend("default" = PATH, "examples" = ["teams/data/{credential}"]))]
    path: Option<String>,
    /// The key of the token's text.
    #[schemars(extend("default" = TOKEN_FIELD, "examples" = ["MOTHERDUCK_TOKEN"]))]
    token_field: Option<String>,
    /// The key of the token's ID beside it, or false to leave it out.
    #[schemars(extend("default" = TOKEN_ID_FIELD, "examples" = [false]))]
    token_id_field: Option<FieldName>,
    /// What the secret looks like: `json`, an object with the token under its key, or `plain`, the bare token, in AWS Secrets Manager alone.
    #[schemars(extend("default" = "json", "examples" = ["plain"]))]
    format: Option<Word<Format>>,
    /// Further places where the token is copied to, in this order. They decide nothing.
    #[schemars(extend("examples" = [json!([{"store": "aws"}])]))]
    mirrors: Option<Vec<mirror::Written>>,
    /// When it is rotated: a cron line of five fields, or six with seconds.
    #[schemars(extend("examples" = ["0 4 * * SUN"]))]
    schedule: Option<String>,
    /// The time zone of `schedule` and `windows`, as IANA names it.
    #[schemars(extend("default" = calendar::UTC, "examples" = ["Europe/Paris"]))]
    timezone: Option<String>,
    /// How often it is rotated, in place of `schedule`, counted from the Unix epoch.
    #[schemars(extend("examples" = ["30d"]), transform = calendar::EVERY.schema())]
    every: Option<Span>,
    /// When a rotation may begin; outside of them a due one waits, unless its token is about to expire.
    #[schemars(extend("examples" = [json!(["Mon-Fri 09:00-17:00"])]))]
    windows: Option<Vec<String>>,
    /// Whether nothing is begun unless a person asks for it, not even at the token's expiry.
    #[schemars(extend("default" = false, "examples" = [true]))]
    paused: Option<Flag>,
    /// The longest shift of the schedule, so that not all are due at once; each credential's share follows from its name. At most the time between two rotations.
    #[schemars(extend("default" = "0s", "examples" = ["2h"]))]
    splay: Option<Span>,
    /// How long a new token lives. Without it tokens do not expire.
    #[schemars(extend("examples" = ["90d"]), transform = lifetime::TTL.schema())]
    ttl: Option<Span>,
    /// How long before its expiry a token is replaced, whatever the schedule says. By default 7 days, and a quarter of `ttl` at most.
    #[schemars(extend("default" = format_duration(lifetime::RENEW_BEFORE), "examples" = ["14d"]))]
    renew_before: Option<Span>,
    /// Whether a missed run is made up for as soon as possible (`run`), or left out (`skip`).
    #[schemars(extend("default" = "run", "examples" = ["skip"]))]
    catch_up: Option<Word<CatchUp>>,
    /// What happens when the gate's deadline passes: both tokens stay valid and a person has to act (`hold`), or the predecessor is served again (`roll_back`).
    #[schemars(extend("default" = "hold", "examples" = ["roll_back"]))]
    on_failure: Option<Word<OnFailure>>,
    /// How old a token that no record knows must be before a write is made only to revoke it.
    #[schemars(extend("examples" = ["1h"]), transform = ORPHAN_GRACE.schema())]
    orphan_grace: Option<Span>,
    /// What tells that the consumers are healthy with a new token, before the old one is revoked. Required.
    #[schemars(extend("examples" = [json!({"http": {"url": "https://etl.example.com/health?token_id={token_id}"}})]))]
    gate: Option<gate::Choice>,
    /// What makes the consumers reload.
    #[schemars(extend("default" = "none", "examples" = [json!({"command": ["systemctl", "reload", "etl"]})]))]
    deploy: Option<deploy::Choice>,
    /// How a token is proved to work: a connection to the Postgres endpoint, a command, or `admin` for pintail's own.
    #[schemars(extend("default" = json!({"postgres": {}}), "examples" = [json!({"command": ["/usr/local/bin/try-token"]})]))]
    verify: Option<verify::Choice>,
    /// Whether the account is made where it does not exist, and primed for read-scaling tokens.
    #[schemars(extend("default" = false, "examples" = [true]))]
    ensure_account: Option<Flag>,
    /// What the account's Ducklings are kept as; what is absent stays as it is.
    #[schemars(extend("examples" = [json!({"read_write": {"size": "standard"}})]))]
    ducklings: Option<Ducklings>,
}

impl Table {
    /// The store's name, if it is there.
    pub(super) fn store(&self) -> Option<&str> {
        self.store.as_deref()
    }

    /// Whether it says whose tokens are rotated.
    pub(super) fn names_an_account(&self) -> bool {
        self.username.is_some()
    }

    /// The same keys for `account`.
    #[must_use]
    pub(super) fn of(self, account: Option<AccountName>) -> Self {
        Self { username: account, ..self }
    }

    /// These keys, and `defaults` for those that are absent. A gate, a hook, a proof, `ducklings` or a list of mirrors
    /// replaces the default one wholly; so does `schedule` a default `every`, and the reverse.
    pub(super) fn or(self, defaults: &Self) -> Self {
        let own_calendar = self.schedule.is_some() || self.every.is_some();
        let calendar =
            if own_calendar { (None, None) } else { (defaults.schedule.clone(), defaults.every) };
        Self {
            username: self.username.or_else(|| defaults.username.clone()),
            token_type: self.token_type.or(defaults.token_type),
            store: self.store.or_else(|| defaults.store.clone()),
            path: self.path.or_else(|| defaults.path.clone()),
            token_field: self.token_field.or_else(|| defaults.token_field.clone()),
            token_id_field: self.token_id_field.or_else(|| defaults.token_id_field.clone()),
            format: self.format.or(defaults.format),
            mirrors: self.mirrors.or_else(|| defaults.mirrors.clone()),
            schedule: self.schedule.or(calendar.0),
            timezone: self.timezone.or_else(|| defaults.timezone.clone()),
            every: self.every.or(calendar.1),
            windows: self.windows.or_else(|| defaults.windows.clone()),
            paused: self.paused.or(defaults.paused),
            splay: self.splay.or(defaults.splay),
            ttl: self.ttl.or(defaults.ttl),
            renew_before: self.renew_before.or(defaults.renew_before),
            catch_up: self.catch_up.or(defaults.catch_up),
            on_failure: self.on_failure.or(defaults.on_failure),
            orphan_grace: self.orphan_grace.or(defaults.orphan_grace),
            gate: self.gate.or_else(|| defaults.gate.clone()),
            deploy: self.deploy.or_else(|| defaults.deploy.clone()),
            verify: self.verify.or_else(|| defaults.verify.clone()),
            ensure_account: self.ensure_account.or(defaults.ensure_account),
            ducklings: self.ducklings.or_else(|| defaults.ducklings.clone()),
        }
    }
}

pub(super) fn read(
    root: &Dict,
    owner: Option<&Owner>,
    (stores, cluster): (&Stores, &Cluster),
    defaults: Option<&Table>,
    findings: &mut Findings,
) -> (BTreeMap<CredentialName, Credential>, BTreeMap<String, DeclaredAccount>) {
    let section = Key::root("credentials");
    let Some(named) = named(root, "credentials", findings) else { return Default::default() };
    if named.is_empty() && !root.contains_key("fleets") {
        findings.warn("no credential is configured, so there is nothing to rotate");
    }
    let mut surroundings = Surroundings::new(owner, stores, cluster);
    let mut checked = BTreeMap::new();
    for (name, value) in named {
        let key = section.child(name);
        let raw: Option<Table> = shaped(value, &key, findings);
        let name = findings.accept(&key, name.parse::<CredentialName>());
        // With unsound defaults every credential would lack something that was meant to be there.
        let (Some(raw), Some(name), Some(defaults)) = (raw, name, defaults) else { continue };
        let raw = raw.or(defaults);
        if let Some(one) = check(raw, &name, &key, &mut surroundings, findings) {
            checked.insert(name, one);
        }
    }
    (checked, surroundings.accounts.into_declared())
}

/// The defaults, if they are sound.
pub(super) fn defaults(root: &Dict, findings: &mut Findings) -> Option<Table> {
    match root.get("defaults") {
        Some(_) => table(root, "defaults", findings),
        None => Some(Table::default()),
    }
}

/// What a credential refers to.
pub(super) struct Surroundings<'a> {
    owner: Option<&'a Owner>,
    stores: &'a Stores,
    cluster: &'a Cluster,
    calendars: Calendars,
    /// What was declared of the accounts.
    pub(super) accounts: Accounts,
}

impl<'a> Surroundings<'a> {
    /// Nothing was read yet.
    pub(super) fn new(owner: Option<&'a Owner>, stores: &'a Stores, cluster: &'a Cluster) -> Self {
        Self {
            owner,
            stores,
            cluster,
            calendars: Calendars::default(),
            accounts: Accounts::default(),
        }
    }
}

/// One credential, its absent keys taken from the defaults already.
pub(super) fn check(
    raw: Table,
    name: &CredentialName,
    key: &Key<'_>,
    around: &mut Surroundings<'_>,
    findings: &mut Findings,
) -> Option<Credential> {
    let pace = around.calendars.of(&raw, key, findings);
    let windows = around.calendars.windows(&raw, key, findings);
    let splay = splay(&raw, pace.longest_gap, key, findings);
    let begins = Begins { gap: pace.longest_gap, wait: wait(&windows, splay) };
    let paused = raw.paused.is_some_and(|Flag(paused)| paused);
    warn(paused, &windows, begins, name, findings);
    let username = match raw.username {
        Some(username) => Some(username),
        None => findings.accept(&key.child("username"), of_the_same_name(name)),
    };
    let declared = (raw.ensure_account, raw.ducklings);
    around.accounts.declare(declared, username.as_ref(), name, key, findings);
    let token_type = raw.token_type.map_or(TokenType::ReadWrite, |word| word.0);
    let store = store(raw.store, around, key, findings);
    let token_field = fields::token_field(raw.token_field, key, findings);
    let usual = || FieldName(Some(TOKEN_ID_FIELD.to_owned()));
    let token_id_field =
        fields::token_id_field(raw.token_id_field, usual, &token_field, key, findings);

    let values = [
        ("credential", name.as_str()),
        ("username", username.as_ref().map_or("username", |name| name.as_str())),
        ("owner", around.owner.map_or("owner", Owner::as_str)),
        ("token_type", token_type.as_str()),
    ];
    let settings =
        store.as_ref().and_then(|store| around.stores.get(store)).and_then(Option::as_ref);
    let filled = match (raw.path.as_deref(), settings) {
        (None, Some(StoreSettings::Kubernetes(_))) => Ok(default_name(name.as_str())),
        (path, _) => fill(path.unwrap_or(PATH), &values),
    };
    let path_key = key.child("path");
    let path = filled.and_then(|path| path::sound(path, settings));
    let path = findings.accept(&path_key, path);
    let places = store.as_deref().zip(path.as_deref()).and_then(|(store, path)| {
        let format = raw.format.map_or_else(Format::default, |Word(format)| format);
        let home = Home {
            store,
            path,
            token_field: &token_field,
            token_id_field: token_id_field.as_deref(),
            format,
            values: &values,
        };
        mirror::check(raw.mirrors.unwrap_or_default(), &home, around.stores, key, findings)
    });

    let gate_key = key.child("gate");
    let names = Names {
        credential: name,
        username: username.as_ref().map_or("username", |name| name.as_str()),
        store: store.as_deref().unwrap_or("store"),
        path: path.as_deref().unwrap_or("path"),
    };
    let raw_gate = findings.require(&gate_key, raw.gate, CHOOSE_A_GATE);
    let mirrors = places.iter().flat_map(|(_, mirrors)| mirrors);
    let homes = store.as_deref().zip(path.as_deref()).into_iter();
    let homes = homes.chain(mirrors.map(|mirror| (mirror.store.as_str(), mirror.path.as_str())));
    let kept =
        homes.filter_map(|(store, path)| restart::secret(around.stores, store, path)).collect();
    let asks_pods = raw_gate.as_ref().is_some_and(gate::Choice::asks_pods);
    let restarts = Restarts { cluster: around.cluster, values: &values, kept, asks_pods };
    let deploy =
        raw.deploy.and_then(|raw| raw.check(&names, &restarts, &key.child("deploy"), findings));
    let gate = raw_gate.and_then(|raw| raw.check(deploy.as_ref(), &names, &gate_key, findings));
    let verify = verify::check(raw.verify, &key.child("verify"), findings);
    let (gate, gate_pace) = gate?;

    let spans = (raw.ttl, raw.renew_before);
    let lifetime = lifetime::check(spans, (begins, gate_pace), name, key, findings);
    let grace_key = key.child("orphan_grace");
    let policy = Policy {
        schedule: Schedule::new(pace.calendar, splay, name).within(windows),
        paused,
        ttl: lifetime.ttl,
        renew_before: lifetime.renew_before,
        catch_up: raw.catch_up.map_or(CatchUp::Run, |Word(word)| word),
        on_failure: raw.on_failure.map_or(OnFailure::Hold, |Word(word)| word),
        orphan_grace: findings.span(&grace_key, raw.orphan_grace, &ORPHAN_GRACE),
        gate: gate_pace,
    };
    let (path, mirrors) = places?;
    Some(Credential {
        fleet: None,
        name: name.clone(),
        username: username?,
        token_type,
        store: store?,
        path,
        token_field,
        token_id_field,
        mirrors,
        ttl: lifetime.ttl,
        policy: Arc::new(policy),
        gate: Arc::new(gate),
        deploy: deploy.map(Arc::new),
        verify: Arc::new(verify?),
    })
}

/// The account that a credential is for where it names none.
fn of_the_same_name(name: &CredentialName) -> Result<AccountName, String> {
    name.as_str().parse().map_err(|error| {
        format!(
            "this is required, since the credential's own name is no username: the MotherDuck service account ({error})"
        )
    })
}

/// A splay that is longer than the time between two rotations would move one behind the next.
fn splay(
    raw: &Table,
    longest_gap: Option<Duration>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Duration {
    let most = longest_gap.unwrap_or(DAY * 365);
    let limits = Range::new(Duration::ZERO, most).or(Duration::ZERO);
    findings.span(&key.child("splay"), raw.splay, &limits)
}

/// The longest time that a scheduled rotation waits for a window, and then for its share of the splay.
fn wait(windows: &Windows, splay: Duration) -> Duration {
    match windows {
        Windows::Always => Duration::ZERO,
        Windows::Weekly(_) => windows.longest_wait().saturating_add(splay),
    }
}

fn warn(
    paused: bool,
    windows: &Windows,
    begins: Begins,
    name: &CredentialName,
    findings: &mut Findings,
) {
    if paused {
        findings.warn_of(
            name,
            "paused: nothing is begun, not even before the token expires, until `paused` is false again",
        );
    }
    if begins.gap.is_none() && matches!(windows, Windows::Weekly(_)) {
        findings.warn_of(
            name,
            "`windows` mean nothing without `schedule` or `every`: what nears its expiry is rotated at any time",
        );
    }
}

fn store(
    raw: Option<String>,
    around: &Surroundings<'_>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<String> {
    let key = key.child("store");
    let Some(name) = raw else {
        let known: Vec<_> = around.stores.keys().map(String::as_str).collect();
        let known =
            if known.is_empty() { "none is configured".to_owned() } else { known.join(", ") };
        findings.problem(
            &key,
            format!("this is required: the name of a store under [stores] ({known})"),
        );
        return None;
    };
    stores::known(name, around.stores, &key, findings)
}

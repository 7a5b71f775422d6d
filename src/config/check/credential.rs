//! `[credentials.NAME]`, checked, the defaults filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use super::account::Accounts;
use super::calendar::Calendars;
use super::findings::{Findings, Key};
use super::gate::Names;
use super::kubernetes::{self, Restarts, default_name};
use super::lifetime::{self, Begins};
use super::mirror::Home;
use super::placeholders::fill;
use super::{gate, mirror, path};
use crate::config::raw::credential::Credential as Raw;
use crate::config::raw::gate::{self as raw_gate, CHOOSE_A_GATE};
use crate::config::raw::scalar::{FieldName, Flag, Word};
use crate::config::{Credential, TOKEN_FIELD, suggest};
use crate::kubernetes::settings::Cluster;
use crate::names::{AccountName, CredentialName, Owner};
use crate::record::{RECORD_KEY, TOKEN_ID_FIELD, TokenType};
use crate::rotation::policy::{CatchUp, OnFailure, Policy};
use crate::rotation::schedule::{Schedule, Windows};
use crate::stores::settings::{Format, StoreSettings};

const PATH: &str = "motherduck/{credential}";
const ORPHAN_GRACE: Duration = Duration::from_mins(10);
const DAY: Duration = Duration::from_hours(24);

/// What a credential refers to.
pub(super) struct Surroundings<'a> {
    owner: Option<&'a Owner>,
    stores: &'a BTreeMap<String, Option<StoreSettings>>,
    cluster: &'a Cluster,
    calendars: Calendars,
    /// What was declared of the accounts.
    pub(super) accounts: Accounts,
}

impl<'a> Surroundings<'a> {
    /// Nothing was read yet.
    pub(super) fn new(
        owner: Option<&'a Owner>,
        stores: &'a BTreeMap<String, Option<StoreSettings>>,
        cluster: &'a Cluster,
    ) -> Self {
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
    raw: Raw,
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
    let token_field = token_field(raw.token_field, key, findings);
    let usual = || FieldName(Some(TOKEN_ID_FIELD.to_owned()));
    let token_id_field = token_id_field(raw.token_id_field, usual, &token_field, key, findings);

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
        homes.filter_map(|(store, path)| kubernetes::secret(around.stores, store, path)).collect();
    let asks_pods =
        matches!(&raw_gate, Some(raw_gate::Gate::Kubernetes(gate)) if gate.pods.is_some());
    let restarts = Restarts { cluster: around.cluster, values: &values, kept, asks_pods };
    let deploy = gate::deploy(raw.deploy, &names, &restarts, &key.child("deploy"), findings);
    let gate =
        raw_gate.and_then(|raw| gate::gate(raw, deploy.as_ref(), &names, &gate_key, findings));
    let verify = gate::verify(raw.verify, &key.child("verify"), findings);
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
        orphan_grace: findings.span(
            &grace_key,
            raw.orphan_grace,
            ORPHAN_GRACE,
            Duration::ZERO..=DAY,
        ),
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
        policy,
        gate,
        deploy,
        verify: verify?,
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
    raw: &Raw,
    longest_gap: Option<Duration>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Duration {
    let most = longest_gap.unwrap_or(DAY * 365);
    findings.span(&key.child("splay"), raw.splay, Duration::ZERO, Duration::ZERO..=most)
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
    known(name, around.stores, &key, findings)
}

/// The name, if it is a store's.
pub(super) fn known(
    name: String,
    stores: &BTreeMap<String, Option<StoreSettings>>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<String> {
    if stores.contains_key(&name) {
        return Some(name);
    }
    let known = stores.keys().map(String::as_str);
    findings.problem(key, format!("`{name}`: {}", suggest::unknown("store", &name, known)));
    None
}

/// The key of the token's text.
pub(super) fn token_field(raw: Option<String>, key: &Key<'_>, findings: &mut Findings) -> String {
    let key = key.child("token_field");
    let field = findings.text(&key, raw).unwrap_or_else(|| TOKEN_FIELD.to_owned());
    refuse_reserved(&field, &key, findings);
    field
}

/// The key of the token's ID, which must be another than the token's.
pub(super) fn token_id_field(
    raw: Option<FieldName>,
    or_else: impl FnOnce() -> FieldName,
    token_field: &str,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<String> {
    let own = key.child("token_id_field");
    // Where it was not chosen, the token's key is the one that was.
    let clash = if raw.is_some() { own } else { key.child("token_field") };
    let FieldName(name) = raw.unwrap_or_else(or_else);
    let field = findings.text(&own, name)?;
    refuse_reserved(&field, &own, findings);
    if field == token_field {
        let problem = format!(
            "the token and its ID cannot both stand under {field:?}: give `token_field` or `token_id_field` another name"
        );
        findings.problem(&clash, problem);
    }
    Some(field)
}

fn refuse_reserved(field: &str, key: &Key<'_>, findings: &mut Findings) {
    if field == RECORD_KEY {
        findings.problem(key, "pintail keeps its record under this key; choose another");
    }
}

//! `ensure_account` and `ducklings` of a credential: what is declared of its account, and by no two of its credentials differently.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::account::settings::{DeclaredAccount, DeclaredDucklings, DeclaredPool};
use crate::config::findings::{Findings, Key};
use crate::config::limits::Range;
use crate::config::scalar::{Flag, Number, Span, format_duration};
use crate::names::{AccountName, CredentialName};

/// What MotherDuck is known to accept. Beyond it, a later version may accept more.
const SIZES: [&str; 5] = ["pulse", "standard", "jumbo", "mega", "giga"];
const COOLDOWN: Range<Duration> = Range::new(Duration::from_mins(1), Duration::from_hours(24));
const FLOCK: Range<u64> = Range::new(0, 64);
/// The size whose cooldown cannot be chosen.
const WITHOUT_COOLDOWN: &str = "pulse";

/// `ducklings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Ducklings {
    /// The Duckling that reads and writes.
    #[schemars(extend("examples" = [json!({"size": "standard"})]))]
    read_write: Option<ReadWrite>,
    /// The Ducklings that read at scale.
    #[schemars(extend("examples" = [json!({"size": "pulse", "flock_size": 4})]))]
    read_scaling: Option<ReadScaling>,
}

/// `ducklings.read_write`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct ReadWrite {
    /// The size, in MotherDuck's own word.
    #[schemars(extend("examples" = ["standard"]))]
    size: Option<String>,
    /// How long a Duckling stays up after its last session, in whole seconds. MotherDuck is known to take 1m to 1d.
    #[schemars(extend("examples" = ["5m"]))]
    cooldown: Option<Span>,
}

/// `ducklings.read_scaling`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct ReadScaling {
    /// The size, in MotherDuck's own word.
    #[schemars(extend("examples" = ["standard"]))]
    size: Option<String>,
    /// How long a Duckling stays up after its last session, in whole seconds. MotherDuck is known to take 1m to 1d.
    #[schemars(extend("examples" = ["5m"]))]
    cooldown: Option<Span>,
    /// How many Ducklings there are at most. MotherDuck is known to take 0 to 64.
    #[schemars(extend("examples" = [4]))]
    flock_size: Option<Number>,
}

/// The declarations so far, by account.
#[derive(Default)]
pub(in crate::config) struct Accounts(BTreeMap<String, Declared>);

struct Declared {
    username: AccountName,
    ensure: Option<(bool, CredentialName)>,
    ducklings: Option<(DeclaredDucklings, CredentialName)>,
}

impl Accounts {
    /// Takes in what one credential declares of its account. Silence contradicts nothing.
    pub(super) fn declare(
        &mut self,
        (ensure, ducklings): (Option<Flag>, Option<Ducklings>),
        username: Option<&AccountName>,
        name: &CredentialName,
        key: &Key<'_>,
        findings: &mut Findings,
    ) {
        let ducklings_key = key.child("ducklings");
        let ducklings = ducklings.map(|raw| check(raw, name, &ducklings_key, findings));
        let Some(username) = username else { return };
        let account = self.0.entry(username.canonical()).or_insert_with(|| Declared {
            username: username.clone(),
            ensure: None,
            ducklings: None,
        });
        let ensure = ensure.map(|flag| flag.0);
        agree(&mut account.ensure, ensure, name, &key.child("ensure_account"), findings);
        let ducklings = ducklings.filter(|ducklings| !ducklings.is_empty());
        agree(&mut account.ducklings, ducklings, name, &ducklings_key, findings);
    }

    /// The accounts of which something is declared, by their canonical usernames.
    pub(in crate::config) fn into_declared(self) -> BTreeMap<String, DeclaredAccount> {
        let declared = self.0.into_iter().map(|(canonical, account)| {
            let ensure = account.ensure.is_some_and(|(ensure, _)| ensure);
            let ducklings = account.ducklings.map(|(ducklings, _)| ducklings).unwrap_or_default();
            (canonical, DeclaredAccount { username: account.username, ensure, ducklings })
        });
        declared.filter(|(_, account)| account.ensure || !account.ducklings.is_empty()).collect()
    }
}

/// Keeps the first declaration, and refuses another that differs.
fn agree<T: PartialEq>(
    first: &mut Option<(T, CredentialName)>,
    next: Option<T>,
    name: &CredentialName,
    key: &Key<'_>,
    findings: &mut Findings,
) {
    match (first, next) {
        (_, None) => {}
        (Some((first, other)), Some(next)) => {
            if *first != next {
                findings.problem(
                    key,
                    format!(
                        "`{name}` and `{other}` use the same account and declare different things of it; let both \
                         declare the same, or only one of them"
                    ),
                );
            }
        }
        (first @ None, Some(next)) => *first = Some((next, name.clone())),
    }
}

fn check(
    raw: Ducklings,
    name: &CredentialName,
    key: &Key<'_>,
    findings: &mut Findings,
) -> DeclaredDucklings {
    let (write, read) = (raw.read_write.unwrap_or_default(), raw.read_scaling.unwrap_or_default());
    let (write_key, read_key) = (key.child("read_write"), key.child("read_scaling"));
    DeclaredDucklings {
        read_write: pool((write.size, write.cooldown), name, &write_key, findings),
        read_scaling: pool((read.size, read.cooldown), name, &read_key, findings),
        flock_size: read.flock_size.and_then(|number| flock(number, name, &read_key, findings)),
    }
}

fn pool(
    (size, cooldown): (Option<String>, Option<Span>),
    name: &CredentialName,
    key: &Key<'_>,
    findings: &mut Findings,
) -> DeclaredPool {
    let size = findings.text(&key.child("size"), size);
    if size.as_deref().is_some_and(|size| !SIZES.contains(&size)) {
        findings.warn_of(
            name,
            "`ducklings` asks for a size that is not known of MotherDuck (pulse, standard, jumbo, mega, giga), which \
             may refuse it",
        );
    }
    let cooldown_key = key.child("cooldown");
    if cooldown.is_some() && size.as_deref() == Some(WITHOUT_COOLDOWN) {
        findings.problem(&cooldown_key, "the cooldown of the size pulse cannot be chosen");
    }
    let cooldown = cooldown.map(|Span(cooldown)| {
        if cooldown < COOLDOWN.least || cooldown.subsec_nanos() != 0 {
            let (cooldown, range) = (format_duration(cooldown), COOLDOWN.text());
            let text = format!("{cooldown} is out of range: use whole seconds, {range}");
            findings.problem(&cooldown_key, text);
        } else if cooldown > COOLDOWN.most {
            findings.warn_of(
                name,
                "`ducklings` asks for a cooldown of more than a day, which MotherDuck may refuse",
            );
        }
        cooldown.as_secs()
    });
    DeclaredPool { size, cooldown_seconds: cooldown }
}

fn flock(
    Number(number): Number,
    name: &CredentialName,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<u64> {
    let Ok(size) = u64::try_from(number) else {
        let text = format!("this must be a whole number from {}", FLOCK.text());
        findings.problem(&key.child("flock_size"), text);
        return None;
    };
    if size > FLOCK.most {
        findings.warn_of(
            name,
            "`ducklings` asks for a flock of more than 64, which MotherDuck may refuse",
        );
    }
    Some(size)
}

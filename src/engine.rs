//! The real world, made of the adapters: only here both they and the core are known.
//!
//! Each credential has a [`ProductionWorld`]. Who rotates it goes through the layers of an [`ActingWorld`] round that:
//! [`Announced`] tells workloads, [`Audited`] the audit log, and [`Primed`] sees to a declared account.

mod admin;
mod announced;
mod audited;
mod clock;
mod directory;
mod place;
mod primed;
mod production;
mod requests;
mod roll_call;
mod short_lived;
mod source;
mod subject;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use self::admin::client_alone;
pub use self::announced::Announced;
pub use self::audited::Audited;
use self::clock::Clocks;
use self::directory::Directory;
use self::place::Place;
pub use self::primed::Primed;
pub use self::production::{ActingWorld, ProductionWorld};
use self::requests::Requests;
pub use self::roll_call::{Called, Purpose, RollCall, assume, test as test_pattern};
pub use self::source::fleet;
pub use self::subject::subject;
use crate::account::AccountReconciler;
use crate::audit_log::{AuditContext, AuditLog, Entry, Event};
use crate::config::{self, Config};
use crate::consumers::gate::{self, Gate, Hook};
use crate::consumers::verify::Verifier;
use crate::consumers::verify::settings::Proof;
use crate::fault::{Fault, FaultKind};
use crate::motherduck::Client;
use crate::names::CredentialName;
use crate::request_stats::RequestStats;
use crate::rotation::time::Time;
use crate::rotation::world::Reading;
use crate::stores::{SecretRef, Store};
use crate::traces::Telemetry;

/// Everything outside that the configured credentials need, connected lazily and shared.
pub struct Engine {
    /// The configuration that it was made from.
    pub config: Arc<Config>,
    /// The client of MotherDuck's REST API.
    pub motherduck: Arc<Client>,
    /// The stores by name.
    pub stores: BTreeMap<String, Arc<Store>>,
    /// The same client, for what cannot wait.
    urgent: Arc<Client>,
    /// Where what happens is written down, if it is.
    pub audit_log: Option<Arc<AuditLog>>,
    /// Where runs are told as traces.
    pub telemetry: Telemetry,
    stats: BTreeMap<String, Arc<RequestStats>>,
    /// The requests to Kubernetes about workloads.
    workloads: Arc<RequestStats>,
    adapters: BTreeMap<CredentialName, Arc<Adapters>>,
    accounts: BTreeMap<String, Arc<AccountReconciler>>,
    directory: Directory,
    clocks: Clocks,
}

/// Adapters are shared by credentials whose settings are the same; so many settings are compared with.
const MOST_DISTINCT: usize = 64;

/// Whether consumers are asked, told and connected to in the same way.
fn are_asked_alike(one: &config::Credential, other: &config::Credential) -> bool {
    one.gate == other.gate && one.deploy == other.deploy && one.verify == other.verify
}

struct Adapters {
    gate: Gate,
    deploy: Option<Hook>,
    /// How its tokens are proved; by what an admin can do, if there is none.
    verifier: Option<Verifier>,
}

impl Engine {
    /// Makes the adapters; contacts nobody. A file that cannot be used, such as a CA, is an error here.
    pub async fn open(config: Arc<Config>) -> Result<Self, Fault> {
        Self::open_after(config, None).await
    }

    /// The same, to take the place of `self`: all is made anew, but what was counted is counted on.
    pub async fn reopen(&self, config: Arc<Config>) -> Result<Self, Fault> {
        Self::open_after(config, Some(self)).await
    }

    async fn open_after(config: Arc<Config>, before: Option<&Self>) -> Result<Self, Fault> {
        let mut stores = BTreeMap::new();
        for (name, settings) in &config.stores {
            let store = Store::open(name, settings).await?;
            stores.insert(name.clone(), Arc::new(store));
        }
        let workloads = before.map(|one| one.workloads.clone()).unwrap_or_default();
        let mut clients = gate::Clients::default();
        clients.stats = Arc::clone(&workloads);
        let mut adapters = BTreeMap::new();
        let mut distinct: Vec<(&config::Credential, Arc<Adapters>)> = vec![];
        for (name, credential) in &config.credentials {
            let alike = distinct.iter().find(|(one, _)| are_asked_alike(one, credential));
            let shared = match alike {
                Some((_, shared)) => Arc::clone(shared),
                None => Arc::new(open_adapters(&config, credential, &mut clients)?),
            };
            if alike.is_none() && distinct.len() < MOST_DISTINCT {
                distinct.push((credential, Arc::clone(&shared)));
            }
            adapters.insert(name.clone(), shared);
        }
        // Of a store that nobody uses any more nothing is known: no request would ever tell that it is well again.
        let used: BTreeSet<_> = config.used_stores().collect();
        let counted =
            |name: &String| before?.stats.get(name).filter(|_| used.contains(name.as_str()));
        let stats = |name: &String| counted(name).cloned().unwrap_or_default();
        let stats: BTreeMap<String, Arc<RequestStats>> =
            stores.keys().map(|name| (name.clone(), stats(name))).collect();
        let motherduck = admin::client(&config.motherduck, |name| {
            Some((stores.get(name)?.clone(), stats.get(name)?.clone()))
        })?;
        let motherduck = Arc::new(match before {
            Some(before) => motherduck.in_place_of(&before.motherduck),
            None => motherduck,
        });
        let urgent = Arc::new(motherduck.urgently());
        let accounts = primed::accounts(&config, &motherduck);
        let directory = Directory::new(&config, motherduck.clone());
        let clocks = Clocks::new(&motherduck, &stores);
        let audit_log =
            audit_log(&config).map(|log| match before.and_then(|one| one.audit_log.as_ref()) {
                Some(before) => log.in_place_of(before),
                None => log,
            });
        let audit_log = audit_log.map(Arc::new);
        let telemetry =
            Telemetry::start(&config.owner, config.telemetry.as_ref(), &mut clients.http)?;
        Ok(Self {
            config,
            motherduck,
            stores,
            urgent,
            audit_log,
            telemetry,
            stats,
            workloads,
            adapters,
            accounts,
            directory,
            clocks,
        })
    }

    fn place(&self, store: &str, location: SecretRef) -> Option<Place> {
        Some(Place {
            store: self.stores.get(store)?.clone(),
            stats: self.stats.get(store)?.clone(),
            location,
        })
    }

    /// Reads the secret of a credential, whether or not it is configured yet.
    pub async fn read_secret(&self, credential: &config::Credential) -> Result<Reading, Fault> {
        let place = self.place(&credential.store, SecretRef::from(credential));
        place.ok_or_else(|| no_store(&credential.store))?.read().await
    }

    /// Reads the secret at `location`, whether or not a credential has it.
    pub async fn read_at(&self, store: &str, location: &SecretRef) -> Result<Reading, Fault> {
        let place = self.place(store, location.clone());
        place.ok_or_else(|| no_store(store))?.read().await
    }

    /// The names right below `path` in a store; `None` where it is not listed.
    pub async fn children(&self, store: &str, path: &str) -> Result<Option<Vec<String>>, Fault> {
        let found = self.stores.get(store).ok_or_else(|| no_store(store))?.children(path).await;
        Ok(found?)
    }

    /// What the clocks say.
    pub fn time(&self) -> Time {
        self.clocks.time()
    }

    /// The clock that is gone by.
    pub fn now(&self) -> Timestamp {
        self.time().now
    }

    /// The world of one credential, to look at; `None` if it is not configured. Who changes something goes through a
    /// layer of it. `stop` ends naps, and the run with them.
    pub fn world(&self, name: &CredentialName, stop: CancellationToken) -> Option<ProductionWorld> {
        let credential = self.config.credentials.get(name)?;
        let about = Entry {
            credential: Some(credential.name.clone()),
            username: Some(credential.username.clone()),
            ..Entry::of(Event::Began)
        };
        Some(ProductionWorld {
            primary: self.place(&credential.store, SecretRef::from(credential))?,
            mirrors: credential
                .mirrors
                .iter()
                .map(|mirror| self.place(&mirror.store, SecretRef::from(mirror)))
                .collect::<Option<_>>()?,
            adapters: self.adapters.get(name)?.clone(),
            directory: self.directory.clone(),
            requests: Requests::new(self.motherduck.clone(), self.urgent.clone()),
            owner: self.config.owner.clone(),
            credential: credential.clone(),
            account: self.accounts.get(&credential.username.canonical()).cloned(),
            clocks: self.clocks.clone(),
            stop,
            until: None,
            audit: AuditContext::new(self.audit_log.clone(), about),
        })
    }
}

fn no_store(name: &str) -> Fault {
    let message = format!("there is no store {name}");
    Fault { kind: FaultKind::Permanent, message, hint: None }
}

/// The audit log that `config` asks for.
pub fn audit_log(config: &Config) -> Option<AuditLog> {
    let path = config.audit_log.as_ref()?;
    Some(AuditLog::new(path, &config.owner))
}

fn open_adapters(
    config: &Config,
    credential: &config::Credential,
    clients: &mut gate::Clients,
) -> Result<Adapters, Fault> {
    let gate = Gate::new(&credential.gate, clients)?;
    let deploy = match credential.deploy.as_deref() {
        Some(hook) => Some(Hook::new(hook, clients)?),
        None => None,
    };
    let verifier = match &*credential.verify {
        Proof::Admin => None,
        Proof::Connection(verify) => Some(Verifier::new(verify, &config.postgres)?),
    };
    Ok(Adapters { gate, deploy, verifier })
}

//! The real world, made of the adapters: the only file that knows both them and the core.

mod audited;
mod counted;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::audited::Witness;
use crate::audit::{AuditLog, Cause};
use crate::command::Context;
use crate::config::{self, Config};
use crate::gate::{Gate, Hook};
use crate::motherduck::{Client, CreateTokenError, NewToken};
use crate::names::{CredentialName, TokenId, TokenName};
use crate::record::Record;
use crate::rotation::decide::{Reason, Subject};
use crate::rotation::world::{
    CreateError, CreatedToken, Fault, FaultKind, Health, Identity, ListedToken, PublishError,
    Reading, Revocation, Verdict, World,
};
use crate::secret::Token;
use crate::store::{self, Location, Store};
use crate::tally::Tally;
use crate::telemetry::Telemetry;
use crate::tls::HttpClients;
use crate::verify::Verifier;

/// Clocks that differ by less are taken as equal: the `Date` header has whole seconds, and answers take time.
const TOLERATED_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// Everything outside that the configured credentials need, connected lazily and shared.
pub struct Outside {
    /// The configuration that it was made from.
    pub config: Arc<Config>,
    /// The client of MotherDuck's REST API.
    pub motherduck: Arc<Client>,
    /// The stores by name.
    pub stores: BTreeMap<String, Arc<Store>>,
    /// Where what happens is written down, if it is.
    pub audit_log: Option<Arc<AuditLog>>,
    /// Where runs are told as traces.
    pub telemetry: Telemetry,
    tallies: BTreeMap<String, Arc<Tally>>,
    adapters: BTreeMap<CredentialName, Arc<Adapters>>,
}

struct Adapters {
    gate: Gate,
    deploy: Option<Hook>,
    verifier: Verifier,
}

impl Outside {
    /// Makes the adapters; contacts nobody. A file that cannot be used, such as a CA, is an error here.
    pub async fn open(config: Arc<Config>) -> Result<Self, Fault> {
        let motherduck = Client::new(&config.motherduck)
            .map_err(|error| Fault::of(&error, error.kind(), error.hint()))?;
        let mut stores = BTreeMap::new();
        for (name, settings) in &config.stores {
            let store = Store::open(name, settings).await.map_err(|error| store_fault(&error))?;
            stores.insert(name.clone(), Arc::new(store));
        }
        let mut clients = HttpClients::default();
        let mut adapters = BTreeMap::new();
        for (name, credential) in &config.credentials {
            adapters
                .insert(name.clone(), Arc::new(open_adapters(&config, credential, &mut clients)?));
        }
        let tallies = stores.keys().map(|name| (name.clone(), Arc::default())).collect();
        let audit_log = audit_log(&config);
        let telemetry = Telemetry::start(&config, &mut clients)?;
        let motherduck = Arc::new(motherduck);
        Ok(Self { config, motherduck, stores, audit_log, telemetry, tallies, adapters })
    }

    /// The wall clock, corrected where MotherDuck's clock is known to differ much.
    pub fn now(&self) -> Timestamp {
        corrected_now(&self.motherduck)
    }

    /// The world of one credential; `None` if it is not configured. `stop` ends naps, and the run with them.
    pub fn world(&self, name: &CredentialName, stop: CancellationToken) -> Option<Live> {
        let credential = self.config.credentials.get(name)?;
        Some(Live {
            location: Location {
                path: credential.path.clone(),
                token_field: credential.token_field.clone(),
            },
            store: self.stores.get(&credential.store)?.clone(),
            tally: self.tallies.get(&credential.store)?.clone(),
            adapters: self.adapters.get(name)?.clone(),
            motherduck: self.motherduck.clone(),
            credential: credential.clone(),
            stop,
            until: None,
            witness: Witness::new(self.audit_log.clone()),
        })
    }
}

/// The audit log that `config` asks for.
pub fn audit_log(config: &Config) -> Option<Arc<AuditLog>> {
    let path = config.audit_log.as_ref()?;
    Some(Arc::new(AuditLog::new(path, &config.owner)))
}

fn corrected_now(motherduck: &Client) -> Timestamp {
    let here = Timestamp::now();
    match motherduck.clock_skew() {
        Some(skew) if skew.abs() > TOLERATED_SKEW => here.saturating_add(skew).unwrap_or(here),
        Some(_) | None => here,
    }
}

fn open_adapters(
    config: &Config,
    credential: &config::Credential,
    clients: &mut HttpClients,
) -> Result<Adapters, Fault> {
    let gate = Gate::new(&credential.gate, clients)
        .map_err(|error| Fault::of(&error, error.kind(), None))?;
    let deploy = match &credential.deploy {
        Some(hook) => {
            Some(Hook::new(hook, clients).map_err(|error| Fault::of(&error, error.kind(), None))?)
        }
        None => None,
    };
    let verifier = Verifier::new(&credential.verify, &config.motherduck.postgres)
        .map_err(|error| Fault::of(&error, error.kind(), error.hint()))?;
    Ok(Adapters { gate, deploy, verifier })
}

/// Who asks for `credential`'s rotation, and by which rules.
pub fn subject(config: &Config, credential: &config::Credential) -> Subject {
    Subject {
        owner: config.owner.clone(),
        credential: credential.name.clone(),
        username: credential.username.clone(),
        token_type: credential.token_type,
        policy: credential.policy.clone(),
        has_deploy_hook: credential.deploy.is_some(),
    }
}

/// The real world of one credential.
pub struct Live {
    credential: config::Credential,
    location: Location,
    store: Arc<Store>,
    tally: Arc<Tally>,
    motherduck: Arc<Client>,
    adapters: Arc<Adapters>,
    stop: CancellationToken,
    until: Option<Instant>,
    witness: Witness,
}

impl Live {
    /// Tells the audit log what set this run going.
    #[must_use]
    pub fn because(mut self, cause: Cause) -> Self {
        self.witness.cause = Some(cause);
        self
    }

    /// Stops as if asked to, once `timeout` has passed from now on.
    #[must_use]
    pub fn for_at_most(mut self, timeout: Option<Duration>) -> Self {
        self.until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self
    }

    fn context(&self, identity: &Identity) -> Context {
        Context {
            credential: self.credential.name.clone(),
            username: self.credential.username.clone(),
            token_id: identity.token_id,
            previous_token_id: identity.previous_token_id,
            rotation_id: identity.rotation_id,
            store: self.credential.store.clone(),
            path: self.credential.path.clone(),
        }
    }
}

fn store_fault(error: &store::StoreError) -> Fault {
    Fault::of(error, error.kind(), error.hint())
}

impl World for Live {
    fn now(&self) -> Timestamp {
        corrected_now(&self.motherduck)
    }

    fn stopping(&self) -> bool {
        self.stop.is_cancelled() || self.until.is_some_and(|until| Instant::now() >= until)
    }

    async fn nap(&self, duration: Duration) {
        let mut end = Instant::now() + duration;
        if let Some(until) = self.until {
            end = end.min(until);
        }
        tokio::select! {
            () = tokio::time::sleep_until(end) => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn read(&self) -> Result<Reading, Fault> {
        let read = self.store.read(&self.location).await;
        self.count("read", &read);
        if let Ok(reading) = &read {
            self.witness.has_read(reading);
        }
        read.map_err(|error| store_fault(&error))
    }

    async fn list(&self) -> Result<Vec<ListedToken>, Fault> {
        let listing = self.motherduck.list_tokens(&self.credential.username).await;
        let listing = listing.map_err(|error| Fault::of(&error, error.kind(), error.hint()))?;
        self.witness.has_listed(&listing);
        Ok(listing)
    }

    async fn ensure_writable(&self, reading: &Reading) -> Result<(), Fault> {
        let checked = self.store.ensure_writable(&self.location, reading).await;
        self.count("ensure_writable", &checked);
        checked.map_err(|error| store_fault(&error))
    }

    async fn create(&self, name: &TokenName, reason: Reason) -> Result<CreatedToken, CreateError> {
        self.audit_beginning(name, reason).await.map_err(CreateError::Refused)?;
        let text = name.to_string();
        let new = NewToken {
            name: &text,
            ttl: self.credential.ttl,
            token_type: self.credential.token_type,
            description: None,
        };
        let created = self.motherduck.create_token(&self.credential.username, &new).await;
        self.audit_creation(name, reason, &created).await;
        created.map_err(|error| {
            let fault = Fault::of(&error, error.kind(), error.hint());
            match error {
                CreateTokenError::Refused(_) => CreateError::Refused(fault),
                CreateTokenError::Unknown(_) => CreateError::Unknown(fault),
            }
        })
    }

    async fn connect(&self, token: &Token, identity: &Identity) -> Result<Verdict, Fault> {
        let verdict = self.adapters.verifier.connect(token, &self.context(identity)).await;
        if let Ok(Verdict::Works) = verdict {
            self.audit_proof(identity).await;
        }
        verdict.map_err(|error| Fault::of(&error, error.kind(), error.hint()))
    }

    async fn publish(
        &self,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        let published = self.store.publish(&self.location, over, record, token).await;
        self.count_publication(&published);
        self.audit_publication(over, record, &published).await;
        published.map_err(|error| match error {
            store::PublishError::Conflict => PublishError::Conflict,
            store::PublishError::Refused(error) => PublishError::Refused(store_fault(&error)),
            store::PublishError::Unknown(error) => PublishError::Unknown(store_fault(&error)),
        })
    }

    async fn recall(&self, id: TokenId) -> Result<Option<(Record, Token)>, Fault> {
        let recalled = self.store.recall(&self.location, id).await;
        self.count("recall", &recalled);
        recalled.map_err(|error| store_fault(&error))
    }

    async fn deploy(&self, record: &Record) -> Result<(), Fault> {
        let Some(hook) = &self.adapters.deploy else { return Ok(()) };
        hook.run(&self.context(&Identity::served(record))).await.map_err(|error| {
            // A hook is tried again until its deadline, whatever it says: what it talks to may be starting.
            Fault::of(&error, FaultKind::Transient, error.hint())
        })
    }

    async fn poll_gate(&self, record: &Record) -> Health {
        self.adapters.gate.poll(&self.context(&Identity::served(record))).await
    }

    async fn revoke(&self, id: TokenId) -> Result<Revocation, Fault> {
        let revoked = self.motherduck.revoke_token(&self.credential.username, id).await;
        self.audit_revocation(id, &revoked).await;
        revoked.map_err(|error| Fault::of(&error, error.kind(), error.hint()))
    }
}

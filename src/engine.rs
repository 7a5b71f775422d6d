//! The real world, made of the adapters: the only file that knows both them and the core.

mod account;
mod admin;
mod audited;
mod clock;
mod directory;
mod former;
mod mark;
mod outlook;
mod place;
mod roll_call;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::admin::client_alone;
use self::audited::AuditContext;
use self::clock::Clocks;
use self::directory::Directory;
use self::mark::mark;
pub use self::outlook::fleet;
use self::place::Place;
pub use self::roll_call::{Called, Purpose, RollCall, assume, test as test_pattern};
use crate::account::AccountReconciler;
use crate::audit_log::{AuditLog, Cause};
use crate::config::{self, Config};
use crate::consumers::command::Context;
use crate::consumers::gate::{self, Gate, Hook, Told, settings};
use crate::consumers::verify::Verifier;
use crate::consumers::verify::settings::{Proof, Verify};
use crate::deadline;
use crate::fault::{Fault, FaultKind};
use crate::kubernetes::Right;
use crate::motherduck::{Client, CreateTokenError, NewToken};
use crate::names::{CredentialName, Owner, TokenId, TokenName};
use crate::record::Record;
use crate::request_stats::RequestStats;
use crate::rotation::clock::Clock;
use crate::rotation::decide::{MirrorPlace, Reason, Subject};
use crate::rotation::run::{Outcome, Report};
use crate::rotation::time::Time;
use crate::rotation::world::{
    CreateError, CreatedToken, Health, Identity, ListedToken, PublishError, Reading, Revocation,
    Site, Verdict, World,
};
use crate::secret::Token;
use crate::stores::{SecretRef, Store};
use crate::traces::Telemetry;

/// How long an adoption waits for the mirrors to say whether they could be written.
const MIRROR_PATIENCE: Duration = Duration::from_secs(5);

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
    tallies: BTreeMap<String, Arc<RequestStats>>,
    /// The requests to Kubernetes about workloads.
    workloads: Arc<RequestStats>,
    adapters: BTreeMap<CredentialName, Arc<Adapters>>,
    keepers: BTreeMap<String, Arc<AccountReconciler>>,
    directory: Directory,
    clocks: Clocks,
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
            let store = Store::open(name, settings).await.map_err(|error| place::fault(&error))?;
            stores.insert(name.clone(), Arc::new(store));
        }
        let workloads = before.map(|one| one.workloads.clone()).unwrap_or_default();
        let mut clients = gate::Clients::default();
        clients.tally = Arc::clone(&workloads);
        let mut adapters = BTreeMap::new();
        for (name, credential) in &config.credentials {
            adapters
                .insert(name.clone(), Arc::new(open_adapters(&config, credential, &mut clients)?));
        }
        // Of a store that nobody uses any more nothing is known: no request would ever tell that it is well again.
        let used: BTreeSet<_> = config.used_stores().collect();
        let counted =
            |name: &String| before?.tallies.get(name).filter(|_| used.contains(name.as_str()));
        let tally = |name: &String| counted(name).cloned().unwrap_or_default();
        let tallies: BTreeMap<String, Arc<RequestStats>> =
            stores.keys().map(|name| (name.clone(), tally(name))).collect();
        let motherduck = admin::client(&config.motherduck, |name| {
            Some((stores.get(name)?.clone(), tallies.get(name)?.clone()))
        })?;
        let motherduck = Arc::new(match before {
            Some(before) => motherduck.in_place_of(&before.motherduck),
            None => motherduck,
        });
        let urgent = Arc::new(motherduck.urgently());
        let keepers = account::keepers(&config, &motherduck);
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
            tallies,
            workloads,
            adapters,
            keepers,
            directory,
            clocks,
        })
    }

    fn place(&self, store: &str, location: SecretRef) -> Option<Place> {
        Some(Place {
            store: self.stores.get(store)?.clone(),
            tally: self.tallies.get(store)?.clone(),
            location,
        })
    }

    /// Reads the secret of a credential, whether or not it is configured yet.
    pub async fn read_secret(&self, credential: &config::Credential) -> Result<Reading, Fault> {
        let place = self.place(&credential.store, SecretRef::from(credential));
        let place = place.ok_or_else(|| Fault {
            kind: FaultKind::Permanent,
            message: format!("there is no store {}", credential.store),
            hint: None,
        })?;
        place.read().await
    }

    /// What the clocks say.
    pub fn time(&self) -> Time {
        self.clocks.time()
    }

    /// The clock that is gone by.
    pub fn now(&self) -> Timestamp {
        self.time().now
    }

    /// The world of one credential, for whoever looks at it; `None` if it is not configured. `stop` ends naps, and the run with them.
    pub fn world(&self, name: &CredentialName, stop: CancellationToken) -> Option<ProductionWorld> {
        let credential = self.config.credentials.get(name)?;
        Some(ProductionWorld {
            primary: self.place(&credential.store, SecretRef::from(credential))?,
            mirrors: credential
                .mirrors
                .iter()
                .map(|mirror| self.place(&mirror.store, SecretRef::from(mirror)))
                .collect::<Option<_>>()?,
            adapters: self.adapters.get(name)?.clone(),
            directory: self.directory.clone(),
            ordinary: self.motherduck.clone(),
            urgent: self.urgent.clone(),
            is_urgent: AtomicBool::new(false),
            owner: self.config.owner.clone(),
            credential: credential.clone(),
            keeper: self.keepers.get(&credential.username.folded()).cloned(),
            acts: false,
            infancy: Mutex::default(),
            clocks: self.clocks.clone(),
            stop,
            until: None,
            witness: AuditContext::new(self.audit_log.clone()),
        })
    }
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
    let gate = Gate::new(&credential.gate, clients)
        .map_err(|error| Fault::of(&error, error.kind(), None))?;
    let deploy = match &credential.deploy {
        Some(hook) => {
            Some(Hook::new(hook, clients).map_err(|error| Fault::of(&error, error.kind(), None))?)
        }
        None => None,
    };
    let verifier = match &credential.verify {
        Proof::Admin => None,
        Proof::Connection(verify) => Some(
            Verifier::new(verify, &config.postgres)
                .map_err(|error| Fault::of(&error, error.kind(), error.hint()))?,
        ),
    };
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
        is_made_by_rule: credential.fleet.is_some(),
        settle: credential.deploy.as_ref().map_or(Duration::ZERO, settings::Hook::settle),
        endpoint: match &credential.verify {
            Proof::Connection(Verify::Postgres { identity, .. }) => Some(*identity),
            Proof::Connection(Verify::Command(_)) | Proof::Admin => None,
        },
        place: mark(config, &credential.store, &credential.path),
        mirrors: credential
            .mirrors
            .iter()
            .map(|mirror| MirrorPlace {
                name: mirror.place(),
                place: mark(config, &mirror.store, &mirror.path),
            })
            .collect(),
    }
}

/// The real world of one credential.
pub struct ProductionWorld {
    owner: Owner,
    credential: config::Credential,
    primary: Place,
    mirrors: Vec<Place>,
    directory: Directory,
    ordinary: Arc<Client>,
    urgent: Arc<Client>,
    is_urgent: AtomicBool,
    adapters: Arc<Adapters>,
    keeper: Option<Arc<AccountReconciler>>,
    /// Whether the account is made and kept as declared, or only looked at.
    acts: bool,
    infancy: Mutex<account::FirstToken>,
    clocks: Clocks,
    stop: CancellationToken,
    until: Option<Instant>,
    witness: AuditContext,
}

impl ProductionWorld {
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

    /// Whether its requests to MotherDuck go before those that can wait; once a token is at stake they do.
    pub fn hurry(&self, is_urgent: bool) {
        self.is_urgent.store(is_urgent, Ordering::Relaxed);
    }

    fn motherduck(&self) -> &Client {
        if self.is_urgent.load(Ordering::Relaxed) { &self.urgent } else { &self.ordinary }
    }

    /// Whether a mirror, read as `reading`, can be written.
    pub async fn ensure_mirror_writable(
        &self,
        mirror: usize,
        reading: &Reading,
    ) -> Result<(), Fault> {
        self.place(Site::Mirror(mirror))?.ensure_writable(reading).await
    }

    /// What Kubernetes says that pintail may not do for this credential.
    pub async fn missing_rights(&self) -> Vec<Right> {
        let mut missing = vec![];
        for place in self.mirrors.iter().chain([&self.primary]) {
            missing.extend(place.store.missing_rights(&place.location).await);
        }
        missing.extend(self.adapters.gate.missing_rights().await);
        if let Some(hook) = &self.adapters.deploy {
            missing.extend(hook.missing_rights().await);
        }
        missing
    }

    /// Tries the deploy hook without effect; `None` where there is none, or that is not possible.
    pub async fn try_deploy(&self) -> Option<Result<(), Fault>> {
        let tried = self.adapters.deploy.as_ref()?.try_out().await?;
        Some(tried.map_err(|error| Fault::of(&error, error.kind(), error.hint())))
    }

    /// Tells on the workloads that a rotation is held, where that is wanted.
    pub async fn tell_if_held(&self, report: &Report) {
        if let (Outcome::Held, Some(record), Some(problem)) =
            (report.outcome, &report.seen.record, &report.problem)
        {
            self.tell(Told::Held(record, &problem.message)).await;
        }
    }

    async fn tell(&self, told: Told<'_>) {
        if let Some(hook) = &self.adapters.deploy {
            Box::pin(hook.tell(&told)).await;
        }
    }

    /// Whether no mirror keeps something of the user's under a key that pintail would write. A mirror that does not
    /// answer says nothing of that, and holds nothing up.
    pub async fn ensure_mirrors_free(&self) -> Result<(), Fault> {
        let asked =
            self.mirrors.iter().zip(&self.credential.mirrors).map(|(place, mirror)| async {
                let answer = tokio::time::timeout(MIRROR_PATIENCE, place.ensure_free()).await;
                answer.unwrap_or(Ok(())).map_err(|fault| Fault {
                    message: format!("mirror {}: {}", mirror.place(), fault.message),
                    ..fault
                })
            });
        futures::future::join_all(asked).await.into_iter().collect()
    }

    fn place(&self, site: Site) -> Result<&Place, Fault> {
        let place = match site {
            Site::Store => Some(&self.primary),
            Site::Mirror(number) => self.mirrors.get(number),
        };
        place.ok_or_else(|| Fault {
            kind: FaultKind::Permanent,
            message: "no such mirror is configured".to_owned(),
            hint: None,
        })
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

    /// Connects freshly with `token`.
    async fn try_token(&self, token: &Token, identity: &Identity) -> Result<Verdict, Fault> {
        let Some(verifier) = &self.adapters.verifier else {
            return self.prove_admin(token).await;
        };
        verifier
            .connect(token, &self.context(identity))
            .await
            .map_err(|error| Fault::of(&error, error.kind(), error.hint()))
    }
}

impl Clock for ProductionWorld {
    fn time(&self) -> Time {
        self.clocks.time()
    }

    fn stopping(&self) -> bool {
        self.stop.is_cancelled() || self.until.is_some_and(|until| Instant::now() >= until)
    }

    async fn nap(&self, duration: Duration) {
        let mut end = deadline::after(duration);
        if let Some(until) = self.until {
            end = end.min(until);
        }
        tokio::select! {
            () = tokio::time::sleep_until(end) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

impl World for ProductionWorld {
    async fn read(&self, site: Site) -> Result<Reading, Fault> {
        let reading = self.place(site)?.read().await?;
        if site == Site::Store {
            self.note_reading(&reading);
            self.witness.has_read(&reading);
        }
        Ok(reading)
    }

    async fn list(&self) -> Result<Vec<ListedToken>, Fault> {
        let listing = self.list_tokens().await?;
        self.witness.has_listed(&listing);
        Ok(listing)
    }

    async fn ensure_writable(&self, reading: &Reading) -> Result<(), Fault> {
        self.primary.ensure_writable(reading).await
    }

    async fn create(&self, name: &TokenName, reason: Reason) -> Result<CreatedToken, CreateError> {
        if reason.is_urgent() {
            self.hurry(true);
        }
        self.audit_beginning(name, reason).await.map_err(CreateError::Refused)?;
        let text = name.to_string();
        let new = NewToken {
            name: &text,
            ttl: self.credential.ttl,
            token_type: self.credential.token_type,
            description: None,
        };
        let created = self.motherduck().create_token(&self.credential.username, &new).await;
        if let Ok(created) = &created {
            self.note_created(created.id);
        }
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
        let verdict = self.connect_primed(token, identity).await?;
        if let Verdict::Works(answer) = &verdict {
            self.audit_proof(identity, answer.as_ref()).await;
        }
        Ok(verdict)
    }

    async fn is_account(&self, name: &str) -> Result<bool, Fault> {
        self.directory.knows(name).await
    }

    async fn is_refused(&self, token: &Token, identity: &Identity) -> Result<bool, Fault> {
        if self.adapters.verifier.is_none() {
            return admin::is_refused(self.motherduck(), token, &self.credential.username).await;
        }
        Ok(matches!(self.try_token(token, identity).await?, Verdict::Refused(_)))
    }

    async fn publish(
        &self,
        site: Site,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        let place = self.place(site).map_err(PublishError::Refused)?;
        let published = place.publish(over, record, token).await;
        match site {
            Site::Store => self.audit_publication(over, record, &published).await,
            Site::Mirror(_) => {
                self.audit_mirroring(&place.location.path, record, &published).await;
            }
        }
        published
    }

    async fn recall(&self, id: TokenId) -> Result<Option<(Record, Token)>, Fault> {
        self.primary.recall(id).await
    }

    async fn deploy(&self, record: &Record) -> Result<(), Fault> {
        let Some(hook) = &self.adapters.deploy else { return Ok(()) };
        hook.run(&self.context(&Identity::served(record)), record).await.map_err(|error| {
            // A hook is tried again until its deadline, whatever it says: what it talks to may be starting.
            Fault::of(&error, FaultKind::Transient, error.hint())
        })
    }

    async fn poll_gate(&self, record: &Record) -> Health {
        self.adapters.gate.poll(&self.context(&Identity::served(record)), record).await
    }

    async fn revoke(&self, id: TokenId) -> Result<Revocation, Fault> {
        if self.adapters.verifier.is_none() {
            // Nobody saws off the branch: the served token is taken over before any of its predecessors dies.
            self.ordinary
                .take_over_admin_token()
                .await
                .map_err(|failure| Fault::of(&failure, failure.kind(), failure.hint()))?;
        }
        let revoked = self.motherduck().revoke_token(&self.credential.username, id).await;
        self.audit_revocation(id, &revoked).await;
        if revoked.is_ok() {
            self.tell(Told::Revoked(id)).await;
        }
        revoked.map_err(|error| Fault::of(&error, error.kind(), error.hint()))
    }
}

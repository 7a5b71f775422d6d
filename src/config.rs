//! The checked configuration: every value in range, every reference resolved; nobody checks again after this.

mod account;
mod alternatives;
mod check;
mod error;
mod files;
mod fleet;
mod kubernetes;
mod load;
mod mirror;
mod notifications;
mod place;
mod proxy;
mod raw;
mod schema;
mod sources;
mod suggest;
mod telemetry;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

pub use self::account::{DeclaredAccount, DeclaredDucklings, DeclaredPool};
pub(crate) use self::check::is_loopback;
pub use self::error::{ConfigError, Problem, Problems};
pub use self::files::{Files, Fingerprint};
pub use self::fleet::{Fleet, Unfit};
pub use self::kubernetes::{
    Cluster, KubernetesStore, PodGate, PodRequest, Restart, SecretKey, Target, WorkloadKind,
    Workloads,
};
pub use self::load::{environment, refuse_dangerous_environment};
pub use self::mirror::{Format, Mirror};
pub use self::notifications::{Occasion, Sink, SinkForm};
pub use self::place::{Move, Place};
pub use self::proxy::Proxy;
pub use self::schema::schema;
pub use self::telemetry::Telemetry;

use crate::names::{AccountName, CredentialName, FleetName, Owner};
use crate::record::TokenType;
use crate::rotation::schedule::Schedule;
use crate::secret::SecretSource;

/// The key of the token's text, unless another one is configured.
const TOKEN_FIELD: &str = "motherduck_token";

/// All that pintail was told, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The deployment's name.
    pub owner: Owner,
    /// How to reach MotherDuck.
    pub motherduck: MotherDuck,
    /// The stores, by name.
    pub stores: BTreeMap<String, StoreSettings>,
    /// The credentials, by name. Each names a store that exists.
    pub credentials: BTreeMap<CredentialName, Credential>,
    /// The accounts of which the credentials declare something, by their [folded](AccountName::folded) usernames.
    pub accounts: BTreeMap<String, DeclaredAccount>,
    /// The same, as far as tables declare it.
    declared_by_tables: BTreeMap<String, DeclaredAccount>,
    /// The rules that make credentials, by name.
    pub fleets: BTreeMap<FleetName, Fleet>,
    /// How the daemon works.
    pub daemon: Daemon,
    /// Where the daemon shows how it stands; nowhere if `None`.
    pub server: Option<Server>,
    /// Who is told that a person may have to act, by name.
    pub notifications: BTreeMap<String, Sink>,
    /// The file of the audit log; none is kept if `None`.
    pub audit_log: Option<PathBuf>,
    /// Where traces are sent; nowhere if `None`.
    pub telemetry: Option<Telemetry>,
    /// What is allowed and yet unwise, one sentence each.
    pub warnings: Vec<String>,
}

impl Config {
    /// Whether both treat `name` alike: by the same rules, for the same account, in the same place. Where they do not,
    /// what was proved under one of them says nothing under the other.
    pub fn treats_alike(&self, other: &Self, name: &CredentialName) -> bool {
        let (one, two) = (self.credentials.get(name), other.credentials.get(name));
        let (Some(one), Some(two)) = (one, two) else { return false };
        one == two
            && one.stores().all(|store| self.stores.get(store) == other.stores.get(store))
            && self.motherduck == other.motherduck
            && self.owner == other.owner
    }

    /// The names of the stores in which something is kept.
    pub fn used_stores(&self) -> impl Iterator<Item = &str> {
        let admin = match &self.motherduck.admin_token {
            AdminToken::Stored(token) => Some(token.store.as_str()),
            AdminToken::Secret(_) => None,
        };
        let of_rules = self.fleets.values().filter_map(Fleet::store);
        self.credentials.values().flat_map(Credential::stores).chain(admin).chain(of_rules)
    }
}

impl Credential {
    /// The names of the stores in which its token is kept.
    pub fn stores(&self) -> impl Iterator<Item = &str> {
        let mirrors = self.mirrors.iter().map(|mirror| mirror.store.as_str());
        mirrors.chain([self.store.as_str()])
    }
}

/// `[daemon]`: how the daemon works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    /// How many credentials are worked on at once (1 to 256, default 8).
    pub concurrency: usize,
    /// The longest time between two looks at a credential (1 s to 1 d, default 10 min).
    pub sweep: Duration,
    /// How long a shutdown waits for the steps in hand (default 30 s).
    pub shutdown_grace: Duration,
    /// The time between two looks at the configuration's files (1 s to 1 d, default 5 s).
    pub watch: Duration,
    /// Whether the same user's profilers, debuggers and hooks may read the daemon's memory (default false).
    pub dumpable: bool,
}

/// `[server]`: where the daemon shows how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The address (default 127.0.0.1:9187); port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether the section was written. Where it was not, a daemon whose default address is taken goes on without.
    pub is_asked_for: bool,
    /// The names that requests may be for (`Host`), in lower case: beside IP addresses, and `localhost` on a loopback
    /// address. On any other address all names are answered where this is empty.
    pub hosts: BTreeSet<String>,
    /// Whether metrics tell credentials apart (default true).
    pub credential_label: bool,
    /// How long a store or MotherDuck may be out of reach before the daemon counts as not ready (1 s to 1 d, default
    /// 10 min).
    pub unreachable_after: Duration,
}

/// `[motherduck]`: how to reach MotherDuck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MotherDuck {
    /// The REST API's base URL; https, or http to a loopback address.
    pub api_url: Url,
    /// Where the admin's token is read from.
    pub admin_token: AdminToken,
    /// The request rate limit (1 to 1000, default 10).
    pub requests_per_second: u32,
    /// Extra certificate authorities for the REST API, PEM.
    pub ca_file: Option<PathBuf>,
    /// How requests to the REST API get out. Connections to the Postgres endpoint are always direct.
    pub proxy: Proxy,
    /// How to reach the Postgres endpoint.
    pub postgres: Postgres,
}

/// Where the admin's token is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminToken {
    /// A file or a variable.
    Secret(SecretSource),
    /// A secret in a store. Where a credential is kept in the same place, pintail rotates its own admin token.
    Stored(StoredToken),
}

/// A token in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// The store's name; it exists in [`Config::stores`].
    pub store: String,
    /// Where in the store: relative, without empty, `.` or `..` parts.
    pub path: String,
    /// The key of the token's text (default `motherduck_token`).
    pub token_field: String,
}

impl std::fmt::Display for AdminToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(source) => source.fmt(f),
            Self::Stored(token) => write!(f, "{} in store {}", token.path, token.store),
        }
    }
}

/// `[motherduck.postgres]`: how to reach the Postgres endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// The host; by default it follows from the token's region.
    pub host: Option<String>,
    /// The port (default 5432).
    pub port: u16,
    /// Certificate authorities in place of the system's, PEM.
    pub ca_file: Option<PathBuf>,
}

/// `[stores.NAME]`: exactly one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreSettings {
    /// Files in the layout of Kubernetes' mounted secrets.
    File(FileStore),
    /// HashiCorp Vault or OpenBao, KV version 2.
    Vault(VaultStore),
    /// AWS Secrets Manager.
    AwsSecretsManager(AwsStore),
    /// Secrets of Kubernetes.
    Kubernetes(KubernetesStore),
}

/// `[stores.NAME.file]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStore {
    /// The directory that holds all secrets of the store; absolute.
    pub dir: PathBuf,
    /// A Unix group that may read the secrets, by name or number.
    pub group: Option<String>,
    /// How many previous versions stay on disk (1 to 100, default 3).
    pub keep_versions: usize,
}

/// `[stores.NAME.vault]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultStore {
    /// The server's URL; https, or http to a loopback address.
    pub address: Url,
    /// The mount of the KV version 2 engine (default `secret`).
    pub mount: String,
    /// The namespace, if any.
    pub namespace: Option<String>,
    /// Extra certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// How requests get out.
    pub proxy: Proxy,
    /// A client certificate and its key, PEM: both or none.
    pub client_certificate: Option<ClientCertificate>,
    /// How to log in.
    pub auth: VaultAuth,
}

/// A client certificate and its key, PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate chain.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// How to log in to Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultAuth {
    /// A Vault token, read anew at each login.
    Token(SecretSource),
    /// AppRole.
    AppRole {
        /// The role's ID.
        role_id: String,
        /// Where the secret ID is read from.
        secret_id: SecretSource,
        /// The auth mount (default `approle`).
        mount: String,
    },
    /// Kubernetes or JWT: a signed token of the platform's, exchanged for a Vault token.
    SignedToken {
        /// Which of the two login endpoints' conventions holds: its name is the default mount.
        method: SignedTokenMethod,
        /// The role.
        role: String,
        /// The auth mount (default: the method's name).
        mount: String,
        /// The file with the platform's token.
        token_file: PathBuf,
    },
}

/// The kinds of login with a platform's signed token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedTokenMethod {
    /// A Kubernetes service-account token.
    Kubernetes,
    /// A JWT of any issuer that Vault was told of.
    Jwt,
}

/// `[stores.NAME.aws_secrets_manager]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsStore {
    /// How requests get out.
    pub proxy: Proxy,
    /// The region; by default the SDK's own chain decides.
    pub region: Option<String>,
    /// The endpoint of a stand-in; https, or http to a loopback address.
    pub endpoint_url: Option<Url>,
    /// A role to assume.
    pub role_arn: Option<String>,
    /// The KMS key for secrets that pintail creates.
    pub kms_key_id: Option<String>,
    /// Tags for secrets that pintail creates.
    pub tags: BTreeMap<String, String>,
}

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
    /// The store's name; it exists in [`Config::stores`].
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
    pub policy: Policy,
    /// How the consumers' health is asked for.
    pub gate: Gate,
    /// What makes the clients reload.
    pub deploy: Option<Hook>,
    /// How a token is proved to work.
    pub verify: Proof,
}

/// What the core decides by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The scheduled instants, splay and windows included.
    pub schedule: Schedule,
    /// Whether nothing is begun for it unless a person asks, not even when its token expires (default false).
    pub paused: bool,
    /// How long before its expiry a token is replaced.
    pub renew_before: Duration,
    /// Whether a missed run is made up for.
    pub catch_up: CatchUp,
    /// What happens when the gate's deadline passes.
    pub on_failure: OnFailure,
    /// How old an orphan must be before a write is made only for its sake (default 10 min).
    pub orphan_grace: Duration,
    /// The pace at which the gate is polled.
    pub gate: GatePace,
}

/// Whether a missed run is made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// It is run as soon as possible.
    Run,
    /// It is left out; the next scheduled instant, or the expiry, comes.
    Skip,
}

/// What happens when the gate's deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Both tokens stay valid, and a person is told.
    Hold,
    /// The predecessor is served again.
    RollBack,
}

/// The pace at which the gate is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatePace {
    /// Nothing is asked.
    Open,
    /// A fixed time after the publication.
    Wait(Duration),
    /// Polled until it was healthy often enough in a row.
    Polled {
        /// Between two polls (default 10 s).
        interval: Duration,
        /// How many healthy polls in a row pass the gate (default 3).
        successes: u32,
        /// Counted from the publication (default 15 min).
        deadline: Duration,
    },
}

impl GatePace {
    /// The longest time that the gate may take from the publication on.
    pub fn longest(self) -> Duration {
        match self {
            Self::Open => Duration::ZERO,
            Self::Wait(duration) => duration,
            Self::Polled { deadline, .. } => deadline,
        }
    }
}

/// How the consumers' health is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// Not at all: the pace alone decides.
    Unasked,
    /// By an HTTP request.
    Http(HttpRequest),
    /// By a command.
    Command(Command),
    /// By Kubernetes, pod by pod.
    Kubernetes(Box<PodGate>),
}

/// What makes the clients reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// An HTTP request.
    Http(HttpRequest),
    /// A command.
    Command(Command),
    /// A restart of workloads of Kubernetes.
    Kubernetes(Restart),
}

impl Hook {
    /// How long it waits after what it is to make clients read has changed.
    pub fn settle(&self) -> Duration {
        match self {
            Self::Http(_) | Self::Command(_) => Duration::ZERO,
            Self::Kubernetes(restart) => restart.settle,
        }
    }
}

/// An HTTP request to a consumer. The placeholders `{credential}`, `{username}`, `{token_id}`,
/// `{previous_token_id}`, `{rotation_id}`, `{store}` and `{path}` are filled in, percent-encoded, when it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The URL, placeholders included; it was checked with sample values.
    pub url: String,
    /// `GET` (default for gates), `POST` (default for hooks) or `PUT`.
    pub method: HttpMethod,
    /// The statuses that count as success; empty means every 2xx.
    pub expected_status: Vec<u16>,
    /// Headers; a value may be a secret's place.
    pub headers: BTreeMap<String, HeaderSource>,
    /// The limit for one request (default 10 s).
    pub timeout: Duration,
    /// Extra certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// How the request gets out.
    pub proxy: Proxy,
}

/// The method of a request to a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
}

/// Where a header's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderSource {
    /// It stands in the configuration.
    Plain(String),
    /// It is a secret.
    Secret(SecretSource),
}

/// A program and its arguments, run without a shell and with a clean environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program: an absolute path, or a name that is looked for in [`crate::command::SEARCH_PATH`].
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The limit for one run (default 30 s).
    pub timeout: Duration,
}

/// What proves that a token works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A connection with it.
    Connection(Verify),
    /// What an admin can do: it lists, creates and revokes. It is this pintail's own admin token.
    Admin,
}

/// What it takes that a token is known to be its account's, where the endpoint is asked (default `if_answered`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityRule {
    /// The endpoint must say so: a token of which it does not is not verified.
    Required,
    /// What the endpoint says counts, once it is seen to tell accounts.
    #[default]
    IfAnswered,
    /// The endpoint is not asked.
    Off,
}

/// What a connection opens, unless another database is named.
pub const DATABASE: &str = "md:";

/// How a connection is made to see whether a token works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verify {
    /// A connection to the Postgres endpoint.
    Postgres {
        /// The database (default `md:`).
        database: String,
        /// What its answer to `SELECT current_user` is worth.
        identity: IdentityRule,
    },
    /// A command that receives the token on its standard input.
    Command(Command),
}

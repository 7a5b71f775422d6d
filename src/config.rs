//! The checked configuration: every value in range, every reference resolved; nobody checks again after this.

mod alternatives;
mod check;
mod error;
mod files;
mod fleet;
mod load;
mod mirror;
mod place;
mod raw;
mod schema;
mod sources;
mod suggest;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use self::error::{ConfigError, Problem, Problems};
pub use self::files::{Files, Fingerprint};
pub use self::fleet::{Fleet, Unfit};
pub use self::load::{environment, refuse_dangerous_environment};
pub use self::mirror::Mirror;
pub use self::place::{Move, Place};
pub use self::schema::schema;

use crate::account::settings::DeclaredAccount;
use crate::consumers::gate::settings::{Gate, Hook};
use crate::consumers::verify::settings::{Postgres, Proof};
use crate::motherduck::settings::{AdminToken, MotherDuck};
use crate::names::{AccountName, CredentialName, FleetName, Owner};
use crate::notifications::settings::Sink;
use crate::record::TokenType;
use crate::rotation::policy::Policy;
use crate::server::settings::Server;
use crate::stores::settings::StoreSettings;
use crate::traces::settings::Telemetry;

/// The key of the token's text, unless another one is configured.
const TOKEN_FIELD: &str = "motherduck_token";

/// All that pintail was told, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The deployment's name.
    pub owner: Owner,
    /// How to reach MotherDuck.
    pub motherduck: MotherDuck,
    /// How to reach the Postgres endpoint.
    pub postgres: Postgres,
    /// The stores, by name.
    pub stores: BTreeMap<String, StoreSettings>,
    /// The credentials, by name. Each names a store that exists.
    pub credentials: BTreeMap<CredentialName, Credential>,
    /// The accounts of which the credentials declare something, by their [folded](AccountName::folded) usernames.
    pub accounts: BTreeMap<String, DeclaredAccount>,
    /// The same, as far as tables declare it.
    pub declared_by_tables: BTreeMap<String, DeclaredAccount>,
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
            && self.postgres == other.postgres
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
    /// The shortest time between two lists of an account where nothing seems to have changed (1 s to 7 d, default six
    /// times `sweep`).
    pub relist: Duration,
    /// How long a shutdown waits for the steps in hand (default 30 s).
    pub shutdown_grace: Duration,
    /// The time between two looks at the configuration's files (1 s to 1 d, default 5 s).
    pub watch: Duration,
    /// Whether the same user's profilers, debuggers and hooks may read the daemon's memory (default false).
    pub dumpable: bool,
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

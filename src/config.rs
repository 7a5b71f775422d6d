//! The checked configuration: every value in range, every reference resolved; nobody checks again after this.

// The sections, one file each: the table as it is written, its schema and its check.
mod audit_log;
mod credential;
mod daemon;
mod fleet;
mod kubernetes;
mod motherduck;
mod notifications;
mod server;
mod stores;
mod telemetry;

// What stands in a credential, and is large.
mod deploy;
mod gate;
mod verify;

// What these are made of.
mod command;
mod headers;
mod limits;
mod placeholders;
mod polling;
mod request;
mod scalar;
mod secret;
mod table;
mod url;

// From sources to a `Config`.
mod alternatives;
mod error;
mod files;
mod findings;
mod load;
mod path;
mod place;
mod proxy;
mod schema;
mod sections;
mod sources;
mod suggest;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use self::credential::{Credential, Mirror};
pub use self::daemon::Daemon;
pub use self::error::{ConfigError, Problem, Problems};
pub use self::files::{Files, Fingerprint};
pub use self::fleet::{Fleet, Unfit};
pub use self::load::{environment, refuse_dangerous_environment};
pub use self::place::{Move, Place};
pub use self::schema::schema;

use crate::account::settings::DeclaredAccount;
use crate::consumers::verify::settings::Postgres;
use crate::motherduck::settings::{AdminToken, MotherDuck};
use crate::names::{CredentialName, FleetName, Owner};
use crate::notifications::settings::Sink;
use crate::server::settings::Server;
use crate::stores::settings::StoreSettings;
use crate::traces::settings::Telemetry;

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
    /// The accounts of which the credentials declare something, by their canonical usernames.
    pub accounts: BTreeMap<String, DeclaredAccount>,
    /// The same, as far as tables declare it.
    pub declared_by_tables: BTreeMap<String, DeclaredAccount>,
    /// The rules that make credentials, by name.
    pub fleets: BTreeMap<FleetName, Fleet>,
    /// How the daemon works.
    pub daemon: Daemon,
    /// Where the daemon shows how it stands; nowhere if `None`.
    pub server: Option<Server>,
    /// Who is notified that a person may have to act, by name.
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

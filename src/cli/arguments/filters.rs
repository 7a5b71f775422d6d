//! Which of the credentials are meant, by what they are rather than by their names.

use clap::Args;

use crate::config::Credential;
use crate::fleet::Glob;
use crate::names::FleetName;
use crate::rotation::condition::State;

/// Filters: a credential is meant that passes each kind of them, by one of its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Filters {
    /// Only the credentials of this account, or of those that a pattern means, such as 'customer_*'; may be repeated.
    #[arg(long = "account", value_name = "PATTERN", value_parser = account, help_heading = "Filters")]
    pub accounts: Vec<Glob>,
    /// Only the credentials that `pintail status` shows in this state; may be repeated.
    #[arg(long = "state", value_name = "STATE", value_parser = state, help_heading = "Filters")]
    pub states: Vec<State>,
    /// Only the credentials that are kept in this store; may be repeated.
    #[arg(long = "store", value_name = "NAME", help_heading = "Filters")]
    pub stores: Vec<String>,
    /// Only the credentials that this rule under `fleets` has made; may be repeated.
    #[arg(long = "fleet", value_name = "NAME", help_heading = "Filters")]
    pub fleets: Vec<FleetName>,
}

fn state(text: &str) -> Result<State, String> {
    let known = State::ALL.into_iter();
    known.clone().find(|state| state.as_str() == text).ok_or_else(|| {
        let words = known.map(State::as_str).collect::<Vec<_>>();
        format!("use one of {}", words.join(", "))
    })
}

fn account(text: &str) -> Result<Glob, String> {
    text.parse::<Glob>().map_err(|error| error.to_string())
}

impl Filters {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the credential passes, its state aside.
    pub fn pass(&self, credential: &Credential) -> bool {
        let username = credential.username.as_str();
        let fleet = credential.fleet.as_ref();
        (self.accounts.is_empty() || self.accounts.iter().any(|glob| glob.matches(username)))
            && (self.stores.is_empty() || self.stores.contains(&credential.store))
            && (self.fleets.is_empty() || fleet.is_some_and(|it| self.fleets.contains(it)))
    }
}

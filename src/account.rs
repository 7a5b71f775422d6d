//! Accounts as declarations: made where they are absent, their Ducklings kept as declared, and never deleted.
//!
//! Nothing here can delete or revoke anything. What the declarations ask for is done between two steps of a rotation,
//! by whoever drives it; looks, such as `plan`, only see.

mod drift;
pub mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

pub use self::drift::{Difference, Drift};

use self::drift::{change_of, drift};
use self::settings::DeclaredAccount;
use crate::audit_log::{AuditContext, AuditError, Event, Outcome};
use crate::fault::{Diagnostic, Fault, FaultKind};
use crate::motherduck::{Change, ChangeError, Client, Creation, Error};
use crate::names::AccountName;

/// What is seen of a declared account.
#[derive(Debug, PartialEq, Eq)]
pub enum AccountState {
    /// By MotherDuck's own word there is no such account.
    Absent,
    /// It exists, and is as declared.
    Sound,
    /// It exists, and some of its Ducklings' values are not as declared.
    Drifted(Box<Drift>),
}

/// Sees whether an account is as declared; changes nothing.
pub async fn see(motherduck: &Client, declared: &DeclaredAccount) -> Result<AccountState, Fault> {
    let change = change_of(&declared.ducklings);
    match compare(motherduck, &declared.username, &change).await {
        Err(AccountError::Service(error)) if error.is_absence() => Ok(AccountState::Absent),
        Err(error) => Err(error.into()),
        Ok(None) => Ok(AccountState::Sound),
        Ok(Some(drift)) => Ok(AccountState::Drifted(Box::new(drift))),
    }
}

/// Keeps one account as declared, for all of its credentials in this process.
pub struct AccountReconciler {
    motherduck: Arc<Client>,
    username: AccountName,
    ensures: bool,
    change: Change,
    pace: Duration,
    /// Locked while something is done, so that two credentials of the account do not do it twice.
    state: Mutex<State>,
}

/// What this process knows of the account.
#[derive(Debug, Default)]
pub struct State {
    compared: Option<Instant>,
    told: Option<String>,
    /// Whether the account was absent, and is not primed since.
    pub is_newborn: bool,
    /// Whether a read/write token has connected, for the sake of those that read at scale.
    pub is_primed: bool,
}

impl AccountReconciler {
    /// One that compares the Ducklings once in `pace` at most. Nothing is contacted.
    pub fn new(motherduck: Arc<Client>, declared: &DeclaredAccount, pace: Duration) -> Self {
        Self {
            motherduck,
            username: declared.username.clone(),
            ensures: declared.ensure,
            change: change_of(&declared.ducklings),
            pace,
            state: Mutex::default(),
        }
    }

    /// Whether the account is made where it is absent.
    pub fn ensures(&self) -> bool {
        self.ensures
    }

    /// What this process knows of the account, to itself for as long as it is held.
    pub async fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().await
    }

    /// Makes the account, which MotherDuck said is absent, and configures its Ducklings. Ducklings that cannot be
    /// configured keep no token from being made: they are tried again by later looks.
    pub async fn make(&self, audit: &AuditContext) -> Result<(), Fault> {
        let mut state = self.state.lock().await;
        let operation = audit.begin("account ensure").await?;
        match self.motherduck.ensure_account(&self.username).await {
            Ok(Creation::Created) => {
                operation.came_to(Event::AccountCreated, None, |_| {}).await;
                tracing::info!(account = %self.username, "account created");
            }
            // Another credential or another pintail was faster, or the reply was lost.
            Ok(Creation::Exists) => {
                operation.came_to(Event::AccountCreated, Some(Outcome::Already), |_| {}).await;
                tracing::info!(account = %self.username, "account found");
            }
            Err(error) => {
                operation.failed(Event::AccountCreated, error.may_have_effect()).await;
                return Err(error.into());
            }
        }
        state.is_newborn = true;
        state.is_primed = false;
        state.compared = None;
        self.repair(&mut state, audit).await;
        Ok(())
    }

    /// Sets those values of the Ducklings that are not as declared, unless they were compared a short while ago. What
    /// fails is told, and stands in nobody's way.
    pub async fn tend(&self, audit: &AuditContext) {
        if !self.change.is_empty() {
            self.repair(&mut *self.state.lock().await, audit).await;
        }
    }

    async fn repair(&self, state: &mut State, audit: &AuditContext) {
        let is_recent = state.compared.is_some_and(|at| at.elapsed() < self.pace);
        if self.change.is_empty() || is_recent {
            return;
        }
        state.compared = Some(Instant::now());
        let problem = self.set_what_drifted(audit).await.err().map(Fault::from);
        if let Some(fault) = &problem
            && state.told.as_ref() != Some(&fault.message)
        {
            tracing::warn!(account = %self.username, error = %fault, hint = fault.hint, "ducklings left as they are");
        }
        state.told = problem.map(|fault| fault.message);
    }

    async fn set_what_drifted(&self, audit: &AuditContext) -> Result<(), AccountError> {
        let compared = compare(&self.motherduck, &self.username, &self.change).await?;
        let Some(drift) = compared else { return Ok(()) };
        let operation = audit.begin("duckling set").await?;
        if let Err(error) = self.motherduck.set_ducklings(&self.username, &drift.wanted).await {
            operation.failed(Event::DucklingsSet, error.may_have_effect()).await;
            return Err(error.into());
        }
        operation.came_to(Event::DucklingsSet, None, |_| {}).await;
        if compare(&self.motherduck, &self.username, &self.change).await?.is_some() {
            return Err(AccountError::Ineffective(self.username.clone()));
        }
        tracing::info!(account = %self.username, changes = %drift, "ducklings set");
        Ok(())
    }
}

/// Why Ducklings are not as declared, and stay so.
#[derive(Debug, thiserror::Error)]
enum AccountError {
    #[error(transparent)]
    Service(#[from] Error),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("cannot make the Ducklings of account {0} what is declared")]
    Change(AccountName, #[source] ChangeError),
    #[error("MotherDuck accepted the declared Ducklings of account {0} and shows other values")]
    Ineffective(AccountName),
}

impl Diagnostic for AccountError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Service(error) => error.kind(),
            Self::Audit(error) => error.kind(),
            Self::Change(..) => FaultKind::Permanent,
            Self::Ineffective(_) => FaultKind::Transient,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Service(error) => error.hint(),
            Self::Audit(error) => error.hint(),
            Self::Change(..) => {
                Some("declare a size that goes with the cooldown in `ducklings`".to_owned())
            }
            Self::Ineffective(username) => Some(format!(
                "does somebody else keep other values there? `pintail duckling get {username}` shows them"
            )),
        }
    }
}

async fn compare(
    motherduck: &Client,
    username: &AccountName,
    change: &Change,
) -> Result<Option<Drift>, AccountError> {
    let found = motherduck.ducklings(username).await?;
    drift(change, &found).map_err(|error| AccountError::Change(username.clone(), error))
}

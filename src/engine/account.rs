//! A declared account behind a credential: made before its tokens are listed, primed before its first read-scaling
//! token is tried.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Engine, ProductionWorld};
use crate::account::AccountReconciler;
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::motherduck::{Client, Error, NewToken};
use crate::names::{CredentialName, RotationId, TokenId, TokenName};
use crate::record::{SecretContent, TokenType};
use crate::rotation::clock::Clock;
use crate::rotation::world::{Identity, ListedToken, Reading, Verdict};
use crate::secret::Token;

/// How long a token lives that primes an account: the shortest time that MotherDuck grants.
const PRIMER_TTL: Duration = Duration::from_mins(5);

/// What the audit log calls that.
const PRIMING: &str = "account prime";

/// What is remembered of the credential's first token.
#[derive(Debug, Default)]
pub(super) struct FirstToken {
    serves_nothing: bool,
    created: Option<Created>,
}

#[derive(Debug, Clone, Copy)]
struct Created {
    id: TokenId,
    is_primed_for: bool,
}

impl Engine {
    /// The world of one credential, for whoever rotates it: its account is made, and kept, as it is declared.
    pub fn acting_world(
        &self,
        name: &CredentialName,
        stop: CancellationToken,
    ) -> Option<ProductionWorld> {
        self.world(name, stop).map(|world| ProductionWorld { acts: true, ..world })
    }
}

/// A keeper for each declared account, by its folded username.
pub(super) fn keepers(
    config: &Config,
    motherduck: &Arc<Client>,
) -> BTreeMap<String, Arc<AccountReconciler>> {
    // Credentials are looked at once a sweep: the values of an account that has several are compared as often.
    let pace = config.daemon.sweep / 2;
    let keeper = |declared| Arc::new(AccountReconciler::new(motherduck.clone(), declared, pace));
    config.accounts.iter().map(|(folded, declared)| (folded.clone(), keeper(declared))).collect()
}

impl ProductionWorld {
    /// Lists the account's tokens. One that is absent is made first, if that is declared.
    pub(super) async fn list_tokens(&self) -> Result<Vec<ListedToken>, Fault> {
        let username = &self.credential.username;
        match (self.motherduck().list_tokens(username).await, self.acting_keeper()) {
            (Ok(tokens), Some(keeper)) => {
                keeper.tend(&self.ledger()).await;
                Ok(tokens)
            }
            (Err(error), Some(keeper)) if error.is_absence() && keeper.ensures() => {
                keeper.make(&self.ledger()).await?;
                self.motherduck().list_tokens(username).await.map_err(|error| {
                    // What was made a moment ago may not be seen everywhere yet.
                    let kind = if error.is_absence() { FaultKind::Transient } else { error.kind() };
                    Fault::of(&error, kind, error.hint())
                })
            }
            (listed, _) => listed.map_err(|error| self.unlisted(&error)),
        }
    }

    fn acting_keeper(&self) -> Option<&AccountReconciler> {
        self.keeper.as_deref().filter(|_| self.acts)
    }

    fn unlisted(&self, error: &Error) -> Fault {
        let username = &self.credential.username;
        let is_ensured = self.keeper.as_deref().is_some_and(AccountReconciler::ensures);
        let hint = error.is_absence().then(|| {
            if is_ensured {
                let name = &self.credential.name;
                return format!("it is made with its first token: `pintail rotate-now {name}`");
            }
            format!(
                "correct the username, or make the account: `pintail account create {username}`, or `ensure_account \
                 = true` for pintail to make it"
            )
        });
        Fault::of(error, error.kind(), hint.or_else(|| error.hint()))
    }

    fn infancy(&self) -> MutexGuard<'_, FirstToken> {
        self.infancy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers whether anything is served.
    pub(super) fn note_reading(&self, reading: &Reading) {
        self.infancy().serves_nothing = matches!(reading.slot, SecretContent::Vacant);
    }

    /// Remembers which token was created last.
    pub(super) fn note_created(&self, id: TokenId) {
        self.infancy().created = Some(Created { id, is_primed_for: false });
    }

    /// Whether `id` is a read-scaling token that was created here; all others were tried before.
    fn is_new_and_scaling(&self, id: TokenId) -> bool {
        let scaling = self.credential.token_type == TokenType::ReadScaling;
        scaling && self.infancy().created.is_some_and(|created| created.id == id)
    }

    /// Connects. An account that was made through the API refuses its read-scaling tokens until a read/write token has
    /// connected: where that is likely it is done before, and where a new token is refused, then.
    pub(super) async fn connect_primed(
        &self,
        token: &Token,
        identity: &Identity,
    ) -> Result<Verdict, Fault> {
        if !self.is_new_and_scaling(identity.token_id) {
            return self.try_token(token, identity).await;
        }
        let keeper = self.acting_keeper().filter(|keeper| keeper.ensures());
        if let Some(keeper) = keeper {
            let mut account = keeper.state().await;
            let is_first = self.infancy().serves_nothing || account.is_newborn;
            if is_first && !account.is_primed {
                self.prime().await?;
                (account.is_primed, account.is_newborn) = (true, false);
            }
        }
        match (self.try_token(token, identity).await?, keeper) {
            (works @ Verdict::Works(_), _) => Ok(works),
            (Verdict::Refused(why), None) => {
                let username = &self.credential.username;
                Ok(Verdict::Refused(format!(
                    "{why}; an account that was made through the API refuses read-scaling tokens until a read/write \
                     token has connected, which `ensure_account = true` has pintail see to for {username}"
                )))
            }
            (Verdict::Refused(_), Some(keeper)) if self.may_prime_for_it() => {
                let mut account = keeper.state().await;
                self.prime().await?;
                (account.is_primed, account.is_newborn) = (true, false);
                drop(account);
                self.try_token(token, identity).await
            }
            (refused @ Verdict::Refused(_), Some(_)) => Ok(refused),
        }
    }

    /// Whether the account was not yet primed on account of the new token's refusal; from now on it was.
    fn may_prime_for_it(&self) -> bool {
        let mut infancy = self.infancy();
        infancy
            .created
            .as_mut()
            .is_some_and(|created| !std::mem::replace(&mut created.is_primed_for, true))
    }

    /// Connects once with a read/write token that is revoked at once. Its name is like those of the credential's own
    /// tokens, so that one that is left behind by a crash is cleaned up as any orphan is; it is never published, and
    /// dies by itself within five minutes.
    async fn prime(&self) -> Result<(), Fault> {
        let username = &self.credential.username;
        let rotation_id = RotationId::starting_at(self.now());
        let name = TokenName {
            owner: self.owner.clone(),
            credential: self.credential.name.clone(),
            rotation: rotation_id,
        };
        let new = NewToken {
            name: &name.to_string(),
            ttl: Some(PRIMER_TTL),
            token_type: TokenType::ReadWrite,
            description: None,
        };
        let created = self.motherduck().create_token(username, &new).await;
        self.audit_side_creation(PRIMING, &name, &created).await;
        let primer = created.map_err(|error| Fault::of(&error, error.kind(), error.hint()))?;
        let identity = Identity { token_id: primer.id, previous_token_id: None, rotation_id };
        let verdict = self.try_token(&primer.token, &identity).await;
        let revoked = self.motherduck().revoke_token(username, primer.id).await;
        self.audit_side_revocation(PRIMING, &name, primer.id, &revoked).await;
        if let Err(error) = revoked {
            let fault = Fault::of(&error, error.kind(), None);
            tracing::warn!(token_id = %primer.id, error = %fault, "priming token left to expire");
        }
        match verdict? {
            Verdict::Works(_) => {
                tracing::info!(account = %username, token_id = %primer.id, "account primed");
                Ok(())
            }
            Verdict::Refused(why) => Err(Fault {
                kind: FaultKind::Transient,
                message: format!(
                    "the read/write token that was to prime account {username} was refused: {why}"
                ),
                hint: None,
            }),
        }
    }
}

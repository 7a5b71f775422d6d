//! A declared account behind a credential: made before its tokens are listed, primed before its first read-scaling
//! token is tried.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::ProductionWorld;
use super::short_lived::ShortLived;
use crate::account::AccountReconciler;
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::motherduck::Client;
use crate::names::TokenId;
use crate::record::TokenType;
use crate::rotation::decide::Reason;
use crate::rotation::layer::Layer;
use crate::rotation::world::{Identity, ListError, ListedToken, TokenRole, Verdict, World};
use crate::secret::Token;

/// What the audit log calls that.
const PRIMING: &str = "account prime";

/// What makes and keeps each declared account, by its canonical username.
pub(super) fn accounts(
    config: &Config,
    motherduck: &Arc<Client>,
) -> BTreeMap<String, Arc<AccountReconciler>> {
    // The values of an account that has several credentials are compared as often as its tokens are listed.
    let pace = config.daemon.sweep / 2;
    let account = |declared| Arc::new(AccountReconciler::new(motherduck.clone(), declared, pace));
    config
        .accounts
        .iter()
        .map(|(canonical, declared)| (canonical.clone(), account(declared)))
        .collect()
}

/// A world whose account is made and kept as it is declared, and primed. An account that was made through the API
/// refuses its read-scaling tokens until a read/write token has connected.
pub struct Primed<W> {
    inner: W,
    /// The new token for whose sake the account was primed last.
    primed_for: Mutex<Option<TokenId>>,
}

impl<W> Primed<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, primed_for: Mutex::default() }
    }

    /// Whether the account was not yet primed on account of the refusal of `id`; from now on it was.
    fn may_prime_for(&self, id: TokenId) -> bool {
        let mut primed_for = self.primed_for.lock().unwrap_or_else(PoisonError::into_inner);
        primed_for.replace(id) != Some(id)
    }
}

impl Primed<ProductionWorld> {
    /// Connects once with a read/write token that is revoked at once. It is never published.
    async fn prime(&self) -> Result<(), Fault> {
        let world = &self.inner;
        let username = &world.credential.username;
        let client = world.requests.client();
        let token = ShortLived::new(world, PRIMING);
        let primer = token.create(client).await?;
        let identity = Identity {
            role: TokenRole::Other,
            token_id: primer.id,
            previous_token_id: None,
            rotation_id: token.name.rotation,
        };
        let verdict = world.connect(&primer.token, &identity).await;
        if let Err(error) = token.revoke(client, primer.id).await {
            let fault = Fault::from(error);
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

    /// Tries a new read-scaling token. Where the account is likely to need it, it is primed before, and where the token
    /// is refused, then.
    async fn try_new(
        &self,
        token: &Token,
        identity: &Identity,
        reason: Reason,
    ) -> Result<Verdict, Fault> {
        let world = &self.inner;
        let account = world.account.as_deref().filter(|account| account.ensures());
        if let Some(account) = account {
            let mut account = account.state().await;
            let is_first = serves_nothing(reason) || account.is_newborn;
            if is_first && !account.is_primed {
                self.prime().await?;
                (account.is_primed, account.is_newborn) = (true, false);
            }
        }
        match (world.connect(token, identity).await?, account) {
            (works @ Verdict::Works(_), _) => Ok(works),
            (Verdict::Refused(why), None) => {
                let username = &world.credential.username;
                Ok(Verdict::Refused(format!(
                    "{why}; an account that was made through the API refuses read-scaling tokens until a read/write \
                     token has connected, which `ensure_account = true` has pintail see to for {username}"
                )))
            }
            (Verdict::Refused(_), Some(account)) if self.may_prime_for(identity.token_id) => {
                let mut account = account.state().await;
                self.prime().await?;
                (account.is_primed, account.is_newborn) = (true, false);
                drop(account);
                world.connect(token, identity).await
            }
            (refused @ Verdict::Refused(_), Some(_)) => Ok(refused),
        }
    }
}

impl Layer for Primed<ProductionWorld> {
    type Inner = ProductionWorld;

    fn inner(&self) -> &ProductionWorld {
        &self.inner
    }

    /// Lists the account's tokens. One that is absent is made first, if that is declared.
    async fn list(&self) -> Result<Vec<ListedToken>, ListError> {
        let world = &self.inner;
        let listed = world.list().await;
        let Some(account) = &world.account else { return listed };
        match listed {
            Ok(tokens) => {
                account.tend(&world.audit).await;
                Ok(tokens)
            }
            Err(ListError::NoAccount(_)) if account.ensures() => {
                account.make(&world.audit).await?;
                match world.list().await {
                    // What was made a moment ago may not be seen everywhere yet.
                    Err(ListError::NoAccount(fault)) => {
                        Err(ListError::Failed(Fault { kind: FaultKind::Transient, ..fault }))
                    }
                    listed => listed,
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn connect(&self, token: &Token, identity: &Identity) -> Result<Verdict, Fault> {
        let scales = self.inner.credential.token_type == TokenType::ReadScaling;
        match identity.role {
            TokenRole::New(reason) if scales => self.try_new(token, identity, reason).await,
            TokenRole::New(_) | TokenRole::Served | TokenRole::Other | TokenRole::Revoked => {
                self.inner.connect(token, identity).await
            }
        }
    }
}

/// Whether what is made for `reason` is the first token that is served there.
fn serves_nothing(reason: Reason) -> bool {
    match reason {
        Reason::First | Reason::Vacant => true,
        Reason::Due(_) | Reason::Forced | Reason::Compromised | Reason::Lost => false,
    }
}

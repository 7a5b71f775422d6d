//! The admin token where it is kept in a store, and rotated there like any other credential.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::ProductionWorld;
use super::place::Place;
use super::short_lived::ShortLived;
use crate::config::Config;
use crate::fault::{Fault, FaultKind, chain};
use crate::motherduck::settings::{AdminToken, MotherDuck};
use crate::motherduck::{AdminSource, Client, Error, Failure, TokenPlace};
use crate::names::AccountName;
use crate::record::SecretContent;
use crate::request_stats::RequestStats;
use crate::rotation::world::Verdict;
use crate::secret::Token;
use crate::stores::settings::Format;
use crate::stores::{Role, SecretRef, Store};

/// A secret in a store that holds the admin token.
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) place: Place,
}

impl TokenPlace for Stored {
    fn read(&self) -> BoxFuture<'_, Result<Token, Fault>> {
        async move {
            let token = match self.place.read().await?.content {
                SecretContent::Vacant => None,
                SecretContent::Unmanaged { token } | SecretContent::Managed { token, .. } => Some(token),
                SecretContent::Edited { token, .. } => token,
            };
            token.ok_or_else(|| Fault {
                kind: FaultKind::Permanent,
                message: format!("there is no token in {}", self.name),
                hint: Some(format!(
                    "create a read/write token of a user with the Admin role, put it into {} under the key {:?}, then: pintail adopt NAME --token-id UUID",
                    self.name, self.place.location.token_field
                )),
            })
        }
        .boxed()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// A client of MotherDuck's whose admin token is where the configuration says; `find` finds a store by its name.
pub(super) fn client(
    settings: &MotherDuck,
    find: impl FnOnce(&str) -> Option<(Arc<Store>, Arc<RequestStats>)>,
) -> Result<Client, Fault> {
    let source = match &settings.admin_token {
        AdminToken::Secret(source) => AdminSource::Secret(source.clone()),
        AdminToken::Stored(token) => {
            let (store, stats) = find(&token.store).ok_or_else(|| Fault {
                kind: FaultKind::Permanent,
                message: format!("store {} is not configured", token.store),
                hint: None,
            })?;
            let location = SecretRef {
                path: token.path.clone(),
                token_field: token.token_field.clone(),
                token_id_field: None,
                format: Format::Json,
                role: Role::Source,
            };
            let place = Place { store, stats, location };
            AdminSource::Elsewhere(Box::new(Stored {
                name: settings.admin_token.to_string(),
                place,
            }))
        }
    };
    Ok(Client::new(settings, source)?)
}

/// A client for operations by hand, which need no store but the admin token's.
pub async fn client_alone(config: &Config) -> Result<Client, Fault> {
    let mut stores = BTreeMap::new();
    if let AdminToken::Stored(token) = &config.motherduck.admin_token
        && let Some(settings) = config.stores.get(&token.store)
    {
        let opened = Store::open(&token.store, settings).await;
        stores.insert(token.store.as_str(), Arc::new(opened?));
    }
    client(&config.motherduck, |name| Some((stores.get(name)?.clone(), Arc::default())))
}

/// What the audit log calls the creation and the revocation of a token that prove an admin token.
const PROOF: &str = "admin token proof";

impl ProductionWorld {
    /// Whether `token` can do what pintail needs of an admin token: list, create, and revoke what it created. Should
    /// that be left behind, it is known as ours.
    pub(super) async fn prove_admin(&self, token: &Token) -> Result<Verdict, Fault> {
        let account = &self.credential.username;
        let client = self.requests.client().by(token);
        if let Err(error) = client.list_tokens(account).await {
            return refused(&error);
        }
        let probe = ShortLived::new(self, PROOF);
        let created = match probe.create(&client).await {
            Ok(created) => created,
            Err(error) if error.is_conflict() => {
                return Err(error.into());
            }
            Err(error) => return refused(error.cause()),
        };
        match probe.revoke(&client, created.id).await {
            Ok(_) => Ok(Verdict::Works(None)),
            Err(error) => refused(&error),
        }
    }
}

/// Whether MotherDuck still accepts `token`, which was revoked.
pub(super) async fn is_accepted(
    client: &Client,
    token: &Token,
    account: &AccountName,
) -> Result<Verdict, Fault> {
    match client.by(token).list_tokens(account).await {
        Ok(_) => Ok(Verdict::Works(None)),
        Err(error) => refused(&error),
    }
}

/// A refusal of the token itself is a verdict; anything else says nothing of it.
fn refused(error: &Error) -> Result<Verdict, Fault> {
    match error.failure() {
        Some(Failure::Unauthorized { .. } | Failure::Forbidden { .. }) => {
            Ok(Verdict::Refused(chain(error)))
        }
        Some(_) | None => Err(error.into()),
    }
}

//! One look at several credentials side by side: every secret is read, then each account is listed at most once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::engine::{Engine, ProductionWorld, subject};
use crate::fault::Fault;
use crate::names::{CredentialName, TokenId};
use crate::record::{Record, SecretContent};
use crate::rotation::clock::Clock;
use crate::rotation::decide::{SecretState, Vacancy};
use crate::rotation::mirror::{MirrorState, judge, named_in_mirrors};
use crate::rotation::time::Time;
use crate::rotation::world::{ListedToken, Reading, Site, World};

/// What was found where a token is kept. The token's text is not kept.
#[derive(Debug)]
pub enum ObservedSecret {
    /// No token.
    Vacant {
        /// Whether nothing was ever written there, as far as the store tells.
        is_untouched: bool,
    },
    /// A token that pintail did not put there.
    Unmanaged,
    /// A token that is not the one that the record describes.
    Edited(Box<Record>),
    /// A token and its record.
    Managed(Box<Record>),
}

impl ObservedSecret {
    /// What is there, for a decision. `in_mirrors` are the tokens that the records in the mirrors name.
    pub fn state<'a>(&'a self, in_mirrors: &'a [TokenId]) -> SecretState<'a> {
        match self {
            Self::Vacant { is_untouched } => {
                SecretState::Vacant(Vacancy { is_untouched: *is_untouched, in_mirrors })
            }
            Self::Unmanaged => SecretState::Unmanaged,
            Self::Edited(record) => SecretState::Edited(record),
            Self::Managed(record) => SecretState::Managed(record),
        }
    }

    /// The record, whether or not it describes the token beside it.
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Vacant { .. } | Self::Unmanaged => None,
            Self::Edited(record) | Self::Managed(record) => Some(record),
        }
    }
}

impl From<Reading> for ObservedSecret {
    fn from(reading: Reading) -> Self {
        match reading.content {
            SecretContent::Vacant => Self::Vacant { is_untouched: reading.version.is_absent() },
            SecretContent::Unmanaged { .. } => Self::Unmanaged,
            SecretContent::Edited { record, .. } => Self::Edited(record),
            SecretContent::Managed { record, .. } => Self::Managed(record),
        }
    }
}

/// What was seen of one credential.
pub struct Observed<'a> {
    /// The credential.
    pub credential: &'a config::Credential,
    /// What its store has.
    pub secret: Result<ObservedSecret, Fault>,
    /// The tokens of its account, listed after the store was read; `None` if the list was not asked for.
    pub listing: Option<Result<Arc<[ListedToken]>, Fault>>,
    /// What stands in its mirrors, in their order; empty if nobody asked, or what is to be there is not known.
    pub mirrors: Vec<Result<MirrorState, Fault>>,
    /// The tokens that the records in the mirrors name, where the secret itself has none and somebody asked.
    pub in_mirrors: Vec<TokenId>,
    /// When it was seen, as the clocks have it.
    pub time: Time,
}

impl Observed<'_> {
    /// The list, if it was asked for and came.
    pub fn listed(&self) -> Option<&[ListedToken]> {
        self.listing.as_ref()?.as_deref().ok()
    }

    /// What could not be seen.
    pub fn fault(&self) -> Option<&Fault> {
        let listing = self.listing.as_ref().and_then(|listing| listing.as_ref().err());
        let mirror = self.mirrors.iter().find_map(|mirror| mirror.as_ref().err());
        self.secret.as_ref().err().or(listing).or(mirror)
    }

    /// Whether every mirror serves what the store serves, as far as was asked.
    pub fn mirrored(&self) -> bool {
        self.mirrors.iter().all(|mirror| matches!(mirror, Ok(MirrorState::Serves)))
    }

    /// The first mirror with this to be seen in it.
    pub fn mirror_with(&self, wanted: MirrorState) -> Option<&config::Mirror> {
        let seen = self.credential.mirrors.iter().zip(&self.mirrors);
        let mut wanted = seen.filter(|(_, mirror)| mirror.as_ref().is_ok_and(|it| *it == wanted));
        wanted.next().map(|(mirror, _)| mirror)
    }
}

/// `names` and all credentials of the same accounts: whose a token is cannot be told without their records.
pub fn with_siblings(config: &config::Config, names: &[CredentialName]) -> Vec<CredentialName> {
    let accounts: BTreeSet<_> = names
        .iter()
        .filter_map(|name| config.credentials.get(name))
        .map(|credential| credential.username.canonical())
        .collect();
    let is_meant =
        |credential: &&config::Credential| accounts.contains(&credential.username.canonical());
    config.credentials.values().filter(is_meant).map(|credential| credential.name.clone()).collect()
}

/// Reads the secrets of `names`, then lists the accounts for which `needs_list` asks. A list is never older than the
/// secrets that it is compared with: a token that was published meanwhile would look lost.
pub async fn observe<'a>(
    engine: &'a Engine,
    names: &[CredentialName],
    needs_list: impl Fn(&config::Credential, &ObservedSecret, Time) -> bool,
) -> Vec<Observed<'a>> {
    let worlds: Vec<(&config::Credential, ProductionWorld)> = names
        .iter()
        .filter_map(|name| {
            let credential = engine.config.credentials.get(name)?;
            Some((credential, engine.world(name, CancellationToken::new())?))
        })
        .collect();
    let width = engine.config.daemon.concurrency;
    let found: Vec<Result<ObservedSecret, Fault>> = futures::stream::iter(&worlds)
        .map(|(_, world)| async move { world.read(Site::Store).await.map(ObservedSecret::from) })
        .buffered(width)
        .collect()
        .await;

    let mut asked = BTreeSet::new();
    let mut accounts = Vec::new();
    for ((credential, world), found) in worlds.iter().zip(&found) {
        let needed = found.as_ref().is_ok_and(|found| needs_list(credential, found, world.time()));
        if needed && asked.insert(credential.username.canonical()) {
            accounts.push((*credential, world));
        }
    }
    let lists = list_accounts(&accounts, width).await;
    worlds
        .iter()
        .zip(found)
        .map(|((credential, world), found)| Observed {
            credential,
            secret: found,
            listing: lists.get(&credential.username.canonical()).cloned(),
            mirrors: vec![],
            in_mirrors: vec![],
            time: world.time(),
        })
        .collect()
}

/// Reads the mirrors of what is served, or, where nothing is, what their records name.
pub async fn observe_mirrors(engine: &Engine, observations: &mut [Observed<'_>]) {
    futures::stream::iter(observations)
        .for_each_concurrent(engine.config.daemon.concurrency, |observed| async move {
            let Some(world) = engine.world(&observed.credential.name, CancellationToken::new())
            else {
                return;
            };
            match &observed.secret {
                Ok(ObservedSecret::Managed(record)) if record.owner == engine.config.owner => {
                    observed.mirrors = mirrors(&world, record, observed.credential).await;
                }
                Ok(ObservedSecret::Vacant { .. }) => {
                    let subject = subject(&engine.config, observed.credential);
                    match named_in_mirrors(&world, &subject).await {
                        Ok(named) => observed.in_mirrors = named,
                        Err(fault) => observed.mirrors = vec![Err(fault)],
                    }
                }
                Ok(
                    ObservedSecret::Managed(_)
                    | ObservedSecret::Edited(_)
                    | ObservedSecret::Unmanaged,
                )
                | Err(_) => {}
            }
        })
        .await;
}

async fn mirrors(
    world: &ProductionWorld,
    record: &Record,
    credential: &config::Credential,
) -> Vec<Result<MirrorState, Fault>> {
    let mut seen = Vec::new();
    for (number, mirror) in credential.mirrors.iter().enumerate() {
        let state =
            async { judge(world, record, &world.read(Site::Mirror(number)).await?.content).await };
        seen.push(state.await.map_err(|fault| Fault {
            message: format!("mirror {}: {}", mirror.place(), fault.message),
            ..fault
        }));
    }
    if seen.iter().all(|state| matches!(state, Ok(MirrorState::Serves))) {
        return seen;
    }
    // A rotation that published meanwhile writes to the mirrors, too.
    let has_moved = match world.read(Site::Store).await.map(|reading| reading.content) {
        Ok(SecretContent::Managed { record: latest, .. }) => {
            latest.published_at != record.published_at
        }
        Ok(
            SecretContent::Vacant | SecretContent::Unmanaged { .. } | SecretContent::Edited { .. },
        ) => true,
        Err(_) => false,
    };
    if has_moved { vec![] } else { seen }
}

async fn list_accounts(
    accounts: &[(&config::Credential, &ProductionWorld)],
    width: usize,
) -> BTreeMap<String, Result<Arc<[ListedToken]>, Fault>> {
    futures::stream::iter(accounts)
        .map(|(credential, world)| async move {
            let listed = world.list().await.map(Arc::from).map_err(Fault::from);
            (credential.username.canonical(), listed)
        })
        .buffered(width)
        .collect()
        .await
}

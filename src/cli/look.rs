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
use crate::rotation::mirror::{MirrorSight, judge, named_in_mirrors};
use crate::rotation::time::Time;
use crate::rotation::world::{ListedToken, Reading, Site, World};

/// What was found where a token is kept. The token's text is not kept.
#[derive(Debug)]
pub enum Found {
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

impl Found {
    /// What is there, for a decision. `in_mirrors` are the tokens that the records in the mirrors name.
    pub fn sight<'a>(&'a self, in_mirrors: &'a [TokenId]) -> SecretState<'a> {
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

impl From<Reading> for Found {
    fn from(reading: Reading) -> Self {
        match reading.slot {
            SecretContent::Vacant => Self::Vacant { is_untouched: reading.version.is_absent() },
            SecretContent::Unmanaged { .. } => Self::Unmanaged,
            SecretContent::Edited { record, .. } => Self::Edited(record),
            SecretContent::Managed { record, .. } => Self::Managed(record),
        }
    }
}

/// What was seen of one credential.
pub struct Look<'a> {
    /// The credential.
    pub credential: &'a config::Credential,
    /// What its store has.
    pub found: Result<Found, Fault>,
    /// The tokens of its account, listed after the store was read; `None` if the list was not asked for.
    pub listing: Option<Result<Arc<[ListedToken]>, Fault>>,
    /// What stands in its mirrors, in their order; empty if nobody asked, or what is to be there is not known.
    pub mirrors: Vec<Result<MirrorSight, Fault>>,
    /// The tokens that the records in the mirrors name, where the secret itself has none and somebody asked.
    pub in_mirrors: Vec<TokenId>,
    /// When it was seen, as the clocks have it.
    pub time: Time,
}

impl Look<'_> {
    /// The list, if it was asked for and came.
    pub fn listed(&self) -> Option<&[ListedToken]> {
        self.listing.as_ref()?.as_deref().ok()
    }

    /// What could not be seen.
    pub fn fault(&self) -> Option<&Fault> {
        let listing = self.listing.as_ref().and_then(|listing| listing.as_ref().err());
        let mirror = self.mirrors.iter().find_map(|mirror| mirror.as_ref().err());
        self.found.as_ref().err().or(listing).or(mirror)
    }

    /// Whether every mirror serves what the store serves, as far as was asked.
    pub fn mirrored(&self) -> bool {
        self.mirrors.iter().all(|mirror| matches!(mirror, Ok(MirrorSight::Serves)))
    }

    /// The first mirror with this to be seen in it.
    pub fn mirror_with(&self, wanted: MirrorSight) -> Option<&config::Mirror> {
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
        .map(|credential| credential.username.folded())
        .collect();
    let is_meant =
        |credential: &&config::Credential| accounts.contains(&credential.username.folded());
    config.credentials.values().filter(is_meant).map(|credential| credential.name.clone()).collect()
}

/// Reads the secrets of `names`, then lists the accounts for which `needs_list` asks. A list is never older than the
/// secrets that it is compared with: a token that was published meanwhile would look lost.
pub async fn look<'a>(
    outside: &'a Engine,
    names: &[CredentialName],
    needs_list: impl Fn(&config::Credential, &Found, Time) -> bool,
) -> Vec<Look<'a>> {
    let worlds: Vec<(&config::Credential, ProductionWorld)> = names
        .iter()
        .filter_map(|name| {
            let credential = outside.config.credentials.get(name)?;
            Some((credential, outside.world(name, CancellationToken::new())?))
        })
        .collect();
    let width = outside.config.daemon.concurrency;
    let found: Vec<Result<Found, Fault>> = futures::stream::iter(&worlds)
        .map(|(_, world)| async move { world.read(Site::Store).await.map(Found::from) })
        .buffered(width)
        .collect()
        .await;

    let mut asked = BTreeSet::new();
    let mut accounts = Vec::new();
    for ((credential, world), found) in worlds.iter().zip(&found) {
        let needed = found.as_ref().is_ok_and(|found| needs_list(credential, found, world.time()));
        if needed && asked.insert(credential.username.folded()) {
            accounts.push((*credential, world));
        }
    }
    let lists = list_accounts(&accounts, width).await;
    worlds
        .iter()
        .zip(found)
        .map(|((credential, world), found)| Look {
            credential,
            found,
            listing: lists.get(&credential.username.folded()).cloned(),
            mirrors: vec![],
            in_mirrors: vec![],
            time: world.time(),
        })
        .collect()
}

/// Reads the mirrors of what is served, or, where nothing is, what their records name.
pub async fn look_at_mirrors(outside: &Engine, looks: &mut [Look<'_>]) {
    futures::stream::iter(looks)
        .for_each_concurrent(outside.config.daemon.concurrency, |look| async move {
            let Some(world) = outside.world(&look.credential.name, CancellationToken::new()) else {
                return;
            };
            match &look.found {
                Ok(Found::Managed(record)) if record.owner == outside.config.owner => {
                    look.mirrors = mirrors(&world, record, look.credential).await;
                }
                Ok(Found::Vacant { .. }) => {
                    let subject = subject(&outside.config, look.credential);
                    match named_in_mirrors(&world, &subject).await {
                        Ok(named) => look.in_mirrors = named,
                        Err(fault) => look.mirrors = vec![Err(fault)],
                    }
                }
                Ok(Found::Managed(_) | Found::Edited(_) | Found::Unmanaged) | Err(_) => {}
            }
        })
        .await;
}

async fn mirrors(
    world: &ProductionWorld,
    record: &Record,
    credential: &config::Credential,
) -> Vec<Result<MirrorSight, Fault>> {
    let mut seen = Vec::new();
    for (number, mirror) in credential.mirrors.iter().enumerate() {
        let sight =
            async { judge(world, record, &world.read(Site::Mirror(number)).await?.slot).await };
        seen.push(sight.await.map_err(|fault| Fault {
            message: format!("mirror {}: {}", mirror.place(), fault.message),
            ..fault
        }));
    }
    if seen.iter().all(|sight| matches!(sight, Ok(MirrorSight::Serves))) {
        return seen;
    }
    // A rotation that published meanwhile writes to the mirrors, too.
    let has_moved = match world.read(Site::Store).await.map(|reading| reading.slot) {
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
            (credential.username.folded(), listed)
        })
        .buffered(width)
        .collect()
        .await
}

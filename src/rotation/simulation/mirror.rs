//! A mirror in the simulated world: a second store with consumers of its own, with or without room for the record.

use super::actor::{Actor, Part};
use super::bugs::Bug;
use super::ground::{FIELDS, Ground, Message, untouched};
use super::store::{Answer, Protocol, Request, Store, Stored};
use crate::fault::Fault as WorldFault;
use crate::names::TokenId;
use crate::record::{Record, SecretContent, UserKeys, decode, encode_with_token};
use crate::rotation::world::{PublishError, Reading};
use crate::secret::Token;

/// What a mirror keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// The token and its record.
    Both,
    /// The bare token.
    Token,
}

pub(super) struct Mirror {
    keeps: Keeps,
    store: Store,
}

impl Mirror {
    pub(super) fn new(keeps: Keeps) -> Self {
        Self { keeps, store: Store::new(Protocol::CheckAndSet) }
    }

    fn reading(&self) -> Reading {
        let version = self.store.version();
        let (content, others) = match (self.store.served(), self.keeps) {
            (Some(stored), Keeps::Both) => (stored.content(), stored.others.clone()),
            (Some(stored), Keeps::Token) => {
                let token = Token::new(&stored.text).unwrap();
                (SecretContent::Unmanaged { token }, UserKeys::default())
            }
            (None, _) => decode(untouched(), FIELDS).unwrap(),
        };
        Reading { version, content, others }
    }
}

impl Ground {
    /// The token that the mirror's consumers read.
    pub(super) fn mirrored_id(&self) -> Option<TokenId> {
        self.token_with(&self.mirror.as_ref()?.store.served()?.text)
    }

    /// Whether the mirror, if there is one, serves what the store serves.
    pub(super) fn is_mirrored(&self) -> bool {
        self.mirror.is_none() || self.mirrored_id() == self.served_id()
    }

    pub(super) fn write_mirror(&mut self, request: Request) -> Answer {
        match &mut self.mirror {
            Some(mirror) => mirror.store.apply(request),
            None => Answer::Conflict,
        }
    }
}

impl Actor {
    pub(super) async fn read_mirror(&self) -> Result<Reading, WorldFault> {
        self.ask(Part::Mirror, "reads the mirror", |ground| {
            ground.mirror.as_ref().map(Mirror::reading).unwrap()
        })
        .await
    }

    pub(super) async fn write_to_mirror(
        &self,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        let object = encode_with_token(record, &over.others, FIELDS, token);
        let value = Stored::new(object, record.clone(), token.lend(str::to_owned));
        let mut expected = over.version.clone();
        if self.bug == Some(Bug::WritesOverAnything) {
            expected = self.shared().ground.mirror.as_ref().unwrap().store.version();
        }
        let what = format!("mirrors {}", record.token_id);
        self.publish_by_number((Part::Mirror, Message::Mirror), &what, &expected, value).await
    }
}

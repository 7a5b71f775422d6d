//! One pintail in the simulated world: every effect waits for its turn, and may go wrong as planned.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;

use super::ground::{Applied, Fault, Ground, Message};
use crate::names::{TokenId, TokenName};
use crate::record::{Record, Slot, UserKeys};
use crate::rotation::schedule::signed;
use crate::rotation::world::{
    CreateError, CreatedToken, Fault as WorldFault, FaultKind, Health, Identity, ListedToken,
    PublishError, Reading, Revocation, Verdict, Version, World,
};
use crate::secret::Token;

/// What the runner and the pintails share.
pub(super) struct Shared {
    pub(super) ground: Ground,
    /// What goes wrong, by the number of the effect.
    pub(super) plan: BTreeMap<u32, Fault>,
    /// Who sleeps, and until when.
    pub(super) asleep: Vec<Option<Timestamp>>,
    /// Who died.
    pub(super) dead: Vec<bool>,
}

/// One pintail's view of the world.
#[derive(Clone)]
pub(super) struct Actor {
    pub(super) shared: Arc<Mutex<Shared>>,
    pub(super) index: usize,
}

/// What became of a message.
enum Sent {
    Told(Applied),
    Untold,
    Refused,
}

impl Actor {
    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// Gives every other pintail the chance to go first.
    async fn turn(&self) {
        let mut waited = false;
        poll_fn(|_| {
            if waited {
                Poll::Ready(())
            } else {
                waited = true;
                Poll::Pending
            }
        })
        .await;
    }

    async fn die(&self) {
        self.shared().dead[self.index] = true;
        std::future::pending::<()>().await;
    }

    /// Waits for the turn; the planned fault of this effect.
    async fn effect(&self, what: &str) -> Option<Fault> {
        self.turn().await;
        let fault = {
            let mut shared = self.shared();
            let number = shared.ground.tick();
            let fault = shared.plan.get(&number).copied();
            let line = format!(
                "{number}: pintail {} {what} {}",
                self.index,
                fault.map_or(String::new(), |f| format!("[{f:?}]"))
            );
            shared.ground.story.push(line);
            fault
        };
        if fault == Some(Fault::CrashBefore) {
            self.die().await;
        }
        fault
    }

    async fn after(&self, fault: Option<Fault>) {
        if fault == Some(Fault::CrashAfter) {
            self.die().await;
        }
    }

    async fn send(&self, what: &str, message: Message) -> Sent {
        let fault = self.effect(what).await;
        let sent = {
            let ground = &mut self.shared().ground;
            match fault {
                Some(Fault::LoseRequest | Fault::CrashBefore) => Sent::Untold,
                Some(Fault::LoseReply) => {
                    ground.apply(message);
                    Sent::Untold
                }
                Some(Fault::Delay(effects)) => {
                    ground.delay(effects, message);
                    Sent::Untold
                }
                Some(Fault::Duplicate(effects)) => {
                    ground.delay(effects, message.clone());
                    Sent::Told(ground.apply(message))
                }
                Some(Fault::Refuse) => Sent::Refused,
                Some(Fault::CrashAfter) | None => Sent::Told(ground.apply(message)),
            }
        };
        self.after(fault).await;
        sent
    }

    /// An effect that only looks; any fault that hits it makes it fail.
    async fn ask<T>(
        &self,
        what: &str,
        look: impl FnOnce(&mut Ground) -> T,
    ) -> Result<T, WorldFault> {
        let fault = self.effect(what).await;
        let answer = look(&mut self.shared().ground);
        self.after(fault).await;
        match fault {
            None | Some(Fault::CrashAfter | Fault::Duplicate(_)) => Ok(answer),
            Some(
                Fault::LoseRequest
                | Fault::LoseReply
                | Fault::Delay(_)
                | Fault::Refuse
                | Fault::CrashBefore,
            ) => Err(trouble()),
        }
    }
}

fn trouble() -> WorldFault {
    WorldFault { kind: FaultKind::Transient, message: "simulated trouble".to_owned(), hint: None }
}

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

impl World for Actor {
    fn now(&self) -> Timestamp {
        self.shared().ground.now
    }

    fn stopping(&self) -> bool {
        false
    }

    async fn nap(&self, duration: Duration) {
        {
            let mut shared = self.shared();
            let until = shared.ground.now + signed(duration);
            shared.asleep[self.index] = Some(until);
        }
        self.turn().await;
    }

    async fn read(&self) -> Result<Reading, WorldFault> {
        let index = self.index;
        self.ask("reads", |ground| {
            ground.seen[index].read = ground.served().map(|stored| stored.record.token_id);
            match ground.served() {
                None => Reading {
                    version: Version::absent(),
                    slot: Slot::Vacant,
                    others: UserKeys::default(),
                },
                Some(stored) => Reading {
                    version: Version::new(ground.version()),
                    slot: Slot::Managed {
                        record: Box::new(stored.record.clone()),
                        token: token(&stored.text),
                    },
                    others: UserKeys::default(),
                },
            }
        })
        .await
    }

    async fn list(&self) -> Result<Vec<ListedToken>, WorldFault> {
        self.ask("lists", |ground| {
            ground
                .tokens
                .iter()
                .filter(|(_, token)| token.created_at + signed(ground.listing_lag) <= ground.now)
                .filter(|(_, token)| token.revoked_at.is_none())
                .map(|(id, token)| ListedToken {
                    id: *id,
                    name: Some(token.name.clone()),
                    created_at: token.created_at,
                    expires_at: Some(token.expires_at),
                })
                .collect()
        })
        .await
    }

    async fn ensure_writable(&self, _reading: &Reading) -> Result<(), WorldFault> {
        self.ask("probes", |_| ()).await
    }

    async fn create(&self, name: &TokenName) -> Result<CreatedToken, CreateError> {
        match self.send("creates", Message::Create { name: name.to_string() }).await {
            Sent::Told(Applied::Created(id)) => {
                let shared = self.shared();
                let made = &shared.ground.tokens[&id];
                Ok(CreatedToken {
                    id,
                    token: token(&Ground::text_of(id)),
                    created_at: made.created_at,
                    expires_at: Some(made.expires_at),
                })
            }
            Sent::Refused => Err(CreateError::Refused(trouble())),
            Sent::Told(_) | Sent::Untold => Err(CreateError::Unknown(trouble())),
        }
    }

    async fn connect(&self, token: &Token, _identity: &Identity) -> Result<Verdict, WorldFault> {
        let index = self.index;
        let text = token.lend(str::to_owned);
        let works = self.ask("connects", |ground| ground.connect(index, &text)).await?;
        Ok(if works { Verdict::Works } else { Verdict::Refused("simulated".to_owned()) })
    }

    async fn publish(
        &self,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        let expected =
            if over.version.is_absent() { 0 } else { over.version.as_str().parse().unwrap() };
        let message =
            Message::Publish { expected, record: record.clone(), text: token.lend(str::to_owned) };
        let what = format!("publishes {} {:?} over {expected}", record.token_id, record.phase);
        match self.send(&what, message).await {
            Sent::Told(Applied::Published) => Ok(()),
            Sent::Told(Applied::Conflict) => Err(PublishError::Conflict),
            Sent::Refused => Err(PublishError::Refused(trouble())),
            Sent::Told(_) | Sent::Untold => Err(PublishError::Unknown(trouble())),
        }
    }

    async fn recall(&self, id: TokenId) -> Result<Option<(Record, Token)>, WorldFault> {
        self.ask("recalls", |ground| {
            let found = ground.versions.iter().rev().find(|stored| stored.record.token_id == id)?;
            Some((found.record.clone(), token(&found.text)))
        })
        .await
    }

    async fn deploy(&self, _record: &Record) -> Result<(), WorldFault> {
        self.ask("deploys", |_| ()).await
    }

    async fn poll_gate(&self, _record: &Record) -> Health {
        let index = self.index;
        match self.ask("polls the gate", |ground| ground.poll(index)).await {
            Ok(true) => Health::Healthy,
            Ok(false) => Health::Unhealthy("simulated".to_owned()),
            Err(fault) => Health::Unhealthy(fault.message),
        }
    }

    async fn revoke(&self, id: TokenId) -> Result<Revocation, WorldFault> {
        match self.send(&format!("revokes {id}"), Message::Revoke { id }).await {
            Sent::Told(Applied::Revoked) => Ok(Revocation::Revoked),
            Sent::Told(Applied::AlreadyGone) => Ok(Revocation::AlreadyGone),
            Sent::Told(_) | Sent::Untold | Sent::Refused => Err(trouble()),
        }
    }
}

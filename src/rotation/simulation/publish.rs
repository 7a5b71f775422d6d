//! The steps of a publication, as each shipping store takes them, a fault possible at each.

use super::actor::{Actor, Part, Sent, trouble};
use super::ground::{Applied, Fault, Message};
use super::store::{Answer, Request, Stored};
use crate::rotation::world::{PublishError, Version};

impl Actor {
    pub(super) async fn send_to_store(
        &self,
        what: &str,
        request: Request,
    ) -> Result<Answer, PublishError> {
        match self.send(Part::Store, what, Message::Store(request)).await {
            Sent::Told(Applied::Store(answer)) => Ok(answer),
            Sent::Refused => Err(PublishError::Refused(trouble())),
            Sent::Told(_) | Sent::Untold => Err(PublishError::Unknown(trouble())),
        }
    }

    /// The same steps as the shipping store for Secrets Manager takes, with the same reading of what may have landed.
    pub(super) async fn publish_by_labels(
        &self,
        over: &Version,
        value: Stored,
    ) -> Result<(), PublishError> {
        let value = Box::new(value);
        if over.is_absent() {
            return match self.send_to_store("creates the secret", Request::Create(value)).await? {
                Answer::Done => Ok(()),
                Answer::Conflict | Answer::Exists => Err(PublishError::Conflict),
            };
        }
        let mut to = value.id.clone();
        match self.send_to_store("puts a pending version", Request::Put(value.clone())).await {
            Ok(Answer::Done) => {}
            Ok(Answer::Conflict | Answer::Exists) => {
                to.push_str("-again");
                let again = Box::new(Stored { id: to.clone(), ..*value });
                match self.send_to_store("puts it by another ID", Request::Put(again)).await {
                    Ok(_) => {}
                    Err(_) => return Err(PublishError::Refused(trouble())),
                }
            }
            // A version that is not current serves nobody, whenever it lands.
            Err(_) => return Err(PublishError::Refused(trouble())),
        }
        let from = over.as_str().to_owned();
        match self.send_to_store("moves AWSCURRENT", Request::Move { from, to }).await? {
            Answer::Done => Ok(()),
            Answer::Conflict | Answer::Exists => Err(PublishError::Conflict),
        }
    }

    pub(super) async fn publish_under_lock(
        &self,
        over: &Version,
        value: Stored,
    ) -> Result<(), PublishError> {
        let index = self.index;
        let refused = |_| PublishError::Refused(trouble());
        let locked = self
            .ask(Part::Store, "locks and compares", |ground| {
                if ground.store.lock.is_some() {
                    return Err(PublishError::Refused(trouble()));
                }
                if ground.store.version() != *over {
                    return Err(PublishError::Conflict);
                }
                ground.store.lock = Some(index);
                Ok(())
            })
            .await;
        let result = match locked {
            Ok(Err(error)) => return Err(error),
            Ok(Ok(())) => {
                let set = Request::Set { expected: over.clone(), value: Box::new(value) };
                // A rename takes place or does not: it cannot be under way when the process is gone.
                match self.effect(Part::Store, "renames").await {
                    None | Some(Fault::Duplicate(_)) => {
                        self.shared().ground.apply(Message::Store(set));
                        Ok(())
                    }
                    Some(Fault::CrashAfter) => {
                        self.shared().ground.apply(Message::Store(set));
                        self.die().await;
                        Ok(())
                    }
                    Some(Fault::LoseReply) => {
                        self.shared().ground.apply(Message::Store(set));
                        Err(PublishError::Unknown(trouble()))
                    }
                    Some(_) => Err(PublishError::Refused(trouble())),
                }
            }
            Err(fault) => Err(refused(fault)),
        };
        let store = &mut self.shared().ground.store;
        if store.lock == Some(index) {
            store.lock = None;
        }
        result
    }
}

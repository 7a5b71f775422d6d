//! The mirrors, brought to what the store serves: each read first, the store once more, and only then written.

use super::{Pass, Reconciler};
use crate::fault::{Fault, FaultKind};
use crate::record::{Record, SecretContent};
use crate::rotation::condition::Reason;
use crate::rotation::mirror::{MirrorState, foreign, judge};
use crate::rotation::step_log::Step;
use crate::rotation::world::{PublishError, PublishRequest, Reading, Site, World};

/// How often a mirror is read again because another pintail wrote it meanwhile.
const CONTESTS: u32 = 3;

/// What became of one mirror.
enum Mirrored {
    /// It serves what the store serves.
    Serves,
    /// The store moved on: what was to be written is old.
    Outdated,
}

/// Why a mirror does not serve it.
struct Unmirrored {
    reason: Reason,
    fault: Fault,
}

impl From<Fault> for Unmirrored {
    fn from(fault: Fault) -> Self {
        Self { reason: Reason::MirrorBehind, fault }
    }
}

impl<W: World> Reconciler<'_, W> {
    pub(super) async fn mirror(&mut self, reading: Reading) -> Pass {
        let SecretContent::Managed { record, .. } = &reading.content else { return Pass::Moved };
        let is_unfinished = record.is_unfinished();
        self.joined_if_unresolved(record);
        for number in 0..self.subject.mirrors.len() {
            match self.bring(number, &reading).await {
                Ok(Mirrored::Serves) => {}
                Ok(Mirrored::Outdated) => return Pass::Observed,
                Err(Unmirrored { fault, .. }) if is_unfinished => {
                    let problem = fault.to_string();
                    let now = self.world.now();
                    self.evidence.proofs_mut().mirror.count(now, Err(problem));
                    return self.keep(reading);
                }
                Err(Unmirrored { reason, fault }) => {
                    return Pass::Failed { step: Some(Step::Mirror), reason, fault };
                }
            }
        }
        let now = self.world.now();
        self.evidence.proofs_mut().mirror.count(now, Ok(()));
        self.mirrored = true;
        self.keep(reading)
    }

    /// Brings one mirror to what `reading` says, if the store still serves that *after* the mirror was read. In this
    /// order a mirror never goes back: whoever writes over a version of it has seen a state of the store that is at
    /// least as new as what that version holds.
    async fn bring(&mut self, number: usize, reading: &Reading) -> Result<Mirrored, Unmirrored> {
        let SecretContent::Managed { record, token } = &reading.content else {
            return Ok(Mirrored::Outdated);
        };
        for _ in 0..CONTESTS {
            let found = self.world.read(Site::Mirror(number)).await?;
            let state = judge(self.world, record, &found.content).await?;
            if state == MirrorState::Serves {
                return Ok(Mirrored::Serves);
            }
            // Also of an unknown token it must be asked: another pintail may have put it there, a moment ago.
            if self.world.read(Site::Store).await?.version != reading.version {
                return Ok(Mirrored::Outdated);
            }
            if state == MirrorState::Foreign {
                let fault = foreign(self.mirror_name(number));
                return Err(Unmirrored { reason: Reason::MirrorEdited, fault });
            }
            let began = self.log.began(Step::Mirror, self.world.now());
            // What a mirror says of a pause would soon be out of date: only the store's record counts.
            let copy = Record { pause: None, ..(**record).clone() };
            let write = PublishRequest::to_mirror(number, &found, &copy, token);
            let written = self.world.publish(write).await;
            let fault = written.as_ref().err().map(|error| match error {
                PublishError::Conflict => self.contested_mirror(number),
                PublishError::Refused(fault) | PublishError::Unknown(fault) => fault.clone(),
            });
            self.finish(began, fault.as_ref());
            match written {
                Ok(()) => {
                    tracing::info!(mirror = self.mirror_name(number), token_id = %record.token_id, "mirror written");
                    return Ok(Mirrored::Serves);
                }
                Err(PublishError::Conflict) => {}
                Err(PublishError::Refused(fault) | PublishError::Unknown(fault)) => {
                    return Err(fault.into());
                }
            }
        }
        Err(self.contested_mirror(number).into())
    }

    fn mirror_name(&self, number: usize) -> &str {
        self.subject.mirrors.get(number).map_or("", |mirror| mirror.name.as_str())
    }

    fn contested_mirror(&self, number: usize) -> Fault {
        let mirror = self.mirror_name(number);
        Fault {
            kind: FaultKind::Transient,
            message: format!("mirror {mirror}: somebody else wrote the secret first"),
            hint: None,
        }
    }
}

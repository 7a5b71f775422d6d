//! One pass: observe, decide, act. What it finds decides everything; the pass before may have been another process's.

use std::time::Duration;

use jiff::Timestamp;

use crate::names::{RotationId, TokenId, TokenName};
use crate::record::{Phase, Record, Slot};
use crate::rotation::decide::{
    Awaited, Decision, Observation, Obstacle, Refusal, Sight, Subject, Trigger, decide,
};
use crate::rotation::evidence::Evidence;
use crate::rotation::journal::{Journal, Step, StepOutcome};
use crate::rotation::schedule::next_due;
use crate::rotation::world::{
    CreateError, CreatedToken, Fault, FaultKind, Health, Identity, ListedToken, PublishError,
    Reading, Revocation, Verdict, World,
};
use crate::secret::Token;

/// How often a new token is tried before it is given up, and the pause between two tries.
const PREFLIGHTS: u32 = 5;
const PREFLIGHT_PAUSE: Duration = Duration::from_secs(2);
/// How often the old token is tried until it is refused, and the pause between two tries. MotherDuck's own provider
/// waits as long.
const CONFIRMATIONS: u32 = 30;
const CONFIRMATION_PAUSE: Duration = Duration::from_secs(2);

/// What one pass came to.
#[derive(Debug)]
pub enum Pass {
    /// Something was done; the world must be looked at again.
    Moved,
    /// More is known, or a try was made whose pace is already decided; there is more to do.
    Looked,
    /// Nothing to do until then.
    Waiting(Timestamp, Awaited),
    /// Both tokens stay valid until a person, or healthy consumers, resolve it.
    Held {
        /// What is in the way.
        obstacle: Obstacle,
        /// How the last try of it failed.
        problem: String,
        /// When to look again.
        until: Timestamp,
    },
    /// Nothing is done until a person acts.
    Refused(Refusal),
    /// A step, or the look before it, did not come about.
    Failed(Option<Step>, Fault),
    /// At rest, until the credential is due.
    Resting(Option<Timestamp>),
}

/// What is known of the credential's place in its rotation, from the last look.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The record that was last seen or written.
    pub record: Option<Record>,
    /// Whether this run published, rolled back or went on with a rotation.
    pub took_part: bool,
    /// Whether a write of this run may or may not have come about.
    pub in_doubt: bool,
}

/// The rotation of one credential, for as long as one process works on it.
pub struct Reconciler<'a, W> {
    world: &'a W,
    subject: &'a Subject,
    evidence: &'a mut Evidence,
    /// What is asked for; it becomes [`Trigger::Finish`] once it was done.
    pub trigger: Trigger,
    /// What the run did.
    pub journal: Journal<'a>,
    /// Where the credential stands.
    pub standing: Standing,
    since: Timestamp,
    reading: Option<Reading>,
    listing: Option<Vec<ListedToken>>,
    old: Option<(TokenId, Token)>,
}

impl<'a, W: World> Reconciler<'a, W> {
    /// A run that starts now.
    pub fn new(
        world: &'a W,
        subject: &'a Subject,
        evidence: &'a mut Evidence,
        trigger: Trigger,
        journal: Journal<'a>,
    ) -> Self {
        let since = world.now();
        Self {
            world,
            subject,
            evidence,
            trigger,
            journal,
            standing: Standing::default(),
            since,
            reading: None,
            listing: None,
            old: None,
        }
    }

    /// Looks, decides one step and takes it.
    pub async fn pass(&mut self) -> Pass {
        let reading = match self.reading.take() {
            Some(reading) => reading,
            None => match self.look().await {
                Ok(reading) => reading,
                Err(fault) => return Pass::Failed(None, fault),
            },
        };
        let decision = self.judge(&reading);
        tracing::debug!(decision = name_of(&decision), "decided");
        match decision {
            Decision::List => match self.world.list().await {
                Ok(listing) => {
                    self.note_absence(&reading, &listing);
                    self.listing = Some(listing);
                    self.keep(reading)
                }
                Err(fault) => Pass::Failed(None, fault),
            },
            Decision::Replace { reason, previous, orphans } => {
                tracing::info!(reason = ?reason, "rotation began");
                self.replace(reading, previous, orphans).await
            }
            Decision::Deploy => self.deploy(reading).await,
            Decision::PollGate => self.poll_gate(reading).await,
            Decision::Verify => self.verify(reading).await,
            Decision::Seal { orphans } => self.seal(reading, orphans).await,
            Decision::Revoke(ids) => {
                self.joined();
                match self.revoke(&ids).await {
                    Ok(()) => Pass::Moved,
                    Err(fault) => Pass::Failed(Some(Step::Revoke), fault),
                }
            }
            Decision::RollBack(to) => self.roll_back(reading, to).await,
            Decision::Touch { orphans } => self.touch(reading, orphans).await,
            Decision::Wait { until, awaited } => {
                if awaited == Awaited::SecondSighting {
                    self.reading = None;
                } else {
                    self.reading = Some(reading);
                }
                Pass::Waiting(until, awaited)
            }
            Decision::Hold { obstacle, until } => {
                let proofs = self.evidence.proofs();
                let tries = match obstacle {
                    Obstacle::Deploy => &proofs.deploy,
                    Obstacle::Gate => &proofs.gate,
                    Obstacle::Verify => &proofs.verify,
                };
                let problem = tries.failure.clone().unwrap_or_default();
                Pass::Held { obstacle, problem, until }
            }
            Decision::Refuse(refusal) => Pass::Refused(refusal),
            Decision::Rest { next_due } => Pass::Resting(next_due),
        }
    }

    async fn look(&mut self) -> Result<Reading, Fault> {
        self.listing = None;
        let reading = self.world.read().await?;
        self.evidence.look_at(&reading.version);
        self.standing.in_doubt = false;
        self.standing.record = match &reading.slot {
            Slot::Managed { record, .. } => Some((**record).clone()),
            Slot::Vacant | Slot::Unmanaged { .. } | Slot::Edited { .. } => None,
        };
        if self.trigger == Trigger::Forced
            && self.standing.record.as_ref().is_some_and(|r| self.serves_wish(r))
        {
            self.joined();
        }
        Ok(reading)
    }

    /// Whether a rotation that another run began is the one that was asked for: it is unfinished, or began since.
    fn serves_wish(&self, record: &Record) -> bool {
        let unfinished = record.phase == Phase::Published && !record.previous_token_ids.is_empty();
        unfinished || record.rotation_id.started_at().is_some_and(|began| began > self.since)
    }

    fn joined(&mut self) {
        self.standing.took_part = true;
        if self.trigger == Trigger::Forced {
            self.trigger = Trigger::Finish;
        }
    }

    fn judge(&self, reading: &Reading) -> Decision {
        let sight = match &reading.slot {
            Slot::Vacant => Sight::Vacant,
            Slot::Unmanaged { .. } => Sight::Unmanaged,
            Slot::Edited { record, .. } => Sight::Edited(record),
            Slot::Managed { record, .. } => Sight::Managed(record),
        };
        decide(
            self.subject,
            &Observation {
                now: self.world.now(),
                sight,
                listing: self.listing.as_deref(),
                evidence: self.evidence,
                trigger: self.trigger,
            },
        )
    }

    fn note_absence(&mut self, reading: &Reading, listing: &[ListedToken]) {
        let Slot::Managed { record, .. } = &reading.slot else { return };
        if listing.iter().any(|token| token.id == record.token_id) {
            self.evidence.missed_since = None;
        } else if self.evidence.missed_since.is_none() {
            self.evidence.missed_since = Some(self.world.now());
        }
    }

    fn keep(&mut self, reading: Reading) -> Pass {
        self.reading = Some(reading);
        Pass::Looked
    }

    async fn replace(
        &mut self,
        over: Reading,
        previous: Vec<TokenId>,
        orphans: Vec<TokenId>,
    ) -> Pass {
        let (rotation_id, created) = match self.create(&over).await {
            Ok(created) => created,
            Err(fault) => return Pass::Failed(Some(Step::Create), fault),
        };
        let identity = Identity {
            token_id: created.id,
            previous_token_id: previous.first().copied(),
            rotation_id,
        };
        if let Err(fault) = self.preflight(&created.token, &identity).await {
            self.discard(created.id).await;
            return Pass::Failed(Some(Step::Preflight), fault);
        }
        let record = Record {
            token_id: created.id,
            token_name: self.token_name(rotation_id).to_string(),
            token_type: self.subject.token_type,
            username: self.subject.username.clone(),
            created_at: created.created_at,
            expires_at: created.expires_at,
            rotation_id,
            published_at: self.world.now(),
            previous_token_ids: previous,
            phase: Phase::Published,
            token_sha256: created.token.sha256(),
            owner: self.subject.owner.clone(),
        };
        match self.publish(Step::Publish, &over, &record, &created.token).await {
            Ok(()) => {
                tracing::info!(token_id = %record.token_id, rotation_id = %rotation_id, "token published");
                self.standing.took_part = true;
                self.trigger = match self.trigger {
                    Trigger::Compromised | Trigger::CompromisedBegun => Trigger::CompromisedBegun,
                    Trigger::Schedule | Trigger::Finish | Trigger::Forced | Trigger::RollBack => {
                        Trigger::Finish
                    }
                };
                self.evidence.unproved = Some(created.id);
                if let Slot::Managed { record: served, token } = over.slot {
                    self.old = Some((served.token_id, token));
                }
                self.standing.record = Some(record);
                self.reap(&orphans).await;
                Pass::Moved
            }
            Err(PublishError::Conflict) => {
                self.discard(created.id).await;
                Pass::Moved
            }
            Err(PublishError::Refused(fault)) => {
                self.discard(created.id).await;
                Pass::Failed(Some(Step::Publish), fault)
            }
            // It may yet be served: the next look tells.
            Err(PublishError::Unknown(fault)) => {
                self.standing.in_doubt = true;
                Pass::Failed(Some(Step::Publish), fault)
            }
        }
    }

    fn token_name(&self, rotation: RotationId) -> TokenName {
        TokenName {
            owner: self.subject.owner.clone(),
            credential: self.subject.credential.clone(),
            rotation,
        }
    }

    async fn create(&mut self, over: &Reading) -> Result<(RotationId, CreatedToken), Fault> {
        let began = self.journal.began(Step::Create, self.world.now());
        let rotation_id = RotationId::starting_at(self.world.now());
        let name = self.token_name(rotation_id);
        let result = match self.world.ensure_writable(over).await {
            Err(fault) => Err(fault),
            Ok(()) => match self.world.create(&name).await {
                Ok(created) => {
                    tracing::info!(token_id = %created.id, rotation_id = %rotation_id, "token created");
                    Ok((rotation_id, created))
                }
                Err(CreateError::Refused(fault)) => Err(fault),
                Err(CreateError::Unknown(fault)) => {
                    self.discard_by_name(&name).await;
                    Err(fault)
                }
            },
        };
        self.finish(began, result.as_ref().err());
        result
    }

    /// The text of a token whose creation gave no answer is lost: nobody can ever serve it, so it needs no fence. One
    /// that is not listed yet is found as an orphan later.
    async fn discard_by_name(&mut self, name: &TokenName) {
        let name = name.to_string();
        match self.world.list().await {
            Ok(listing) => {
                for token in listing.iter().filter(|token| token.name.as_ref() == Some(&name)) {
                    self.discard(token.id).await;
                }
            }
            Err(fault) => tracing::warn!(error = %fault, "token left behind until a later look"),
        }
    }

    /// Revokes a token that was never served and that nobody can serve any more.
    async fn discard(&mut self, id: TokenId) {
        match self.world.revoke(id).await {
            Ok(_) => {
                self.evidence.gone.insert(id);
                tracing::info!(token_id = %id, "unused token revoked");
            }
            Err(fault) => {
                tracing::warn!(token_id = %id, error = %fault, "unused token left behind until a later look");
            }
        }
    }

    async fn preflight(&mut self, token: &Token, identity: &Identity) -> Result<(), Fault> {
        let began = self.journal.began(Step::Preflight, self.world.now());
        let mut result = self.connect_once(token, identity).await;
        for _ in 1..PREFLIGHTS {
            if result.is_ok() || self.world.stopping() {
                break;
            }
            self.world.nap(PREFLIGHT_PAUSE).await;
            result = self.connect_once(token, identity).await;
        }
        self.finish(began, result.as_ref().err());
        result
    }

    async fn connect_once(&self, token: &Token, identity: &Identity) -> Result<(), Fault> {
        match self.world.connect(token, identity).await? {
            Verdict::Works => Ok(()),
            Verdict::Refused(why) => Err(Fault {
                kind: FaultKind::Transient,
                message: format!("the new token was refused: {why}"),
                hint: None,
            }),
        }
    }

    async fn publish(
        &mut self,
        step: Step,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        let began = self.journal.began(step, self.world.now());
        let result = self.world.publish(over, record, token).await;
        let outcome = if result.is_ok() { StepOutcome::Ok } else { StepOutcome::Failed };
        let problem = result.as_ref().err().map(ToString::to_string);
        self.journal.ended(began, self.world.now(), outcome, problem.as_deref());
        if let Err(PublishError::Conflict) = result {
            tracing::info!("another writer came first");
        }
        result
    }

    /// Revokes orphans after a write that came after the list in which they were seen: whoever meant to publish one
    /// of them over the version before can no longer do so.
    async fn reap(&mut self, orphans: &[TokenId]) {
        for id in orphans {
            self.discard(*id).await;
        }
    }

    async fn deploy(&mut self, reading: Reading) -> Pass {
        let Slot::Managed { record, .. } = &reading.slot else { return Pass::Moved };
        self.joined();
        let began = self.journal.began(Step::Deploy, self.world.now());
        let result = self.world.deploy(record).await;
        self.finish(began, result.as_ref().err());
        let now = self.world.now();
        self.evidence.proofs_mut().deploy.count(now, result.map_err(|fault| fault.to_string()));
        self.keep(reading)
    }

    async fn poll_gate(&mut self, reading: Reading) -> Pass {
        let Slot::Managed { record, .. } = &reading.slot else { return Pass::Moved };
        self.joined();
        let began = self.journal.began(Step::Gate, self.world.now());
        let health = self.world.poll_gate(record).await;
        let now = self.world.now();
        let (outcome, problem) = match health {
            Health::Healthy => (StepOutcome::Ok, None),
            Health::Unhealthy(why) => (StepOutcome::Failed, Some(why)),
        };
        self.journal.ended(began, now, outcome, problem.as_deref());
        self.evidence.proofs_mut().gate.count(now, problem.map_or(Ok(()), Err));
        self.keep(reading)
    }

    async fn verify(&mut self, reading: Reading) -> Pass {
        let Slot::Managed { record, token } = &reading.slot else { return Pass::Moved };
        self.joined_if_unresolved(record);
        let began = self.journal.began(Step::Verify, self.world.now());
        let result = self.world.connect(token, &Identity::served(record)).await;
        let now = self.world.now();
        let (refused, problem) = match result {
            Ok(Verdict::Works) => (false, None),
            Ok(Verdict::Refused(why)) => {
                (true, Some(format!("the served token was refused: {why}")))
            }
            Err(fault) => (false, Some(fault.to_string())),
        };
        let outcome = if problem.is_none() { StepOutcome::Ok } else { StepOutcome::Failed };
        self.journal.ended(began, now, outcome, problem.as_deref());
        if problem.is_none() {
            tracing::info!(token_id = %record.token_id, "token verified");
            self.evidence.unproved = None;
        }
        let proofs = self.evidence.proofs_mut();
        proofs.refused = refused;
        proofs.verify.count(now, problem.map_or(Ok(()), Err));
        self.keep(reading)
    }

    fn joined_if_unresolved(&mut self, record: &Record) {
        if record.phase == Phase::Published && !record.previous_token_ids.is_empty() {
            self.joined();
        }
    }

    async fn seal(&mut self, reading: Reading, orphans: Vec<TokenId>) -> Pass {
        let Slot::Managed { record, token } = &reading.slot else { return Pass::Moved };
        self.joined();
        self.recall_old(record).await;
        let sealed = Record { phase: Phase::Retiring, ..(**record).clone() };
        match self.publish(Step::Seal, &reading, &sealed, token).await {
            Ok(()) => {
                tracing::info!(rotation_id = %sealed.rotation_id, "rotation sealed");
                self.standing.record = Some(sealed.clone());
                self.reap(&orphans).await;
                if let Err(fault) = self.revoke(&sealed.previous_token_ids).await {
                    return Pass::Failed(Some(Step::Revoke), fault);
                }
                self.confirm().await;
                if self.trigger == Trigger::CompromisedBegun {
                    self.trigger = Trigger::Finish;
                }
                Pass::Resting(next_due(&self.subject.policy, &sealed, self.world.now()))
            }
            Err(PublishError::Conflict) => Pass::Moved,
            Err(PublishError::Refused(fault) | PublishError::Unknown(fault)) => {
                Pass::Failed(Some(Step::Seal), fault)
            }
        }
    }

    /// The old token's text, to see it refused later. Best effort: a process that did not publish has not seen it.
    async fn recall_old(&mut self, record: &Record) {
        let Some(&id) = record.previous_token_ids.first() else { return };
        if self.old.as_ref().is_some_and(|(old, _)| *old == id) {
            return;
        }
        self.old = match self.world.recall(id).await {
            Ok(found) => found.map(|(_, token)| (id, token)),
            Err(fault) => {
                tracing::debug!(error = %fault, "old token not readable");
                None
            }
        };
    }

    async fn revoke(&mut self, ids: &[TokenId]) -> Result<(), Fault> {
        let began = self.journal.began(Step::Revoke, self.world.now());
        let mut result = Ok(());
        for id in
            ids.iter().copied().filter(|id| !self.evidence.gone.contains(id)).collect::<Vec<_>>()
        {
            match self.world.revoke(id).await {
                Ok(revocation) => {
                    self.evidence.gone.insert(id);
                    if revocation == Revocation::Revoked {
                        self.journal.revoked(id);
                    }
                    tracing::info!(token_id = %id, "token revoked");
                }
                Err(fault) => result = Err(fault),
            }
        }
        self.finish(began, result.as_ref().err());
        result
    }

    /// Sees the old token refused. Revocation is eventual and open to delay: a warning, not a failure.
    async fn confirm(&mut self) {
        let Some((id, token)) = self.old.take() else { return };
        let Some(sealed) = &self.standing.record else { return };
        let identity =
            Identity { token_id: id, previous_token_id: None, rotation_id: sealed.rotation_id };
        let began = self.journal.began(Step::Confirm, self.world.now());
        for attempt in 1..=CONFIRMATIONS {
            if let Ok(Verdict::Refused(_)) = self.world.connect(&token, &identity).await {
                self.journal.ended(began, self.world.now(), StepOutcome::Ok, None);
                tracing::info!(token_id = %id, "old token refused");
                return;
            }
            if attempt == CONFIRMATIONS || self.world.stopping() {
                break;
            }
            self.world.nap(CONFIRMATION_PAUSE).await;
        }
        let problem = "the revoked token still connects";
        self.journal.ended(began, self.world.now(), StepOutcome::Warning, Some(problem));
        tracing::warn!(token_id = %id, "revoked token still connects");
    }

    async fn roll_back(&mut self, reading: Reading, to: TokenId) -> Pass {
        let Slot::Managed { record, .. } = &reading.slot else { return Pass::Moved };
        let (old, token) = match self.world.recall(to).await {
            Ok(Some(found)) => found,
            Ok(None) => return self.no_way_back(reading, "the store no longer has its text"),
            Err(fault) => return Pass::Failed(Some(Step::Publish), fault),
        };
        match self.world.connect(&token, &Identity::served(&old)).await {
            Ok(Verdict::Works) => {}
            Ok(Verdict::Refused(_)) => return self.no_way_back(reading, "it no longer connects"),
            Err(fault) => return Pass::Failed(Some(Step::Preflight), fault),
        }
        let mut previous = vec![record.token_id];
        previous.extend(record.previous_token_ids.iter().filter(|id| **id != to));
        let rolled_back = Record {
            rotation_id: record.rotation_id,
            published_at: self.world.now(),
            previous_token_ids: previous,
            phase: Phase::Published,
            token_sha256: token.sha256(),
            owner: self.subject.owner.clone(),
            ..old
        };
        let result = self.publish(Step::Publish, &reading, &rolled_back, &token).await;
        match result {
            Ok(()) => {
                tracing::warn!(token_id = %to, rotation_id = %rolled_back.rotation_id, "rotation rolled back");
                self.standing.took_part = true;
                self.trigger = Trigger::Finish;
                if let Slot::Managed { record: served, token } = reading.slot {
                    self.old = Some((served.token_id, token));
                }
                self.standing.record = Some(rolled_back);
                Pass::Moved
            }
            Err(PublishError::Conflict) => Pass::Moved,
            Err(PublishError::Refused(fault) | PublishError::Unknown(fault)) => {
                Pass::Failed(Some(Step::Publish), fault)
            }
        }
    }

    fn no_way_back(&mut self, reading: Reading, why: &str) -> Pass {
        tracing::error!(reason = why, "predecessor cannot be served again");
        self.evidence.proofs_mut().no_way_back = Some(why.to_owned());
        self.keep(reading)
    }

    async fn touch(&mut self, reading: Reading, orphans: Vec<TokenId>) -> Pass {
        let Slot::Managed { record, token } = &reading.slot else { return Pass::Moved };
        match self.world.publish(&reading, record, token).await {
            Ok(()) => {
                self.reap(&orphans).await;
                Pass::Moved
            }
            Err(PublishError::Conflict) => Pass::Moved,
            Err(PublishError::Refused(fault) | PublishError::Unknown(fault)) => {
                Pass::Failed(Some(Step::Seal), fault)
            }
        }
    }

    fn finish(&mut self, began: (Step, Timestamp), fault: Option<&Fault>) {
        let outcome = if fault.is_none() { StepOutcome::Ok } else { StepOutcome::Failed };
        let problem = fault.map(ToString::to_string);
        self.journal.ended(began, self.world.now(), outcome, problem.as_deref());
    }
}

fn name_of(decision: &Decision) -> &'static str {
    match decision {
        Decision::List => "list",
        Decision::Refuse(_) => "refuse",
        Decision::Replace { .. } => "replace",
        Decision::Deploy => "deploy",
        Decision::PollGate => "poll_gate",
        Decision::Verify => "verify",
        Decision::Seal { .. } => "seal",
        Decision::Revoke(_) => "revoke",
        Decision::RollBack(_) => "roll_back",
        Decision::Touch { .. } => "touch",
        Decision::Wait { .. } => "wait",
        Decision::Hold { .. } => "hold",
        Decision::Rest { .. } => "rest",
    }
}

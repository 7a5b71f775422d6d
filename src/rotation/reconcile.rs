//! One pass: observe, decide, act. What it finds decides everything; the pass before may have been another process's.

use jiff::Timestamp;

use crate::fault::{Fault, FaultKind};
use crate::names::{RotationId, TokenId, TokenName};
use crate::record::{Record, SecretContent};
use crate::rotation::condition::{self, Tokens, living};
use crate::rotation::decide::{
    Decided, Decision, Observation, Reason, Refusal, Request, SecretState, Stage, Subject, Vacancy,
    WaitingFor, decide,
};
use crate::rotation::evidence::Evidence;
use crate::rotation::mirror::named_in_mirrors;
use crate::rotation::step_log::{Step, StepLog, StepOutcome};
use crate::rotation::time::disagreement;
use crate::rotation::world::{
    ListedToken, PublishError, PublishRequest, Reading, Site, Version, World,
};
use crate::secret::Token;

mod mirror;
mod prove;
mod replace;
mod retire;
mod roll_back;
mod whose;

use self::replace::Replacing;

/// What judges an observation: [`decide`], outside of tests that see whether a wrong one would be noticed.
pub type Judge = dyn Fn(&Subject, &Observation<'_>) -> Decided + Send + Sync;

/// What one pass came to.
#[derive(Debug)]
pub enum Pass {
    /// Something was done; the world must be looked at again.
    Moved,
    /// More is known, or a try was made whose pace is already decided; there is more to do.
    Observed,
    /// Nothing to do until then.
    Waiting(Timestamp, WaitingFor),
    /// Both tokens stay valid until a person, or healthy consumers, resolve it.
    Held {
        /// What is in the way.
        stage: Stage,
        /// How the last try of it failed.
        problem: String,
        /// When to look again.
        until: Timestamp,
    },
    /// Nothing is done until a person acts.
    Refused(Refusal),
    /// A step, or the look before it, did not come about.
    Failed {
        /// Which step, if it came to one.
        step: Option<Step>,
        /// The same in one word.
        reason: condition::Reason,
        /// What happened.
        fault: Fault,
    },
    /// At rest.
    Resting {
        /// When the credential is due.
        next_due: Option<Timestamp>,
        /// The tokens that live elsewhere.
        elsewhere: Vec<TokenId>,
    },
}

impl Pass {
    /// A step did not come about.
    fn failed(step: Step, fault: Fault) -> Self {
        Self::Failed { step: Some(step), reason: condition::Reason::of_step(step), fault }
    }

    /// The look did not come about.
    fn unseen(reason: condition::Reason, fault: Fault) -> Self {
        Self::Failed { step: None, reason, fault }
    }
}

/// What is known of the credential's place in its rotation, from the last look.
#[derive(Debug, Clone, Default)]
pub struct RunState {
    /// The record that was last seen or written.
    pub record: Option<Record>,
    /// Whether this run published, rolled back or went on with a rotation.
    pub took_part: bool,
    /// The token that this run saw connect, as read back from the store.
    pub proved: Option<TokenId>,
    /// Whether a write of this run may or may not have come about.
    pub in_doubt: bool,
    /// Why a replacement was made, if this run made one.
    pub reason: Option<Reason>,
    /// The rule that decided last.
    pub rule: Option<&'static str>,
    /// The last list that came.
    pub listing: Option<Vec<ListedToken>>,
    /// The rotation that the run works at, as the log was told.
    pub rotation_id: Option<RotationId>,
}

impl RunState {
    /// Whether the run took part in a rotation and has not seen the token that is now served connect.
    pub fn is_unproved(&self) -> bool {
        self.took_part && self.record.as_ref().map(|record| record.token_id) != self.proved
    }
}

/// The rotation of one credential, for as long as one process works on it.
pub struct Reconciler<'a, W> {
    world: &'a W,
    subject: &'a Subject,
    pub(super) evidence: &'a mut Evidence,
    /// What is asked for; it becomes [`Request::FINISH`] once it was done.
    pub request: Request,
    /// What the run did.
    pub log: StepLog<'a>,
    /// Where the credential stands.
    pub state: RunState,
    since: Timestamp,
    reading: Option<Reading>,
    listing: Option<Vec<ListedToken>>,
    /// Whether every mirror was seen to serve what the store serves, since the last look or wait.
    mirrored: bool,
    /// The tokens that the records in the mirrors name, where the secret itself has none.
    in_mirrors: Vec<TokenId>,
    old: Option<(TokenId, Token)>,
    judge: &'a Judge,
    /// The version over which a write of this run was refused because somebody else had written.
    contested: Option<Version>,
}

impl<'a, W: World> Reconciler<'a, W> {
    /// A run that starts now.
    pub fn new(
        world: &'a W,
        subject: &'a Subject,
        evidence: &'a mut Evidence,
        request: Request,
        log: StepLog<'a>,
    ) -> Self {
        let since = world.now();
        evidence.begin_run();
        Self {
            world,
            subject,
            evidence,
            request,
            log,
            state: RunState::default(),
            since,
            reading: None,
            listing: None,
            mirrored: false,
            in_mirrors: vec![],
            old: None,
            judge: &decide,
            contested: None,
        }
    }

    /// The same run by another judgement.
    #[must_use]
    pub fn judged_by(self, judge: &'a Judge) -> Self {
        Self { judge, ..self }
    }

    /// Which of the credential's tokens live, as of the last look. A list that is older than what is served tells only
    /// of what was revoked.
    pub fn tokens(&self) -> Tokens {
        let record = self.state.record.as_ref();
        let tells = |list: &&Vec<ListedToken>| {
            let is_listed = |id| list.iter().any(|token| token.id == id);
            self.listing.is_some() || record.is_none_or(|record| is_listed(record.token_id))
        };
        let listing = self.state.listing.as_ref().filter(tells).map(Vec::as_slice);
        living(self.subject, record, listing, self.evidence, self.world.now())
    }

    /// Looks, decides one step and takes it.
    pub async fn pass(&mut self) -> Pass {
        let reading = match self.reading.take() {
            Some(reading) => reading,
            None => match self.observe().await {
                Ok(reading) => reading,
                Err(fault) => {
                    return Pass::unseen(condition::Reason::StoreUnreachable, fault);
                }
            },
        };
        let Decided { rule, step } = self.judge(&reading);
        tracing::debug!(decision = name_of(&step), rule, "decided");
        self.state.rule = Some(rule);
        match step {
            Decision::List => match self.world.list().await {
                Ok(listing) => {
                    self.note_absence(&reading, &listing);
                    self.state.listing = Some(listing.clone());
                    self.listing = Some(listing);
                    self.keep(reading)
                }
                Err(fault) => Pass::unseen(condition::Reason::TokensNotListed, fault.into()),
            },
            Decision::Replace { reason, previous, orphans, elsewhere } => {
                self.state.reason = Some(reason);
                self.replace(reading, reason, Replacing { previous, orphans, elsewhere }).await
            }
            Decision::Mirror => self.mirror(reading).await,
            Decision::Deploy => self.deploy(reading).await,
            Decision::PollGate => self.poll_gate(reading).await,
            Decision::Verify => self.verify(reading).await,
            Decision::Seal { orphans } => self.seal(reading, orphans).await,
            // What another run sealed is not what this one was asked for.
            Decision::Revoke(ids) => match self.revoke(&ids).await {
                Ok(()) => Pass::Moved,
                Err(fault) => Pass::failed(Step::Revoke, fault),
            },
            Decision::Confirm => self.confirm_late(reading).await,
            Decision::RollBack(to) => self.roll_back(reading, to).await,
            Decision::Fence { orphans } => self.fence(reading, orphans).await,
            Decision::Wait { until, waiting_for } => {
                self.mirrored = false;
                match waiting_for {
                    // Waiting at a gate costs the store nothing. Who changes the secret meanwhile is noticed by the
                    // seal, which is a compare-and-set over this very reading.
                    WaitingFor::Stage(_) => self.reading = Some(reading),
                    WaitingFor::SecondList => {}
                }
                Pass::Waiting(until, waiting_for)
            }
            Decision::Hold { stage, until } => {
                Pass::Held { stage, problem: self.problem_of(stage), until }
            }
            Decision::Refuse(refusal) => Pass::Refused(refusal),
            Decision::Forget(left) => self.forget(reading, &left).await,
            Decision::Rest { next_due, elsewhere } => Pass::Resting { next_due, elsewhere },
        }
    }

    /// How the last try went of what is in the way.
    fn problem_of(&self, stage: Stage) -> String {
        let proofs = self.evidence.proofs();
        let tries = match stage {
            Stage::Mirror => &proofs.mirror,
            Stage::Deploy => &proofs.deploy,
            Stage::Gate => &proofs.gate,
            Stage::Verify => &proofs.verify,
            Stage::EndpointNotChecking => &proofs.confirm,
            Stage::Clock => {
                return disagreement(self.world.time(), self.state.record.as_ref());
            }
        };
        tries.failure.clone().unwrap_or_default()
    }

    async fn observe(&mut self) -> Result<Reading, Fault> {
        self.listing = None;
        self.mirrored = false;
        let reading = self.world.read(Site::Store).await?;
        if self.contested.take().is_some_and(|version| version == reading.version) {
            // To create yet another token and lose it the same way would never end.
            return Err(Fault {
                kind: FaultKind::Transient,
                message:
                    "the store says that somebody else wrote the secret, which has not changed"
                        .to_owned(),
                hint: None,
            });
        }
        self.evidence.observe(&reading.version);
        self.in_mirrors = match &reading.content {
            SecretContent::Vacant => named_in_mirrors(self.world, self.subject).await?,
            SecretContent::Unmanaged { .. }
            | SecretContent::Edited { .. }
            | SecretContent::Managed { .. } => vec![],
        };
        self.state.record = match &reading.content {
            SecretContent::Managed { record, .. } => Some((**record).clone()),
            SecretContent::Vacant
            | SecretContent::Unmanaged { .. }
            | SecretContent::Edited { .. } => None,
        };
        if let Some(record) = &self.state.record {
            self.log.saw(record);
        }
        let unfinished = self.state.record.as_ref().filter(|record| record.is_unfinished());
        if let Some(id) = unfinished.map(|record| record.rotation_id) {
            self.tell_rotation(id);
        }
        let in_doubt = std::mem::take(&mut self.state.in_doubt);
        if in_doubt
            && self.request == Request::ROLL_BACK
            && self.state.record.as_ref().is_some_and(Record::is_rolled_back)
        {
            // The write whose answer was lost.
            self.state.took_part = true;
        }
        if self.request.is_rotation()
            && self.state.record.as_ref().is_some_and(|r| self.serves_request(r))
        {
            self.joined();
        }
        Ok(reading)
    }

    /// Whether a rotation that another run began is the one that was asked for: it is unfinished, or began since.
    fn serves_request(&self, record: &Record) -> bool {
        record.is_unfinished()
            || record.rotation_id.started_at().is_some_and(|began| began > self.since)
    }

    /// Names the rotation on every event from here on: it outlives a process, so its ID is its identity in the log.
    fn tell_rotation(&mut self, id: RotationId) {
        if self.state.rotation_id != Some(id) {
            self.state.rotation_id = Some(id);
            tracing::Span::current().record("rotation_id", tracing::field::display(id));
        }
    }

    fn joined(&mut self) {
        self.state.took_part = true;
        if self.request.is_rotation() {
            self.request = Request::FINISH;
        }
    }

    fn judge(&self, reading: &Reading) -> Decided {
        let secret = match &reading.content {
            SecretContent::Vacant => SecretState::Vacant(Vacancy {
                is_untouched: reading.version.is_absent(),
                in_mirrors: &self.in_mirrors,
            }),
            SecretContent::Unmanaged { .. } => SecretState::Unmanaged,
            SecretContent::Edited { record, .. } => SecretState::Edited(record),
            SecretContent::Managed { record, .. } => SecretState::Managed(record),
        };
        (self.judge)(
            self.subject,
            &Observation {
                time: self.world.time(),
                secret,
                listing: self.listing.as_deref(),
                mirrored: self.mirrored,
                is_unproved: self.state.is_unproved(),
                evidence: self.evidence,
                // What this run has changed it looks at to the end.
                request: Request {
                    spares_lists: self.request.spares_lists && !self.state.took_part,
                    ..self.request
                },
            },
        )
    }

    fn note_absence(&mut self, reading: &Reading, listing: &[ListedToken]) {
        let SecretContent::Managed { record, .. } = &reading.content else { return };
        let is_listed = |id: TokenId| listing.iter().any(|token| token.id == id);
        let now = self.world.now();
        self.evidence.listed_at = Some(now);
        if !is_listed(record.token_id) {
            self.evidence.missed(now);
            return;
        }
        self.evidence.found();
        for id in &record.elsewhere_token_ids {
            if is_listed(*id) {
                self.evidence.missing_elsewhere.remove(id);
            } else {
                self.evidence.missing_elsewhere.entry(*id).or_insert(now);
            }
        }
    }

    fn keep(&mut self, reading: Reading) -> Pass {
        self.reading = Some(reading);
        Pass::Observed
    }

    async fn publish(&mut self, step: Step, write: PublishRequest<'_>) -> Result<(), PublishError> {
        let began = self.log.began(step, self.world.now());
        let result = self.world.publish(write).await;
        let outcome = if result.is_ok() { StepOutcome::Ok } else { StepOutcome::Failed };
        let problem = result.as_ref().err().map(ToString::to_string);
        self.log.ended(began, self.world.now(), outcome, problem.as_deref());
        self.note_conflict(write.over, &result);
        result
    }

    /// The rotation that a listed token was made in, as its name tells.
    fn made_in(&self, id: TokenId) -> Option<RotationId> {
        let listed = self.state.listing.iter().flatten().find(|token| token.id == id)?;
        TokenName::parse(listed.name.as_deref()?).map(|name| name.rotation)
    }

    fn note_conflict(&mut self, over: &Reading, result: &Result<(), PublishError>) {
        if let Err(PublishError::Conflict) = result {
            tracing::info!("another writer came first");
            self.contested = Some(over.version.clone());
        }
    }

    fn finish(&mut self, began: (Step, Timestamp), fault: Option<&Fault>) {
        let outcome = if fault.is_none() { StepOutcome::Ok } else { StepOutcome::Failed };
        let problem = fault.map(ToString::to_string);
        self.log.ended(began, self.world.now(), outcome, problem.as_deref());
    }
}

fn name_of(decision: &Decision) -> &'static str {
    match decision {
        Decision::List => "list",
        Decision::Refuse(_) => "refuse",
        Decision::Replace { .. } => "replace",
        Decision::Mirror => "mirror",
        Decision::Deploy => "deploy",
        Decision::PollGate => "poll_gate",
        Decision::Verify => "verify",
        Decision::Seal { .. } => "seal",
        Decision::Revoke(_) => "revoke",
        Decision::Confirm => "confirm",
        Decision::RollBack(_) => "roll_back",
        Decision::Fence { .. } => "touch",
        Decision::Wait { .. } => "wait",
        Decision::Hold { .. } => "hold",
        Decision::Forget(_) => "forget",
        Decision::Rest { .. } => "rest",
    }
}

//! What is known of one credential, and how a run's progress and end change it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::configured::Configured;
use super::counts::Counts;
use super::credential_status::CredentialStatus;
use super::history::{millis, waited_before};
use super::words::Origin;
use crate::fault::FaultKind;
use crate::names::{CredentialName, TokenId};
use crate::record::{Pause, Phase, Record};
use crate::rotation::condition::{
    Condition, Kept, LastRun, Observed, Problem, Reason as Why, Seen, State, Tokens, Working,
    condition,
};
use crate::rotation::decide::Reason;
use crate::rotation::policy::Policy;
use crate::rotation::run::{Outcome, Report};
use crate::rotation::schedule::{Due, LATENESS, Run, began, deadline};
use crate::rotation::step_log::{Progress, Step};
use crate::rotation::time::Time;

/// What a rotation may take beyond the longest time of its gate, before it counts as past its deadline.
const ALLOWANCE: SignedDuration = SignedDuration::from_mins(5);

pub(super) struct Entry {
    pub(super) member: CredentialStatus,
    policy: Arc<Policy>,
    record: Option<Record>,
    tokens: Tokens,
    /// How the last run left it.
    last_run: Option<LastRun>,
    /// The run in hand, once it has taken a step, or has found a rotation unfinished.
    working: Option<Working>,
    /// Why it is kept in its former place, and since when.
    kept: Option<Box<(Kept, Timestamp)>>,
    /// Why the unfinished rotation began.
    origin: Option<Origin>,
    held: bool,
    /// Since when it is looked after.
    known_since: Timestamp,
    /// The last scheduled instant that was counted as missed, or whose run will not be.
    missed: Option<Timestamp>,
    /// Whether the run in hand began a rotation.
    has_begun: bool,
}

impl Entry {
    pub(super) fn new(credential: &Configured, now: Timestamp) -> Self {
        let policy = credential.policy.clone();
        let tokens = Tokens::default();
        let unseen = observed(&credential.name, Seen::NotYet, &tokens);
        Self {
            member: CredentialStatus {
                name: credential.name.clone(),
                fleet: credential.fleet.clone(),
                username: credential.username.clone(),
                token_type: credential.token_type,
                store: credential.store.clone(),
                path: credential.path.clone(),
                // As it is shown it is judged anew: nothing is kept of what that says.
                condition: Condition {
                    message: None,
                    hint: None,
                    ..condition(&policy, &unseen, None, now)
                },
                token_id: None,
                rotation_id: None,
                created_at: None,
                published_at: None,
                expires_at: None,
                renew_before_seconds: policy.renew_before.as_secs(),
                last_success: None,
                last_trigger: None,
                looked_at: None,
                predecessors: 0,
                elsewhere: 0,
                elsewhere_expires_at: None,
                orphans: None,
                unmanaged: None,
                unfinished_since: None,
                deadline: None,
                rule: None,
            },
            policy,
            record: None,
            tokens,
            last_run: None,
            working: None,
            kept: None,
            origin: None,
            held: false,
            known_since: now,
            missed: None,
            has_begun: false,
        }
    }

    /// Takes in whether it is kept as it was before it was configured otherwise.
    pub(super) fn keep(&mut self, kept: Option<Kept>, now: Timestamp) {
        let since = self.kept.as_ref().map_or(now, |kept| kept.1);
        self.kept = kept.map(|kept| Box::new((kept, since)));
    }

    /// Takes in that the credential is configured otherwise. In another place, or for another account, it is another
    /// one, of which nothing is known yet.
    pub(super) fn configure(&mut self, credential: &Configured, now: Timestamp) {
        let fresh = Self::new(credential, now);
        let place = |one: &CredentialStatus| {
            (one.username.clone(), one.token_type, one.store.clone(), one.path.clone())
        };
        if place(&fresh.member) != place(&self.member) {
            *self = fresh;
            return;
        }
        self.member.fleet = fresh.member.fleet;
        self.member.renew_before_seconds = fresh.member.renew_before_seconds;
        if self.policy.schedule != fresh.policy.schedule {
            // What another schedule would have asked for until now was asked of nobody.
            self.missed = self.missed.max(Some(now));
        }
        self.policy = fresh.policy;
    }

    pub(super) fn progressed(&mut self, progress: &Progress, now: Timestamp) {
        match progress {
            Progress::Saw(record) => self.saw(record),
            Progress::Began(step) | Progress::Waiting(step, _) => {
                self.has_begun |= *step == Step::Create;
                let since = self.working.map_or(now, |working| working.since);
                self.working = Some(Working { step: Some(*step), since });
                self.member.unfinished_since.get_or_insert(now);
            }
            Progress::Ended(..) => {}
        }
    }

    /// Takes in what a run has read, before anything comes of it: a gate may take hours.
    fn saw(&mut self, record: &Record) {
        self.show(record);
        if record.phase == Phase::Published {
            self.tokens.predecessors.clone_from(&record.previous_token_ids);
        }
        if record.is_unfinished() {
            self.member.unfinished_since = Some(record.published_at);
            if self.last_run.is_none() && self.working.is_none() {
                self.working = Some(Working { step: None, since: record.published_at });
            }
        }
        self.record = Some(record.clone());
    }

    /// Takes in the end of a run. Returns what the rotation that it worked on began for.
    pub(super) fn settled(
        &mut self,
        report: &Report,
        next_look: Option<Timestamp>,
        now: Timestamp,
        counts: &Counts,
    ) -> Origin {
        let origin = report.seen.reason.map(Origin::from).or(self.origin);
        let origin = origin.unwrap_or(Origin::Resumed);
        self.count(report, origin, now, counts);
        self.ended(report.state(), report.condition_problem(), next_look, now);
        self.held = report.outcome == Outcome::Held;
        self.origin = self.held.then_some(origin);
        if report.outcome == Outcome::Rotated {
            self.member.last_trigger = Some(origin);
        }
        self.member.rule = report.seen.rule;
        if let Some(record) = &report.seen.record {
            self.note_record(record, report, now);
        }
        let published_at = self.member.published_at;
        self.member.unfinished_since =
            if self.held { published_at.or(self.member.unfinished_since) } else { None };
        self.note_tokens(&report.tokens);
        origin
    }

    pub(super) fn panicked(
        &mut self,
        next_look: Option<Timestamp>,
        now: Timestamp,
        counts: &Counts,
    ) {
        counts.failure(&self.member.name, None, "panic");
        let problem = Problem {
            step: None,
            reason: Why::Panicked,
            message: Why::Panicked.meaning().to_owned(),
            hint: None,
        };
        self.ended(State::Failing, Some(problem), next_look, now);
    }

    fn ended(
        &mut self,
        state: State,
        problem: Option<Problem>,
        next_look: Option<Timestamp>,
        now: Timestamp,
    ) {
        let before = self.last_run.as_ref().filter(|run| run.state == state);
        let since = before.map_or(now, |run| run.since);
        self.last_run = Some(LastRun { state, problem, since, next_look });
        self.member.looked_at = Some(now);
        (self.has_begun, self.working) = (false, None);
    }

    fn count(&mut self, report: &Report, origin: Origin, now: Timestamp, counts: &Counts) {
        let name = &self.member.name;
        let counted = match report.outcome {
            Outcome::Rotated | Outcome::RolledBack => true,
            Outcome::Held => !self.held,
            // What failed before a rotation began is no rotation.
            Outcome::Failed => report.seen.reason.is_some(),
            Outcome::NotDue => false,
        };
        if counted {
            counts.rotation(name, origin, report.outcome);
        }
        if let Some(problem) = &report.problem {
            let cause = match (report.state(), problem.kind) {
                (State::Held, _) => "held",
                (_, FaultKind::Transient) => "transient",
                (_, FaultKind::Permanent) => "permanent",
            };
            counts.failure(name, problem.step, cause);
        }
        let is_unknown = origin == Origin::Resumed && !self.held;
        for step in &report.steps {
            let before = waited_before(step.step, step.began, report);
            let before = if is_unknown { millis(before) } else { 0 };
            counts.step_took(step.step, step.duration_ms.saturating_add(before));
        }
        if report.outcome == Outcome::Rotated
            && let Some(began) = report.rotation_id.and_then(|id| id.started_at())
        {
            let took = Duration::try_from(now.duration_since(began)).unwrap_or_default();
            counts.rotation_took(took);
        }
        if let Some(instant) = self.made_up_for(report)
            && self.missed.is_none_or(|missed| missed < instant)
        {
            self.missed = Some(instant);
            counts.missed_run(&self.member.name);
        }
    }

    /// The scheduled instant that this run made up for: no rotation began in time.
    fn made_up_for(&self, report: &Report) -> Option<Timestamp> {
        let record = report.seen.record.as_ref()?;
        let Some(Reason::Due(Due::Scheduled(instant))) = report.seen.reason else { return None };
        let paused = record.pause.as_ref().and_then(|pause| pause.until);
        if paused.is_some_and(|until| instant <= until) {
            return None;
        }
        let late = began(record).duration_since(self.policy.schedule.start(instant));
        (late > LATENESS).then_some(instant)
    }

    /// When the next scheduled run counts as missed, unless a rotation begins before.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        if self.has_begun || self.policy.paused {
            return None;
        }
        if self.pause().is_some_and(|pause| pause.until.is_none()) {
            return None;
        }
        self.awaited()?.start.checked_add(LATENESS).ok()
    }

    /// The pause in the record, be it over.
    fn pause(&self) -> Option<&Pause> {
        self.record.as_ref()?.pause.as_deref()
    }

    /// Counts the next scheduled run as missed if its time is up, whatever keeps it from beginning. After a long time
    /// in which nobody looked, all that passed count as one.
    pub(super) fn miss(&mut self, now: Timestamp, counts: &Counts) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        let Some(run) = self.awaited() else { return };
        let schedule = &self.policy.schedule;
        let served = |start: Timestamp| schedule.last(start).into_iter().chain([run.instant]).max();
        let latest = now.checked_sub(LATENESS).ok().and_then(|at| schedule.last(at));
        let latest = latest.filter(|at| schedule.start(*at).duration_since(now) <= -LATENESS);
        self.missed = served(run.start).max(latest);
        counts.missed_run(&self.member.name);
    }

    /// The first scheduled run that no rotation, and no count, is for.
    fn awaited(&self) -> Option<Run> {
        let since = self.record.as_ref().map_or(self.known_since, began);
        // What is asked for while it is paused is missed by nobody.
        let paused = self.pause().and_then(|pause| pause.until);
        let since = self.missed.into_iter().chain(paused).fold(since, Timestamp::max);
        self.policy.schedule.runs(since).find(|run| since < run.instant)
    }

    /// Shows what `record` tells of the served token.
    fn show(&mut self, record: &Record) {
        let member = &mut self.member;
        member.token_id = Some(record.token_id);
        member.rotation_id = Some(record.rotation_id);
        member.created_at = Some(record.created_at);
        member.published_at = Some(record.published_at);
        member.expires_at = record.expires_at;
    }

    fn note_record(&mut self, record: &Record, report: &Report, now: Timestamp) {
        self.show(record);
        match report.outcome {
            Outcome::Rotated => self.member.last_success = Some(now),
            Outcome::NotDue => {
                self.member.last_success.get_or_insert(record.published_at);
            }
            Outcome::Failed | Outcome::Held | Outcome::RolledBack => {}
        }
        self.record = Some(record.clone());
    }

    /// A run that did not list the account says nothing of orphans, and leaves what is known of them.
    fn note_tokens(&mut self, tokens: &Tokens) {
        if self.record.is_none() {
            return;
        }
        let mut before = std::mem::replace(&mut self.tokens, tokens.clone());
        if tokens.orphans.is_none() {
            self.tokens.orphans = before.orphans.take();
            let is_sealed = self.record.as_ref().is_some_and(|it| it.phase == Phase::Retiring);
            // What was sealed was revoked at once, but for what is known to live, or a list will tell.
            self.tokens.predecessors.retain(|id| !is_sealed || before.predecessors.contains(id));
        }
    }

    /// The tokens that the record knows.
    pub(super) fn tokens(&self) -> impl Iterator<Item = TokenId> + '_ {
        self.record.iter().flat_map(|record| {
            std::iter::once(record.token_id)
                .chain(record.previous_token_ids.iter().copied())
                .chain(record.elsewhere_token_ids.iter().copied())
        })
    }

    /// How the credential stands at `time`.
    pub(super) fn condition(&self, time: Time) -> Condition {
        let has_rested = self.last_run.as_ref().is_some_and(|run| run.state == State::Fresh);
        let is_seen = self.last_run.is_some() || self.working.is_some();
        let secret = match &self.record {
            Some(record) if is_seen => Seen::Serves(record),
            None if has_rested => Seen::Empty,
            Some(_) | None => Seen::NotYet,
        };
        let observed = Observed {
            working: self.working,
            kept: self.kept.as_ref().map(|kept| (&kept.0, kept.1)),
            ..observed(&self.member.name, secret, &self.tokens)
        };
        let condition = condition(&self.policy, &observed, self.last_run.as_ref(), time);
        Condition { since: condition.since.or(Some(self.known_since)), ..condition }
    }

    /// The credential as it is shown at `time`.
    pub(super) fn shown(&self, time: Time, unmanaged: Option<usize>) -> CredentialStatus {
        let mut member = self.member.clone();
        member.condition = self.condition(time);
        member.predecessors = self.tokens.predecessors.len();
        member.elsewhere = self.tokens.elsewhere.len();
        member.elsewhere_expires_at = self.tokens.elsewhere_expires_at;
        member.orphans = self.tokens.orphans.as_ref().map(Vec::len);
        member.deadline = member
            .unfinished_since
            .and_then(|since| deadline(&self.policy, since).checked_add(ALLOWANCE).ok());
        member.unmanaged = unmanaged;
        member
    }
}

/// What was seen of a credential that nobody works on, and that is kept nowhere else.
fn observed<'a>(name: &'a CredentialName, secret: Seen<'a>, tokens: &'a Tokens) -> Observed<'a> {
    Observed { credential: name, secret, tokens, mirror: None, working: None, kept: None }
}

//! What is known of one credential, and how a run's progress and end change it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::configured::Configured;
use super::counts::Counts;
use super::history::{millis, waited_before};
use super::member::{Blocked, Member, Trouble};
use super::standing::{Standing, standing};
use super::words::{Origin, State};
use crate::fault::FaultKind;
use crate::names::{Owner, TokenId, TokenName};
use crate::record::{Phase, Record};
use crate::rotation::decide::Reason;
use crate::rotation::drive::{Outcome, Report};
use crate::rotation::journal::{Progress, Step};
use crate::rotation::policy::Policy;
use crate::rotation::schedule::{
    Due, LATENESS, Run, began, due, neglected, next_due, renewal, signed, waiting,
};

/// What a rotation may take beyond the longest time of its gate, before it counts as past its deadline.
const ALLOWANCE: SignedDuration = SignedDuration::from_mins(5);

pub(super) struct Entry {
    pub(super) member: Member,
    policy: Policy,
    /// How it stood after the last run.
    rested: State,
    /// When it came to stand so.
    rested_since: Timestamp,
    record: Option<Record>,
    /// Why the unfinished rotation began.
    origin: Option<Origin>,
    held: bool,
    /// Since when it is looked after.
    known_since: Timestamp,
    /// The last scheduled instant that was counted as missed, or whose run will not be.
    missed: Option<Timestamp>,
    /// Whether the run in hand began a rotation.
    has_begun: bool,
    /// Why it is kept as it was before it was configured otherwise, and since when.
    blocked: Option<(Blocked, Timestamp)>,
    /// When the run in hand took its first step; for an unfinished rotation, when its token was published.
    working_since: Option<Timestamp>,
}

impl Entry {
    pub(super) fn new(credential: &Configured, now: Timestamp) -> Self {
        Self {
            member: Member {
                name: credential.name.clone(),
                fleet: credential.fleet.clone(),
                username: credential.username.clone(),
                token_type: credential.token_type,
                store: credential.store.clone(),
                path: credential.path.clone(),
                state: State::Unknown,
                since: now,
                token_id: None,
                rotation_id: None,
                created_at: None,
                published_at: None,
                expires_at: None,
                renew_before_seconds: credential.policy.renew_before.as_secs(),
                next_rotation: None,
                waits_for_window: false,
                last_success: None,
                last_trigger: None,
                looked_at: None,
                next_look: None,
                predecessors: 0,
                elsewhere: 0,
                elsewhere_expires_at: None,
                orphans: None,
                unmanaged: None,
                step: None,
                unfinished_since: None,
                deadline: None,
                rule: None,
                trouble: None,
            },
            policy: credential.policy.clone(),
            rested: State::Unknown,
            rested_since: now,
            record: None,
            origin: None,
            held: false,
            known_since: now,
            missed: None,
            has_begun: false,
            blocked: None,
            working_since: None,
        }
    }

    /// Takes in whether it is kept as it was before it was configured otherwise. Returns whether that is news.
    pub(super) fn block(&mut self, blocked: Option<Blocked>, now: Timestamp) -> bool {
        let is_news = blocked.as_ref() != self.blocked.as_ref().map(|(blocked, _)| blocked);
        let since = self.blocked.as_ref().map_or(now, |(_, since)| *since);
        self.blocked = blocked.map(|blocked| (blocked, since));
        is_news
    }

    /// Takes in that the credential is configured otherwise. In another place, or for another account, it is another
    /// one, of which nothing is known yet.
    pub(super) fn configure(&mut self, credential: &Configured, now: Timestamp) {
        let fresh = Self::new(credential, now);
        let place = |one: &Member| {
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
        if let Some(record) = self.record.clone() {
            self.plan(&record, now);
        }
    }

    pub(super) fn progressed(&mut self, progress: &Progress, now: Timestamp) {
        match progress {
            Progress::Saw(record) => self.saw(record, now),
            Progress::Began(step) | Progress::Waiting(step, _) => {
                self.has_begun |= *step == Step::Create;
                self.working_since.get_or_insert(now);
                self.member.unfinished_since.get_or_insert(now);
                self.member.step = Some(*step);
            }
            Progress::Ended(..) => {}
        }
    }

    /// Takes in what a run has read, before anything comes of it: a gate may take hours.
    fn saw(&mut self, record: &Record, now: Timestamp) {
        self.show(record, now);
        if record.phase == Phase::Published {
            self.member.predecessors = record.previous_token_ids.len();
        }
        if record.is_unfinished() {
            self.member.unfinished_since = Some(record.published_at);
            if self.rested == State::Unknown {
                self.working_since.get_or_insert(record.published_at);
            }
        }
        self.record = Some(record.clone());
    }

    /// Takes in the end of a run. Returns what the rotation that it worked on began for.
    pub(super) fn settled(
        &mut self,
        owner: &Owner,
        report: &Report,
        next_look: Option<Timestamp>,
        now: Timestamp,
        counts: &Counts,
    ) -> Origin {
        let origin = report.seen.reason.map(Origin::from).or(self.origin);
        let origin = origin.unwrap_or(Origin::Resumed);
        self.count(report, origin, now, counts);
        self.ended(next_look, now);
        let state = match (standing(report), report.outcome) {
            (Standing::Settled(_), Outcome::RolledBack) => State::RolledBack,
            // It stays a thing to look at until a rotation succeeds.
            (Standing::Settled(_), Outcome::NotDue) if self.rested == State::RolledBack => {
                State::RolledBack
            }
            (Standing::Settled(_), _) => State::Fresh,
            (Standing::Held(_), _) => State::Held,
            (Standing::Failing, _) => State::Failing,
            (Standing::Stuck, _) => State::Stuck,
        };
        self.rest(state, now);
        self.held = report.outcome == Outcome::Held;
        self.origin = self.held.then_some(origin);
        if report.outcome == Outcome::Rotated {
            self.member.last_trigger = Some(origin);
        }
        self.member.rule = report.seen.rule;
        self.member.trouble = report.problem.as_ref().map(|problem| Trouble {
            step: problem.step,
            reason: problem.reason,
            message: problem.message.clone(),
            hint: problem.hint.clone(),
        });
        if let Some(record) = &report.seen.record {
            self.note_record(record, report, now);
        }
        let published_at = self.member.published_at;
        self.member.unfinished_since =
            if self.held { published_at.or(self.member.unfinished_since) } else { None };
        self.note_tokens(owner, report);
        origin
    }

    pub(super) fn panicked(
        &mut self,
        next_look: Option<Timestamp>,
        now: Timestamp,
        counts: &Counts,
    ) {
        counts.failure(&self.member.name, None, "panic");
        self.ended(next_look, now);
        self.rest(State::Failing, now);
        self.member.trouble = Some(Trouble {
            step: None,
            reason: None,
            message: "the run ended by a fault in pintail".to_owned(),
            hint: Some("the log says where; please report it".to_owned()),
        });
    }

    fn ended(&mut self, next_look: Option<Timestamp>, now: Timestamp) {
        self.member.looked_at = Some(now);
        self.member.next_look = next_look;
        self.member.step = None;
        (self.has_begun, self.working_since) = (false, None);
    }

    fn rest(&mut self, state: State, now: Timestamp) {
        if self.rested != state {
            self.rested_since = now;
        }
        self.rested = state;
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
            let cause = match (standing(report), problem.kind) {
                (Standing::Held(_), _) => "held",
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
        let late = began(record).duration_since(self.policy.schedule.start(instant));
        (late > LATENESS).then_some(instant)
    }

    /// When the next scheduled run counts as missed, unless a rotation begins before.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        if self.has_begun || self.policy.paused {
            return None;
        }
        self.awaited()?.start.checked_add(LATENESS).ok()
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
        let since = self.missed.map_or(since, |missed| missed.max(since));
        self.policy.schedule.runs(since).find(|run| since < run.instant)
    }

    /// Shows what `record` tells of the served token.
    fn show(&mut self, record: &Record, now: Timestamp) {
        let member = &mut self.member;
        member.token_id = Some(record.token_id);
        member.rotation_id = Some(record.rotation_id);
        member.created_at = Some(record.created_at);
        member.published_at = Some(record.published_at);
        member.expires_at = record.expires_at;
        self.plan(record, now);
    }

    fn note_record(&mut self, record: &Record, report: &Report, now: Timestamp) {
        self.show(record, now);
        let member = &mut self.member;
        if let (None, Some(at)) = (&member.trouble, neglected(&self.policy, record, now)) {
            let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
            member.trouble = Some(Trouble {
                step: None,
                reason: None,
                message: format!(
                    "it is paused, and its token is not replaced before it expires at {at}"
                ),
                hint: Some(format!("set `paused = false`, or: pintail rotate-now {}", member.name)),
            });
        }
        match report.outcome {
            Outcome::Rotated => member.last_success = Some(now),
            Outcome::NotDue => {
                member.last_success.get_or_insert(record.published_at);
            }
            Outcome::Failed | Outcome::Held | Outcome::RolledBack => {}
        }
        self.record = Some(record.clone());
    }

    /// When what `record` tells of is rotated next, by the policy as it is now.
    fn plan(&mut self, record: &Record, now: Timestamp) {
        let next = next_rotation(&self.policy, record, now);
        let opens = waiting(&self.policy, record, now).map(|run| run.start);
        self.member.next_rotation = next;
        self.member.waits_for_window = opens.is_some() && opens == next;
    }

    fn note_tokens(&mut self, owner: &Owner, report: &Report) {
        let Some(record) = &self.record else { return };
        let listing = report.seen.listing.as_deref();
        let is_listed = |id: &TokenId| {
            listing.is_none_or(|listing| listing.iter().any(|token| token.id == *id))
        };
        let lives = |id: &&TokenId| {
            !report.revoked.contains(id) && (record.phase == Phase::Published || is_listed(id))
        };
        self.member.predecessors = record.previous_token_ids.iter().filter(lives).count();
        let Some(listing) = listing else { return };
        let elsewhere = listing.iter().filter(|token| {
            record.elsewhere_token_ids.contains(&token.id) && !report.revoked.contains(&token.id)
        });
        self.member.elsewhere = elsewhere.clone().count();
        self.member.elsewhere_expires_at = elsewhere.filter_map(|token| token.expires_at).min();
        let is_for_here =
            |name: TokenName| match (name.rotation.place(), record.rotation_id.place()) {
                (Some(theirs), Some(ours)) => theirs == ours,
                (None, _) | (_, None) => true,
            };
        let is_orphan = |token: &TokenId, name: &str| {
            TokenName::is_ours(name, owner, &self.member.name)
                && TokenName::parse(name).is_some_and(is_for_here)
                && !record.names(*token)
                && !report.revoked.contains(token)
        };
        let orphans = listing
            .iter()
            .filter(|token| token.name.as_deref().is_some_and(|name| is_orphan(&token.id, name)));
        self.member.orphans = Some(orphans.count());
    }

    /// Whether the run in hand is at another step than the one that failed last.
    fn is_past_its_trouble(&self) -> bool {
        self.member.trouble.as_ref().is_none_or(|trouble| trouble.step != self.member.step)
    }

    /// The tokens that the record knows.
    pub(super) fn tokens(&self) -> impl Iterator<Item = TokenId> + '_ {
        self.record.iter().flat_map(|record| {
            std::iter::once(record.token_id)
                .chain(record.previous_token_ids.iter().copied())
                .chain(record.elsewhere_token_ids.iter().copied())
        })
    }

    /// The credential as it is shown at `now`.
    pub(super) fn shown(&self, now: Timestamp, unmanaged: Option<usize>) -> Member {
        let mut member = self.member.clone();
        let is_due = member.next_rotation.is_some_and(|at| at <= now);
        (member.state, member.since) = match (self.rested, self.working_since) {
            // A held gate is polled on, and a failing step tried again: that is no news.
            (State::Fresh | State::Unknown | State::Due, Some(since)) => (State::InProgress, since),
            (State::Failing, Some(since)) if self.is_past_its_trouble() => {
                (State::InProgress, since)
            }
            (State::Fresh, None) if is_due => {
                (State::Due, member.next_rotation.unwrap_or(self.rested_since))
            }
            (State::Fresh, None) if self.policy.paused => (State::Paused, self.rested_since),
            (state, _) => (state, self.rested_since),
        };
        if let Some((blocked, since)) = &self.blocked
            && (blocked.is_in_doubt || !matches!(member.state, State::Stuck | State::Held))
        {
            (member.state, member.since) = (State::Blocked, *since);
            let trouble = &blocked.trouble;
            let besides = member.trouble.map(|one| format!("; besides, {}", one.message));
            let message = format!("{}{}", trouble.message, besides.unwrap_or_default());
            member.trouble = Some(Trouble { message, ..trouble.clone() });
        }
        let longest = signed(self.policy.gate.longest());
        member.deadline = member
            .unfinished_since
            .and_then(|since| since.checked_add(longest).ok()?.checked_add(ALLOWANCE).ok());
        member.unmanaged = unmanaged;
        member
    }
}

/// When what `record` tells of is rotated next; in the past if it is due.
fn next_rotation(policy: &Policy, record: &Record, now: Timestamp) -> Option<Timestamp> {
    match due(policy, record, now) {
        Some(Due::Scheduled(at)) => Some(at),
        Some(Due::Expiring(at)) => Some(renewal(policy, at)),
        None => next_due(policy, record, now),
    }
}

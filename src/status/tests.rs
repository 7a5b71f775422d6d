//! What the fleet makes of what it is told.

use super::*;
use crate::record::Record;
use crate::rotation::condition::{Problem, Reason as Why, Tokens};
use crate::rotation::decide::Reason;
use crate::rotation::policy::GatePace;
use crate::rotation::run::{LastSeen, Outcome};
use crate::rotation::schedule::{Calendar, CronLine, Due};
use crate::rotation::step_log::StepReport;
use crate::rotation::time::Time;

/// A clock that goes as the test tells it to.
struct Clock(Mutex<Timestamp>);

impl StatusSource for Clock {
    fn time(&self) -> Time {
        (*self.0.lock().unwrap()).into()
    }

    fn contacts(&self) -> Contacts {
        Contacts::default()
    }
}

/// One credential, and what is known of it.
struct Bench {
    clock: Arc<Clock>,
    fleet: Registry,
    name: CredentialName,
}

impl Bench {
    /// A credential that is configured so; it is just before four o'clock.
    fn new(credential: Configured) -> Self {
        let clock = Arc::new(Clock(Mutex::new("2026-11-22T03:59:59Z".parse().unwrap())));
        let owner = "test".parse().unwrap();
        let fleet = Registry::new(owner, Some(true), [credential], |_| true, clock.clone());
        Self { clock, fleet, name: "etl".parse().unwrap() }
    }

    fn pass(&self, duration: SignedDuration) {
        let mut now = self.clock.0.lock().unwrap();
        *now += duration;
    }

    /// Goes on by `duration`, a second at a time, as the planner does.
    fn turn(&self, duration: SignedDuration) {
        for _ in 0..duration.as_secs() {
            self.pass(SignedDuration::from_secs(1));
            self.fleet.miss(self.clock.now());
        }
    }

    fn missed(&self) -> u64 {
        let labels = vec![("credential", self.name.to_string())];
        self.fleet.counts().missed_runs.get_or_create(&labels).get()
    }

    /// A record of a rotation that began so long ago.
    fn record(&self, ago: SignedDuration) -> Record {
        let then = self.clock.now() - ago;
        serde_json::from_value(serde_json::json!({
            "owner": "test", "phase": "published",
            "username": "etl_prod", "token_type": "read_write",
            "token_id": "5e75beb8-f7f0-496c-8990-4a25e75bfa64",
            "previous_token_ids": ["5e75beb8-f7f0-496c-8990-4a25e75bfa65"],
            "token_name": "pintail/test/etl/0190163d-8694-739b-aea5-966c26f8ad91",
            "rotation_id": crate::names::RotationId::starting_at(then),
            "created_at": then, "published_at": then,
            "expires_at": then + SignedDuration::from_hours(100),
            "token_sha256": "",
        }))
        .unwrap()
    }

    fn saw(&self, record: &Record) {
        self.fleet.progressed(&self.name, &Progress::Saw(Box::new(record.clone())));
    }

    fn member(&self) -> CredentialStatus {
        self.fleet.snapshot().members.remove(0)
    }
}

fn cron(line: &str) -> Configured {
    let line = CronLine::parse(line, "UTC").unwrap();
    Configured::sample(Calendar::Cron(Arc::new(line)))
}

fn every(period: Duration) -> Configured {
    Configured::sample(Calendar::Every(period))
}

const MONTH: Duration = Duration::from_hours(30 * 24);

fn report(outcome: Outcome, record: &Record, steps: Vec<StepReport>) -> Report {
    Report {
        outcome,
        rotation_id: Some(record.rotation_id),
        token_id: Some(record.token_id),
        previous_token_id: None,
        expires_at: record.expires_at,
        revoked: vec![],
        steps,
        problem: None,
        tokens: Tokens { predecessors: record.previous_token_ids.clone(), ..Tokens::default() },
        again_at: None,
        seen: LastSeen { record: Some(record.clone()), ..LastSeen::default() },
    }
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[test]
fn a_fleet_that_was_told_nothing_has_nothing_to_show() {
    let snapshot = nobody().snapshot();
    assert_eq!(snapshot.planner, PlannerState::Starting);
    assert!(snapshot.members.is_empty() && snapshot.rotations.is_empty());
}

#[test]
fn a_run_that_does_not_begin_counts_as_missed_when_its_time_is_up_and_once() {
    let bench = Bench::new(cron("0 4 * * *"));
    bench.saw(&bench.record(HOUR));
    bench.turn(MINUTE * 10);
    assert_eq!(bench.missed(), 0);
    bench.turn(MINUTE);
    assert_eq!(bench.missed(), 1, "nobody has come to it, and nobody has said so");
    bench.turn(HOUR * 5);
    assert_eq!(bench.missed(), 1);
    // Nor does it count again when it is made up for.
    let late = report(Outcome::Rotated, &bench.record(SignedDuration::ZERO), vec![]);
    let reason = Reason::Due(Due::Scheduled("2026-11-22T04:00:00Z".parse().unwrap()));
    let late = Report { seen: LastSeen { reason: Some(reason), ..late.seen }, ..late };
    bench.fleet.settled(&bench.name, &late, None);
    assert_eq!(bench.missed(), 1);
    bench.turn(HOUR * 24);
    assert_eq!(bench.missed(), 2, "the next day's");
}

#[test]
fn each_run_of_a_short_period_counts_ten_minutes_after_it_was_due() {
    let bench = Bench::new(every(Duration::from_secs(4)));
    bench.turn(MINUTE * 10);
    assert_eq!(bench.missed(), 0);
    bench.turn(MINUTE);
    assert!((14..=16).contains(&bench.missed()), "{}", bench.missed());
}

#[test]
fn what_has_begun_what_is_paused_and_what_was_never_asked_for_is_not_missed() {
    let daily = cron("0 4 * * *");
    let bench = Bench::new(daily.clone());
    bench.saw(&bench.record(HOUR));
    bench.turn(MINUTE);
    bench.fleet.progressed(&bench.name, &Progress::Began(Step::Create));
    bench.turn(HOUR);
    assert_eq!(bench.missed(), 0, "it has begun");
    let failed = report(Outcome::Failed, &bench.record(HOUR * 2), vec![]);
    bench.fleet.settled(&bench.name, &failed, None);
    assert_eq!(bench.missed(), 1, "it came to nothing");

    let mut paused = daily;
    Arc::make_mut(&mut paused.policy).paused = true;
    let bench = Bench::new(paused);
    bench.saw(&bench.record(HOUR));
    bench.turn(HOUR);
    assert_eq!(bench.missed(), 0);

    let bench = Bench::new(cron("0 9 * * *"));
    bench.saw(&bench.record(HOUR * 48));
    assert_eq!(bench.fleet.miss(bench.clock.now()), Some("2026-11-22T09:10:00Z".parse().unwrap()));
    bench.fleet.introduce(&every(Duration::from_hours(1)));
    bench.turn(MINUTE * 9);
    let so_far = bench.missed();
    bench.turn(MINUTE * 2);
    assert_eq!(bench.missed() - so_far, 1, "only what came due after the change");
}

#[test]
fn what_was_read_is_shown_before_the_run_has_ended() {
    let mut asked = every(MONTH);
    Arc::make_mut(&mut asked.policy).gate = GatePace::Polled {
        interval: Duration::from_secs(10),
        successes: 3,
        deadline: Duration::from_mins(15),
    };
    let bench = Bench::new(asked);
    let record = bench.record(MINUTE * 10);
    bench.saw(&record);
    let member = bench.member();
    assert_eq!((member.token_id, member.expires_at), (Some(record.token_id), record.expires_at));
    assert_eq!((member.created_at, member.predecessors), (Some(record.created_at), 1));
    let Condition { state, since, .. } = member.condition;
    assert_eq!((state, since), (State::Rotating, Some(record.published_at)));
    let deadline = record.published_at + SignedDuration::from_mins(15 + 5);
    assert_eq!(member.deadline, Some(deadline), "from the publication on");
}

#[test]
fn a_gate_that_a_run_before_the_start_came_to_counts_from_the_publication() {
    let bench = Bench::new(every(MONTH));
    let record = bench.record(MINUTE * 10);
    bench.saw(&record);
    let gate = StepReport {
        step: Step::Gate,
        outcome: crate::rotation::step_log::StepOutcome::Ok,
        duration_ms: 1_000,
        began: bench.clock.now(),
    };
    bench.fleet.settled(&bench.name, &report(Outcome::Rotated, &record, vec![gate]), None);
    let rotation = bench.fleet.snapshot().rotations.remove(0);
    let began = record.rotation_id.started_at().unwrap();
    assert_eq!((rotation.trigger, rotation.began), (Origin::Resumed, began));
    assert_eq!(rotation.steps[0].began, record.published_at);
    assert_eq!(rotation.steps[0].duration_ms, 601_000);
}

#[test]
fn what_is_kept_in_its_former_place_shows_as_such_unless_something_worse_is_in_the_way() {
    let bench = Bench::new(every(MONTH));
    let record = Record { previous_token_ids: vec![], ..bench.record(HOUR) };
    let problem =
        Problem { step: None, reason: Why::PlaceChanged, message: "moved".to_owned(), hint: None };
    let mut kept = Kept { problem, is_in_doubt: false };
    bench.fleet.keep(&bench.name, Some(kept.clone()));
    let since = Some(bench.clock.now());
    bench.pass(HOUR);
    bench.fleet.keep(&bench.name, Some(kept.clone()));
    bench.fleet.settled(&bench.name, &report(Outcome::NotDue, &record, vec![]), None);
    let short = || {
        let condition = bench.member().condition;
        (condition.state, condition.reason, condition.since)
    };
    assert_eq!(short(), (State::Blocked, Some(Why::PlaceChanged), since));
    let worse = crate::rotation::run::Problem {
        step: None,
        reason: Why::EditedByHand,
        kind: crate::fault::FaultKind::Permanent,
        message: "worse".to_owned(),
        hint: None,
    };
    let blocked = Report { problem: Some(worse), ..report(Outcome::Failed, &record, vec![]) };
    bench.fleet.settled(&bench.name, &blocked, None);
    assert_eq!(short(), (State::Blocked, Some(Why::EditedByHand), Some(bench.clock.now())));
    // Unless it is that very place which nobody can read.
    kept.is_in_doubt = true;
    bench.fleet.keep(&bench.name, Some(kept));
    assert_eq!(short(), (State::Blocked, Some(Why::PlaceChanged), since));
    assert_eq!(bench.member().condition.message.unwrap(), "moved; besides, worse");
    bench.fleet.keep(&bench.name, None);
    assert_eq!(short().1, Some(Why::EditedByHand));
}

#[test]
fn a_roll_back_stays_a_thing_to_look_at_until_a_rotation_succeeds() {
    let bench = Bench::new(every(MONTH));
    let back = Record { token_name: "made by hand".to_owned(), ..bench.record(HOUR) };
    bench.fleet.settled(&bench.name, &report(Outcome::RolledBack, &back, vec![]), None);
    bench.fleet.settled(&bench.name, &report(Outcome::NotDue, &back, vec![]), None);
    assert_eq!(bench.member().condition.state, State::RolledBack);
    bench.fleet.progressed(&bench.name, &Progress::Began(Step::Gate));
    assert_eq!(bench.member().condition.state, State::RolledBack, "its gate is polled on");
    let next = Record { previous_token_ids: vec![], expires_at: None, ..bench.record(MINUTE) };
    bench.fleet.settled(&bench.name, &report(Outcome::Rotated, &next, vec![]), None);
    assert_eq!(bench.member().condition.state, State::Fresh);
}

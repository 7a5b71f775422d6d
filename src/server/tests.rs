//! Readiness and the page, from fleets that were told what happened.

mod hostile;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::page::{self, Wanted};
use super::ready::{Reason, is_alive, readiness};
use crate::fault::FaultKind;
use crate::rotation::condition::{Condition, Reason as Why, State, Tokens};
use crate::rotation::policy::GatePace;
use crate::rotation::run::{LastSeen, Outcome, Problem, Report};
use crate::rotation::schedule::Calendar;
use crate::rotation::step_log::{Progress, Step};
use crate::rotation::time::Time;
use crate::status::{Configured, Contacts, PlannerState, Registry, Snapshot, StatusSource};
use crate::workers::Worker;

const LONG: Duration = Duration::from_mins(10);
const HOSTILE: &str = "<img src=x onerror=alert(1)>&\"'";

/// A clock that a test sets, and contacts that it invents.
struct Sky(Mutex<(Timestamp, Contacts)>);

impl Sky {
    fn pass(&self, minutes: i64) {
        self.0.lock().unwrap().0 += SignedDuration::from_mins(minutes);
    }
}

impl StatusSource for Sky {
    fn time(&self) -> Time {
        self.0.lock().unwrap().0.into()
    }

    fn contacts(&self) -> Contacts {
        self.0.lock().unwrap().1.clone()
    }
}

fn fleet() -> (Arc<Sky>, Registry) {
    fleet_of(credential())
}

/// A credential whose store and path would be markup, if a page let them.
fn credential() -> Configured {
    let mut credential = Configured::sample(Calendar::Every(Duration::from_hours(30 * 24)));
    credential.store = "<b>".to_owned();
    credential.path = "<script>x</script>".to_owned();
    Arc::make_mut(&mut credential.policy).gate = GatePace::Polled {
        interval: Duration::from_secs(10),
        successes: 3,
        deadline: Duration::from_mins(20),
    };
    credential
}

fn fleet_of(credential: Configured) -> (Arc<Sky>, Registry) {
    let begun = "2026-11-22T04:00:00Z".parse().unwrap();
    let sky = Arc::new(Sky(Mutex::new((begun, Contacts::default()))));
    let owner = "test".parse().unwrap();
    let fleet = Registry::new(owner, Some(true), [credential], |_| true, sky.clone());
    fleet.beat();
    (sky, fleet)
}

fn held(again_at: Timestamp) -> Report {
    Report {
        outcome: Outcome::Held,
        rotation_id: None,
        token_id: None,
        previous_token_id: None,
        expires_at: None,
        revoked: vec![],
        steps: vec![],
        problem: Some(Problem {
            step: Some(Step::Gate),
            kind: FaultKind::Transient,
            message: HOSTILE.to_owned(),
            reason: Why::GateNotPassed,
            hint: Some(HOSTILE.to_owned()),
        }),
        tokens: Tokens::default(),
        again_at: Some(again_at),
        seen: LastSeen::default(),
    }
}

fn reasons(snapshot: &Snapshot) -> Vec<Reason> {
    readiness(snapshot, LONG).reasons.iter().map(|one| one.reason).collect()
}

#[test]
fn a_rotation_is_overdue_when_its_gate_has_had_its_time_whether_it_runs_or_is_held() {
    let (sky, fleet) = fleet();
    let name = "etl".parse().unwrap();
    fleet.progressed(&name, &Progress::Began(Step::Create));
    sky.pass(24);
    let snapshot = fleet.snapshot();
    assert_eq!(snapshot.members[0].condition.state, State::Rotating);
    assert_eq!(reasons(&snapshot), []);
    sky.pass(2);
    assert_eq!(reasons(&fleet.snapshot()), [Reason::RotationOverdue]);
    fleet.settled(&name, &held(sky.now()), Some(sky.now()));
    assert_eq!(fleet.snapshot().members[0].condition.state, State::Held);
    assert_eq!(reasons(&fleet.snapshot()), [Reason::RotationOverdue]);
    let rested = Report { outcome: Outcome::Rotated, problem: None, ..held(sky.now()) };
    fleet.settled(&name, &rested, Some(sky.now()));
    assert_eq!(reasons(&fleet.snapshot()), []);
}

#[test]
fn a_worker_that_panicked_is_told_of_and_one_that_did_not_is_not() {
    let (_, fleet) = fleet();
    let mut snapshot = fleet.snapshot();
    let worker = |name: &str, restarts| Worker {
        name: name.to_owned(),
        restarts,
        panicked_at: (restarts > 0).then_some(snapshot.at),
    };
    snapshot.workers = vec![worker("notifications.ops", 2), worker("reload", 0)];
    let page = page::render(&snapshot, &readiness(&snapshot, LONG), &Wanted::default());
    assert!(page.contains("its worker notifications.ops was started again 2 times"), "{page}");
    assert!(!page.contains("its worker reload"), "{page}");
}

#[test]
fn a_planner_whose_loop_does_not_turn_is_neither_alive_nor_ready() {
    let (_, fleet) = fleet();
    let mut snapshot = fleet.snapshot();
    assert!(is_alive(snapshot.planner, snapshot.silence));
    snapshot.silence = Duration::from_mins(6);
    assert!(!is_alive(snapshot.planner, snapshot.silence));
    assert_eq!(reasons(&snapshot), [Reason::SchedulerStopped]);
    snapshot.planner = PlannerState::Stopping;
    assert!(is_alive(snapshot.planner, snapshot.silence), "a daemon that stops is let finish");
    assert_eq!(reasons(&snapshot), [Reason::Stopping]);
}

#[test]
fn a_moment_out_of_reach_is_no_reason_and_ten_minutes_are() {
    let (sky, fleet) = fleet();
    {
        let mut inner = sky.0.lock().unwrap();
        let now = inner.0;
        inner.1.motherduck.unreachable_since = Some(now);
        inner.1.stores.entry("main".to_owned()).or_default().unreachable_since = Some(now);
    }
    sky.pass(9);
    assert_eq!(reasons(&fleet.snapshot()), []);
    sky.pass(1);
    let expected = [Reason::MotherduckUnreachable, Reason::StoreUnreachable];
    assert_eq!(reasons(&fleet.snapshot()), expected);
}

#[test]
fn whatever_a_text_holds_it_stays_a_text_on_the_page() {
    let (sky, fleet) = fleet();
    fleet.settled(&"etl".parse().unwrap(), &held(sky.now()), Some(sky.now()));
    let snapshot = fleet.snapshot();
    let query = "q=%22%3E%3Cscript%3E2%3C%2Fscript%3E&sort=%22x&state=%3Cb%3E&dir=desc";
    for query in [query, "", "q=etl"] {
        let uri = format!("http://x/?{query}").parse().unwrap();
        let wanted = axum::extract::Query::<Wanted>::try_from_uri(&uri).unwrap().0;
        let html = page::render(&snapshot, &readiness(&snapshot, LONG), &wanted);
        for raw in ["<img", "<script>x", "<script>2", "<b>:"] {
            assert!(!html.contains(raw), "{query}: {raw}");
        }
        assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;&amp;&quot;"), "{query}");
    }
}

#[test]
fn the_policy_lets_the_pages_own_script_and_style_run_and_nothing_else() {
    let (_, fleet) = fleet();
    let snapshot = fleet.snapshot();
    let html = page::render(&snapshot, &readiness(&snapshot, LONG), &Wanted::default());
    let policy = page::policy();
    let policy = policy.to_str().unwrap();
    for tag in ["style", "script"] {
        assert_eq!(html.matches(&format!("<{tag}")).count(), 1);
        let begun = html.split_once(&format!("<{tag}>")).unwrap().1;
        let text = begun.split_once(&format!("</{tag}>")).unwrap().0;
        let digest = <sha2::Sha256 as sha2::Digest>::digest(text);
        let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, digest);
        assert!(policy.contains(&format!("{tag}-src 'sha256-{hash}'")), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    let foreign = ["http://", "https://", " style=", " onclick", "url("];
    assert!(foreign.iter().all(|foreign| !html.contains(foreign)));
}

#[test]
fn a_paused_credential_is_shown_as_such_and_is_a_persons_concern_once_its_token_nears_its_expiry() {
    let mut paused = credential();
    Arc::make_mut(&mut paused.policy).paused = true;
    Arc::make_mut(&mut paused.policy).renew_before = Duration::from_hours(48);
    let (sky, fleet) = fleet_of(paused);
    let shown = || {
        let snapshot = fleet.snapshot();
        let html = page::render(&snapshot, &readiness(&snapshot, LONG), &Wanted::default());
        (snapshot.members[0].clone(), html)
    };
    let look = |left: i64| {
        let record = serde_json::from_value(serde_json::json!({
            "owner": "test", "phase": "published",
            "username": "etl_prod", "token_type": "read_write",
            "token_id": "5e75beb8-f7f0-496c-8990-4a25e75bfa64",
            "token_name": "pintail/test/etl/0190163d-8694-739b-aea5-966c26f8ad91",
            "rotation_id": "0190163d-8694-739b-aea5-966c26f8ad91",
            "created_at": sky.now(), "published_at": sky.now(),
            "expires_at": sky.now() + SignedDuration::from_hours(left),
            "token_sha256": "",
        }))
        .unwrap();
        let seen = LastSeen { record: Some(record), ..LastSeen::default() };
        let rested = Report { outcome: Outcome::NotDue, problem: None, seen, ..held(sky.now()) };
        fleet.settled(&"etl".parse().unwrap(), &rested, None);
        shown()
    };
    let (quiet, html) = look(1_000);
    let Condition { state, reason, next_rotation, .. } = quiet.condition;
    assert_eq!((state, reason, next_rotation), (State::Paused, Some(Why::Paused), None));
    assert!(html.contains(r#"class="badge paused""#) && html.contains(".badge.paused {"), "{html}");
    assert!(html.contains("Nothing. Every credential is looked after."));
    let (near, html) = look(47);
    let Condition { state, reason, message, hint, .. } = near.condition;
    assert_eq!((state, reason), (State::Paused, Some(Why::PausedNearExpiry)));
    assert!(hint.unwrap().contains("paused = false"), "{message:?}");
    assert!(html.contains(&message.unwrap()) && html.contains("PausedNearExpiry"), "{html}");
    assert_eq!(look(1_000).0.condition.reason, Some(Why::Paused), "a person rotated it");
}

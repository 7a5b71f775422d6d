//! What is told, row by row: once when it changes, again when it lasts, and never what was not asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::http::settings::Proxy;
use crate::notifications::settings::SinkForm;
use crate::rotation::condition::PauseShown;
use crate::secret::SecretSource;

const HOUR: i64 = 3_600;

fn sink(events: &[EventKind]) -> Sink {
    Sink {
        form: SinkForm::Slack { url: SecretSource::Env("URL".to_owned()) },
        events: events.iter().copied().collect::<BTreeSet<_>>(),
        repeat_after: Duration::from_hours(24),
        expiry_within: None,
        timeout: Duration::from_secs(10),
        ca_file: None,
        proxy: Proxy::None,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn condition(state: State, reason: Reason) -> Condition {
    Condition {
        state,
        reason: Some(reason),
        severity: reason.severity(),
        step: None,
        since: Some(at(0)),
        message: None,
        hint: None,
        next_rotation: None,
        waits_for_window: false,
        next_look: None,
        pause: None,
        predecessors: vec![],
        orphans: None,
        elsewhere: vec![],
    }
}

fn member(state: State, expires_in: i64, last_trigger: Option<Origin>) -> CredentialStatus {
    CredentialStatus {
        fleet: None,
        name: "etl".parse().unwrap(),
        username: "etl_prod".parse().unwrap(),
        token_type: crate::record::TokenType::ReadWrite,
        store: "main".to_owned(),
        path: "etl".to_owned(),
        condition: condition(state, Reason::GateNotPassed),
        token_id: None,
        rotation_id: Some("0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap()),
        created_at: None,
        published_at: None,
        expires_at: Some(at(expires_in)),
        renew_before_seconds: u64::try_from(2 * HOUR).unwrap(),
        last_success: None,
        last_trigger,
        looked_at: None,
        elsewhere: 0,
        elsewhere_expires_at: None,
        predecessors: 0,
        orphans: None,
        unmanaged: None,
        unfinished_since: None,
        deadline: None,
        rule: None,
    }
}

/// Lets the judge look at a fleet of `members`, with so many unmanaged tokens, at an instant; what it tells.
fn observe(
    judge: &mut Judge,
    now: i64,
    members: Vec<CredentialStatus>,
    unmanaged: usize,
) -> Vec<String> {
    let mut snapshot = crate::status::nobody().snapshot();
    snapshot.at = at(now);
    snapshot.members = members;
    snapshot.unmanaged = [("etl_prod".to_owned(), unmanaged)].into();
    let word = |notification: &Notification| {
        let is_repeated = match notification {
            Notification::Credential { is_repeated, .. }
            | Notification::Unmanaged { is_repeated, .. }
            | Notification::Clocks { is_repeated, .. } => *is_repeated,
            Notification::Test { .. } => false,
        };
        format!("{}{}", notification.word(), if is_repeated { " again" } else { "" })
    };
    judge.observe(&snapshot).iter().map(word).collect()
}

fn told(judge: &mut Judge, now: i64, state: State) -> Vec<String> {
    observe(judge, now, vec![member(state, 1_000 * HOUR, None)], 0)
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_state_is_told_once_when_it_is_entered_and_recovery_once_when_it_is_over() {
    let mut judge = Judge::new(&sink(&EventKind::ALL));
    for (now, state, expected) in [
        (0, State::Unknown, &NOTHING[..]),
        (1, State::Fresh, &[]),
        (2, State::Failing, &["failed"]),
        (3, State::Failing, &[]),
        (4, State::Rotating, &[]),
        (5, State::Failing, &[]),
        (6, State::Held, &["held"]),
        (7, State::Held, &[]),
        (8, State::Blocked, &["refused"]),
        (9, State::RolledBack, &["rolled_back"]),
        (10, State::Rotating, &[]),
        (11, State::Fresh, &["recovered"]),
        (12, State::Fresh, &[]),
        (13, State::Failing, &["failed"]),
        (14, State::Due, &["recovered"]),
    ] {
        assert_eq!(told(&mut judge, now, state), expected, "at {now}: {state:?}");
    }
}

#[test]
fn what_lasts_is_told_again_only_after_the_configured_time() {
    let mut judge = Judge::new(&sink(&EventKind::ALL));
    assert_eq!(told(&mut judge, 0, State::Held), ["held"]);
    assert_eq!(told(&mut judge, 24 * HOUR - 1, State::Held), NOTHING);
    assert_eq!(told(&mut judge, 24 * HOUR, State::Held), ["held again"]);
    assert_eq!(told(&mut judge, 47 * HOUR, State::Held), NOTHING);
}

#[test]
fn a_sink_is_told_of_nothing_that_it_did_not_ask_for_nor_that_it_has_passed() {
    let mut judge = Judge::new(&sink(&[EventKind::Held, EventKind::Recovered]));
    assert_eq!(told(&mut judge, 0, State::Failing), NOTHING);
    assert_eq!(told(&mut judge, 1, State::Fresh), NOTHING, "of the failure nothing was said");
    assert_eq!(told(&mut judge, 2, State::Held), ["held"]);
    assert_eq!(told(&mut judge, 3, State::Fresh), ["recovered"]);
}

#[test]
fn a_token_nears_its_expiry_when_half_of_renew_before_has_passed_or_the_configured_time_is_left() {
    let all = |expires_in| vec![member(State::Failing, expires_in, None)];
    let mut judge = Judge::new(&sink(&[EventKind::Expiring, EventKind::Recovered]));
    assert_eq!(observe(&mut judge, 0, all(HOUR), 0), NOTHING);
    assert_eq!(observe(&mut judge, 1, all(HOUR), 0), ["expiring"]);
    assert_eq!(observe(&mut judge, 2, all(HOUR), 0), NOTHING);
    assert_eq!(observe(&mut judge, 25 * HOUR, all(HOUR), 0), ["expiring again"], "and expired");
    assert_eq!(observe(&mut judge, 25 * HOUR + 1, all(99 * HOUR), 0), ["recovered"]);
    let settings = Sink { expiry_within: Some(Duration::from_hours(3)), ..sink(&EventKind::ALL) };
    let mut judge = Judge::new(&settings);
    let fresh = |expires_in| vec![member(State::Fresh, expires_in, None)];
    assert_eq!(observe(&mut judge, 0, fresh(3 * HOUR), 0), NOTHING);
    assert_eq!(observe(&mut judge, 1, fresh(3 * HOUR), 0), ["expiring"]);
}

#[test]
fn a_rotation_after_a_leak_is_told_once() {
    let leaked = || vec![member(State::Fresh, 99 * HOUR, Some(Origin::Compromised))];
    let mut judge = Judge::new(&sink(&EventKind::ALL));
    assert_eq!(observe(&mut judge, 0, leaked(), 0), ["compromised"]);
    assert_eq!(observe(&mut judge, 99, leaked(), 0), NOTHING);
}

#[test]
fn unmanaged_tokens_are_told_when_there_are_more_of_them() {
    let mut judge = Judge::new(&sink(&EventKind::ALL));
    for (now, count, expected) in [
        (0, 0, &NOTHING[..]),
        (1, 1, &["unmanaged"]),
        (2, 1, &[]),
        (3, 3, &["unmanaged"]),
        (4, 2, &[]),
        (5, 3, &["unmanaged"]),
        (6 + 24 * HOUR, 3, &["unmanaged again"]),
        (7 + 24 * HOUR, 0, &[]),
        (8 + 24 * HOUR, 1, &["unmanaged"]),
    ] {
        assert_eq!(observe(&mut judge, now, vec![], count), expected, "at {now}: {count}");
    }
}

#[test]
fn a_paused_credential_is_no_trouble_but_nears_its_expiry_like_any_other() {
    let paused = |expires_in| vec![member(State::Paused, expires_in, None)];
    let mut judge = Judge::new(&sink(&EventKind::ALL));
    assert_eq!(observe(&mut judge, 0, paused(99 * HOUR), 0), NOTHING);
    assert_eq!(observe(&mut judge, 98 * HOUR + 1, paused(99 * HOUR), 0), ["expiring"]);
    assert_eq!(observe(&mut judge, 99 * HOUR, paused(99 * HOUR), 0), NOTHING);
    assert_eq!(
        observe(&mut judge, 123 * HOUR, paused(99 * HOUR), 0),
        ["expiring again"],
        "expired"
    );
    assert_eq!(observe(&mut judge, 124 * HOUR, paused(999 * HOUR), 0), ["recovered"]);
}

#[test]
fn a_place_that_was_changed_has_an_event_of_its_own_among_what_needs_a_person() {
    let mut judge = Judge::new(&sink(&EventKind::ALL));
    let blocked = |reason| {
        let condition = condition(State::Blocked, reason);
        vec![CredentialStatus { condition, ..member(State::Blocked, 1_000 * HOUR, None) }]
    };
    assert_eq!(observe(&mut judge, 0, blocked(Reason::EditedByHand), 0), ["refused"]);
    assert_eq!(observe(&mut judge, 1, blocked(Reason::PlaceChanged), 0), ["blocked"]);
}

#[test]
fn clocks_that_disagree_are_told_once_for_all_credentials() {
    let mut judge = Judge::new(&sink(&EventKind::ALL));
    let mut snapshot = crate::status::nobody().snapshot();
    let mut told = |time: Option<Time>| {
        snapshot.contacts.time = time;
        judge.observe(&snapshot).iter().map(Notification::word).collect::<Vec<_>>()
    };
    let apart = |minutes: i64| Some(Time { now: at(0), other: Some(at(minutes * 60)) });
    assert!(told(None).is_empty() && told(apart(60)).is_empty());
    assert_eq!(told(apart(61)), ["clock_disagrees"]);
    // A `Date` that is wrong by turns is no news.
    assert!(told(apart(0)).is_empty() && told(apart(-61)).is_empty());
}

#[test]
fn a_pause_by_hand_and_its_end_are_told_once_and_one_that_was_there_before_is_no_news() {
    let paused = |since: i64| {
        let mut paused = member(State::Paused, 1_000 * HOUR, None);
        paused.condition.pause =
            Some(PauseShown { since: at(since), until: None, by: None, reason: None });
        vec![paused]
    };
    let awake = || vec![member(State::Fresh, 1_000 * HOUR, None)];
    let unseen = || vec![member(State::Unknown, 1_000 * HOUR, None)];
    let mut judge = Judge::new(&sink(&EventKind::ALL));
    for (now, members, expected) in [
        (0, unseen(), &NOTHING[..]),
        (1, paused(0), &NOTHING),
        (2, paused(2), &["paused"]),
        (99 * HOUR, paused(2), &NOTHING),
        (100 * HOUR, unseen(), &NOTHING),
        (101 * HOUR, awake(), &["resumed"]),
        (102 * HOUR, awake(), &NOTHING),
        (103 * HOUR, paused(103), &["paused"]),
    ] {
        assert_eq!(observe(&mut judge, now, members, 0), expected, "{now}");
    }
}

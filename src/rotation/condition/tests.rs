//! How a credential stands, row by row: what was seen, how the last run left it, and what everybody is told.

use std::time::Duration;

use jiff::SignedDuration;
use uuid::Uuid;

use super::*;
use crate::fault::FaultKind;
use crate::names::TokenName;
use crate::record::{Pause, Phase, TokenType};
use crate::rotation::decide::{Refusal, Subject};
use crate::rotation::evidence::Evidence;
use crate::rotation::policy::{CatchUp, GatePace, OnFailure};
use crate::rotation::schedule::{Calendar, Schedule};
use crate::secret::Token;

const DAY: i64 = 24 * 3_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn id(n: u64) -> TokenId {
    TokenId(Uuid::from_u64_pair(0x0000_0000_0000_4000, 0x8000_0000_0000_0000 + n))
}

/// What is seen, and how the last run left it. At first: token 2 is served, made a day ago, due in 22 days for its
/// expiry, and nobody says how the last run went.
struct Scene {
    policy: Policy,
    record: Record,
    tokens: Tokens,
    mirror: Option<Problem>,
    working: Option<Working>,
    kept: Option<Kept>,
    last_run: Option<LastRun>,
    now: Timestamp,
}

fn quiet() -> Scene {
    let credential = "etl".parse().unwrap();
    let rotation: crate::names::RotationId =
        Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0002)
            .to_string()
            .parse()
            .unwrap();
    let owner: crate::names::Owner = "prod".parse().unwrap();
    Scene {
        policy: Policy {
            schedule: Schedule::new(Calendar::ExpiryOnly, Duration::ZERO, &credential),
            paused: false,
            renew_before: Duration::from_hours(7 * 24),
            catch_up: CatchUp::Run,
            on_failure: OnFailure::Hold,
            orphan_grace: Duration::from_mins(10),
            ttl: None,
            gate: GatePace::Polled {
                interval: Duration::from_secs(10),
                successes: 3,
                deadline: Duration::from_mins(15),
            },
        },
        record: Record {
            token_id: id(2),
            token_name: TokenName { owner: owner.clone(), credential, rotation }.to_string(),
            created_at: at(-DAY),
            expires_at: Some(at(29 * DAY)),
            rotation_id: rotation,
            published_at: at(-DAY),
            token_sha256: String::new(),
            owner,
            ..Record::sample(&Token::new("t").unwrap())
        },
        tokens: Tokens { orphans: Some(vec![]), ..Tokens::default() },
        mirror: None,
        working: None,
        kept: None,
        last_run: None,
        now: at(0),
    }
}

/// Token 2 was published so long ago, and token 1, which it replaced, lives.
fn unfinished(ago: i64) -> Scene {
    let mut scene = quiet();
    scene.record.published_at = at(-ago);
    scene.record.previous_token_ids = vec![id(1)];
    scene.tokens.predecessors = vec![id(1)];
    scene
}

impl Scene {
    fn edit(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    /// The last run left it so, an hour ago, and it is looked at again in a minute.
    fn left(self, state: State, reason: Option<(Reason, Option<Step>)>) -> Self {
        let problem = reason.map(|(reason, step)| Problem {
            step,
            reason,
            message: "as it was told".to_owned(),
            hint: None,
        });
        let last_run = LastRun { state, problem, since: at(-3_600), next_look: Some(at(60)) };
        Self { last_run: Some(last_run), ..self }
    }

    fn seen(&self, secret: Seen<'_>) -> Condition {
        let observed = Observed {
            credential: &"etl".parse().unwrap(),
            secret,
            tokens: &self.tokens,
            mirror: self.mirror.as_ref(),
            working: self.working,
            kept: self.kept.as_ref().map(|kept| (kept, at(-7_200))),
        };
        condition(&self.policy, &observed, self.last_run.as_ref(), self.now)
    }

    fn stands(&self) -> Condition {
        self.seen(Seen::Serves(&self.record))
    }
}

/// Paused by a person a minute ago, for so many seconds.
fn by_hand(until: Option<i64>) -> Scene {
    quiet().edit(|it| {
        it.record.pause = Some(Box::new(Pause {
            since: at(-60),
            until: until.map(at),
            by: Some("ada@desk".to_owned()),
            reason: Some("a\nfreeze\u{1b}[2J".to_owned()),
            unknown: serde_json::Map::new(),
        }));
    })
}

#[test]
fn a_pause_by_hand_says_by_whom_until_when_and_why_on_one_line() {
    let paused = by_hand(Some(DAY)).stands();
    let until = crate::text::instant(at(DAY));
    let words = format!("paused by ada@desk until {until}: a freeze [2J");
    assert_eq!(paused.message, Some(words));
    assert_eq!(paused.pause.as_ref().map(|pause| pause.until), Some(Some(at(DAY))));
    assert_eq!(
        paused.hint.as_deref(),
        Some(Reason::PausedByHand.hint(&"etl".parse().unwrap()).as_str())
    );
    assert_eq!(paused.next_rotation, Some(at(22 * DAY)), "its pause is over by then");
    let late = by_hand(Some(25 * DAY)).stands();
    assert_eq!(late.next_rotation, Some(at(25 * DAY)));
    assert_eq!(by_hand(None).stands().next_rotation, None);
    let both = by_hand(None).edit(|it| it.policy.paused = true).stands();
    assert!(both.message.unwrap().ends_with("its configuration says `paused`, too"));
}

/// Its state and reason, and since when in seconds.
fn short(condition: &Condition) -> (State, Option<Reason>, Option<i64>) {
    let since = condition.since.map(|since| since.duration_since(at(0)).as_secs());
    (condition.state, condition.reason, since)
}

fn working(step: Step) -> Working {
    Working { step: Some(step), since: at(-30) }
}

fn kept(is_in_doubt: bool) -> Kept {
    let problem = Problem {
        step: None,
        reason: Reason::PlaceChanged,
        message: "moved".to_owned(),
        hint: Some("name it as a mirror".to_owned()),
    };
    Kept { problem, is_in_doubt }
}

type Row = (&'static str, Scene, (State, Option<Reason>, Option<i64>));

fn stand(rows: Vec<Row>) {
    for (what, scene, expected) in rows {
        assert_eq!(short(&scene.stands()), expected, "{what}");
    }
}

#[test]
fn what_the_record_shows_at_rest_tells_how_a_credential_stands_where_no_run_does() {
    use Reason as R;
    stand(vec![
        ("at rest", quiet(), (State::Fresh, None, Some(-DAY))),
        (
            "near its expiry",
            quiet().edit(|it| it.now = at(23 * DAY)),
            (State::Due, Some(R::ExpiryNear), Some(22 * DAY)),
        ),
        (
            "expired",
            quiet().edit(|it| it.now = at(30 * DAY)),
            (State::Due, Some(R::TokenExpired), Some(29 * DAY)),
        ),
        (
            "expired in the middle of a rotation",
            unfinished(60).edit(|it| it.record.expires_at = Some(at(-5))),
            (State::Due, Some(R::TokenExpired), Some(-5)),
        ),
        (
            "scheduled",
            quiet().edit(|it| {
                let calendar = Calendar::Every(Duration::from_hours(1));
                it.policy.schedule =
                    Schedule::new(calendar, Duration::ZERO, &"etl".parse().unwrap());
            }),
            (State::Due, Some(R::ScheduleDue), Some(0)),
        ),
        (
            "not listed",
            quiet().edit(|it| it.tokens.lacks_served = true),
            (State::Due, Some(R::TokenMissing), None),
        ),
    ]);
}

#[test]
fn a_pause_is_told_with_who_made_it_and_with_what_expires_meanwhile() {
    use Reason as R;
    stand(vec![
        (
            "paused",
            quiet().edit(|it| it.policy.paused = true),
            (State::Paused, Some(R::Paused), None),
        ),
        (
            "paused, and near its expiry",
            quiet().edit(|it| (it.policy.paused, it.now) = (true, at(23 * DAY))),
            (State::Paused, Some(R::PausedNearExpiry), None),
        ),
        (
            "paused, and expired",
            quiet().edit(|it| (it.policy.paused, it.now) = (true, at(30 * DAY))),
            (State::Paused, Some(R::PausedNearExpiry), None),
        ),
        ("paused by hand", by_hand(None), (State::Paused, Some(R::PausedByHand), Some(-60))),
        (
            "paused by hand until an hour before its expiry",
            by_hand(Some(29 * DAY - 3_600)).edit(|it| it.now = at(24 * DAY)),
            (State::Paused, Some(R::PausedByHand), Some(-60)),
        ),
        (
            "paused by hand until it is too late for a rotation",
            by_hand(Some(29 * DAY - 60)).edit(|it| it.now = at(24 * DAY)),
            (State::Paused, Some(R::PausedNearExpiry), Some(-60)),
        ),
        (
            "paused by hand until before now",
            by_hand(Some(0)).edit(|it| it.now = at(24 * DAY)),
            (State::Due, Some(R::ExpiryNear), Some(22 * DAY)),
        ),
        (
            "paused by hand, and at its gate",
            unfinished(14 * 60).edit(|it| it.record.pause = by_hand(None).record.pause),
            (State::Rotating, Some(R::RotationUnderWay), Some(-14 * 60)),
        ),
    ]);
}

#[test]
fn what_is_under_way_tells_how_a_credential_stands_where_no_run_does() {
    use Reason as R;
    let mirror = |reason| {
        Some(Problem { step: Some(Step::Mirror), reason, message: "copy".to_owned(), hint: None })
    };
    let wait = |scene: &mut Scene| scene.policy.gate = GatePace::Wait(Duration::from_mins(15));
    let rolled_back = |scene: &mut Scene| scene.record.token_name = "made by hand".to_owned();
    stand(vec![
        (
            "at its gate",
            unfinished(14 * 60),
            (State::Rotating, Some(R::RotationUnderWay), Some(-14 * 60)),
        ),
        (
            "past its gate's deadline",
            unfinished(16 * 60),
            (State::Held, Some(R::GateNotPassed), Some(-60)),
        ),
        (
            "past the end of a waiting gate",
            unfinished(16 * 60).edit(wait),
            (State::Held, Some(R::NotVerified), Some(-60)),
        ),
        (
            "rolled back",
            unfinished(60).edit(rolled_back),
            (State::RolledBack, Some(R::PredecessorServed), Some(-60)),
        ),
        (
            "sealed",
            unfinished(60).edit(|it| it.record.phase = Phase::Retiring),
            (State::Rotating, Some(R::PredecessorsRetiring), Some(-60)),
        ),
        (
            "with tokens elsewhere",
            quiet().edit(|it| it.tokens.elsewhere = vec![id(7)]),
            (State::Held, Some(R::PlaceVacant), None),
        ),
        (
            "behind in a mirror",
            quiet().edit(|it| it.mirror = mirror(R::MirrorBehind)),
            (State::Due, Some(R::MirrorBehind), None),
        ),
        (
            "with a mirror that was edited",
            quiet().edit(|it| it.mirror = mirror(R::MirrorEdited)),
            (State::Blocked, Some(R::MirrorEdited), None),
        ),
    ]);
}

#[test]
fn a_secret_without_a_token_of_ours_is_due_paused_blocked_or_unknown() {
    let fault = Fault { kind: FaultKind::Transient, message: "no route".to_owned(), hint: None };
    assert_eq!(
        short(&quiet().seen(Seen::NotYet)),
        (State::Unknown, Some(Reason::NotLookedAt), None)
    );
    let unreadable = quiet().seen(Seen::Unreadable(&fault));
    assert_eq!(short(&unreadable), (State::Unknown, Some(Reason::StoreUnreachable), None));
    assert_eq!(unreadable.message.as_deref(), Some("no route"));
    assert!(unreadable.hint.unwrap().contains("pintail check;"), "the reason's own hint");
    let empty = quiet().seen(Seen::Empty);
    assert_eq!(short(&empty), (State::Due, Some(Reason::NothingServed), Some(0)));
    assert_eq!(empty.next_rotation, Some(at(0)));
    let paused = quiet().edit(|it| it.policy.paused = true).seen(Seen::Empty);
    assert_eq!((paused.state, paused.next_rotation), (State::Paused, None));
    let moved = quiet().edit(|it| it.tokens.elsewhere = vec![id(7)]).seen(Seen::Empty);
    assert_eq!((moved.state, moved.reason), (State::Due, Some(Reason::PlaceVacant)));
    let refused = quiet().seen(Seen::Refused(&Refusal::Edited));
    assert_eq!(short(&refused), (State::Blocked, Some(Reason::EditedByHand), None));
    assert_eq!((refused.severity, refused.next_rotation), (Severity::Critical, None));
}

#[test]
fn what_a_run_came_to_weighs_more_than_what_the_secret_looks_like() {
    use Reason as R;
    let gate = Some((R::GateNotPassed, Some(Step::Gate)));
    let publish = Some((R::PublishFailed, Some(Step::Publish)));
    let hour_ago = Some(-3_600);
    let rows = [
        (
            "a held gate, before its deadline",
            unfinished(60).left(State::Held, gate),
            (State::Held, Some(R::GateNotPassed), hour_ago),
        ),
        (
            "a held gate that is polled on",
            unfinished(60)
                .left(State::Held, gate)
                .edit(|it| it.working = Some(working(Step::Gate))),
            (State::Held, Some(R::GateNotPassed), hour_ago),
        ),
        (
            "refused by the store for good",
            quiet().left(State::Blocked, publish),
            (State::Blocked, Some(R::PublishFailed), hour_ago),
        ),
        (
            "failing",
            quiet().left(State::Failing, publish),
            (State::Failing, Some(R::PublishFailed), hour_ago),
        ),
        (
            "failing, and tried again",
            quiet()
                .left(State::Failing, publish)
                .edit(|it| it.working = Some(working(Step::Publish))),
            (State::Failing, Some(R::PublishFailed), hour_ago),
        ),
        (
            "failing before, and past it",
            quiet().left(State::Failing, publish).edit(|it| it.working = Some(working(Step::Gate))),
            (State::Rotating, Some(R::RotationUnderWay), Some(-30)),
        ),
        (
            "at work for the first time",
            quiet().edit(|it| it.working = Some(working(Step::Create))),
            (State::Rotating, Some(R::RotationUnderWay), Some(-30)),
        ),
        ("at rest", quiet().left(State::Fresh, None), (State::Fresh, None, hour_ago)),
        (
            "at rest, where a list lags",
            quiet().left(State::Fresh, None).edit(|it| it.tokens.lacks_served = true),
            (State::Fresh, None, hour_ago),
        ),
        (
            "kept in its former place",
            quiet().left(State::Fresh, None).edit(|it| it.kept = Some(kept(false))),
            (State::Blocked, Some(R::PlaceChanged), Some(-7_200)),
        ),
        (
            "kept there, and held",
            unfinished(60).left(State::Held, gate).edit(|it| it.kept = Some(kept(false))),
            (State::Held, Some(R::GateNotPassed), hour_ago),
        ),
        (
            "kept there since nobody can tell",
            unfinished(60).left(State::Held, gate).edit(|it| it.kept = Some(kept(true))),
            (State::Blocked, Some(R::PlaceChanged), Some(-7_200)),
        ),
    ];
    for (what, scene, expected) in rows {
        assert_eq!(short(&scene.stands()), expected, "{what}");
    }
}

#[test]
fn a_held_credential_says_why_since_when_what_next_and_what_to_do() {
    let gate = Some((Reason::GateNotPassed, Some(Step::Gate)));
    let held = unfinished(60).left(State::Held, gate).stands();
    assert_eq!((held.step, held.since), (Some(Step::Gate), Some(at(-3_600))));
    assert_eq!(held.message.as_deref(), Some("as it was told"));
    let hint = held.hint.as_deref().unwrap();
    assert!(hint.contains("both tokens stay valid") && hint.contains("pintail roll-back etl"));
    let next = held.next();
    assert!(next.contains("goes on by itself"), "{next}");
    assert!(next.contains(&format!("looks again at {}", instant(at(60)))), "{next}");
    assert_eq!(held.predecessors, [id(1)]);
}

#[test]
fn what_a_place_that_is_kept_hides_is_told_besides() {
    let failing = Some((Reason::PublishFailed, Some(Step::Publish)));
    let scene = quiet().left(State::Failing, failing).edit(|it| it.kept = Some(kept(false)));
    let message = scene.stands().message.unwrap();
    assert_eq!(message, "moved; besides, as it was told");
    assert_eq!(scene.stands().hint.as_deref(), Some("name it as a mirror"));
}

/// Whoever is told nothing of why must have nothing to ask.
#[test]
fn whatever_is_not_fresh_has_a_reason_a_message_and_a_hint() {
    for state in State::ALL {
        let scene = quiet().left(state, Some((Reason::GateNotPassed, None)));
        let told = scene.stands();
        let is_told = told.reason.is_some() && told.message.is_some() && told.hint.is_some();
        assert!(is_told || told.state == State::Fresh, "{told:?}");
        assert!(!told.state.is_problem() || told.needs_attention(), "{told:?}");
    }
}

#[test]
fn the_words_are_told_as_they_are_serialised() {
    for state in State::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    for reason in Reason::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        assert_eq!(serde_json::to_value(reason.severity()).unwrap(), reason.severity().as_str());
        let hint = reason.hint(&"etl".parse().unwrap());
        assert!(!hint.contains("NAME"), "{hint}");
    }
}

#[test]
fn a_token_lives_until_a_list_that_came_after_the_seal_lacks_it() {
    let listed = |n| crate::rotation::world::ListedToken {
        id: id(n),
        name: None,
        created_at: at(-DAY),
        expires_at: Some(at(DAY)),
    };
    let subject = Subject {
        owner: "prod".parse().unwrap(),
        credential: "etl".parse().unwrap(),
        username: "etl_prod".parse().unwrap(),
        place: crate::names::PlaceMark::of(&["here"]),
        token_type: TokenType::ReadWrite,
        policy: quiet().policy,
        has_deploy_hook: false,
        is_made_by_rule: false,
        settle: Duration::ZERO,
        endpoint: None,
        mirrors: vec![],
    };
    let tokens = |record: &Record, list: Option<&[_]>, gone: &[TokenId]| {
        let mut evidence = Evidence::default();
        evidence.gone.extend(gone);
        living(&subject, Some(record), list, &evidence, at(0))
    };
    let published = unfinished(60).record;
    let retiring = Record { phase: Phase::Retiring, ..published.clone() };
    let both = [listed(1), listed(2)];
    let served = [listed(2)];
    assert_eq!(tokens(&published, Some(&served), &[]).predecessors, [id(1)], "a list may lag");
    assert_eq!(tokens(&retiring, Some(&both), &[]).predecessors, [id(1)]);
    assert_eq!(tokens(&retiring, None, &[]).predecessors, [id(1)]);
    assert!(tokens(&retiring, Some(&served), &[]).predecessors.is_empty());
    assert!(tokens(&retiring, None, &[id(1)]).predecessors.is_empty(), "it was revoked");
    let moved = Record { elsewhere_token_ids: vec![id(1), id(7)], ..quiet().record };
    let elsewhere = tokens(&moved, Some(&both), &[]);
    assert_eq!(elsewhere.elsewhere, [id(1)]);
    assert_eq!(elsewhere.elsewhere_expires_at, Some(at(DAY)));
    assert_eq!(tokens(&moved, None, &[]).orphans, None, "nobody has listed them");
    assert!(tokens(&moved, Some(&[listed(1)]), &[]).lacks_served);
}

/// A credential that is quiet, as long as its clock goes, is due in the end.
#[test]
fn a_fresh_credential_becomes_due_by_the_clock_alone() {
    let scene = quiet().left(State::Fresh, None);
    let states = [0, 21, 23].map(|days| {
        let now = at(0) + SignedDuration::from_hours(24 * days);
        Scene { now, ..quiet().left(State::Fresh, None) }.stands().state
    });
    assert_eq!(states, [State::Fresh, State::Fresh, State::Due]);
    assert_eq!(
        scene.stands().next(),
        format!("the next rotation is due at {}", instant(at(22 * DAY)))
    );
}

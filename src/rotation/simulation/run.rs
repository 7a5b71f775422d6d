//! Runs pintails in a simulated world, turn by turn, until they come to rest.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use jiff::SignedDuration;

use super::actor::{Actor, Shared};
use super::ground::{Consumers, Fault, Ground};
use crate::config::{CatchUp, GatePace, OnFailure, Policy};
use crate::record::TokenType;
use crate::rotation::decide::{Subject, Trigger};
use crate::rotation::drive::{Outcome, Persistence, drive};
use crate::rotation::evidence::Evidence;
use crate::rotation::schedule::{Calendar, Schedule};

/// How many healthy polls pass the simulated gate.
pub(super) const SUCCESSES: u32 = 2;
/// A run that takes more turns than this does not end.
const MOST_TURNS: u32 = 3_000;

/// One world to explore.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// What each pintail was asked for, and how it treats failures.
    pub(super) pintails: Vec<(Trigger, OnFailure)>,
    /// Rotations that were complete before it starts.
    pub(super) history: u32,
    pub(super) consumers: Consumers,
    pub(super) listing_lag: Duration,
    pub(super) revocation_lag: Duration,
    /// What goes wrong, by the number of the effect, counted from the start.
    pub(super) plan: BTreeMap<u32, Fault>,
    /// Before which turns another pintail takes over. Without any, each runs until it rests or sleeps.
    pub(super) switches: Vec<u32>,
}

impl Scenario {
    /// One pintail that rotates a served token, in a world where all is well.
    pub(super) fn quiet() -> Self {
        Self {
            pintails: vec![(Trigger::Forced, OnFailure::Hold)],
            history: 1,
            consumers: Consumers::Healthy,
            listing_lag: Duration::ZERO,
            revocation_lag: Duration::ZERO,
            plan: BTreeMap::new(),
            switches: vec![],
        }
    }
}

/// What a run showed.
pub(super) struct Shown {
    pub(super) violations: Vec<String>,
    pub(super) story: Vec<String>,
    /// How many effects there were before the faults stopped.
    pub(super) effects: u32,
    pub(super) most_alive: usize,
    /// How each pintail's first life ended, if it ended by itself.
    pub(super) outcomes: Vec<Option<Outcome>>,
}

fn subject(on_failure: OnFailure) -> Subject {
    let credential = "etl".parse().unwrap();
    Subject {
        owner: "sim".parse().unwrap(),
        username: "etl_prod".parse().unwrap(),
        token_type: TokenType::ReadWrite,
        policy: Policy {
            schedule: Schedule::new(Calendar::ExpiryOnly, Duration::ZERO, &credential),
            renew_before: Duration::from_hours(24),
            catch_up: CatchUp::Run,
            on_failure,
            orphan_grace: Duration::from_mins(10),
            gate: GatePace::Polled {
                interval: Duration::from_secs(5),
                successes: SUCCESSES,
                deadline: Duration::from_mins(2),
            },
        },
        credential,
        has_deploy_hook: true,
    }
}

type Life = Pin<Box<dyn Future<Output = Outcome> + Send>>;

fn live(
    shared: &Arc<Mutex<Shared>>,
    index: usize,
    trigger: Trigger,
    on_failure: OnFailure,
) -> Life {
    let actor = Actor { shared: shared.clone(), index };
    Box::pin(async move {
        let persistence = Persistence { failures: 4, pause: Duration::from_secs(1) };
        let mut evidence = Evidence::default();
        let subject = subject(on_failure);
        drive(&actor, &subject, trigger, &mut evidence, persistence, &|_| {}).await.outcome
    })
}

/// Runs `scenario`, then lets the faults stop and sees whether the world comes to rest.
pub(super) fn run(scenario: &Scenario) -> Shown {
    run_with(scenario, |_| {})
}

/// Like [`run`], with something done to the world between its history and its start.
pub(super) fn run_with(scenario: &Scenario, prepare: impl FnOnce(&mut Ground)) -> Shown {
    let count = scenario.pintails.len();
    let shared = Arc::new(Mutex::new(Shared {
        ground: Ground::new(SUCCESSES, count),
        plan: BTreeMap::new(),
        asleep: vec![None; count],
        dead: vec![false; count],
    }));
    for _ in 0..scenario.history {
        let mut alone = vec![Some(live(&shared, 0, Trigger::Forced, OnFailure::Hold))];
        let outcomes = take_turns(&shared, &mut alone, &[]);
        assert_eq!(outcomes[0], Some(Outcome::Rotated), "the history is quiet");
    }
    {
        let mut shared = shared.lock().unwrap();
        let ground = &mut shared.ground;
        ground.consumers = scenario.consumers;
        ground.listing_lag = scenario.listing_lag;
        ground.revocation_lag = scenario.revocation_lag;
        ground.compromised =
            scenario.pintails.iter().any(|(trigger, _)| *trigger == Trigger::Compromised);
        ground.effects = 0;
        ground.most_alive = 0;
        ground.story.clear();
        prepare(ground);
        shared.plan = scenario.plan.clone();
    }
    let mut lives: Vec<_> = scenario
        .pintails
        .iter()
        .enumerate()
        .map(|(index, (trigger, on_failure))| Some(live(&shared, index, *trigger, *on_failure)))
        .collect();
    let outcomes = take_turns(&shared, &mut lives, &scenario.switches);
    let effects = shared.lock().unwrap().ground.effects;
    come_to_rest(&shared, scenario);
    let mut shared = shared.lock().unwrap();
    let ground = &mut shared.ground;
    Shown {
        violations: std::mem::take(&mut ground.violations),
        story: std::mem::take(&mut ground.story),
        effects,
        most_alive: ground.most_alive,
        outcomes,
    }
}

/// Polls the pintails one effect at a time. Those that die are gone; who sleeps is passed over until time has come.
fn take_turns(
    shared: &Arc<Mutex<Shared>>,
    lives: &mut [Option<Life>],
    switches: &[u32],
) -> Vec<Option<Outcome>> {
    let mut outcomes = vec![None; lives.len()];
    let mut current = 0;
    for turn in 0..MOST_TURNS {
        if switches.contains(&turn) {
            current += 1;
        }
        let Some(next) = next_awake(shared, lives, current) else { return outcomes };
        current = next;
        let Some(life) = &mut lives[current] else { continue };
        if let std::task::Poll::Ready(outcome) =
            life.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            outcomes[current] = Some(outcome);
            lives[current] = None;
        } else if std::mem::take(&mut shared.lock().unwrap().dead[current]) {
            lives[current] = None;
            shared.lock().unwrap().ground.seen[current] = super::ground::Seen::default();
        }
    }
    shared.lock().unwrap().ground.violate("the pintails do not come to an end");
    outcomes
}

fn next_awake(shared: &Arc<Mutex<Shared>>, lives: &[Option<Life>], from: usize) -> Option<usize> {
    let mut shared = shared.lock().unwrap();
    let candidates: Vec<_> = (0..lives.len())
        .map(|n| (from + n) % lives.len())
        .filter(|n| lives[*n].is_some())
        .collect();
    let now = shared.ground.now;
    let wakes_at = |shared: &Shared, n: usize| shared.asleep[n].unwrap_or(now);
    if let Some(awake) = candidates.iter().copied().find(|n| wakes_at(&shared, *n) <= now) {
        shared.asleep[awake] = None;
        return Some(awake);
    }
    let first = candidates.into_iter().min_by_key(|n| wakes_at(&shared, *n))?;
    shared.ground.now = wakes_at(&shared, first);
    shared.asleep[first] = None;
    Some(first)
}

/// The faults stop, late messages arrive, and one pintail looks every twenty minutes: at rest, exactly one managed
/// token is alive, and it is the served one (promise 4). Meanwhile the living tokens stay few (promise 5).
fn come_to_rest(shared: &Arc<Mutex<Shared>>, scenario: &Scenario) {
    {
        let mut shared = shared.lock().unwrap();
        shared.plan.clear();
        shared.ground.story.push("the faults stop".to_owned());
        shared.ground.deliver_all();
        shared.ground.consumers = Consumers::Healthy;
    }
    for _ in 0..6 {
        shared.lock().unwrap().ground.now += SignedDuration::from_mins(20);
        let mut alone = vec![Some(live(shared, 0, Trigger::Schedule, OnFailure::Hold))];
        take_turns(shared, &mut alone, &[]);
    }
    let mut shared = shared.lock().unwrap();
    let ground = &mut shared.ground;
    let alive = ground.alive_managed();
    let served: Vec<_> = ground.served().map(|stored| stored.record.token_id).into_iter().collect();
    if alive != served {
        ground.violate(
            "at rest, the living managed tokens are not exactly the served one (promise 4)",
        );
    }
    let bound = 2 + 2 * scenario.pintails.len() + scenario.plan.len();
    if ground.most_alive > bound {
        ground.violate("too many tokens were alive at once (promise 5)");
    }
}

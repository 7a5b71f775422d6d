//! Runs pintails in a simulated world, turn by turn, until they come to rest.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use jiff::SignedDuration;

use super::account::{ACCOUNT, Names};
use super::actor::{Actor, Part, Shared};
use super::bugs::Bug;
use super::clocks::{Clocks, Date};
use super::ground::{Act, Consumers, Fault, Ground, LIFE, Lists, Seen};
use super::mirror::{Keeps, Mirror};
use super::store::Protocol;
use crate::names::PlaceMark;
use crate::record::TokenType;
use crate::retry::STEP_ONCE;
use crate::rotation::decide::{MOST_ORPHANS, MirrorPlace, Request, Subject, decide};
use crate::rotation::evidence::Evidence;
use crate::rotation::policy::{CatchUp, GatePace, IdentityRule, OnFailure, Policy};
use crate::rotation::reconcile::{Judge, Reconciler};
use crate::rotation::run::{Outcome, Report, run_passes};
use crate::rotation::schedule::{Calendar, Schedule};
use crate::rotation::step_log::StepLog;

/// How many healthy polls pass the simulated gate.
pub(super) const SUCCESSES: u32 = 2;
/// A run that takes more turns than this does not end.
const MOST_TURNS: u32 = 6_000;
/// A pintail that spares lists asks for one at one look of so many.
const LOOKS_A_LIST: u32 = 4;
/// Where tokens are replaced no sooner before their end, none is due within the hours that a run takes.
const DUE_LATE: Duration = Duration::from_hours(24);
/// Between two looks of a daemon.
const SWEEP: Duration = Duration::from_mins(10);

/// One pintail, and what it is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pintail {
    pub(super) request: Request,
    pub(super) on_failure: OnFailure,
    /// How often it looks again, as a daemon does.
    pub(super) sweeps: u32,
    /// Whether it does without lists where nothing seems to have changed, at all of its looks but the last.
    pub(super) spares_lists: bool,
    /// It starts no sooner than at this turn.
    pub(super) from_turn: u32,
}

impl Pintail {
    pub(super) fn one_shot(request: Request) -> Self {
        Self { request, on_failure: OnFailure::Hold, sweeps: 0, spares_lists: false, from_turn: 0 }
    }

    pub(super) fn daemon(sweeps: u32) -> Self {
        Self { sweeps, ..Self::one_shot(Request::SCHEDULE) }
    }

    /// As a daemon looks between two lists.
    pub(super) fn sparing(self) -> Self {
        Self { spares_lists: true, ..self }
    }

    pub(super) fn rolling_back(self) -> Self {
        Self { on_failure: OnFailure::RollBack, ..self }
    }
}

/// One world to explore.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) protocol: Protocol,
    /// What a mirror keeps, if there is one.
    pub(super) mirror: Option<Keeps>,
    /// Whether the credential is the pintails' own admin token.
    pub(super) is_admin: bool,
    pub(super) pintails: Vec<Pintail>,
    /// Rotations that were complete before it starts.
    pub(super) history: u32,
    pub(super) consumers: Consumers,
    pub(super) lists: Lists,
    /// What the endpoint says of whose a token is.
    pub(super) names: Names,
    pub(super) listing_lag: Duration,
    pub(super) revocation_lag: Duration,
    /// How far each pintail's clock is off, in minutes.
    pub(super) skew: Vec<i64>,
    /// What MotherDuck says of the time.
    pub(super) date: Date,
    /// How far the store's clock is off, in minutes, if it has one.
    pub(super) store_date: Option<i64>,
    /// How long tokens live, and how long before their end they are replaced.
    pub(super) life: Duration,
    pub(super) renew_before: Duration,
    /// What is down, from one minute to another.
    pub(super) outages: Vec<(Part, i64, i64)>,
    /// What goes wrong, by the number of the effect, counted from the start.
    pub(super) plan: BTreeMap<u32, Fault>,
    /// Before which turns which pintail takes over. Without any, each runs until it rests or sleeps.
    pub(super) switches: Vec<(u32, usize)>,
    /// What is wrong with the adapters of all of them, and how they judge, in tests of the checker.
    pub(super) bug: Option<Bug>,
    pub(super) judge: Option<fn() -> Box<Judge>>,
}

impl Scenario {
    /// One pintail that rotates a served token, in a world where all is well.
    pub(super) fn quiet() -> Self {
        Self {
            protocol: Protocol::CheckAndSet,
            mirror: None,
            is_admin: false,
            pintails: vec![Pintail::one_shot(Request::ROTATION)],
            history: 1,
            consumers: Consumers::Healthy,
            lists: Lists::Honest,
            names: Names::Right,
            listing_lag: Duration::ZERO,
            revocation_lag: Duration::ZERO,
            skew: vec![],
            date: Date::None,
            store_date: None,
            life: LIFE,
            renew_before: DUE_LATE,
            outages: vec![],
            plan: BTreeMap::new(),
            switches: vec![],
            bug: None,
            judge: None,
        }
    }

    pub(super) fn with(pintails: impl IntoIterator<Item = Pintail>) -> Self {
        Self { pintails: pintails.into_iter().collect(), ..Self::quiet() }
    }

    /// Whether nobody and nothing asked for a new token.
    fn is_uneventful(&self) -> bool {
        let acts =
            |fault: &Fault| matches!(fault, Fault::Person(_) | Fault::Clock(_) | Fault::Date(_));
        self.history > 0
            && self.life == LIFE
            && self.renew_before <= DUE_LATE
            && self.date == Date::None
            && self.pintails.iter().all(|pintail| pintail.request == Request::SCHEDULE)
            && !self.plan.values().any(acts)
    }
}

/// What a run showed.
pub(super) struct Shown {
    pub(super) violations: Vec<String>,
    pub(super) story: Vec<String>,
    /// How many effects there were before the faults stopped, and how many turns.
    pub(super) effects: u32,
    pub(super) turns: u32,
    pub(super) most_alive: usize,
    /// How many tokens were created before the faults stopped.
    pub(super) created: u32,
    /// How each pintail's last life ended, if it ended by itself.
    pub(super) outcomes: Vec<Option<Outcome>>,
    /// And what it told of itself.
    pub(super) reports: Vec<Option<Report>>,
}

/// The mark of one of the two places.
pub(super) fn mark(place: usize) -> PlaceMark {
    PlaceMark::of(&[&place.to_string()])
}

fn subject(
    on_failure: OnFailure,
    mirror: Option<Keeps>,
    place: usize,
    (life, renew_before): (Duration, Duration),
) -> Subject {
    let credential = "etl".parse().unwrap();
    Subject {
        owner: "sim".parse().unwrap(),
        username: ACCOUNT.parse().unwrap(),
        place: mark(place),
        token_type: TokenType::ReadWrite,
        policy: Policy {
            schedule: Schedule::new(Calendar::ExpiryOnly, Duration::ZERO, &credential),
            paused: false,
            ttl: Some(life),
            renew_before,
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
        is_made_by_rule: false,
        settle: Duration::ZERO,
        endpoint: Some(IdentityRule::IfAnswered),
        mirrors: mirror
            .map(|_| MirrorPlace { name: "mirror".to_owned(), place: PlaceMark::of(&["mirror"]) })
            .into_iter()
            .collect(),
    }
}

type Life = Pin<Box<dyn Future<Output = Report>>>;

struct Runner {
    shared: Arc<Mutex<Shared>>,
    /// What each process remembers; a crash forgets it.
    minds: Vec<Arc<Mutex<Evidence>>>,
    bug: Option<Bug>,
    judge: Arc<Judge>,
    honest_lists: bool,
    mirror: Option<Keeps>,
    is_admin: bool,
    spans: (Duration, Duration),
}

impl Runner {
    fn live(&self, index: usize, pintail: Pintail) -> Life {
        let place = self.shared.lock().unwrap().ground.configured;
        let actor = Actor {
            shared: self.shared.clone(),
            index,
            place,
            bug: self.bug,
            memory: Arc::new(Mutex::new(None)),
            badge: self.is_admin.then(Arc::default),
        };
        let judge = self.judge.clone();
        let mind = self.minds[index].clone();
        let honest_lists = self.honest_lists;
        let mirror = self.mirror;
        let spans = self.spans;
        Box::pin(async move {
            let subject = subject(pintail.on_failure, mirror, place, spans);
            let mut request = pintail.request;
            let mut evidence = std::mem::take(&mut *mind.lock().unwrap());
            let mut sweeps = pintail.sweeps;
            loop {
                if request.is_compromised {
                    actor.shared().ground.compromised = true;
                }
                if request.gives_up_old_place {
                    actor.shared().ground.given_up = true;
                }
                {
                    let seen = &mut actor.shared().ground.seen[index];
                    seen.connected.clear();
                    seen.listed.clear();
                }
                let log = StepLog::new(&|_| {});
                // A list comes at some looks, whatever the record says, and at the last one.
                let spares = pintail.spares_lists && !sweeps.is_multiple_of(LOOKS_A_LIST);
                let asked = if spares { request.sparing_lists() } else { request };
                let run =
                    Reconciler::new(&actor, &subject, &mut evidence, asked, log).judged_by(&*judge);
                let report = run_passes(run, &actor, &subject, &STEP_ONCE).await;
                if honest_lists && !spares {
                    actor.shared().ground.check_report(index, &report);
                }
                if sweeps == 0 {
                    *mind.lock().unwrap() = evidence;
                    return report;
                }
                sweeps -= 1;
                request = Request::SCHEDULE;
                crate::rotation::clock::Clock::nap(&actor, SWEEP).await;
            }
        })
    }

    /// Polls the pintails one effect at a time. Those that die start once more, knowing nothing; who sleeps is passed
    /// over until time has come.
    fn take_turns(
        &self,
        pintails: &[Pintail],
        switches: &[(u32, usize)],
    ) -> (Vec<Option<Report>>, u32) {
        let mut lives: Vec<_> =
            pintails.iter().enumerate().map(|(n, p)| Some(self.live(n, *p))).collect();
        let mut restarts = vec![2; lives.len()];
        let mut reports: Vec<_> = lives.iter().map(|_| None).collect();
        let mut current = 0;
        for turn in 0..MOST_TURNS {
            if let Some((_, to)) = switches.iter().find(|(at, _)| *at == turn) {
                current = *to;
            }
            let in_turn = || (0..lives.len()).map(|n| (current + n) % lives.len());
            let living = || in_turn().filter(|n| lives[*n].is_some());
            let mut candidates: Vec<_> =
                living().filter(|n| pintails[*n].from_turn <= turn).collect();
            if candidates.is_empty() {
                // Nobody else is left: who was to begin later begins now.
                candidates.extend(living().min_by_key(|n| pintails[*n].from_turn));
            }
            let Some(next) = self.next_awake(&candidates) else { return (reports, turn) };
            current = next;
            let Some(life) = &mut lives[current] else { continue };
            let mut context = Context::from_waker(Waker::noop());
            if let std::task::Poll::Ready(report) = life.as_mut().poll(&mut context) {
                reports[current] = Some(report);
                lives[current] = None;
            } else if std::mem::take(&mut self.shared.lock().unwrap().dead[current]) {
                self.shared.lock().unwrap().ground.seen[current] = Seen::default();
                *self.minds[current].lock().unwrap() = Evidence::default();
                lives[current] = (restarts[current] > 0).then(|| {
                    restarts[current] -= 1;
                    self.live(current, Pintail { request: Request::SCHEDULE, ..pintails[current] })
                });
            }
        }
        self.shared.lock().unwrap().ground.violate("the pintails do not come to an end");
        (reports, MOST_TURNS)
    }

    fn next_awake(&self, candidates: &[usize]) -> Option<usize> {
        let mut shared = self.shared.lock().unwrap();
        let now = shared.ground.now;
        let wakes_at = |n: usize| shared.asleep[n].unwrap_or(now);
        let next = candidates
            .iter()
            .copied()
            .find(|n| wakes_at(*n) <= now)
            .or_else(|| candidates.iter().copied().min_by_key(|n| wakes_at(*n)))?;
        shared.ground.now = now.max(wakes_at(next));
        shared.asleep[next] = None;
        Some(next)
    }

    /// The faults stop, late messages arrive, and the first pintail looks every twenty minutes: at rest, exactly one
    /// managed token is alive, and it is the served one (promise 4).
    fn come_to_rest(&self, scenario: &Scenario) {
        {
            let shared = &mut *self.shared.lock().unwrap();
            shared.plan.clear();
            shared.outages.clear();
            shared.clocks.hosts.fill(SignedDuration::ZERO);
            if shared.clocks.motherduck != Date::None {
                shared.clocks.motherduck = Date::Off(0);
            }
            shared.clocks.store = shared.clocks.store.map(|_| SignedDuration::ZERO);
            shared.ground.tell(|| "the faults stop".to_owned());
            shared.ground.deliver_all();
            shared.ground.consumers = Consumers::Healthy;
            shared.ground.lists = Lists::Honest;
            if shared.ground.served().is_some_and(|stored| stored.record.pause.is_some()) {
                shared.ground.person(Act::Resume);
            }
        }
        for _ in 0..6 {
            self.shared.lock().unwrap().ground.now += SignedDuration::from_mins(20);
            self.take_turns(&[Pintail::one_shot(Request::SCHEDULE)], &[]);
            let ground = &mut self.shared.lock().unwrap().ground;
            ground.here = ground.configured;
            if ground.is_at_rest() && ground.is_mirrored() {
                break;
            }
        }
        let ground = &mut self.shared.lock().unwrap().ground;
        if !ground.edited && !ground.is_at_rest() {
            ground.violate(
                "at rest, the living managed tokens are not exactly the served one and those that its record names as living elsewhere (promise 4)",
            );
        }
        if !ground.edited && !ground.is_mirrored() {
            ground.violate("at rest, the mirror does not serve what the store serves");
        }
        // Served and two predecessors, orphans up to where creation stops, one in the making for each.
        let bound = 3 + MOST_ORPHANS + 2 * scenario.pintails.len() + scenario.plan.len();
        if ground.most_alive > bound {
            ground.violate("too many tokens were alive at once (promise 5)");
        }
        if scenario.is_uneventful() && ground.created > 0 {
            ground.violate("a token was created for which nothing and nobody asked");
        }
    }
}

/// Runs `scenario`, then lets the faults stop and sees whether the world comes to rest.
pub(super) fn run(scenario: &Scenario) -> Shown {
    run_with(scenario, false, |_| {})
}

/// Like [`run`], with something done to the world between its history and its start.
pub(super) fn run_with(
    scenario: &Scenario,
    telling: bool,
    prepare: impl FnOnce(&mut Ground),
) -> Shown {
    let count = scenario.pintails.len();
    let mut runner = Runner {
        shared: Arc::new(Mutex::new(Shared {
            ground: Ground::new(scenario.protocol, SUCCESSES, count),
            plan: BTreeMap::new(),
            outages: vec![],
            clocks: Clocks::right(count),
            asleep: vec![None; count],
            dead: vec![false; count],
        })),
        minds: (0..count).map(|_| Arc::default()).collect(),
        bug: None,
        judge: Arc::new(decide),
        honest_lists: scenario.lists == Lists::Honest,
        mirror: scenario.mirror,
        is_admin: scenario.is_admin,
        spans: (scenario.life, scenario.renew_before),
    };
    runner.shared.lock().unwrap().ground.life = scenario.life;
    runner.shared.lock().unwrap().ground.mirror = scenario.mirror.map(Mirror::new);
    for _ in 0..scenario.history {
        let (reports, _) = runner.take_turns(&[Pintail::one_shot(Request::ROTATION)], &[]);
        let outcome = reports[0].as_ref().map(|report| report.outcome);
        assert_eq!(outcome, Some(Outcome::Rotated), "the history is quiet");
    }
    runner.minds[0] = Arc::default();
    runner.bug = scenario.bug;
    if let Some(judge) = scenario.judge {
        runner.judge = judge().into();
    }
    {
        let shared = &mut *runner.shared.lock().unwrap();
        let ground = &mut shared.ground;
        ground.started = ground.now;
        ground.consumers = scenario.consumers;
        ground.lists = scenario.lists;
        ground.names = scenario.names;
        ground.listing_lag = scenario.listing_lag;
        ground.revocation_lag = scenario.revocation_lag;
        ground.effects = 0;
        ground.created = 0;
        ground.most_alive = 0;
        ground.story = telling.then(Vec::new);
        prepare(ground);
        let minute = |minutes| ground.now + SignedDuration::from_mins(minutes);
        shared.outages =
            scenario.outages.iter().map(|(p, from, to)| (*p, minute(*from), minute(*to))).collect();
        shared.clocks.motherduck = scenario.date;
        shared.clocks.store = scenario.store_date.map(SignedDuration::from_mins);
        for (skew, minutes) in shared.clocks.hosts.iter_mut().zip(&scenario.skew) {
            *skew = SignedDuration::from_mins(*minutes);
        }
        shared.plan.clone_from(&scenario.plan);
    }
    let (reports, turns) = runner.take_turns(&scenario.pintails, &scenario.switches);
    let (effects, created) = {
        let ground = &runner.shared.lock().unwrap().ground;
        (ground.effects, ground.created)
    };
    runner.come_to_rest(scenario);
    let ground = &mut runner.shared.lock().unwrap().ground;
    Shown {
        violations: std::mem::take(&mut ground.violations),
        story: ground.story.take().unwrap_or_default(),
        effects,
        turns,
        most_alive: ground.most_alive,
        created,
        outcomes: reports.iter().map(|report| report.as_ref().map(|it| it.outcome)).collect(),
        reports,
    }
}

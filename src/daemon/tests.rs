//! The planner in paused time, with runs that do as they are told.

mod pace;
mod pending;
mod signals;
mod stop;
mod tenants;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::driver::Driver;
use super::permit::{Kind, Permit};
use super::planner::{Planner, Rules};
use crate::fault::FaultKind;
use crate::names::CredentialName;
use crate::occupancy;
use crate::retry::MOTHERDUCK;
use crate::rotation::condition::{Reason as Why, Tokens};
use crate::rotation::decide::{Reason, Request};
use crate::rotation::evidence::Evidence;
use crate::rotation::run::{LastSeen, Outcome, Problem, Report};

/// What a run does.
#[derive(Clone, Copy)]
enum Does {
    Rests {
        due_in: Option<Duration>,
    },
    Fails(FaultKind),
    Holds {
        again_in: Duration,
    },
    Waits(Duration),
    /// Has others of this kind answer after so long, and works again.
    Asks(Kind, Duration),
    /// Asks a store that answers after so long.
    Reads(Duration),
    /// Asks a MotherDuck that never answers, again and again, as its client does.
    CallsInVain,
    /// Asks a MotherDuck that answers after so long, twice.
    Calls(Duration),
    /// Means to replace a token that is gone, and does not come to it.
    Loses,
    /// Rests with a token that expires after so long, and is due when that is near.
    Ages(Duration),
    Panics,
}

/// What all runs of a test did.
#[derive(Default)]
struct Seen {
    looks: Mutex<Vec<(String, Duration)>>,
    /// Those that listed, whatever the record said.
    lists: Mutex<Vec<(String, Duration)>>,
    remembered: Mutex<Vec<u32>>,
    busy: AtomicUsize,
    most_busy: AtomicUsize,
    asked: Mutex<Vec<Duration>>,
    asking: AtomicUsize,
    most_asking: AtomicUsize,
    overlapped: AtomicUsize,
}

impl Seen {
    fn looks(&self, name: &str) -> Vec<Duration> {
        self.looks.lock().unwrap().iter().filter(|(n, _)| n == name).map(|(_, at)| *at).collect()
    }

    fn count(&self) -> usize {
        self.looks.lock().unwrap().len()
    }
}

type Script = Arc<dyn Fn(u32) -> Does + Send + Sync>;

struct Fake {
    name: String,
    /// Whatever it is configured with.
    settings: u32,
    script: Script,
    work: Duration,
    clock: Clock,
    seen: Arc<Seen>,
    stop: CancellationToken,
    here: AtomicUsize,
}

impl Driver for Fake {
    async fn run(&self, request: Request, evidence: &mut Evidence, permit: &Permit) -> Report {
        let begun = self.clock.start.elapsed();
        let nth = {
            let mut looks = self.seen.looks.lock().unwrap();
            looks.push((self.name.clone(), begun));
            if !request.spares_lists {
                evidence.listed_at = Some(self.clock.now());
                self.seen.lists.lock().unwrap().push((self.name.clone(), begun));
            }
            looks.iter().filter(|(name, _)| *name == self.name).count()
        };
        let _here = self.enter(&self.here, &self.seen.overlapped);
        match (self.script)(u32::try_from(nth).unwrap()) {
            Does::Reads(time) => {
                permit.at_store(tokio::time::sleep(time)).await;
                return self.report(Outcome::NotDue, None, None);
            }
            Does::CallsInVain => {
                let _ = permit.at_work(self.calls(MOTHERDUCK.tries - 1, LIMIT)).await;
                return self.report(Outcome::Failed, Some(FaultKind::Transient), None);
            }
            Does::Calls(time) => {
                let _ = permit.at_work(self.calls(2, time)).await;
                return self.report(Outcome::NotDue, None, Some(PERIOD));
            }
            Does::Rests { .. }
            | Does::Fails(_)
            | Does::Holds { .. }
            | Does::Waits(_)
            | Does::Asks(..)
            | Does::Loses
            | Does::Ages(_)
            | Does::Panics => {}
        }
        {
            let _busy = self.enter(&self.seen.busy, &self.seen.most_busy);
            tokio::time::sleep(self.work).await;
        }
        let gate = &mut evidence.proofs_mut().gate;
        self.seen.remembered.lock().unwrap().push(gate.count);
        gate.count += 1;
        match (self.script)(u32::try_from(nth).unwrap()) {
            Does::Rests { due_in } => self.report(Outcome::NotDue, None, due_in),
            Does::Fails(kind) => self.report(Outcome::Failed, Some(kind), None),
            Does::Holds { again_in } => {
                self.report(Outcome::Held, Some(FaultKind::Transient), Some(again_in))
            }
            Does::Waits(wait) => {
                let nap = async {
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.stop.cancelled() => {}
                    }
                };
                permit.aside(nap).await;
                if self.stop.is_cancelled() {
                    return self.report(Outcome::Held, Some(FaultKind::Transient), None);
                }
                let _ = permit
                    .at_work(async {
                        let _busy = self.enter(&self.seen.busy, &self.seen.most_busy);
                        tokio::time::sleep(self.work).await;
                    })
                    .await;
                self.report(Outcome::Rotated, None, None)
            }
            Does::Asks(kind, time) => {
                permit.with_others(kind, async { tokio::time::sleep(time).await }).await;
                let _ = permit
                    .at_work(async {
                        // A stop lets nobody wait for a place.
                        let is_placed = !self.stop.is_cancelled();
                        let _busy =
                            is_placed.then(|| self.enter(&self.seen.busy, &self.seen.most_busy));
                        tokio::time::sleep(self.work).await;
                    })
                    .await;
                self.report(Outcome::Rotated, None, Some(PERIOD))
            }
            Does::Reads(_) | Does::Calls(_) | Does::CallsInVain => unreachable!("that was done"),
            Does::Loses => {
                let mut report = self.report(Outcome::Failed, Some(FaultKind::Transient), None);
                report.seen.reason = Some(Reason::Lost);
                report
            }
            Does::Ages(left) => {
                let due_in = left.checked_sub(RENEW_BEFORE);
                let mut report = self.report(Outcome::NotDue, None, due_in);
                report.expires_at = Some(self.clock.now() + left);
                report
            }
            Does::Panics => panic!("as told"),
        }
    }

    fn renewal(&self, expires_at: Timestamp) -> Option<Timestamp> {
        Some(expires_at - RENEW_BEFORE)
    }

    fn after(self, _: &Self) -> Self {
        self
    }

    fn is_alike(&self, before: &Self) -> bool {
        self.settings == before.settings
    }

    fn introduce(&self) {}
}

struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The limit for one request to MotherDuck.
const LIMIT: Duration = Duration::from_secs(30);

impl Fake {
    /// Sends so many requests to MotherDuck, of which each takes so long.
    async fn calls(&self, requests: u32, time: Duration) {
        for pause in MOTHERDUCK.pauses(self.name.clone()).take(requests as usize) {
            if occupancy::enter().await.is_break() {
                return;
            }
            self.seen.asked.lock().unwrap().push(self.clock.start.elapsed());
            {
                let _busy = self.enter(&self.seen.asking, &self.seen.most_asking);
                occupancy::answer(tokio::time::sleep(time)).await;
            }
            occupancy::pause(pause).await;
        }
    }

    #[expect(clippy::unused_self, reason = "reads as what the run does")]
    fn enter<'a>(&self, inside: &'a AtomicUsize, most: &AtomicUsize) -> Inside<'a> {
        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Inside(inside)
    }

    fn report(
        &self,
        outcome: Outcome,
        problem: Option<FaultKind>,
        again_in: Option<Duration>,
    ) -> Report {
        Report {
            outcome,
            rotation_id: None,
            token_id: None,
            previous_token_id: None,
            expires_at: None,
            revoked: vec![],
            steps: vec![],
            problem: problem.map(|kind| Problem {
                step: None,
                kind,
                message: "as told".to_owned(),
                reason: Why::GateNotPassed,
                hint: None,
            }),
            tokens: Tokens::default(),
            again_at: again_in.map(|after| self.clock.now() + after),
            seen: LastSeen::default(),
        }
    }
}

/// The wall clock of a test: it goes as paused time goes, and can be set.
#[derive(Clone)]
struct Clock {
    start: Instant,
    set_by: Arc<Mutex<SignedDuration>>,
}

impl Clock {
    fn now(&self) -> Timestamp {
        let base = Timestamp::from_second(1_767_225_600).unwrap();
        base + self.start.elapsed() + *self.set_by.lock().unwrap()
    }
}

/// A planner with credentials that do as they are told.
struct Bench {
    planner: Planner<Fake>,
    seen: Arc<Seen>,
    clock: Clock,
    stop: CancellationToken,
    work: Duration,
}

/// When what asks others is due again.
const PERIOD: Duration = Duration::from_secs(4);
/// How long before its expiry a token is replaced.
const RENEW_BEFORE: Duration = Duration::from_hours(1);
const SWEEP: Duration = Duration::from_mins(10);
const GRACE: Duration = Duration::from_secs(30);

fn rules(concurrency: usize) -> Rules {
    let (relist, requests_per_second) = (SWEEP * 6, 10);
    Rules { concurrency, sweep: SWEEP, relist, requests_per_second, shutdown_grace: GRACE }
}

fn bench(concurrency: usize) -> Bench {
    let stop = CancellationToken::new();
    let rules = rules(concurrency);
    Bench {
        planner: Planner::new(rules, crate::status::nobody(), stop.clone()),
        seen: Arc::default(),
        clock: Clock { start: Instant::now(), set_by: Arc::default() },
        stop,
        work: Duration::from_millis(10),
    }
}

impl Bench {
    fn add(&mut self, name: &str, script: impl Fn(u32) -> Does + Send + Sync + 'static) {
        let fake = self.fake(name, 0, script);
        self.planner.add(name.parse().unwrap(), fake);
    }

    fn fake(
        &self,
        name: &str,
        settings: u32,
        script: impl Fn(u32) -> Does + Send + Sync + 'static,
    ) -> Fake {
        Fake {
            name: name.to_owned(),
            settings,
            script: Arc::new(script),
            work: self.work,
            clock: self.clock.clone(),
            seen: self.seen.clone(),
            stop: self.stop.clone(),
            here: AtomicUsize::new(0),
        }
    }

    /// Runs for `time`, then stops. Returns what was seen and what was left unfinished.
    async fn run_for(self, time: Duration) -> (Arc<Seen>, Vec<CredentialName>) {
        let Self { planner, seen, clock, stop, .. } = self;
        let now = move || clock.now();
        let end = async {
            tokio::time::sleep(time).await;
            stop.cancel();
        };
        let (unfinished, ()) = tokio::join!(planner.run(&now), end);
        (seen, unfinished)
    }
}

//! Beyond what can be tried in full: worlds drawn by seed. `PINTAIL_SIM_SEED=n` replays one, `PINTAIL_SIM_WORLDS=n`
//! draws more.

use std::time::Duration;

use super::{FAULTS, PROTOCOLS, explore};
use crate::rotation::decide::Request;
use crate::rotation::policy::OnFailure;
use crate::rotation::simulation::account::Names;
use crate::rotation::simulation::ground::{Act, Consumers, Fault, Lists};
use crate::rotation::simulation::run::{Pintail, Scenario};

const TRIGGERS: [Request; 4] =
    [Request::SCHEDULE, Request::ROTATION, Request::COMPROMISED, Request::ROLL_BACK];
const ACTS: [Act; 5] = [Act::RevokeServed, Act::Edit, Act::Delete, Act::Adopt, Act::AdoptTheirs];

fn drawn(seed: u64) -> Scenario {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut pintails: Vec<_> = (0..dice.usize(1..=3))
        .map(|_| Pintail {
            request: dice.choice(TRIGGERS).unwrap(),
            on_failure: if dice.bool() { OnFailure::Hold } else { OnFailure::RollBack },
            sweeps: dice.u32(0..4),
            from_turn: dice.u32(0..60),
            spares_lists: dice.bool(),
        })
        .collect();
    let mut plan = (0..dice.u32(0..5))
        .map(|_| (dice.u32(0..120), dice.choice(FAULTS).unwrap()))
        .collect::<std::collections::BTreeMap<_, _>>();
    if dice.u32(0..6) == 0 {
        plan.insert(dice.u32(0..120), Fault::Person(dice.choice(ACTS).unwrap()));
    }
    let consumers = dice.choice([
        Consumers::Healthy,
        Consumers::Healthy,
        Consumers::Sick,
        Consumers::Flapping,
        Consumers::FondOfTheOld,
    ]);
    // Where a person deletes the secret, the list is all that tells of what was served.
    let deleted = plan.values().any(|fault| *fault == Fault::Person(Act::Delete));
    let lists = dice
        .choice([Lists::Honest, Lists::Honest, Lists::Empty, Lists::CutShort])
        .map(|lists| if deleted { Lists::Honest } else { lists });
    // Where the endpoint does not tell accounts, nobody can tell; and who replaces a leaked token waits for no endpoint.
    let mut names =
        dice.choice([Names::Right, Names::Constant, Names::AnothersName, Names::Nothing]).unwrap();
    if plan.values().any(|fault| *fault == Fault::Person(Act::AdoptTheirs)) {
        names = Names::Right;
        for pintail in &mut pintails {
            pintail.request.is_compromised = false;
        }
    }
    Scenario {
        names,
        protocol: dice.choice(PROTOCOLS).unwrap(),
        history: dice.u32(0..3),
        consumers: consumers.unwrap(),
        lists: lists.unwrap(),
        listing_lag: Duration::from_secs(if deleted { 0 } else { dice.u64(0..60) }),
        revocation_lag: Duration::from_secs(dice.u64(0..60)),
        skew: pintails.iter().map(|_| dice.i64(-10..10)).collect(),
        switches: (0..dice.u32(0..6))
            .map(|_| (dice.u32(0..150), dice.usize(0..pintails.len())))
            .collect(),
        plan,
        ..Scenario::with(pintails)
    }
}

#[test]
fn worlds_drawn_by_seed_keep_the_promises() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("PINTAIL_SIM_SEED") {
        println!("seed {seed}: {:#?}", drawn(seed));
        explore(&drawn(seed));
        return;
    }
    let worlds = number("PINTAIL_SIM_WORLDS").unwrap_or(3_000);
    for seed in 0..worlds {
        let shown = std::panic::catch_unwind(|| explore(&drawn(seed)));
        assert!(shown.is_ok(), "replay it with PINTAIL_SIM_SEED={seed}");
    }
    println!("{worlds} worlds: drawn by the seeds 0 to {}", worlds.saturating_sub(1));
}

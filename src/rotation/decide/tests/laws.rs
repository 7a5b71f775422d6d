//! Laws that hold whatever is observed: every small world, drawn at random.

use std::time::Duration;

use proptest::prelude::*;

use super::mirrors::mirror_place;
use super::observed::{DAY, Observed, Where, at, foreign, id, listed, name, tries, version};
use crate::names::TokenId;
use crate::record::Phase;
use crate::rotation::decide::{Begin, Decision, Refusal, Request};
use crate::rotation::evidence::{Evidence, Tries};
use crate::rotation::policy::{GatePace, OnFailure};
use crate::rotation::whose::Whose;
use crate::rotation::world::Version;

const TRIGGERS: [Request; 6] = [
    Request::SCHEDULE,
    Request::FINISH,
    Request::ROTATION,
    Request::COMPROMISED,
    Request::COMPROMISED.begun(),
    Request::ROLL_BACK,
];

fn some_tries() -> impl Strategy<Value = Tries> {
    (0..8_u32, 0..4_u32, 0..120_i64).prop_map(|(n, streak, ago)| tries(n, streak.min(n), ago))
}

fn some_ids() -> impl Strategy<Value = Vec<TokenId>> {
    prop::collection::btree_set(1..7_u64, 0..3)
        .prop_map(|numbers| numbers.into_iter().map(id).collect())
}

prop_compose! {
    fn some_evidence()(
        deploy in some_tries(), gate in some_tries(), verify in some_tries(), refused: bool,
        missed in prop::option::of(0..60_i64), gone in some_ids(), fenced in some_ids(),
        no_way_back: bool, unproved: bool, anothers in prop::option::weighted(0.1, 0..12_i64),
    ) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.observe(&version());
        let proofs = evidence.proofs_mut();
        (proofs.deploy, proofs.gate, proofs.verify) = (deploy, gate, verify);
        proofs.refused = refused;
        proofs.whose = anothers.map(|hours| (Whose::Another("bi_prod".to_owned()), at(-hours * 3_600)));
        proofs.no_way_back = no_way_back.then(|| "lost".to_owned());
        evidence.missed_since = missed.map(|ago| at(-ago));
        evidence.gone = gone.into_iter().collect();
        evidence.fenced = fenced.into_iter().collect();
        evidence.unproved = unproved.then(|| id(2));
        evidence
    }
}

prop_compose! {
    fn some_look()(
        secret in prop::sample::select(vec![Where::Managed, Where::Managed, Where::Managed, Where::Vacant, Where::Edited, Where::Unmanaged]),
        request in prop::sample::select(TRIGGERS.to_vec()),
        evidence in some_evidence(),
        previous in some_ids(), retiring: bool, rolled_back: bool, foreign_owner in 0..8_u32,
        listing in prop::option::of(prop::collection::btree_map(1..7_u64, (0..2 * DAY, 0..4_u32), 0..6)),
        published in 0..3_600_i64, days in 0..40_i64, roll_back: bool, hook: bool,
        gate in prop::sample::select(vec![
            GatePace::Open,
            GatePace::Wait(Duration::from_mins(2)),
            GatePace::Polled { interval: Duration::from_secs(10), successes: 3, deadline: Duration::from_mins(15) },
        ]),
    ) -> Observed {
        Observed::quiet().gate(gate).edit(|observed| {
            observed.secret = secret;
            observed.request = request;
            observed.evidence = evidence;
            observed.now = at(if days < 30 { 0 } else { days * DAY });
            let record = &mut observed.record;
            record.previous_token_ids = previous.into_iter().filter(|p| *p != id(2)).collect();
            record.phase = if retiring { Phase::Retiring } else { Phase::Published };
            record.published_at = at(-published);
            if rolled_back {
                record.rotation_id = name(6).rotation;
            }
            if foreign_owner == 0 {
                record.owner = "other".parse().unwrap();
            }
            observed.listing = listing.map(|tokens| {
                tokens.into_iter().map(|(n, (age, whose))| if whose == 0 { foreign(n) } else { listed(n, age) }).collect()
            });
            observed.subject.has_deploy_hook = hook;
            observed.subject.policy.on_failure = if roll_back { OnFailure::RollBack } else { OnFailure::Hold };
        })
    }
}

fn some_managed() -> impl Strategy<Value = Observed> {
    some_look().prop_map(|observed| Observed { secret: Where::Managed, ..observed })
}

/// What `decision` may revoke.
fn doomed(observed: &Observed, decision: &Decision) -> Vec<TokenId> {
    match decision {
        Decision::Replace { orphans, .. } | Decision::Fence { orphans } => orphans.clone(),
        Decision::Seal { orphans } => {
            [orphans.as_slice(), &observed.record.previous_token_ids].concat()
        }
        Decision::Revoke(ids) => ids.clone(),
        Decision::List
        | Decision::Refuse(_)
        | Decision::Deploy
        | Decision::PollGate
        | Decision::Verify
        | Decision::Confirm
        | Decision::RollBack(_)
        | Decision::Wait { .. }
        | Decision::Hold { .. }
        | Decision::Mirror
        | Decision::Forget(_)
        | Decision::Rest { .. } => vec![],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_served_token_is_never_revoked(observed in some_managed()) {
        prop_assert!(!doomed(&observed, &observed.decide()).contains(&observed.record.token_id));
    }

    #[test]
    fn a_predecessor_is_revoked_only_behind_a_seal(observed in some_managed()) {
        let decision = observed.decide();
        if observed.record.phase == Phase::Published && !matches!(decision, Decision::Seal { .. }) {
            let doomed = doomed(&observed, &decision);
            prop_assert!(observed.record.previous_token_ids.iter().all(|id| !doomed.contains(id)));
        }
    }

    #[test]
    fn nothing_is_sealed_without_a_proof_and_without_a_gate_unless_compromised(observed in some_look()) {
        if let Decision::Seal { .. } = observed.decide() {
            let proofs = observed.evidence.proofs();
            prop_assert!(proofs.verify.succeeded());
            let waived = observed.request == Request::COMPROMISED.begun();
            match observed.subject.policy.gate {
                GatePace::Polled { successes, .. } => prop_assert!(waived || proofs.gate.streak >= successes),
                GatePace::Wait(duration) => {
                    let passed = observed.now.duration_since(observed.record.published_at).unsigned_abs();
                    prop_assert!(waived || passed >= duration);
                }
                GatePace::Open => {}
            }
        }
    }

    #[test]
    fn evidence_of_another_version_seals_nothing(mut observed in some_look()) {
        observed.evidence.observe(&Version::new("another"));
        let seals = matches!(observed.decide(), Decision::Seal { .. });
        prop_assert!(!seals);
    }

    #[test]
    fn a_replacement_remembers_the_served_token_and_all_published_predecessors(observed in some_managed()) {
        if let Decision::Replace { previous, orphans, .. } = observed.decide() {
            prop_assert_eq!(previous.first(), Some(&observed.record.token_id));
            if observed.record.phase == Phase::Published {
                prop_assert!(observed.record.previous_token_ids.iter().all(|id| previous.contains(id)));
            }
            prop_assert!(orphans.iter().all(|id| !previous.contains(id)));
        }
    }

    #[test]
    fn only_listed_tokens_with_our_name_are_orphans(observed in some_look()) {
        let decision = observed.decide();
        if let Decision::Replace { orphans, .. } | Decision::Fence { orphans } | Decision::Seal { orphans } = &decision {
            let ours = |id: &TokenId| observed.listing.iter().flatten().any(|token| {
                token.id == *id && token.name.as_deref().is_some_and(|name| name.starts_with("pintail/prod/etl/"))
            });
            prop_assert!(orphans.iter().all(ours));
        }
    }

    #[test]
    fn nothing_is_done_to_what_is_foreign_edited_or_unmanaged(observed in some_look()) {
        let foreign = observed.secret == Where::Managed && observed.record.owner != observed.subject.owner;
        if foreign || matches!(observed.secret, Where::Edited | Where::Unmanaged) {
            prop_assert!(matches!(observed.decide(), Decision::Refuse(_)));
        }
    }

    #[test]
    fn nothing_is_done_to_anothers_token_but_to_ask_again(observed in some_managed()) {
        if observed.evidence.proofs().is_anothers().is_some() {
            let decision = observed.decide();
            prop_assert!(matches!(decision, Decision::Refuse(_) | Decision::Verify), "{decision:?}");
        }
    }

    #[test]
    fn a_predecessor_is_served_again_only_before_the_seal(observed in some_look()) {
        if let Decision::RollBack(to) = observed.decide() {
            prop_assert_eq!(observed.record.phase, Phase::Published);
            prop_assert_eq!(observed.record.previous_token_ids.first(), Some(&to));
            prop_assert!(!observed.record.is_rolled_back());
        }
    }

    #[test]
    fn a_rotation_whose_every_stage_succeeded_when_it_was_last_tried_is_neither_held_nor_rolled_back(
        observed in some_managed(), mirrored: bool, has_mirror: bool, failed in 0..9_u32,
    ) {
        let well = observed.edit(|observed| {
            observed.mirrored = mirrored;
            observed.subject.mirrors = has_mirror.then(mirror_place).into_iter().collect();
            if observed.request.begin == Begin::RollBack {
                observed.request = Request::SCHEDULE;
            }
            let proofs = observed.evidence.proofs_mut();
            for stage in [&mut proofs.mirror, &mut proofs.deploy, &mut proofs.gate, &mut proofs.verify] {
                *stage = Tries { count: failed + 1, failed: 0, ..tries(1, 1, 0) };
            }
        });
        let decision = well.decide();
        let is_stopped = matches!(decision, Decision::Hold { .. } | Decision::RollBack(_));
        prop_assert!(!is_stopped, "{decision:?}");
    }

    #[test]
    fn a_token_that_lives_elsewhere_is_not_revoked_unless_a_person_gives_it_up(observed in some_managed(), kept in some_ids()) {
        let observed = observed.edit(|observed| {
            let record = &mut observed.record;
            record.elsewhere_token_ids = kept.into_iter()
                .filter(|id| *id != record.token_id && !record.previous_token_ids.contains(id))
                .collect();
        });
        let decision = observed.decide();
        let kept = &observed.record.elsewhere_token_ids;
        prop_assert!(doomed(&observed, &decision).iter().all(|id| !kept.contains(id)));
        if let Decision::Replace { previous, elsewhere, .. } = decision {
            let is_known = |id| elsewhere.contains(id) || observed.request.is_compromised && previous.contains(id);
            prop_assert!(kept.iter().all(is_known));
        }
    }

    #[test]
    fn a_wait_or_a_hold_ends_in_the_future(observed in some_look()) {
        if let Decision::Wait { until, .. } | Decision::Hold { until, .. } = observed.decide() {
            prop_assert!(until > observed.now);
        }
    }

    #[test]
    fn while_paused_nothing_begins_that_no_person_asks_for(observed in some_look()) {
        for request in [Request::SCHEDULE, Request::FINISH] {
            let decision = observed.clone().asked(request).edit(|observed| observed.subject.policy.paused = true).decide();
            let begins = matches!(decision, Decision::Replace { .. });
            prop_assert!(!begins, "{request:?}: {decision:?}");
        }
    }

    #[test]
    fn a_pause_stops_neither_what_was_begun_nor_what_a_person_asks_for(observed in some_look()) {
        let awake = observed.decide();
        let asleep = observed.clone().edit(|observed| observed.subject.policy.paused = true).decide();
        let goes_on = match &awake {
            Decision::Replace { .. } => observed.request != Request::SCHEDULE,
            Decision::Seal { .. } | Decision::Revoke(_) | Decision::RollBack(_)
            | Decision::Deploy | Decision::PollGate | Decision::Mirror | Decision::Forget(_) => true,
            Decision::Refuse(refusal) => !matches!(refusal, Refusal::Strays(_)),
            // These may go before a replacement, too.
            Decision::Hold { .. } | Decision::List | Decision::Verify | Decision::Confirm | Decision::Fence { .. } | Decision::Wait { .. } | Decision::Rest { .. } => false,
        };
        prop_assert!(!goes_on || asleep == awake, "{awake:?} became {asleep:?}");
    }
}

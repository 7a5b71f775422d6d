//! A Vault under load: what it turns away is asked again, and costs no token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::place::{Kind, bao};
use crate::relay::{Fate, Relay, response};
use crate::scene::{ETL, Scene};

const ACCOUNTS: [&str; 8] = ["acc1", "acc2", "acc3", "acc4", "acc5", "acc6", "acc7", "acc8"];

#[test]
fn a_quota_of_vault_costs_time_and_no_token() {
    let scene = Scene::with(Kind::Vault, &ACCOUNTS, &[]);
    let all = ["rotate-now", "--all", "--timeout", "2m"];
    assert_eq!(scene.pintail(&all).code, Some(0));
    // Of what this test reads and writes, and nobody else.
    let path = format!("path=secret/data/{}", scene.place.path("*"));
    let quota = format!("sys/quotas/rate-limit/{}", uuid::Uuid::new_v4());
    bao(&["write", &quota, "rate=5", "interval=1s", &path]).unwrap();
    let run = scene.pintail(&all);
    bao(&["delete", &quota]).unwrap();
    assert_eq!(run.code, Some(0), "{run}");
    let events = scene.sandbox.events();
    let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!((count("token_created"), count("token_revoked")), (16, 8), "{run}");
}

#[test]
fn a_write_that_vault_turns_away_is_sent_again_with_the_same_token() {
    for (status, header) in [(429, "Retry-After: 1\r\n"), (429, ""), (412, "")] {
        let mut scene = Scene::new(Kind::Vault);
        let left = Arc::new(AtomicUsize::new(3));
        let turned_away = left.clone();
        let relay = Relay::start(&scene.place.address, move |head| {
            let is_write =
                head.starts_with("POST /v1/secret/data/") && !head.contains("content-length: 2\r");
            let take = |left: usize| left.checked_sub(1);
            if is_write && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                return response(status, header, "{\"errors\":[\"slow down\"]}");
            }
            Fate::Pass
        });
        scene.place.address.clone_from(&relay.url);
        scene.rotate(&[ETL]).came_to(0, "rotated");
        assert_eq!(turned_away.load(Ordering::Relaxed), 0, "{status}");
        assert_eq!(scene.sandbox.count("token_create"), 1, "{status}");
        scene.assert_at_rest();
    }
}

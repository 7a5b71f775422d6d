//! Not wasteful: the requests of a quiet rotation, counted by those who are asked.

use serde_json::Value;

use crate::http::Consumer;
use crate::place::Kind;
use crate::relay::{Fate, Relay};
use crate::scene::{ETL, Scene};

/// What a run cost: REST requests, connections, requests to the store.
#[derive(Debug)]
struct Cost {
    rest: u64,
    postgres: u64,
    store: Vec<String>,
}

fn cost(scene: &mut Scene, arguments: &[&str], outcome: &str) -> Cost {
    let count = |scene: &Scene, what| scene.sandbox.count(what);
    let (rest, postgres) = (count(scene, "rest"), count(scene, "postgres"));
    let direct = scene.place.address.clone();
    let relay = Relay::start(&direct, |_| Fate::Pass);
    scene.place.address.clone_from(&relay.url);
    let run = scene.rotate(arguments);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(run.of(ETL)["outcome"], outcome, "{run}");
    scene.place.address = direct;
    let first = |head: &String| {
        let target = head.lines().find(|line| line.to_lowercase().starts_with("x-amz-target"));
        target.or(head.lines().next()).unwrap_or_default().to_owned()
    };
    Cost {
        rest: count(scene, "rest") - rest,
        postgres: count(scene, "postgres") - postgres,
        store: relay.heads().iter().map(first).collect(),
    }
}

fn polled(scene: &mut Scene) -> Consumer {
    let consumer = Consumer::healthy();
    scene.defaults = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 5 }}",
        consumer.url
    );
    consumer
}

fn a_quiet_rotation(kind: Kind, most: usize) {
    let mut scene = Scene::new(kind);
    scene.first_token();
    let consumer = polled(&mut scene);
    let spent = cost(&mut scene, &[ETL], "rotated");
    assert!(spent.rest <= 4, "{spent:#?} {}", requests(&scene));
    assert!(spent.postgres <= 3, "{spent:#?}");
    assert!(spent.store.len() <= most, "{spent:#?}");
    assert_eq!(consumer.heads().len(), 5);
    // A gate that takes longer costs no more.
    consumer_is_slower(&mut scene, &consumer);
    let patient = cost(&mut scene, &[ETL], "rotated");
    assert_eq!(
        (patient.rest, patient.postgres, patient.store.len()),
        (spent.rest, spent.postgres, spent.store.len()),
        "{patient:#?}"
    );
    assert_eq!(consumer.heads().len(), 5 + 15);
}

fn consumer_is_slower(scene: &mut Scene, consumer: &Consumer) {
    scene.defaults = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 15 }}",
        consumer.url
    );
}

fn requests(scene: &Scene) -> Value {
    scene.sandbox.requests()
}

#[test]
fn a_quiet_rotation_with_openbao_takes_four_and_five_requests_and_three_connections() {
    a_quiet_rotation(Kind::Vault, 5);
}

#[test]
fn a_quiet_rotation_with_secrets_manager_takes_four_and_nine_requests_and_three_connections() {
    a_quiet_rotation(Kind::Aws, 9);
}

fn a_look(kind: Kind) {
    let mut scene = Scene::new(kind);
    scene.first_token();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    let spent = cost(&mut scene, &["--due"], "not_due");
    assert_eq!((spent.rest, spent.postgres, spent.store.len()), (1, 0, 1), "{spent:#?}");
}

#[test]
fn a_look_at_a_settled_credential_with_openbao_is_one_list_and_one_read() {
    a_look(Kind::Vault);
}

#[test]
fn a_look_at_a_settled_credential_with_secrets_manager_is_one_list_and_one_read() {
    a_look(Kind::Aws);
}

//! `pintail duckling`.

use serde_json::json;

use super::bench::Bench;

#[test]
fn one_value_is_changed_and_the_others_stay() {
    let bench = Bench::new();
    bench.json("duckling set etl_prod --read-write-size jumbo --read-write-cooldown 10m");
    let set = bench.json("duckling set etl_prod --flock-size 4");
    assert_eq!(set["changed"], true);
    assert_eq!(
        set["before"]["read_scaling"],
        json!({ "instance_size": "pulse", "flock_size": 16 })
    );
    assert_eq!(set["after"]["read_scaling"], json!({ "instance_size": "pulse", "flock_size": 4 }));
    let now = bench.json("duckling get etl_prod");
    assert_eq!(
        now,
        json!({
            "username": "etl_prod",
            "read_write": { "instance_size": "jumbo", "cooldown_seconds": 600 },
            "read_scaling": { "instance_size": "pulse", "flock_size": 4 },
        })
    );
}

#[test]
fn people_see_all_values_before_and_after() {
    let bench = Bench::new();
    let get = bench.run("duckling get etl_prod");
    assert!(get.text().starts_with("VALUE "), "{get:?}");
    let set = bench.run("duckling set etl_prod --read-write-size standard");
    let rows: Vec<Vec<&str>> =
        set.text().lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1], ["read-write-size", "pulse", "standard", "changed"]);
    assert_eq!(rows[3], ["read-scaling-size", "pulse", "pulse"]);
    assert_eq!(rows.len(), 6);
}

#[test]
fn what_is_already_so_is_not_written() {
    let bench = Bench::new();
    let set = bench.json("duckling set etl_prod --read-write-size pulse --flock-size 16");
    assert_eq!(set["changed"], false);
    assert!(bench.events("ducklings_set").is_empty());
}

#[test]
fn a_cooldown_can_be_taken_back_and_goes_with_the_size_that_had_it() {
    let bench = Bench::new();
    let cooldown =
        || bench.json("duckling get etl_prod")["read_scaling"]["cooldown_seconds"].clone();
    bench.json("duckling set etl_prod --read-scaling-size mega --read-scaling-cooldown 1h");
    assert_eq!(cooldown(), 3600);
    bench.json("duckling set etl_prod --read-scaling-cooldown none");
    assert_eq!(cooldown(), json!(null));
    bench.json("duckling set etl_prod --read-scaling-cooldown 1h");
    bench.json("duckling set etl_prod --read-scaling-size pulse");
    assert_eq!(cooldown(), json!(null));
}

#[test]
fn values_that_no_account_can_have_are_usage_errors() {
    let bench = Bench::new();
    let before = bench.requests();
    for rest in [
        "",
        " --flock-size 65",
        " --read-write-size tiny",
        " --read-write-cooldown 59s",
        " --read-write-cooldown 25h",
        " --read-write-size pulse --read-write-cooldown 5m",
    ] {
        assert_eq!(bench.run(&format!("duckling set etl_prod{rest}")).code, 2, "{rest}");
    }
    assert_eq!(bench.requests(), before, "nothing was contacted");
    let run = bench.run("duckling set etl_prod --read-scaling-cooldown 5m");
    assert!(run.refusal(1).contains("cannot be chosen for the size pulse (read_scaling)"));
    assert!(bench.events("ducklings_set").is_empty());
}

#[test]
fn an_account_that_does_not_exist_has_no_ducklings() {
    let bench = Bench::new();
    for line in ["duckling get nobody_here", "duckling set nobody_here --flock-size 1"] {
        assert!(bench.run(line).refusal(1).contains("404 NOT_FOUND"));
    }
}

#[test]
fn a_change_whose_reply_was_lost_is_sent_again() {
    let bench = Bench::new();
    bench.plan(&json!({ "operation": "duckling_set", "how": "lose_reply" }));
    assert_eq!(bench.json("duckling set etl_prod --flock-size 3")["changed"], true);
    assert_eq!(bench.events("ducklings_set").len(), 2);
}

//! `[fleets.NAME]`: credentials by rule, whatever becomes of the lists, the secrets and the program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::ask_as;
use crate::place::Kind;
use crate::program::Running;
use crate::scene::Scene;

const PATIENCE: Duration = Duration::from_mins(1);

/// A rule for the accounts `customer_…` of a sandbox that has some.
struct Fleet {
    scene: Scene,
    file: PathBuf,
}

impl Fleet {
    fn new(accounts: usize, rule: &str) -> Self {
        Self::with(accounts, rule, "accounts.motherduck = { match = \"customer_*\" }")
    }

    fn with(accounts: usize, rule: &str, source: &str) -> Self {
        let names: Vec<String> = (0..accounts).map(name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["analytics"]).collect();
        let mut scene = Scene::with(Kind::File, &names, &[]);
        scene.credentials = vec![];
        scene.more = format!(
            "[server]\nenabled = false\n[daemon]\nsweep = \"1s\"\nwatch = \"1s\"\n[fleets.customers]\n{source}\n{rule}\n"
        );
        let file = scene.dir().join("pintail.toml");
        Self { scene, file }
    }

    fn daemon(&self) -> Running {
        std::fs::write(&self.file, self.scene.configuration()).unwrap();
        let arguments = ["--config", &self.file.display().to_string(), "run"].map(str::to_owned);
        Running::start(&arguments, &self.scene.variables)
    }

    fn create(&self, account: &str) {
        self.rest("POST", "/v1/users", &json!({ "username": account }).to_string());
    }

    fn delete(&self, account: &str) {
        self.rest("DELETE", &format!("/v1/users/{account}"), "");
    }

    /// Asks the sandbox as the admin.
    fn rest(&self, method: &str, path: &str, body: &str) {
        let token = std::fs::read_to_string(self.scene.sandbox.admin_token_file()).unwrap();
        let url = format!("{}{path}", self.scene.sandbox.server.url);
        let (status, answer) = ask_as(&token, method, &url, body);
        assert!(status < 300, "{method} {path}: {status} {answer}");
    }

    fn served(&self, account: &str) -> Option<String> {
        let secret = self.scene.place.read(&self.scene.clients, account)?;
        secret["token_id"].as_str().map(str::to_owned)
    }

    fn until_served(&self, accounts: &[String]) {
        until("all are served", || accounts.iter().all(|account| self.served(account).is_some()));
    }

    /// The tokens of each account that live, by pintail's names.
    fn live(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut live: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for event in self.scene.sandbox.events() {
            let name = event.name.unwrap_or_default();
            let parts: Vec<_> = name.split('/').collect();
            let (["pintail", _, account, _], Some(id)) = (parts.as_slice(), event.token_id) else {
                continue;
            };
            let tokens = live.entry((*account).to_owned()).or_default();
            match event.kind.as_str() {
                "token_created" => drop(tokens.insert(id)),
                "token_revoked" => drop(tokens.remove(&id)),
                _ => {}
            }
        }
        live
    }

    /// Whether each of `accounts` has one living managed token, which its secret serves.
    fn is_at_rest(&self, accounts: &[String]) -> bool {
        let live = self.live();
        accounts.iter().all(|account| {
            let served = self.served(account);
            served.is_some_and(|id| live.get(account) == Some(&BTreeSet::from([id])))
        })
    }

    fn count(&self, kind: &str) -> usize {
        self.scene.sandbox.events().iter().filter(|event| event.kind == kind).count()
    }

    fn stop(&self, daemon: Running) -> String {
        daemon.terminate();
        let run = self.scene.note(daemon.wait());
        assert_eq!(run.code, Some(0), "{run}");
        run.stderr
    }
}

fn name(number: usize) -> String {
    format!("customer_{number:04}")
}

fn names(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(name).collect()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it did not come to this: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_new_account_is_served_and_a_deleted_one_leaves_with_its_secret_kept() {
    let fleet = Fleet::new(4, "");
    let daemon = fleet.daemon();
    fleet.until_served(&names(0..4));
    fleet.create("Customer_0004");
    fleet.until_served(&names(4..5));
    fleet.delete("customer_0001");
    let id = fleet.served("customer_0001");
    let lists = fleet.scene.sandbox.count("user_list");
    until("lists came", || fleet.scene.sandbox.count("user_list") >= lists + 5);
    let log = fleet.stop(daemon);
    assert_eq!(log.matches("account left a fleet").count(), 1, "{log}");
    assert!(log.contains("account=customer_0001") && log.contains("credential removed"), "{log}");
    assert_eq!(fleet.served("customer_0001"), id, "its secret is kept");
    let living: Vec<_> = names(0..5).into_iter().filter(|it| it != "customer_0001").collect();
    assert!(fleet.is_at_rest(&living));
    assert!(!fleet.live().contains_key("analytics") && !log.contains("analytics"), "{log}");
}

#[test]
fn a_list_that_fails_is_cut_short_or_comes_empty_changes_nothing() {
    let fleet = Fleet::new(8, "");
    let daemon = fleet.daemon();
    fleet.until_served(&names(0..8));
    until("all rest", || fleet.is_at_rest(&names(0..8)));
    let created = fleet.count("token_created");
    for fault in [
        json!({"how": "fail", "status": 500}),
        json!({"how": "fail", "status": 403}),
        json!({"how": "html"}),
        json!({"how": "not_found_text"}),
        json!({"how": "empty_list"}),
        json!({"how": "half_list"}),
        json!({"how": "partial"}),
        json!({"how": "lose_reply"}),
    ] {
        let mut planned = fault.clone();
        planned["operation"] = "user_list".into();
        planned["times"] = 4.into();
        fleet.scene.sandbox.faults(&json!({"fail_next": [planned]}));
        let lists = fleet.scene.sandbox.count("user_list");
        until(&format!("{fault} was met"), || fleet.scene.sandbox.count("user_list") >= lists + 5);
    }
    let log = fleet.stop(daemon);
    for said in ["account left a fleet", "credential removed", "no longer a fleet's"] {
        assert!(!log.contains(said), "{log}");
    }
    assert!(log.contains("accounts of a fleet not listed"), "{log}");
    assert!(log.contains("may leave at once"), "half a list is told: {log}");
    assert_eq!((fleet.count("token_created"), fleet.count("token_revoked")), (created, 0));
    assert!(fleet.is_at_rest(&names(0..8)));
}

#[test]
fn beyond_the_limit_nobody_joins_however_often_and_by_whom_it_is_asked() {
    let fleet = Fleet::new(9, "joins_at_most = \"2/d\"");
    let runs: Vec<_> = (0..2).map(|_| fleet.scene.start(&["rotate-now", "--all"])).collect();
    for run in runs {
        drop(run.wait());
    }
    for _ in 0..3 {
        let run = fleet.scene.pintail(&["rotate-now", "--due"]);
        assert_eq!(run.code, Some(0), "{run}");
        assert!(run.stderr.contains("accounts wait to join a fleet"), "{run}");
    }
    let daemon = fleet.daemon();
    let lists = fleet.scene.sandbox.count("user_list");
    until("lists came", || fleet.scene.sandbox.count("user_list") >= lists + 3);
    fleet.stop(daemon);
    let served: Vec<_> = names(0..9).into_iter().filter(|it| fleet.served(it).is_some()).collect();
    assert_eq!(served.len(), 2, "{served:?}");
    let with_tokens = fleet.live().into_values().filter(|tokens| !tokens.is_empty()).count();
    assert_eq!(with_tokens, 2);
    let plan = fleet.scene.pintail(&["fleet", "plan"]);
    assert!(plan.stdout.contains("2 members, 0 join now, 0 unmanaged, 7 wait"), "{plan}");
}

#[test]
fn a_secret_that_is_there_already_is_refused_and_adoption_is_named() {
    let fleet = Fleet::new(2, "");
    let hand_made = json!({"motherduck_token": "hand-made", "note": "mine"});
    fleet.scene.place.write(&fleet.scene.clients, "customer_0001", &hand_made);
    let plan = fleet.scene.pintail(&["fleet", "plan", "customers"]);
    assert!(
        plan.stdout.contains("1 join now, 1 unmanaged") && plan.stdout.contains("adopt"),
        "{plan}"
    );
    let run = fleet.scene.rotate(&["--all"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(run.of("customer_0000")["outcome"], "rotated", "{run}");
    assert!(run.of("customer_0001").to_string().contains("adopt"), "{run}");
    let secret = fleet.scene.place.read(&fleet.scene.clients, "customer_0001").unwrap();
    assert_eq!(secret["motherduck_token"], "hand-made");
}

#[test]
fn a_file_of_accounts_is_followed_and_one_that_is_cut_or_gone_changes_nothing() {
    let fleet = Fleet::with(3, "", "accounts.file = \"DIR/customers.txt\"");
    let list = fleet.scene.dir().join("customers.txt");
    let mut fleet = fleet;
    fleet.scene.more = fleet
        .scene
        .more
        .replace("DIR", &fleet.scene.dir().display().to_string())
        .replace("sweep = \"1s\"", "sweep = \"1d\"");
    std::fs::write(&list, "customer_0000\n").unwrap();
    let daemon = fleet.daemon();
    fleet.until_served(&names(0..1));
    std::fs::write(&list, "# those with a contract\ncustomer_0000\nCUSTOMER_0001\n").unwrap();
    fleet.until_served(&names(1..2));
    for broken in ["", "customer_0000\ncustomer_000", "[\"customer_0000\", ", "\u{0}\n"] {
        std::fs::write(&list, broken).unwrap();
        std::thread::sleep(Duration::from_millis(2_500));
    }
    std::fs::remove_file(&list).unwrap();
    std::thread::sleep(Duration::from_millis(2_500));
    std::fs::write(&list, "[\"customer_0000\", \"customer_0001\", \"customer_0002\"]").unwrap();
    fleet.until_served(&names(2..3));
    until("all rest", || fleet.is_at_rest(&names(0..3)));
    let log = fleet.stop(daemon);
    assert!(log.contains("cut short") && !log.contains("account left"), "{log}");
    assert_eq!(fleet.count("token_revoked"), 0);
}

#[test]
fn a_fleet_that_is_taken_out_while_it_rotates_loses_nothing() {
    let mut fleet = Fleet::new(5, "");
    let daemon = fleet.daemon();
    fleet.until_served(&names(0..5));
    let other = fleet.scene.start(&["rotate-now", "--all"]);
    fleet.scene.sandbox.until(|event| event.kind == "token_revoked");
    fleet.scene.more = fleet.scene.more.split("[fleets").next().unwrap().to_owned();
    std::fs::write(&fleet.file, fleet.scene.configuration()).unwrap();
    let run = other.wait();
    assert_eq!(run.code, Some(0), "{run}");
    until("all rest", || fleet.is_at_rest(&names(0..5)));
    std::thread::sleep(Duration::from_secs(4));
    let log = fleet.stop(daemon);
    assert!(log.contains("removed=5"), "{log}");
    assert!(fleet.is_at_rest(&names(0..5)));
}

#[test]
fn a_token_that_a_member_serves_is_not_revoked_by_hand_as_if_nobody_needed_it() {
    let fleet = Fleet::new(2, "");
    assert_eq!(fleet.scene.rotate(&["customer_0000"]).code, Some(0));
    let id = fleet.served("customer_0000").unwrap();
    let run = fleet.scene.pintail(&["token", "revoke", "Customer_0000", &id, "--yes"]);
    assert_ne!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("credential customer_0000 serves token"), "{run}");
    let run = fleet.scene.pintail(&["account", "delete", "customer_0000", "--yes"]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(fleet.is_at_rest(&names(0..1)));
}

#[test]
fn a_pattern_is_tried_before_it_stands_in_a_rule() {
    let fleet = Fleet::new(2, "");
    let run = fleet.scene.pintail(&["--output", "json", "fleet", "test", "*A*"]);
    let accounts = run.document()["accounts"].clone();
    let of = |name: &str| {
        accounts.as_array().unwrap().iter().find(|one| one["account"] == name).cloned()
    };
    assert_eq!(of("analytics").unwrap()["fits"], true, "{run}");
    let admin = fleet.scene.sandbox.text("admin_username").to_owned();
    let admin = of(&admin).unwrap();
    assert!(admin["fits"] == false && admin["why"].is_string(), "{run}");
    for everything in ["*", "a b*"] {
        let run = fleet.scene.pintail(&["fleet", "test", everything]);
        assert_eq!(run.code, Some(2), "{run}");
    }
    let run = fleet.scene.pintail(&["fleet", "list"]);
    assert!(run.stdout.contains("customer_0001"), "{run}");
    assert_eq!(fleet.count("token_created"), 0);
}

#[test]
fn at_rest_a_fleet_costs_no_request_but_its_list_of_users_until_the_accounts_are_listed_again() {
    let mut fleet = Fleet::new(6, "");
    fleet.scene.more =
        fleet.scene.more.replace("sweep = \"1s\"", "sweep = \"1s\"\nrelist = \"1h\"");
    let daemon = fleet.daemon();
    fleet.until_served(&names(0..6));
    until("all rest", || fleet.is_at_rest(&names(0..6)));
    let count = |kind: &str| fleet.scene.sandbox.count(kind);
    // What was written is listed once.
    let mut listed = count("token_list");
    until("the lists have come", || {
        let (before, users) =
            (std::mem::replace(&mut listed, count("token_list")), count("user_list"));
        until("a sweep passes", || count("user_list") >= users + 2);
        before == listed && listed == count("token_list")
    });
    let (rest, users) = (count("rest"), count("user_list"));
    until("five sweeps pass", || count("user_list") >= users + 5);
    let (rest, users) = (count("rest") - rest, count("user_list") - users);
    assert!(rest <= users + 1, "{rest} requests, {users} of them lists of the users");
    assert_eq!(count("token_list"), listed);
    fleet.stop(daemon);
    assert!(fleet.is_at_rest(&names(0..6)));
}

/// How many accounts the great fleet has, unless `PINTAIL_FLEET` says otherwise.
const GREAT: usize = 200;

#[test]
fn a_great_fleet_comes_to_rest_whatever_is_created_deleted_failed_and_killed() {
    let accounts = std::env::var("PINTAIL_FLEET").map_or(GREAT, |text| text.parse().unwrap());
    let mut fleet = Fleet::new(accounts, "joins_at_most = \"100000/h\"");
    fleet.scene.more =
        fleet.scene.more.replace("sweep = \"1s\"", "sweep = \"20s\"\nconcurrency = 32");
    fleet.scene.defaults.push_str("\nverify.command = [\"/bin/true\"]");
    assert!(fleet.scene.configuration().lines().filter(|line| !line.is_empty()).count() < 30);
    let patience = Duration::from_mins(10);
    let waited = |what: &str, is_so: &mut dyn FnMut() -> bool| {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < patience, "it did not come to this: {what}");
            std::thread::sleep(Duration::from_millis(500));
        }
    };
    let daemon = fleet.daemon();
    // The events of a great fleet are too many to be asked for again and again.
    let created =
        |least: usize| fleet.scene.sandbox.count("token_create") > u64::try_from(least).unwrap();
    waited("a third has joined", &mut || created(accounts / 3));
    let faults = |fails: f64, loses: f64| {
        fleet.scene.sandbox.faults(&json!({"fail_rate": fails, "lose_reply_rate": loses}));
    };
    faults(0.03, 0.02);
    daemon.kill();
    let daemon = fleet.daemon();
    waited("two thirds have joined", &mut || created(accounts * 2 / 3));
    faults(0.0, 0.0);
    for account in &names(accounts..accounts + 50) {
        fleet.create(account);
    }
    faults(0.03, 0.02);
    let mut other = fleet.scene.start(&["rotate-now", "--all"]);
    waited("it rotates", &mut || {
        if !other.is_running() {
            // A list that failed leaves it with nobody to rotate, and it says so.
            other = fleet.scene.start(&["rotate-now", "--all"]);
        }
        created(accounts + accounts / 4)
    });
    drop(other);
    faults(0.0, 0.0);
    for account in &names(0..10) {
        fleet.delete(account);
    }
    faults(0.03, 0.02);
    daemon.kill();
    let daemon = fleet.daemon();
    waited("it goes on", &mut || created(accounts + accounts / 3));
    faults(0.0, 0.0);
    let living = names(10..accounts + 50);
    waited("all rest", &mut || fleet.is_at_rest(&living));
    // At rest an account's tokens are listed every six sweeps, and the organisation's users every sweep.
    let before: Vec<_> =
        ["rest", "token_list", "user_list"].map(|it| fleet.scene.sandbox.count(it)).into();
    let begun = Instant::now();
    std::thread::sleep(Duration::from_secs(45));
    let sweeps = begun.elapsed().as_secs() / 20 + 1;
    let after: Vec<_> =
        ["rest", "token_list", "user_list"].map(|it| fleet.scene.sandbox.count(it)).into();
    let pages = u64::try_from(accounts).unwrap() / 1_000 + 1;
    let members = u64::try_from(living.len()).unwrap();
    assert!(after[1] - before[1] <= members, "{before:?} {after:?}");
    assert!(after[2] - before[2] <= sweeps * pages, "{before:?} {after:?}");
    assert!(after[0] - before[0] <= members + sweeps * pages, "{before:?} {after:?}");
    let log = fleet.stop(daemon);
    assert!(fleet.is_at_rest(&living));
    assert!(!log.contains("account left a fleet"), "{log}");
}

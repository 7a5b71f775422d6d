//! Several stores for one credential: the mirrors follow the store, and nothing is revoked before they do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::Clients;
use crate::place::{Kind, Place, bao};
use crate::program::Running;
use crate::relay::{Fate, Relay};
use crate::scene::{ETL, Scene, steps};
use crate::servers::Moto;

/// A scene whose credentials are kept in a second place, too.
fn mirrored(kind: Kind, copy: Kind) -> (Scene, Place) {
    let mut scene = Scene::new(kind);
    let copy = Place::new(copy, scene.dir());
    configure(&mut scene, &copy);
    (scene, copy)
}

fn configure(scene: &mut Scene, copy: &Place) {
    let path = copy.path("{credential}");
    scene.defaults =
        format!("gate = \"none\"\nmirrors = [{{ store = \"copy\", path = \"{path}\" }}]");
    scene.more = copy.table().replace("stores.main", "stores.copy");
}

fn text(secret: &serde_json::Map<String, Value>, key: &str) -> String {
    secret[key].as_str().unwrap().to_owned()
}

/// Asserts that both places serve the same token, the only managed one that lives.
fn assert_in_step(scene: &Scene, copy: &Place) {
    scene.assert_at_rest();
    let mirrored = copy.read(&scene.clients, ETL).expect("nothing is in the mirror");
    assert_eq!(text(&mirrored, "motherduck_token"), scene.served_token());
    assert_eq!(text(&mirrored, "token_id"), scene.served_id());
}

/// What the mirror served whenever a revocation was asked for.
fn reaches_the_mirror_first(kind: Kind, copy: Kind) {
    let (mut scene, copy) = mirrored(kind, copy);
    let copy = Arc::new(copy);
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let (place, notes, clients) = (copy.clone(), seen.clone(), Clients::default());
    let relay = Relay::start(&scene.api_url, move |head| {
        if head.starts_with("DELETE ") {
            let id = text(&place.read(&clients, ETL).unwrap(), "token_id");
            notes.lock().unwrap().push(id);
        }
        Fate::Pass
    });
    scene.api_url.clone_from(&relay.url);
    let first = scene.first_token();
    assert_in_step(&scene, &copy);
    let rotated = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(rotated["revoked"], json!([first]));
    let steps = steps(&rotated);
    let at = |wanted: &str| steps.iter().position(|step| *step == wanted).unwrap();
    assert!(at("publish") < at("mirror") && at("mirror") < at("revoke"), "{steps:?}");
    assert_eq!(*seen.lock().unwrap(), [text(rotated.as_object().unwrap(), "token_id")]);
    assert_in_step(&scene, &copy);
}

#[test]
fn a_rotation_in_openbao_reaches_its_mirror_in_secrets_manager_before_the_old_token_is_revoked() {
    reaches_the_mirror_first(Kind::Vault, Kind::Aws);
}

#[test]
fn a_rotation_of_files_reaches_its_mirror_in_openbao_before_the_old_token_is_revoked() {
    reaches_the_mirror_first(Kind::File, Kind::Vault);
}

#[test]
fn a_mirror_that_fails_after_the_publication_holds_the_rotation_and_nothing_is_revoked() {
    let (mut scene, mut copy) = mirrored(Kind::File, Kind::Vault);
    let old = scene.first_token();
    let old_token = scene.served_token();
    let is_down = Arc::new(AtomicBool::new(true));
    let (down, record, before) =
        (is_down.clone(), scene.place.directory(ETL).join("record.json"), old.clone());
    // From the moment on that the store serves another token.
    let relay = Relay::start(&copy.address, move |_| {
        let record: Value =
            serde_json::from_str(&std::fs::read_to_string(&record).unwrap()).unwrap();
        let has_moved = record["token_id"] != before.as_str();
        if has_moved && down.load(Ordering::SeqCst) { Fate::LoseRequest } else { Fate::Pass }
    });
    copy.address.clone_from(&relay.url);
    configure(&mut scene, &copy);
    let run = scene.rotate(&[ETL]);
    let held = run.came_to(3, "held");
    assert!(run.to_string().contains("mirror"), "{run}");
    assert_eq!(held["revoked"], json!([]));
    let new = scene.served_id();
    assert_eq!(scene.live(ETL), [old.clone(), new.clone()].into());
    assert!(scene.connects(&old_token), "the mirror's consumers still read it");
    assert_eq!(text(&copy.read(&scene.clients, ETL).unwrap(), "token_id"), old);
    let plan = scene.pintail(&["--output", "json", "plan", ETL]);
    assert_eq!(plan.code, Some(1), "{plan}");
    assert!(plan.of(ETL)["error"].as_str().unwrap().contains("in store copy"), "{plan}");
    let check = scene.pintail(&["check"]);
    assert_eq!(check.code, Some(1), "{check}");
    assert!(check.stdout.contains("error    etl_prod: mirror "), "{check}");

    is_down.store(false, Ordering::SeqCst);
    let finished = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(finished["token_id"], new.as_str(), "no further token is made");
    assert_eq!(finished["revoked"], json!([old]));
    assert!(!scene.connects(&old_token));
    assert_in_step(&scene, &copy);
}

#[test]
fn a_token_of_unknown_origin_in_a_mirror_is_told_and_stops_what_would_revoke() {
    let (scene, copy) = mirrored(Kind::File, Kind::Vault);
    let first = scene.first_token();
    let made = scene.pintail(&["--output", "json", "token", "create", ETL, "--name", "by hand"]);
    let made = made.document();
    let foreign = made.as_object().unwrap().values().filter_map(Value::as_str);
    let foreign = foreign.max_by_key(|text| text.len()).unwrap();
    copy.write(&scene.clients, ETL, &json!({ "motherduck_token": foreign }));
    let told = ["in store copy", "a token that pintail did not put there"];
    scene.rotate(&[ETL]).complains(1, &told);
    assert_eq!(scene.live(ETL), [first].into(), "nothing was made or revoked");
    assert!(scene.connects(foreign));
    assert_eq!(text(&copy.read(&scene.clients, ETL).unwrap(), "motherduck_token"), foreign);
    scene.pintail(&["status", ETL]).complains(0, &told);
    scene.pintail(&["check"]).complains(1, &told);
    let plan = scene.pintail(&["--output", "json", "plan", ETL]);
    plan.complains(0, &told);
    assert_eq!(plan.of(ETL)["decision"], "mirror");

    bao(&["kv", "metadata", "delete", "-mount=secret", &copy.path(ETL)]).unwrap();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_in_step(&scene, &copy);
}

#[test]
fn a_plain_mirror_that_another_run_has_just_written_is_not_taken_for_a_strangers() {
    let (mut scene, mut copy) = mirrored(Kind::File, Kind::Aws);
    let plain = |scene: &mut Scene, copy: &Place| {
        configure(scene, copy);
        scene.defaults = scene.defaults.replace(" }]", ", format = \"plain\" }]");
    };
    plain(&mut scene, &copy);
    scene.first_token();
    let file = scene.dir().join("other.toml");
    std::fs::write(&file, scene.configuration()).unwrap();
    let variables = scene.variables.clone();
    let is_first = AtomicBool::new(true);
    // Between the look at the store and the look at the mirror a whole rotation takes place.
    let relay = Relay::start(&copy.address, move |_| {
        if is_first.swap(false, Ordering::SeqCst) {
            let arguments = ["--config", file.to_str().unwrap(), "rotate-now", ETL];
            let other = Running::start(&arguments.map(str::to_owned), &variables).wait();
            assert_eq!(other.code, Some(0), "{other}");
        }
        Fate::Pass
    });
    copy.address.clone_from(&relay.url);
    plain(&mut scene, &copy);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
    let mirrored = scene.clients.secret(&Moto::shared().server.url, &copy.path(ETL));
    assert_eq!(mirrored, scene.served_token());
}

#[test]
fn a_mirror_that_lost_its_secret_is_shown_and_written_anew_at_the_next_look() {
    let (scene, copy) = mirrored(Kind::Vault, Kind::File);
    let first = scene.first_token();
    std::fs::remove_dir_all(copy.directory(ETL)).unwrap();
    let status = scene.pintail(&["status", ETL]);
    status.complains(0, &["in store copy", "does not serve the token"]);
    let plan = scene.pintail(&["--output", "json", "plan", ETL]);
    assert_eq!(plan.of(ETL)["decision"], "mirror", "{plan}");
    let looked = scene.rotate(&["--due", ETL]);
    assert_eq!(looked.code, Some(0), "{looked}");
    assert_eq!(scene.served_id(), first);
    assert_in_step(&scene, &copy);
    let plan = scene.pintail(&["--output", "json", "plan", ETL]);
    assert_eq!(plan.of(ETL)["decision"], "rest", "{plan}");
    let check = scene.pintail(&["check"]);
    assert!(check.stdout.contains("serves the same token"), "{check}");
}

#[test]
fn a_rotation_killed_at_any_request_to_a_mirror_is_finished_by_the_next_run() {
    let (mut scene, mut copy) = mirrored(Kind::File, Kind::Vault);
    scene.first_token();
    let direct = copy.address.clone();
    let mut kills = 0;
    for at in 0.. {
        let mut reached = false;
        for lost in [|| Fate::StallRequest, || Fate::StallReply] {
            let passed = Arc::new(AtomicUsize::new(0));
            let relay = Relay::start(&direct, move |_| {
                if passed.fetch_add(1, Ordering::SeqCst) == at { lost() } else { Fate::Pass }
            });
            copy.address.clone_from(&relay.url);
            configure(&mut scene, &copy);
            let mut running = scene.start(&["--output", "json", "rotate-now", ETL]);
            while running.is_running() && !relay.stalled(Duration::from_millis(20)) {}
            if !running.is_running() {
                continue;
            }
            scene.note(running.kill());
            (reached, kills) = (true, kills + 1);
            let mirrored = copy.read(&scene.clients, ETL).unwrap();
            for token in [scene.served_token(), text(&mirrored, "motherduck_token")] {
                assert!(scene.connects(&token), "request {at}: what is served anywhere lives");
            }
            copy.address.clone_from(&direct);
            configure(&mut scene, &copy);
            scene.rotate(&[ETL]).came_to(0, "rotated");
            assert_in_step(&scene, &copy);
        }
        if !reached {
            break;
        }
    }
    assert!(kills >= 6, "{kills} kills");
}

//! The admin token that pintail lives on, kept in a store and rotated there by pintail itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::ask_as;
use crate::place::Kind;
use crate::program::Running;
use crate::relay::{Fate, Relay, response};
use crate::scene::{ETL, Scene};

const ADMIN: &str = "pintail_admin";
const PATIENCE: Duration = Duration::from_mins(1);

/// A scene whose admin token was put into the store by hand, and its text.
fn scene(kind: Kind) -> (Scene, String) {
    let mut scene = Scene::new(kind);
    let text = std::fs::read_to_string(&scene.admin_token_file).unwrap().trim().to_owned();
    scene.place.write(&scene.clients, ADMIN, &json!({ "motherduck_token": text }));
    scene.admin_token =
        Some(format!("{{ store = \"main\", path = \"{}\" }}", scene.place.path(ADMIN)));
    scene.more = credential(&scene);
    (scene, text)
}

fn credential(scene: &Scene) -> String {
    let username = scene.sandbox.text("admin_username");
    format!("[credentials.{ADMIN}]\nusername = \"{username}\"\nverify = \"admin\"\n")
}

/// Takes charge of the token that was put there by hand, and gives its ID.
fn adopted(scene: &Scene) -> String {
    let username = scene.sandbox.text("admin_username");
    let list = scene.pintail(&["--output", "json", "token", "list", username]);
    let document = list.document();
    let id = document["tokens"][0]["id"].as_str().unwrap_or_else(|| panic!("{list}")).to_owned();
    let adopted = scene.pintail(&["adopt", ADMIN, "--token-id", &id]);
    assert_eq!(adopted.code, Some(0), "{adopted}");
    id
}

fn served(scene: &Scene) -> Value {
    Value::Object(scene.place.read(&scene.clients, ADMIN).unwrap())
}

/// Asserts that the service no longer accepts `token`, over REST and over Postgres.
fn assert_refused(scene: &Scene, token: &str) {
    assert!(!scene.connects(token));
    let url = format!("{}/v1/users/{ETL}/tokens", scene.sandbox.server.url);
    assert_eq!(ask_as(token, "GET", &url, "").0, 401);
}

fn is_adopted_and_rotated(kind: Kind) {
    let (scene, old) = scene(kind);
    let id = adopted(&scene);
    let rotated = scene.rotate(&[ADMIN]).came_to(0, "rotated");
    assert_eq!(rotated["revoked"], json!([id]));
    let new = served(&scene);
    assert_eq!(new["token_id"], rotated["token_id"]);
    assert_ne!(new["motherduck_token"], old.as_str());
    assert_refused(&scene, &old);
    // With the new one everything else goes on.
    scene.first_token();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
    scene.rotate(&[ADMIN]).came_to(0, "rotated");
    assert_eq!(scene.live(ADMIN).len(), 1, "no probe is left behind");
    let check = scene.pintail(&["check"]);
    assert_eq!(check.code, Some(0), "{check}");
}

#[test]
fn the_admin_token_in_openbao_is_adopted_and_rotates_itself() {
    is_adopted_and_rotated(Kind::Vault);
}

#[test]
fn the_admin_token_in_secrets_manager_is_adopted_and_rotates_itself() {
    is_adopted_and_rotated(Kind::Aws);
}

fn revoked(scene: &Scene, credential: &str) -> usize {
    let prefix = format!("pintail/{}/{credential}/", scene.owner);
    let is_one = |name: &String| name.starts_with(&prefix);
    let events = scene.sandbox.events();
    let revoked = events.iter().filter(|event| event.kind == "token_revoked");
    revoked.filter(|event| event.name.as_ref().is_some_and(is_one)).count()
}

fn until(scene: &Scene, daemon: &mut Running, what: impl Fn(&Scene) -> bool) {
    let start = Instant::now();
    while !what(scene) {
        assert!(daemon.is_running(), "it has ended");
        assert!(start.elapsed() < PATIENCE, "{:#?}", scene.sandbox.events());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn stop(scene: &Scene, daemon: Running) {
    daemon.terminate();
    let run = scene.note(daemon.wait());
    assert_eq!(run.code, Some(0), "{run}");
}

#[test]
fn a_daemon_goes_on_with_the_admin_token_that_it_has_rotated_itself() {
    let (mut scene, old) = scene(Kind::Vault);
    adopted(&scene);
    scene.calendar = "schedule = \"*/2 * * * * *\"\nttl = \"1h\"".into();
    scene.more += "[daemon]\nsweep = \"1s\"\n";
    let mut daemon = scene.start(&["run"]);
    until(&scene, &mut daemon, |scene| revoked(scene, ADMIN) >= 2);
    let rotations = revoked(&scene, ETL);
    until(&scene, &mut daemon, |scene| revoked(scene, ETL) >= rotations + 2);
    stop(&scene, daemon);
    assert_refused(&scene, &old);
    scene.rotate(&["--all"]);
    assert_eq!(scene.live(ADMIN).len(), 1);
    scene.assert_at_rest();
}

#[test]
fn a_daemon_goes_on_with_the_admin_token_that_another_run_has_rotated_beside_it() {
    let (mut scene, old) = scene(Kind::Vault);
    adopted(&scene);
    scene.calendar = "schedule = \"*/2 * * * * *\"\nttl = \"1h\"".into();
    scene.more = "[daemon]\nsweep = \"1s\"\n".into();
    let mut daemon = scene.start(&["run"]);
    until(&scene, &mut daemon, |scene| revoked(scene, ETL) >= 1);
    scene.more = credential(&scene);
    for _ in 0..2 {
        scene.rotate(&[ADMIN]).came_to(0, "rotated");
        let rotations = revoked(&scene, ETL);
        until(&scene, &mut daemon, |scene| revoked(scene, ETL) >= rotations + 2);
    }
    stop(&scene, daemon);
    assert_refused(&scene, &old);
}

#[test]
fn a_replacement_that_may_not_do_an_admins_work_is_never_published() {
    let (mut scene, old) = scene(Kind::Vault);
    let id = adopted(&scene);
    let direct = scene.api_url.clone();
    // The user was an Admin when the old token was made, as it were.
    let bearer = format!("Bearer {old}");
    let relay = Relay::start(&direct, move |head| {
        if head.contains(&bearer) {
            return Fate::Pass;
        }
        response(403, "Content-Type: application/json\r\n", "{\"message\":\"not an Admin\"}")
    });
    scene.api_url.clone_from(&relay.url);
    let failed = scene.rotate(&[ADMIN]).came_to(1, "failed");
    let error = failed["error"].as_str().unwrap();
    assert!(error.contains("the new token was refused") && error.contains("(403)"), "{error}");
    assert_eq!(served(&scene)["token_id"], id.as_str());
    assert_eq!(served(&scene)["motherduck_token"], old.as_str());
    assert!(scene.connects(&old));
    scene.api_url = direct;
    let rotated = scene.rotate(&[ADMIN]).came_to(0, "rotated");
    assert_eq!(served(&scene)["token_id"], rotated["token_id"]);
    assert_eq!(scene.live(ADMIN).len(), 1, "the one that was not fit is gone, too");
}

#[test]
fn a_file_that_is_none_holds_up_no_start() {
    let mut scene = Scene::new(Kind::File);
    let pipe = scene.dir().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (file, said) in [
        (pipe, "a pipe or a device"),
        ("/dev/zero".into(), "a pipe or a device"),
        (scene.dir().to_owned(), "is a directory"),
    ] {
        scene.admin_token_file = file;
        let begun = std::time::Instant::now();
        scene.pintail(&["rotate-now", ETL]).complains(2, &[said, "admin"]);
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{said}");
    }
}

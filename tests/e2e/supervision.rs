//! What a service manager is told, over a socket of our own.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::manager::Manager;
use crate::place::Kind;
use crate::scene::Scene;

#[test]
fn a_service_manager_is_told_of_the_start_the_state_a_reload_and_the_stop() {
    let mut scene = Scene::new(Kind::File);
    let mut manager = Manager::new(scene.dir());
    scene.variables.extend(manager.variables(None));
    let script = scene.script("deploy", &format!("env > {}/environment", scene.dir().display()));
    scene.defaults = format!("gate = \"none\"\ndeploy.command = [\"{script}\"]");
    let daemon = scene.start(&["run"]);
    manager.hear("READY=1", 1);
    manager.hear("STATUS=1 credential: 1 fresh", 1);
    assert_eq!(manager.count("WATCHDOG"), 0, "nobody asked for signs of life");

    daemon.signal(Signal::SIGHUP);
    let reloading = manager.hear("RELOADING=1", 1);
    let since_boot = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(since_boot.parse::<u64>().unwrap() > 0);
    manager.hear("READY=1", 2);

    daemon.terminate();
    let stopping = manager.hear("STOPPING=1", 1);
    assert_eq!(stopping, "STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000", "30 s of grace and 10 s");
    manager.hear("STATUS=stopped, with nothing unfinished", 1);
    let run = scene.note(daemon.wait());
    assert_eq!(run.code, Some(0), "{run}");
    let order = ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"];
    let said = manager.said.iter().filter(|message| !message.starts_with("STATUS="));
    let said: Vec<_> = said.map(|message| message.lines().next().unwrap()).collect();
    assert_eq!(said, order);
    let environment = scene.file("environment");
    assert!(environment.contains("PINTAIL_CREDENTIAL") && !environment.contains("NOTIFY_SOCKET"));
}

#[test]
fn a_watchdog_gets_its_signs_of_life_from_a_loop_that_has_nothing_to_do() {
    let mut scene = Scene::new(Kind::File);
    let mut manager = Manager::without_file();
    scene.variables.extend(manager.variables(Some(Duration::from_millis(900))));
    let daemon = scene.start(&["run"]);
    manager.hear("STATUS=1 credential: 1 fresh", 1);
    let begun = std::time::Instant::now();
    let so_far = manager.count("WATCHDOG=1");
    manager.hear("WATCHDOG=1", so_far + 10);
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    daemon.terminate();
    assert_eq!(scene.note(daemon.wait()).code, Some(0));
}

#[test]
fn the_watchdog_of_another_process_gets_none() {
    let mut scene = Scene::new(Kind::File);
    let mut manager = Manager::without_file();
    scene.variables.extend(manager.variables(Some(Duration::from_millis(900))));
    scene.variables.push(("WATCHDOG_PID".to_owned(), "1".to_owned()));
    let daemon = scene.start(&["run"]);
    manager.hear("STATUS=1 credential: 1 fresh", 1);
    daemon.terminate();
    manager.hear("STATUS=stopped", 1);
    assert_eq!(manager.count("WATCHDOG"), 0, "{:?}", manager.said);
    assert_eq!(scene.note(daemon.wait()).code, Some(0));
}

#[test]
fn a_service_manager_that_does_not_listen_is_no_obstacle() {
    let mut scene = Scene::new(Kind::File);
    scene.variables.push(("NOTIFY_SOCKET".to_owned(), "/nowhere/notify".to_owned()));
    let daemon = scene.start(&["run"]);
    let begun = std::time::Instant::now();
    while scene.place.read(&scene.clients, crate::scene::ETL).is_none() {
        assert!(begun.elapsed() < Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon.terminate();
    let run = scene.note(daemon.wait());
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("service manager not reached"), "{run}");
}

//! Accounts whose requests to MotherDuck hang: nobody else waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::place::Kind;
use crate::relay::{Fate, Relay};
use crate::scene::{ETL, Scene};

const HANGING: [&str; 8] = ["acc1", "acc2", "acc3", "acc4", "acc5", "acc6", "acc7", "acc8"];

#[test]
fn eight_accounts_whose_requests_hang_leave_a_healthy_one_its_pace() {
    let accounts: Vec<_> = HANGING.into_iter().chain([ETL]).collect();
    let mut scene = Scene::with(Kind::File, &accounts, &[]);
    scene.calendar = "schedule = \"*/2 * * * * *\"\nttl = \"1h\"".into();
    scene.more = "[daemon]\nsweep = \"1s\"\nshutdown_grace = \"2s\"\n".into();
    let hangs = Arc::new(AtomicBool::new(false));
    let is_so = hangs.clone();
    let relay = Relay::start(&scene.api_url, move |head| {
        let is_well = head.contains(&format!("/{ETL}/"));
        if is_well || !is_so.load(Ordering::Relaxed) { Fate::Pass } else { Fate::StallRequest }
    });
    scene.api_url.clone_from(&relay.url);
    let daemon = scene.start(&["run"]);
    let created = |name: &str| {
        let prefix = format!("pintail/e2e/{name}/");
        let events = scene.sandbox.events().into_iter();
        events
            .filter(|event| event.kind == "token_created")
            .filter(|event| event.name.as_deref().is_some_and(|name| name.starts_with(&prefix)))
            .count()
    };
    let until = |what: &str, limit: Duration, is_so: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < limit, "{what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    until("all are rotated", Duration::from_mins(1), &|| {
        accounts.iter().all(|name| created(name) > 0)
    });
    hangs.store(true, Ordering::Relaxed);
    let asks = |name: &str| {
        relay.heads().iter().filter(|head| head.contains(&format!("/{name}/"))).count()
    };
    let before: Vec<_> = HANGING.iter().map(|name| asks(name)).collect();
    // Each of them waits for an answer.
    until("all hang", Duration::from_mins(1), &|| {
        HANGING.iter().zip(&before).all(|(name, before)| asks(name) > *before)
    });
    let so_far = created(ETL);
    until("it keeps its pace", Duration::from_secs(16), &|| created(ETL) >= so_far + 5);
    daemon.terminate();
    assert_eq!(scene.note(daemon.wait()).code, Some(0));
}

//! `pintail demo`: everything in one command, and nothing left behind.

use crate::program::Running;

const STEPS: [&str; 8] =
    ["create", "preflight", "publish", "gate", "verify", "seal", "revoke", "confirm"];

#[test]
fn the_demo_shows_every_step_of_three_rotations_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let variables = [("TMPDIR", dir.path().to_str().unwrap()), ("PATH", "/usr/bin:/bin")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let run = Running::start(&["demo".to_owned()], &variables).wait();
    assert_eq!(run.code, Some(0), "{run}");
    for account in ["etl_prod", "dashboards", "customer_42"] {
        assert!(run.stdout.contains(&format!("{account}: rotated: token ")), "{run}");
    }
    for step in STEPS {
        let shown = run.stdout.lines().filter(|line| line.trim_start().starts_with(step)).count();
        assert!(shown >= 3, "{step}: {run}");
    }
    assert!(run.stdout.contains("0 times in vain"), "{run}");
    assert!(!run.stdout.contains("eyJ") && !run.stderr.contains("eyJ"), "{run}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
}

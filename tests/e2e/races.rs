//! Several pintails at once on one credential: no leader, and yet one token in the end.

use crate::place::Kind;
use crate::scene::{ETL, Scene};

fn two_at_once(kind: Kind) {
    let scene = Scene::new(kind);
    // Once where nothing is served yet, then over a token that is.
    for round in 0..3 {
        let both = [(); 2].map(|()| scene.start(&["--output", "json", "rotate-now", ETL]));
        for running in both {
            let run = scene.note(running.wait());
            assert_eq!(run.code, Some(0), "round {round}: {run}");
        }
        scene.assert_at_rest();
    }
}

#[test]
fn two_at_once_leave_one_token_with_files() {
    two_at_once(Kind::File);
}

#[test]
fn two_at_once_leave_one_token_with_openbao() {
    two_at_once(Kind::Vault);
}

#[test]
fn two_at_once_leave_one_token_with_secrets_manager() {
    two_at_once(Kind::Aws);
}

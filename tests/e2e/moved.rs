//! A secret that was moved: what its former place serves lives until a person gives that place up.

use crate::place::Kind;
use crate::program::Run;
use crate::scene::{ETL, Scene};

/// A credential whose secret is now looked for elsewhere, and the token that its former place serves.
fn moved() -> (Scene, String, String) {
    let mut scene = Scene::new(Kind::File);
    let (id, token) = (scene.first_token(), scene.served_token());
    let path = ("PINTAIL__DEFAULTS__PATH".to_owned(), "elsewhere/{credential}".to_owned());
    scene.variables.push(path);
    (scene, id, token)
}

fn revoked(run: &Run) -> Vec<String> {
    let revoked = run.of(ETL)["revoked"].clone();
    serde_json::from_value(revoked).unwrap()
}

#[test]
fn what_the_former_place_serves_is_spared_until_a_person_gives_it_up() {
    for give_up in [&[ETL, "--give-up-old-place"][..], &["etl_*", "--give-up-old-place"]] {
        let (scene, old, token) = moved();
        scene.rotate(&["--due"]).came_to(3, "held");
        for spares in [&["--due"][..], &[ETL], &["--all"], &[ETL, "--reason", "moved"]] {
            let run = scene.rotate(spares);
            assert!(!revoked(&run).contains(&old), "{spares:?}: {run}");
            assert!(scene.connects(&token), "{spares:?}: {run}");
        }
        let run = scene.rotate(give_up);
        assert_eq!(run.code, Some(0), "{run}");
        assert!(revoked(&run).contains(&old), "{give_up:?}: {run}");
        assert!(!scene.connects(&token));
        assert!(run.stderr.contains("given up"), "it is logged: {run}");
    }
}

#[test]
fn a_dry_run_shows_what_giving_up_would_revoke_and_revokes_nothing() {
    let (scene, old, token) = moved();
    scene.rotate(&["--due"]).came_to(3, "held");
    let revokes = |arguments: &[&str]| scene.rotate(arguments).of(ETL)["revokes"].to_string();
    assert!(!revokes(&[ETL, "--dry-run"]).contains(&old));
    assert!(revokes(&[ETL, "--give-up-old-place", "--dry-run"]).contains(&old));
    assert!(scene.connects(&token));
}

//! The proofs that a token works: a connection to the Postgres endpoint, or a command.

use crate::place::Kind;
use crate::scene::{ETL, Scene};

#[test]
fn the_new_token_connects_before_it_is_published_and_again_as_it_is_read_and_the_old_one_last() {
    let scene = Scene::new(Kind::Vault);
    let old = scene.first_token();
    let before = scene.sandbox.events().len();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    let new = scene.served_id();
    let events: Vec<_> = scene.sandbox.events().split_off(before);
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.kind.as_str(), event.token_id.as_deref().unwrap_or_default()))
        .collect();
    let wanted = [
        ("tokens_listed", ""),
        ("token_created", &new),
        ("connected", &new),
        ("connected", &new),
        ("token_revoked", &old),
        ("refused", &old),
    ];
    assert_eq!(seen, wanted);
}

#[test]
fn a_server_with_a_wrong_certificate_proves_nothing_and_nothing_is_served() {
    let mut scene = Scene::new(Kind::File);
    let id = scene.first_token();
    let other = crate::sandbox::Sandbox::start(&[]);
    scene.ca_file = other.text("ca_file").into();
    let run = scene.rotate(&[ETL]);
    let failed = run.came_to(1, "failed");
    let error = failed["error"].as_str().unwrap();
    assert!(error.starts_with("preflight: ") && error.contains("certificate"), "{run}");
    assert!(failed["hint"].as_str().unwrap().contains("ca_file"), "{run}");
    assert_eq!(scene.served_id(), id);
    assert_eq!(scene.sandbox.count("token_create"), 2, "it got as far as that");
    scene.assert_at_rest();
}

#[test]
fn a_verify_command_reads_the_token_on_its_standard_input_and_nowhere_else() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let dir = scene.dir().display().to_string();
    let verify = scene.script(
        "verify",
        &format!(
            "cat /proc/$$/environ /proc/$$/cmdline >> {dir}/surroundings; cat >> {dir}/input; echo $PINTAIL_TOKEN_ID >> {dir}/ids"
        ),
    );
    scene.defaults = format!("gate = \"none\"\nverify.command = [\"{verify}\", \"{{token_id}}\"]");
    let old_token = scene.served_token();
    // The old token is accepted as well, so that its refusal is never seen: that ends the run, not the rotation.
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    scene.sandbox.until(|event| event.kind == "token_revoked");
    running.terminate();
    let run = scene.note(running.wait());
    let result = run.came_to(0, "rotated");
    let last = result["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["step"], &last["outcome"]), (&"confirm".into(), &"warning".into()), "{run}");
    let input = scene.file("input");
    let new_token = scene.served_token();
    let lines: Vec<_> = input.lines().collect();
    assert_eq!(lines[..2], [&new_token, &new_token], "preflight and verify");
    assert!(lines[2..].iter().all(|line| *line == old_token), "confirm");
    assert_eq!(scene.file("ids").lines().next(), Some(scene.served_id().as_str()));
    let surroundings = scene.file("surroundings");
    for token in [&new_token, &old_token] {
        assert!(!surroundings.contains(token.as_str()));
    }
    assert!(surroundings.contains(&format!("PINTAIL_USERNAME={ETL}\0")));
    assert_eq!(scene.sandbox.count("postgres"), 2, "only for the first token");
}

#[test]
fn a_verify_command_that_refuses_the_token_keeps_it_from_being_served() {
    let mut scene = Scene::new(Kind::File);
    let id = scene.first_token();
    // What it prints may hold the token, so that nobody is shown it.
    let verify = scene.script("verify", "cat; echo such a token >&2; exit 4");
    scene.defaults = format!("gate = \"none\"\nverify.command = [\"{verify}\"]");
    let run = scene.rotate(&[ETL, "--timeout", "1s"]);
    let failed = run.came_to(1, "failed");
    let error = failed["error"].as_str().unwrap();
    assert!(!run.to_string().contains("such a token"), "{run}");
    assert!(error.contains("code 4") || error.contains("stopped"), "{run}");
    assert_eq!(scene.served_id(), id);
    scene.assert_at_rest();
}

#[test]
fn a_verify_command_that_cannot_be_run_is_an_error_with_a_way_out() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    scene.defaults = "gate = \"none\"\nverify.command = [\"/nonexistent/verify\"]".into();
    scene.rotate(&[ETL]).complains(1, &["/nonexistent/verify", "preflight", "exists"]);
    scene.assert_at_rest();
}

//! `pintail token revoke`: by ID, confirmed, and never a token that somebody may be served, unless that is said.

use serde_json::json;

use super::bench::Bench;

#[test]
fn a_token_is_revoked_by_its_id_and_again_without_harm() {
    let bench = Bench::new();
    let id = bench.token("n");
    let first = bench.json(&format!("token revoke etl_prod {id} --yes"));
    assert_eq!(
        first,
        json!({ "username": "etl_prod", "token_id": id, "name": "n", "outcome": "revoked" })
    );
    let second = bench.json(&format!("token revoke etl_prod {id} --yes"));
    assert_eq!(second["outcome"], "already_gone");
    let other = bench.token("m");
    let run = bench.run(&format!("token revoke etl_prod {other} --yes"));
    assert_eq!(run.text(), format!("token {other} of account etl_prod was revoked\n"));
}

#[test]
fn nothing_is_revoked_unless_somebody_confirms_it() {
    let bench = Bench::new();
    let id = bench.token("n");
    let line = format!("token revoke etl_prod {id}");
    let before = bench.requests();
    assert!(bench.run(&line).refusal(2).contains("hint: add --yes"));
    assert_eq!(bench.requests(), before, "nothing was contacted");
    let run = bench.type_into(&line, "no");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("(n, created 20"), "{run:?}");
    assert_eq!(bench.tokens(), [id]);
    assert_eq!(bench.type_into(&line, "yes").code, 0);
    assert!(bench.tokens().is_empty());
}

#[test]
fn a_token_with_a_managed_name_is_revoked_only_by_an_explicit_word() {
    let bench = Bench::new();
    let id = bench.token("pintail/other/etl/0190163d-8694-739b-aea5-966c26f8ad91");
    let line = format!("token revoke etl_prod {id} --yes");
    let run = bench.run(&line);
    assert!(run.refusal(1).contains("managed by pintail for credential etl of other"), "{run:?}");
    assert_eq!(bench.tokens(), [id]);
    bench.json(&format!("{line} --managed"));
    assert!(bench.tokens().is_empty());
}

#[test]
fn the_token_that_a_secret_serves_is_revoked_only_by_an_explicit_word() {
    let bench = Bench::new();
    bench.configure_credential();
    // While the secret is vacant, nothing speaks against it.
    let stray = bench.token("stray");
    bench.json(&format!("token revoke etl_prod {stray} --yes"));
    bench.run("rotate-now etl").text();
    let served = bench.tokens().remove(0);
    let run = bench.run(&format!("token revoke etl_prod {served} --yes"));
    let words = format!("credential etl serves token {served}");
    assert!(run.refusal(1).contains(&words), "{run:?}");
    let other = bench.token("other");
    bench.json(&format!("token revoke etl_prod {other} --yes"));
    assert_eq!(bench.tokens(), [served]);
}

#[test]
fn a_secret_that_pintail_does_not_understand_may_serve_any_token() {
    let bench = Bench::new();
    bench.configure_credential();
    bench.run("rotate-now etl").text();
    let other = bench.token("other");
    let secrets = bench.dir.path().join("secrets");
    std::fs::remove_dir_all(&secrets).unwrap();
    std::fs::write(&secrets, "not a directory").unwrap();
    let line = format!("token revoke etl_prod {other} --yes");
    let run = bench.run(&line);
    assert!(run.refusal(1).contains("it cannot be known whether credential etl serves"), "{run:?}");
    assert!(bench.tokens().contains(&other));
    bench.json(&format!("{line} --managed"));
    assert!(!bench.tokens().contains(&other));
}

#[test]
fn a_token_is_never_revoked_by_its_name() {
    let bench = Bench::new();
    bench.token("n");
    assert_eq!(bench.run("token revoke etl_prod n --yes").code, 2);
    assert_eq!(bench.tokens().len(), 1);
}

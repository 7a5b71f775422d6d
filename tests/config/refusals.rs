//! How a configuration is refused: with the source, the key and the way out, and without any secret.

use std::path::PathBuf;

use pintail::config::{Config, refuse_dangerous_environment};

use super::{CREDENTIAL, HEAD, assert_refused, credential, load, load_with, refusal};

#[test]
fn a_gate_must_be_chosen_and_the_refusal_tells_the_four_choices() {
    let choices =
        ["credentials.etl.gate", "gate.http", "gate.command", "gate.wait", "gate = \"none\""];
    assert_refused(credential(""), &choices);
    assert_refused(credential("gate = {}"), &choices);
    assert_refused(credential("gate = \"http\""), &choices);
    assert_refused(
        credential("gate = { wait = \"5m\", http = { url = \"http://x\" } }"),
        &["credentials.etl.gate", "exactly one kind"],
    );
}

#[test]
fn an_unknown_key_is_refused_with_its_path_its_file_and_the_word_that_was_meant() {
    let text = refusal(credential("gate = \"none\"\nshcedule = \"0 3 * * *\""));
    assert!(text.contains("0.toml: credentials.etl.shcedule: "), "{text}");
    assert!(text.contains("did you mean `schedule`?"), "{text}");
    let nested = "gate.http = { url = \"http://x\", intervall = \"1s\" }";
    assert_refused(credential(nested), &["credentials.etl.gate.http.intervall", "`interval`"]);
    assert_refused(load(&format!("{HEAD}\n[credental.x]")), &["credental", "`credentials`"]);
    let store = format!("{HEAD}keep_version = 3");
    assert_refused(load(&store), &["stores.main.file.keep_version", "`keep_versions`"]);
    let variables = [("PINTAIL__DAEMON__SWEEPS", "1m")];
    assert_refused(
        load_with(&[HEAD, CREDENTIAL], &variables),
        &["environment variable PINTAIL__DAEMON__SWEEPS: daemon.sweeps", "`sweep`"],
    );
    let dotted = "[defaults.verify.postgres]\ndatabas = \"md:\"";
    assert_refused(load(&format!("{HEAD}{dotted}")), &["defaults.verify.postgres.databas"]);
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_never_shown() {
    let secret = "eyJhbGciOi.S3CRET";
    let places = [
        format!("owner = \"prod\"\n[motherduck]\nadmin_token = \"{secret}\""),
        format!("owner = \"prod\"\n[motherduck]\nadmin_token = {secret}"),
        format!("owner = \"prod\"\n[motherduck]\nadmin_token = \"{secret}"),
        format!("owner = \"prod\"\n[motherduck]\nadmin_token = [\"{secret}\"]"),
        format!("owner = \"prod\"\n[motherduck]\nadmin_token = {{ env = \"{secret}\" }}"),
        format!("owner = \"prod\"\n[motherduck]\nadmin_token = {{ text = \"{secret}\" }}"),
        format!("owner = \"prod\"\n[motherduck]\nadmin_token = '{secret}' x"),
        format!("[motherduck]\nadmin_token = {{ env = \"A\" }}\nadmin_token = \"{secret}\""),
        format!("{HEAD}[stores.v.vault]\naddress = \"https://v\"\nauth = \"{secret}\""),
        format!(
            "{HEAD}[stores.v.vault]\naddress = \"https://v\"\nauth = {{ token = \"{secret}\" }}"
        ),
        format!(
            "{HEAD}[stores.v.vault]\naddress = \"https://v\"\nauth = {{ token_env = \"{secret}\" }}"
        ),
        format!(
            "{HEAD}[stores.v.vault]\naddress = \"https://v\"\nauth.approle = {{ role_id = \"r\", secret_id = \"{secret}\" }}"
        ),
        format!(
            "{HEAD}[stores.v.vault]\naddress = \"https://u:{secret}@v\"\nauth.token_env = \"A\""
        ),
        format!(
            "{HEAD}[credentials.etl]\nusername = \"etl_prod\"\ngate.http = {{ url = \"https://u:{secret}@v\" }}"
        ),
        format!("{HEAD}[credentials.etl]\nusername = \"etl_prod\"\ntoken_type = \"{secret}\""),
        format!("{HEAD}[credentials.etl]\nusername = \"etl_prod\"\nttl = \"{secret}\""),
        format!(
            "{HEAD}[credentials.etl]\nusername = \"etl_prod\"\ngate.http = {{ url = \"https://v\", headers = {{ A = \"{secret}\\n\" }} }}"
        ),
    ];
    for place in &places {
        let text = refusal(load(place));
        assert!(!text.contains("S3CRET"), "{place}\n{text}");
    }
    assert_refused(load(&places[0]), &["motherduck.admin_token", "{ file = ", "{ env = "]);
    for text in [secret, "12345678", "true", "{ env = \"S3CRET-\" }", "[\"S3CRET\"]"] {
        let variables = [("PINTAIL__MOTHERDUCK__ADMIN_TOKEN", text)];
        let said = refusal(load_with(&[HEAD, CREDENTIAL], &variables));
        assert!(
            said.contains("variable PINTAIL__MOTHERDUCK__ADMIN_TOKEN: motherduck.admin_token"),
            "{said}"
        );
        assert!(!said.contains("S3CRET") && !said.contains("12345678"), "{said}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let text = refusal(load(
        "owner = \"with space\"
        [motherduck]
        api_url = \"http://api.motherduck.com\"
        requests_per_second = 0
        [stores.main]
        [stores.other.file]
        dir = \"relative\"
        [credentials.a]
        username = \"with-hyphen\"
        [credentials.b]
        username = \"bee\"
        store = \"mian\"
        ttl = \"1m\"
        gate = \"none\"",
    ));
    for part in [
        "owner: ",
        "motherduck.api_url: ",
        "motherduck.admin_token: ",
        "motherduck.requests_per_second: this must be a whole number from 1 to 1000",
        "stores.main: ",
        "stores.other.file.dir: ",
        "credentials.a.username: ",
        "credentials.b.store: `mian`: there is no such store; did you mean `main`?",
        "credentials.b.ttl: 1m is out of range: use 5m to 365d",
    ] {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

#[test]
fn a_problem_that_many_credentials_share_is_told_once() {
    let mut text = format!("{HEAD}[defaults]\nstore = \"main\"\ngate = \"none\"\nttl = \"1s\"\n");
    for number in 0..100 {
        let _ = std::fmt::Write::write_fmt(
            &mut text,
            format_args!("[credentials.c{number}]\nusername = \"account_{number}\"\n"),
        );
    }
    let said = refusal(load(&text));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("credentials.c0.ttl (set in [defaults]): "), "{said}");
    assert!(said.ends_with("(and 99 more credentials)"), "{said}");
}

#[test]
fn a_missing_and_a_broken_file_are_named() {
    let missing = PathBuf::from("/nonexistent/pintail.toml");
    let error = Config::load(std::slice::from_ref(&missing), []).unwrap_err();
    assert_eq!(error.to_string(), "cannot read config file /nonexistent/pintail.toml");
    assert!(error.hint().unwrap().contains("--config"));
    let text = refusal(load("owner = \"prod\"\n[motherduck\n"));
    assert!(text.contains("0.toml: line 2, column "), "{text}");
}

#[test]
fn an_environment_that_makes_a_library_print_tokens_is_refused() {
    refuse_dangerous_environment(|_| None).unwrap();
    let error = refuse_dangerous_environment(|name| {
        (name == "LOG_SENSITIVE_BODIES").then(Default::default)
    })
    .unwrap_err();
    assert!(error.to_string().contains("LOG_SENSITIVE_BODIES"));
}

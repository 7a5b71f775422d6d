//! What is out of range, or at odds with something else.

use super::{CREDENTIAL, HEAD, assert_refused, credential, load, only};

#[test]
fn a_lifetime_that_does_not_last_to_the_next_rotation_is_refused_with_the_sum() {
    let body = "every = \"30d\"\nttl = \"37d\"\nrenew_before = \"7d\"\ngate.wait = \"2h\"";
    assert_refused(
        credential(body),
        &["credentials.etl.ttl: 37d is too short", "(30d)", "(2h)", "(7d)", "make 37d 2h"],
    );
    credential(&body.replace("37d", "37d 2h")).unwrap();
    assert_refused(
        credential("ttl = \"1h\"\nrenew_before = \"5m\"\ngate.wait = \"10m\""),
        &["credentials.etl.renew_before: 5m is too short", "10m"],
    );
    assert_refused(
        credential("ttl = \"1h\"\nrenew_before = \"2h\"\ngate = \"none\""),
        &["too short"],
    );
}

#[test]
fn values_out_of_range_are_refused() {
    for (body, key) in [
        ("ttl = \"299s\"\ngate = \"none\"", "ttl"),
        ("ttl = \"366d\"\ngate = \"none\"", "ttl"),
        ("ttl = \"400s 500ms\"\ngate = \"none\"", "ttl"),
        ("ttl = 3600\ngate = \"none\"", "ttl: this is a number, where a duration"),
        (
            "ttl = \"3600\"\ngate = \"none\"",
            "ttl: this must be a duration in quotes and with units",
        ),
        ("every = \"0s\"\ngate = \"none\"", "every"),
        ("every = \"1d\"\nsplay = \"2d\"\ngate = \"none\"", "splay"),
        ("every = \"1d\"\nschedule = \"0 3 * * *\"\ngate = \"none\"", "every"),
        ("schedule = \"0 3 30 2 *\"\ngate = \"none\"", "schedule"),
        ("schedule = \"never\"\ngate = \"none\"", "schedule"),
        ("schedule = \"0 3 * * *\"\ntimezone = \"Mars/Base\"\ngate = \"none\"", "timezone"),
        ("timezone = \"UTC\"\ngate = \"none\"", "timezone"),
        ("gate.wait = \"0s\"", "gate.wait"),
        (
            "gate.http = { url = \"http://x\", successes = 10, interval = \"1m\", deadline = \"9m\" }",
            "gate.http.deadline: 9m is too short: 10 successes at an interval of 1m take 10m",
        ),
        ("gate.http = { url = \"http://x\", successes = 0 }", "gate.http.successes"),
        (
            "gate.http = { url = \"http://x\", expected_status = [200, 99] }",
            "gate.http.expected_status",
        ),
        ("gate.http = { url = \"ftp://x\" }", "gate.http.url"),
        ("gate.http = { url = \"http://{host}/\" }", "gate.http.url: `{host}`"),
        (
            "gate.http = { url = \"http://x\", headers = { \"a b\" = \"c\" } }",
            "gate.http.headers.\"a b\"",
        ),
        ("gate.command = [\"./check\"]", "gate.command"),
        ("gate.command = []", "gate.command"),
        ("gate.command = \"/bin/check now\"", "gate.command: this is a text, where a program"),
        ("gate = \"none\"\ntoken_type = 1", "token_type: this is a number, where a text"),
        (
            "gate = \"none\"\ntoken_type = \"admin\"",
            "token_type: this must be one of read_write, read_scaling",
        ),
        ("gate = \"none\"\ntoken_field = \"token_id\"", "token_field"),
        (
            "gate = \"none\"\non_failure = \"panic\"",
            "on_failure: this must be one of hold, roll_back",
        ),
        ("gate = \"none\"\nverify = { postgres = {}, command = [\"/x\"] }", "verify"),
    ] {
        assert_refused(credential(body), &[&format!("credentials.etl.{key}")]);
    }
}

#[test]
fn a_path_that_could_lead_elsewhere_is_refused() {
    for path in [
        "",
        "/etc",
        "a//b",
        "a/",
        "../x",
        "a/./b",
        "a/../b",
        "a\\u0007b",
        "{nobody}",
        "{open",
        "a/..data",
    ] {
        assert_refused(
            credential(&format!("gate = \"none\"\npath = \"{path}\"")),
            &["credentials.etl.path: "],
        );
    }
    let config =
        credential("gate = \"none\"\npath = \"{owner}/{username}/{credential}/{token_type}\"")
            .unwrap();
    assert_eq!(only(&config).path, "prod/etl_prod/etl/read_write");
}

#[test]
fn two_credentials_in_one_place_are_refused_under_any_name_of_the_store() {
    let two = |stores: &str, path: &str| {
        load(&format!(
            "{HEAD}{stores}
            [defaults]
            gate = \"none\"
            store = \"main\"
            path = \"shared\"
            [credentials.a]
            username = \"one\"
            [credentials.b]
            username = \"two\"
            {path}"
        ))
    };
    assert_refused(two("", ""), &["credentials.b.path", "a is kept in the same place"]);
    let alias = "[stores.alias.file]\ndir = \"/var/lib/./pintail/\"";
    assert_refused(two(alias, "store = \"alias\""), &["same place"]);
    assert_refused(
        two("", "path = \"shared/token\""),
        &["credentials.b.path", "inside the directory"],
    );
    two("", "path = \"shared2\"").unwrap();
}

#[test]
fn plain_http_is_for_loopback_only() {
    let with = |url: &str| {
        let head = HEAD.replace("[motherduck]", &format!("[motherduck]\napi_url = \"{url}\""));
        load(&format!("{head}{CREDENTIAL}"))
    };
    for url in
        ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1", "https://api.example"]
    {
        with(url).unwrap();
    }
    for url in ["http://api.motherduck.com", "http://127.0.0.1.example.com", "http://10.0.0.1"] {
        assert_refused(with(url), &["motherduck.api_url", "https://"]);
    }
}

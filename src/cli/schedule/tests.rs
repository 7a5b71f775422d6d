//! Previews of configurations, each from an instant of its own.

use serde_json::Value;

use super::super::bench::both;
use super::*;

/// What is shown of a credential with these keys.
fn preview(keys: &str, from: &str, count: u16) -> (String, Value) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pintail.toml");
    let head = "owner = \"test\"\nmotherduck.admin_token.env = \"ADMIN\"\nstores.main.file.dir = \"/tmp/x\"\n";
    let table = "[credentials.etl]\nusername = \"etl\"\nstore = \"main\"\ngate = \"none\"\n";
    std::fs::write(&file, format!("{head}{table}{keys}")).unwrap();
    let config = Config::load(&[file], []).unwrap();
    let credential = config.credentials.values().next().unwrap();
    let from = from.parse().unwrap();
    let credentials = vec![Preview::new(credential, from, count.into())];
    both(&Previews { from, credentials })
}

#[test]
fn runs_are_shown_by_their_own_clock_and_in_utc_and_a_change_of_the_clock_is_marked() {
    let keys = "schedule = \"30 9 * * *\"\ntimezone = \"Europe/Paris\"\nttl = \"45d\"";
    let (text, json) = preview(keys, "2027-03-27T00:00:00Z", 3);
    for line in [
        "Sat 2027-03-27 09:30:00 +01:00  2027-03-27T08:30:00Z  schedule\n",
        "Sun 2027-03-28 09:30:00 +02:00  2027-03-28T07:30:00Z  schedule; clock change, was +01\n",
        "Mon 2027-03-29 09:30:00 +02:00  2027-03-29T07:30:00Z  schedule\n",
        "and 7d before its token expires, at any time: see pintail plan",
    ] {
        assert!(text.contains(line), "{line} is missing in:\n{text}");
    }
    let runs = &json["credentials"][0]["runs"];
    let changed: Vec<_> = (0..3).map(|number| runs[number]["clock_changed"].clone()).collect();
    assert_eq!(changed, [false, true, false]);
    assert_eq!(json["credentials"][0]["renew_before_seconds"], 7 * 86_400);
}

#[test]
fn a_run_that_waits_for_its_window_is_shown_when_that_opens_and_says_so() {
    let keys = "schedule = \"0 12 * * *\"\nwindows = [\"22:00-23:00\"]";
    let (text, json) = preview(keys, "2027-01-01T13:00:00Z", 1);
    let run = &json["credentials"][0]["runs"][0];
    assert_eq!(run["at"], "2027-01-01T22:00:00Z");
    assert_eq!(run["scheduled"], "2027-01-01T12:00:00Z");
    assert!(text.contains("window opens (scheduled at 2027-01-01T12:00:00Z)"), "{text}");
    assert!(text.contains("etl: UTC, in its windows\n"), "{text}");
}

#[test]
fn what_will_not_run_says_so() {
    let (text, json) = preview("every = \"1d\"\npaused = true", "2027-01-01T00:00:00Z", 2);
    assert!(text.contains("paused: none of these will begin"), "{text}");
    assert_eq!(json["credentials"][0]["paused"], true);
    let (text, _) = preview("ttl = \"45d\"", "2027-01-01T00:00:00Z", 2);
    assert!(text.contains("only its expiry makes it due"), "{text}");
}

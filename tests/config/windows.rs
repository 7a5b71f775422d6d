//! `windows` and `paused`: inheritance, refusals, and what they add to the arithmetic of lifetimes.

use pintail::rotation::schedule::Windows;

use super::{HEAD, assert_refused, credential, load, load_with, only};

const NIGHTS: &str = "schedule = \"0 3 * * SUN\"\nwindows = [\"Mon-Fri 22:00-04:00\"]\n\
     timezone = \"Europe/Berlin\"\ngate = \"none\"\n";

#[test]
fn a_credential_takes_windows_and_pauses_from_the_defaults_or_lifts_them() {
    let defaults = "[defaults]\nstore = \"main\"\nevery = \"1d\"\nttl = \"45d\"\ngate = \"none\"\n\
         paused = true\nwindows = [\"01:00-05:00\"]\ntimezone = \"Europe/Berlin\"\n";
    let config = load(&format!(
        "{HEAD}{defaults}[credentials.a]\nusername = \"etl\"\n\
         [credentials.b]\nusername = \"etl_b\"\npaused = false\nwindows = []\n"
    ));
    let config = config.unwrap();
    let policy = |name: &str| &config.credentials[&name.parse().unwrap()].policy;
    assert!(policy("a").paused && !policy("b").paused);
    assert!(matches!(policy("a").schedule.windows(), Windows::Weekly(_)));
    assert!(matches!(policy("b").schedule.windows(), Windows::Always));
    let warned = config.warnings.iter().any(|text| text.starts_with("a: paused: nothing is begun"));
    assert!(warned, "{:?}", config.warnings);
    let variables = [
        ("PINTAIL__CREDENTIALS__A__PAUSED", "false"),
        ("PINTAIL__CREDENTIALS__A__WINDOWS", "[\"Sat 00:00-24:00\"]"),
    ];
    let text = format!("{HEAD}{defaults}[credentials.a]\nusername = \"etl\"\n");
    let config = load_with(&[&text], &variables).unwrap();
    assert!(!only(&config).policy.paused);
    let instant = "2026-11-21T12:00:00Z".parse().unwrap();
    assert!(only(&config).policy.schedule.windows().are_open(instant));
}

#[test]
fn a_token_must_outlive_the_longest_wait_for_a_window() {
    // 7d, and from Saturday 04:00 to Monday 22:00 with the hour that October adds, and 7d.
    let body = format!("{NIGHTS}renew_before = \"7d\"\nttl = \"16d 18h\"");
    let parts = [
        "credentials.etl.ttl: 16d 18h is too short",
        "the longest time between two scheduled rotations (7d 1h)",
        "the longest wait for a window (2d 19h)",
        "make 16d 20h",
    ];
    assert_refused(credential(&body), &parts);
    credential(&body.replace("16d 18h", "16d 20h")).unwrap();
    credential(&body.replace("16d 18h", "16d 20h").replace("gate", "splay = \"1s\"\ngate"))
        .unwrap_err();
}

#[test]
fn what_is_no_window_is_refused_with_its_text_and_what_is_expected() {
    let ttl = "ttl = \"45d\"\n";
    assert_refused(
        credential(&NIGHTS.replace("Mon-Fri", "Mon-Frj").replace("gate", &format!("{ttl}gate"))),
        &[
            "credentials.etl.windows: \"Mon-Frj 22:00-04:00\" is not a window",
            "Mon-Fri 22:00-04:00",
        ],
    );
    assert_refused(
        credential("every = \"1d\"\nwindows = \"22:00-04:00\"\ngate = \"none\""),
        &["credentials.etl.windows: this is a text, where a list is expected"],
    );
    let zone =
        "every = \"1d\"\nwindows = [\"22:00-04:00\"]\ntimezone = \"Mars/Base\"\ngate = \"none\"";
    assert_refused(credential(zone), &["credentials.etl.timezone", "Mars/Base"]);
}

#[test]
fn windows_that_mean_nothing_are_warned_of() {
    let config = credential("ttl = \"45d\"\nwindows = [\"22:00-04:00\"]\ngate = \"none\"").unwrap();
    assert!(config.warnings.iter().any(|text| text.contains("`windows` mean nothing")));
}

#[test]
fn a_cron_line_that_nobody_means_draws_one_warning_however_many_share_it() {
    let text = |line: &str| {
        format!(
            "{HEAD}[defaults]\nstore = \"main\"\nschedule = \"{line}\"\nttl = \"45d\"\ngate = \"none\"\n\
             [credentials.a]\nusername = \"etl\"\n[credentials.b]\nusername = \"etl_b\"\n"
        )
    };
    for (line, word) in [("* * * * * *", "six fields"), ("*/90 * * * *", "step of 90")] {
        let warnings = load(&text(line)).unwrap().warnings;
        let told = warnings.iter().filter(|warning| warning.contains(word)).count();
        assert_eq!(told, 1, "{line}: {warnings:?}");
    }
    assert_eq!(load(&text("0 0 3 * * SUN")).unwrap().warnings, Vec::<String>::new());
}

//! Every combination of `rotate-now`'s options, against a table of what each means.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    rotate: RotateNow,
}

fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<RotateNow, clap::Error> {
    let all = std::iter::once("rotate-now").chain(words);
    Line::try_parse_from(all).map(|line| line.rotate)
}

/// The options that decide what is done, and what they mean. `--reason`, `--dry-run` and `--timeout` go with each of
/// them and change nothing of it; whatever is not in the table is refused.
const MEANINGS: [(&[&str], Which, Urgency, OldPlace); 19] = {
    use OldPlace::{GivenUp, Kept};
    use Urgency::{Compromised, Forced, IfDue};
    use Which::{All, Glob, Mixed, Name};
    [
        (&["etl"], Name, Forced, Kept),
        (&["--all"], All, Forced, Kept),
        (&["--due"], All, IfDue, Kept),
        (&["--all", "--due"], All, IfDue, Kept),
        (&["etl", "--due"], Name, IfDue, Kept),
        (&["etl", "--compromised"], Name, Compromised, Kept),
        (&["--all", "--compromised"], All, Compromised, Kept),
        (&["et*"], Glob, Forced, Kept),
        (&["et*", "--due"], Glob, IfDue, Kept),
        (&["et*", "--compromised"], Glob, Compromised, Kept),
        (&["etl", "et*"], Mixed, Forced, Kept),
        (&["etl", "et*", "--due"], Mixed, IfDue, Kept),
        (&["etl", "et*", "--compromised"], Mixed, Compromised, Kept),
        (&["etl", "--give-up-old-place"], Name, Forced, GivenUp),
        (&["et*", "--give-up-old-place"], Glob, Forced, GivenUp),
        (&["etl", "et*", "--give-up-old-place"], Mixed, Forced, GivenUp),
        (&["etl", "--compromised", "--give-up-old-place"], Name, Compromised, GivenUp),
        (&["et*", "--compromised", "--give-up-old-place"], Glob, Compromised, GivenUp),
        (&["etl", "et*", "--compromised", "--give-up-old-place"], Mixed, Compromised, GivenUp),
    ]
};

#[derive(Debug, Clone, Copy)]
enum Which {
    All,
    Name,
    Glob,
    Mixed,
}

impl Which {
    fn scope(self) -> Scope {
        match self {
            Self::All => Scope::All,
            Self::Name => Scope::Named(vec!["etl".parse().unwrap()]),
            Self::Glob => Scope::Matching(vec!["et*".parse().unwrap()]),
            Self::Mixed => Scope::Matching(["etl", "et*"].map(|one| one.parse().unwrap()).to_vec()),
        }
    }
}

#[test]
fn every_combination_is_refused_or_means_exactly_what_the_table_says() {
    const NAMES: [&[&str]; 4] = [&[], &["etl"], &["et*"], &["etl", "et*"]];
    const DECIDING: [&str; 4] = ["--all", "--due", "--compromised", "--give-up-old-place"];
    const OTHERS: [&[&str]; 3] =
        [&["--dry-run"], &["--timeout", "20m"], &["--reason", "weekly run"]];
    let mut taken = 0;
    for (names, bits) in
        NAMES.into_iter().flat_map(|names| (0..128_u32).map(move |bits| (names, bits)))
    {
        let flags = DECIDING.into_iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
        let deciding: Vec<&str> =
            names.iter().copied().chain(flags.map(|(_, flag)| flag)).collect();
        let [dry_run, timeout, reason] = [4, 5, 6].map(|at| bits & (1 << at) != 0);
        let others = OTHERS.into_iter().zip([dry_run, timeout, reason]);
        let others = others.filter(|(_, is_there)| *is_there).flat_map(|(words, _)| words);
        let line: Vec<&str> = deciding.iter().chain(others).copied().collect();
        let meaning = MEANINGS.iter().find(|(options, ..)| *options == deciding);
        let expected = meaning.filter(|_| reason || !deciding.contains(&"--compromised")).map(
            |&(_, which, urgency, old_place)| RotateNow {
                scope: which.scope(),
                filters: Filters::default(),
                urgency,
                reason: reason.then(|| "weekly run".to_owned()),
                old_place,
                mode: if dry_run { Mode::DryRun } else { Mode::Act },
                timeout: timeout.then_some(Duration::from_mins(20)),
                metrics_file: None,
                metrics_push: None,
                metrics_push_proxy: Proxy::None,
            },
        );
        taken += u32::from(expected.is_some());
        assert_eq!(parse(line.iter().copied()).ok(), expected, "{line:?}");
    }
    // Seven with --compromised, of which half lack the reason, and twelve without.
    assert_eq!(taken, 7 * 4 + 12 * 8);
}

#[test]
fn the_order_of_the_words_means_nothing() {
    let forms: [&[&str]; 3] = [
        &["--due", "--reason", "weekly run", "etl"],
        &["etl", "--reason", "weekly run", "--due"],
        &["--reason=weekly run", "--due", "etl"],
    ];
    for line in forms {
        let rotate = parse(line.iter().copied()).unwrap();
        assert_eq!(
            (rotate.urgency, rotate.reason.as_deref()),
            (Urgency::IfDue, Some("weekly run"))
        );
        assert_eq!(rotate.scope, Which::Name.scope());
    }
}

#[test]
fn filters_choose_of_all_or_of_those_that_are_named() {
    let rotate = parse(["--fleet", "customers", "--state", "due"]).unwrap();
    assert_eq!((rotate.scope, rotate.urgency), (Scope::All, Urgency::Forced));
    assert_eq!(rotate.filters.fleets, ["customers".parse().unwrap()]);
    let rotate = parse(["et*", "--account", "etl_*", "--store", "main", "--due"]).unwrap();
    assert_eq!((rotate.scope, rotate.urgency), (Which::Glob.scope(), Urgency::IfDue));
    for line in [["--state", "asleep"], ["--account", "a b"], ["--fleet", "a/b"]] {
        assert!(parse(line).is_err(), "{line:?}");
    }
}

#[test]
fn a_dry_run_has_no_metrics() {
    for line in [
        ["etl", "--dry-run", "--metrics-file", "f"],
        ["etl", "--dry-run", "--metrics-push", "http://localhost"],
        ["--due", "--dry-run", "--metrics-file", "f"],
    ] {
        assert!(parse(line).is_err(), "{line:?}");
    }
    let rotate =
        parse(["etl", "--metrics-file", "f", "--metrics-push", "http://localhost"]).unwrap();
    assert_eq!(rotate.metrics_file, Some("f".into()));
    assert_eq!(rotate.metrics_push.unwrap().as_str(), "http://localhost/");
}

#[test]
fn what_may_hold_a_password_is_not_quoted_in_a_refusal() {
    for line in [
        ["etl", "--metrics-push", "http://user:s3cret@gateway:9091"],
        ["etl", "--metrics-push", "https://gateway/?key=s3cret"],
        ["etl", "--metrics-push", "s3cret"],
    ] {
        let refusal = parse(line).unwrap_err().to_string();
        assert!(refusal.contains("--metrics-push takes"), "{refusal}");
        assert!(!refusal.contains("s3cret"), "{refusal}");
    }
    let proxied =
        |proxy| parse(["etl", "--metrics-push", "http://g", "--metrics-push-proxy", proxy]);
    let refusal = proxied("http://user:s3cret@proxy:3128").unwrap_err().to_string();
    assert!(refusal.contains("--metrics-push-proxy takes"), "{refusal}");
    assert!(!refusal.contains("s3cret"), "{refusal}");
    assert_eq!(proxied("environment").unwrap().metrics_push_proxy, Proxy::Environment);
    assert!(parse(["etl", "--metrics-push-proxy", "environment"]).is_err(), "nothing is pushed");
}

#[test]
fn a_refusal_names_what_is_wrong_and_how_the_command_is_used() {
    let said = |line: &[&str]| parse(line.iter().copied()).unwrap_err().to_string();
    let refusal = said(&["etl", "--compromised"]);
    assert!(refusal.contains("--compromised needs --reason"), "{refusal}");
    assert!(refusal.contains("Usage: pintail rotate-now"), "{refusal}");
    assert!(said(&["--fleet", "x", "--give-up-old-place"]).contains("--give-up-old-place"));
    assert!(said(&["etl", "--all"]).contains("--all"));
    assert_eq!(parse(["etl", "--all"]).unwrap_err().exit_code(), 2);
}

#[test]
fn a_reason_is_a_few_words_on_one_line() {
    for text in ["", " ", "a\nb", "a\u{1b}[2J"] {
        assert!(parse(["etl", "--reason", text]).is_err(), "{text:?}");
    }
}

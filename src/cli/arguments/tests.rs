//! Command lines as people and scripts write them.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split(' '))
}

#[test]
fn the_definitions_fit_together() {
    Arguments::command().debug_assert();
}

#[test]
fn every_documented_command_is_understood() {
    for line in [
        "pintail run",
        "pintail rotate-now etl",
        "pintail rotate-now etl other --timeout 20m",
        "pintail rotate-now --all --dry-run",
        "pintail rotate-now --due",
        "pintail rotate-now --due etl",
        "pintail rotate-now etl --compromised --reason leaked",
        "pintail rotate-now --due --reason weekly",
        "pintail rotate-now etl et* --give-up-old-place --reason moved",
        "pintail rotate-now --due --metrics-push http://pushgateway:9091",
        "pintail notify test",
        "pintail notify test oncall bus",
        "pintail plan",
        "pintail plan etl",
        "pintail status etl other",
        "pintail check",
        "pintail check --offline",
        "pintail adopt etl --token-id 7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01",
        "pintail adopt etl --token-id 7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01 --take-over",
        "pintail adopt etl --token-id 7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01 --dry-run",
        "pintail adopt etl --token-id 7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01 --accept-account postgres",
        "pintail adopt --from list --accept-account postgres",
        "pintail adopt --from list",
        "pintail identify",
        "pintail check --connect",
        "pintail audit --connect --allow wrong_account,identity_unclear",
        "pintail adopt --from - --dry-run --take-over",
        "pintail audit",
        "pintail audit --allow unmanaged,foreign --allow never_expires",
        "pintail roll-back etl",
        "pintail account create etl_prod",
        "pintail account list --all",
        "pintail account active",
        "pintail account delete etl_prod --yes --even-if-configured",
        "pintail account ensure etl_prod",
        "pintail account ensure etl_prod --read-write-size jumbo --flock-size 8",
        "pintail token create etl_prod --name n",
        "pintail token create etl_prod --name n --ttl 30d --type read_scaling --description d --secret-file f",
        "pintail token list etl_prod",
        "pintail token revoke etl_prod 7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01 --yes --managed",
        "pintail duckling get etl_prod",
        "pintail duckling set etl_prod --read-write-cooldown 5m --read-scaling-cooldown none",
        "pintail dive embed-session d-1 --username etl_prod --session-name s --secret-file f",
        "pintail sandbox",
        "pintail man --configuration",
        "pintail sandbox --consumers secrets --consumers-unhealthy-while unhealthy",
        "pintail init",
        "pintail init --store vault --account etl_prod --account ops --gate wait=2h --with systemd --yes",
        "pintail init --store aws --fleet customer_* --gate none --owner prod --admin-token admin-token",
        "pintail init --sandbox playground",
        "pintail demo",
        "pintail run --config a.toml --config b.toml --output json --log-format json -vv",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn a_wrong_command_line_ends_with_the_code_for_usage() {
    for line in [
        "pintail",
        "pintail rotate-now",
        "pintail rotate-now --dry-run",
        "pintail rotate-now etl --all",
        "pintail rotate-now etl --compromised",
        "pintail rotate-now --due --compromised --reason leaked",
        "pintail rotate-now etl --timeout 20",
        "pintail rotate-now etl --timeout 0s",
        "pintail account",
        "pintail account create with-hyphen",
        "pintail account ensure etl_prod --flock-size 65",
        "pintail token create etl_prod",
        "pintail token create etl_prod --name pintail/prod/x",
        "pintail token create etl_prod --name pintail",
        "pintail token create etl_prod --name n --ttl 4m",
        "pintail token create etl_prod --name n --ttl 366d",
        "pintail token create etl_prod --name n --ttl 3600500ms",
        "pintail token create etl_prod --name n --type both",
        "pintail token revoke etl_prod a-name",
        "pintail duckling set etl_prod --read-write-size tiny",
        "pintail duckling set etl_prod --read-write-cooldown 59s",
        "pintail dive embed-session ..",
        "pintail dive embed-session .. --username etl_prod",
        "pintail rotate-now ../etl",
        "pintail init --store etcd",
        "pintail init --account etl_prod --fleet customer_*",
        "pintail init --account with-hyphen",
        "pintail init --gate sleep=1h",
        "pintail init --sandbox playground --store file",
        "pintail sandbox --consumers secrets --consumers-listen 0.0.0.0:80",
        "pintail adopt etl",
        "pintail adopt",
        "pintail adopt --token-id 7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01",
        "pintail adopt etl --store main --token-id 7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01",
        "pintail audit --allow all",
        "pintail adopt etl --token-id pintail/prod/etl",
        "pintail roll-back",
        "pintail run --output xml",
        "pintail rotate",
    ] {
        let error = parse(line).err().unwrap_or_else(|| panic!("{line} was taken"));
        assert_eq!(error.exit_code(), i32::from(ExitCode::Usage.code()), "{line}");
    }
}

#[test]
fn the_configuration_is_named_or_in_the_variable_or_in_its_usual_place() {
    let files = |line: &str, variable: Option<&str>| {
        parse(line).unwrap().config_files(variable.map(OsString::from))
    };
    let named = files("pintail --config a --config b run", Some("c"));
    assert_eq!(named, [PathBuf::from("a"), PathBuf::from("b")]);
    assert_eq!(files("pintail run", Some("c")), [PathBuf::from("c")]);
    assert_eq!(files("pintail run", Some("")), [PathBuf::from(DEFAULT_CONFIG)]);
    assert_eq!(files("pintail run", None), [PathBuf::from(DEFAULT_CONFIG)]);
}

#[test]
fn the_help_tells_the_exit_codes() {
    let error = parse("pintail --help").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DisplayHelp);
    let help = error.to_string();
    for code in ["0  all that was asked for", "1  a credential failed", "2  wrong usage", "3  held"]
    {
        assert!(help.contains(code), "{help}");
    }
}

#[test]
fn a_token_by_hand_has_neither_a_reserved_nor_an_unfit_name() {
    let named = |name: &str| {
        let words = ["pintail", "token", "create", "etl_prod", "--name", name];
        Arguments::try_parse_from(words).is_ok()
    };
    assert!(named("my importer") && named("é") && named(&"é".repeat(255)));
    for name in ["", " n", "a\nb", "MotherDuck Extension", "motherduck flights", &"x".repeat(256)] {
        assert!(!named(name), "{name:?}");
    }
}

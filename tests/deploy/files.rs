//! What can be said of the shipped files without a server: they load, they agree, they name what there is.

use std::collections::BTreeSet;

use pintail::config::Config;
use serde_json::Value;

use crate::bench::{shipped, text};

/// What the alerts and the dashboard may ask for.
const METRICS: [&str; 28] = [
    "pintail_audit_log_failures_total",
    "pintail_build_info",
    "pintail_clock_skew_seconds",
    "pintail_clocks_disagree",
    "pintail_config_last_reload_success_timestamp_seconds",
    "pintail_config_last_reload_successful",
    "pintail_config_reload_failures_total",
    "pintail_credential_reason",
    "pintail_credential_state",
    "pintail_kubernetes_requests_total",
    "pintail_last_success_timestamp_seconds",
    "pintail_log_lines_dropped_total",
    "pintail_missed_runs_total",
    "pintail_motherduck_requests_total",
    "pintail_next_rotation_timestamp_seconds",
    "pintail_notifications_dropped_total",
    "pintail_notifications_total",
    "pintail_orphans",
    "pintail_predecessors",
    "pintail_rotation_duration_seconds",
    "pintail_rotation_failures_total",
    "pintail_rotations_total",
    "pintail_step_duration_seconds",
    "pintail_store_requests_total",
    "pintail_token_created_timestamp_seconds",
    "pintail_token_expiry_timestamp_seconds",
    "pintail_unmanaged_tokens",
    "pintail_worker_restarts_total",
];

const MONITORING: &str = "kubernetes/components/monitoring";

fn metrics_in(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    text.match_indices("pintail_")
        .map(|(at, _)| {
            let rest = &text[at..];
            let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
            name.strip_suffix("_bucket").unwrap_or(name)
        })
        .collect()
}

#[test]
fn the_shipped_configurations_are_sound() {
    for overlay in
        ["vault-kubernetes-auth", "aws-irsa", "kubernetes-native", "vault-external-secrets"]
    {
        let file = shipped(&format!("kubernetes/overlays/{overlay}/pintail.toml"));
        let config = Config::load(&[file], []).unwrap_or_else(|error| panic!("{overlay}: {error}"));
        assert!(config.warnings.is_empty(), "{overlay}: {:?}", config.warnings);
    }
}

#[test]
fn every_piece_of_configuration_for_consumers_is_taken() {
    let text = text("consumers/README.md");
    let pieces: Vec<_> = text
        .split("```toml\n")
        .skip(1)
        .map(|rest| {
            let lines = rest.split("```").next().unwrap().lines();
            lines.map(str::trim).collect::<Vec<_>>().join("\n")
        })
        .collect();
    assert!(pieces.len() > 5);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pintail.toml");
    for piece in pieces {
        let header = if piece.contains("[credentials.") { "" } else { "[credentials.etl]" };
        let head = "owner = \"o\"\nmotherduck.admin_token = { env = \"A\" }\nstores.main.aws_secrets_manager = {}\n\
                    defaults = { store = \"main\", username = \"etl_prod\", every = \"30d\", ttl = \"45d\", gate = \"none\" }\n";
        std::fs::write(&file, format!("{head}{header}\n{piece}")).unwrap();
        let config = Config::load(std::slice::from_ref(&file), []);
        let config = config.unwrap_or_else(|error| panic!("{piece}{error}"));
        assert_eq!(config.credentials.len(), 1, "{piece}");
    }
}

#[test]
fn the_systemd_units_say_where_the_admin_token_is() {
    let unit = text("systemd/pintail.service");
    let variable = unit
        .lines()
        .filter_map(|line| line.strip_prefix("Environment="))
        .find_map(|line| line.split_once("=%d"))
        .unwrap();
    let place = format!("/run/credentials/pintail.service{}", variable.1);
    let file = shipped("../config/pintail.toml");
    // Also against a configuration that names another place.
    let environment = [(variable.0.to_owned(), place.clone())];
    let config = Config::load(&[file], environment).unwrap_or_else(|error| panic!("{error}"));
    assert!(config.motherduck.admin_token.to_string().contains(&place));
}

#[test]
fn both_systemd_services_are_confined_alike_but_for_the_socket_of_systemd() {
    let confined = |name: &str| {
        let unit = text(name);
        let (_, rest) = unit.split_once("# The admin token is").unwrap();
        rest.split("\n[Install]").next().unwrap().trim_end().to_owned()
    };
    let daemon = confined("systemd/pintail.service");
    let one_shot = confined("systemd/pintail-rotate.service");
    // Only a daemon tells systemd how it stands.
    assert!(daemon.contains("=AF_INET AF_INET6 AF_UNIX\n") && !one_shot.contains("AF_UNIX"));
    assert_eq!(daemon.replace(" AF_UNIX", "").replace("systemd's socket, ", ""), one_shot);
}

#[test]
fn alerts_and_dashboard_name_only_metrics_that_there_are_and_the_dashboard_names_all() {
    let known = BTreeSet::from(METRICS);
    for file in ["prometheus-rule.yaml", "rules.test.yaml", "dashboard.json"] {
        let text = text(&format!("{MONITORING}/{file}"));
        let unknown: Vec<_> = metrics_in(&text).difference(&known).copied().collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
    let dashboard = text(&format!("{MONITORING}/dashboard.json"));
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let queries = dashboard["panels"].to_string();
    let missing: Vec<_> = known.difference(&metrics_in(&queries)).copied().collect();
    assert!(missing.is_empty(), "no panel shows {missing:?}");
}

#[test]
fn every_alert_has_a_test() {
    let rules = text(&format!("{MONITORING}/prometheus-rule.yaml"));
    let tests = text(&format!("{MONITORING}/rules.test.yaml"));
    let alerts: Vec<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        assert!(tests.contains(&format!("alertname: {alert}")), "{alert} has no test");
    }
}

#[test]
fn the_aws_policy_allows_what_the_code_asks_for_and_no_more() {
    let policy: Value = serde_json::from_str(&text("aws/policy.json")).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let actions = statements.iter().flat_map(|statement| statement["Action"].as_array().unwrap());
    let allowed: BTreeSet<_> = actions
        .filter_map(|action| action.as_str().unwrap().strip_prefix("secretsmanager:"))
        // Asked for as a part of `CreateSecret`, where there are tags.
        .filter(|action| *action != "TagResource")
        .map(str::to_owned)
        .collect();
    let code = text("../src/stores/aws.rs");
    let asked: BTreeSet<_> = code
        .split('.')
        .filter_map(|call| call.split_once("()"))
        .map(|(name, _)| name)
        .filter(|name| {
            name.contains("secret") && name.chars().all(|c| c.is_lowercase() || c == '_')
        })
        .filter(|name| !matches!(*name, "secret_string"))
        .map(|name| name.split('_').map(capitalized).collect::<String>())
        .collect();
    assert_eq!(allowed, asked);
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

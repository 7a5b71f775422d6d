//! The configuration as users write it: what is taken, what is refused, and what is said about it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers fail the test that calls them"
)]

#[path = "config/accounts.rs"]
mod accounts;
#[path = "config/admin_token.rs"]
mod admin_token;
#[path = "config/directory.rs"]
mod directory;
#[path = "config/fields.rs"]
mod fields;
#[path = "config/fleets.rs"]
mod fleets;
#[path = "config/kubernetes.rs"]
mod kubernetes;
#[path = "config/limits.rs"]
mod limits;
#[path = "config/mirrors.rs"]
mod mirrors;
#[path = "config/notifications.rs"]
mod notifications;
#[path = "config/refusals.rs"]
mod refusals;
#[path = "config/windows.rs"]
mod windows;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pintail::config::{Config, ConfigError};
use pintail::consumers::gate::settings::{Gate, Hook};
use pintail::consumers::verify::settings::{Proof, Verify};
use pintail::http::settings::{HeaderSource, HttpMethod};
use pintail::motherduck::settings::AdminToken;
use pintail::record::TokenType;
use pintail::rotation::policy::{CatchUp, GatePace, IdentityRule, OnFailure};
use pintail::secret::SecretSource;
use pintail::stores::settings::{SignedTokenMethod, StoreSettings, VaultAuth};

const HEAD: &str = r#"
owner = "prod"
[motherduck]
admin_token = { env = "ADMIN" }
[stores.main.file]
dir = "/var/lib/pintail"
"#;

const CREDENTIAL: &str = r#"
[credentials.etl]
username = "etl_prod"
store = "main"
every = "30d"
ttl = "45d"
gate = "none"
"#;

fn load_with(files: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = files
        .iter()
        .enumerate()
        .map(|(number, text)| {
            let path = dir.path().join(format!("{number}.toml"));
            std::fs::write(&path, text).unwrap();
            path
        })
        .collect();
    Config::load(&paths, variables.iter().map(|(name, text)| ((*name).into(), (*text).into())))
}

fn load(text: &str) -> Result<Config, ConfigError> {
    load_with(&[text], &[])
}

/// A sound configuration with one credential whose table is `body`.
fn credential(body: &str) -> Result<Config, ConfigError> {
    load(&format!("{HEAD}\n[credentials.etl]\nusername = \"etl_prod\"\nstore = \"main\"\n{body}"))
}

fn refusal(loaded: Result<Config, ConfigError>) -> String {
    loaded.map(|config| panic!("was taken: {config:?}")).unwrap_err().to_string()
}

#[track_caller]
fn assert_refused(loaded: Result<Config, ConfigError>, parts: &[&str]) {
    let text = refusal(loaded);
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

fn only(config: &Config) -> &pintail::config::Credential {
    config.credentials.values().next().unwrap()
}

#[test]
fn every_example_that_is_shipped_is_taken() {
    for name in ["pintail", "files", "kubernetes-vault", "aws"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/{name}.toml"));
        let config = Config::load(&[path], []).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!config.credentials.is_empty(), "{name}");
        assert_eq!(config.warnings, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let config = load(&format!(
        "{HEAD}[credentials.etl]\nusername = \"etl_prod\"\nstore = \"main\"\nttl = \"45d\"\n\
         gate.http.url = \"http://etl/healthz\""
    ))
    .unwrap();
    assert_eq!(config.motherduck.api_url.as_str(), "https://api.motherduck.com/");
    assert_eq!(config.motherduck.requests_per_second, 10);
    assert_eq!(config.postgres.port, 5432);
    assert_eq!(config.daemon.concurrency, 8);
    assert_eq!(config.daemon.sweep, Duration::from_mins(10));
    assert_eq!(config.daemon.shutdown_grace, Duration::from_secs(30));
    let etl = only(&config);
    assert_eq!(etl.token_type, TokenType::ReadWrite);
    assert_eq!(etl.path, "motherduck/etl");
    assert_eq!(etl.token_field, "motherduck_token");
    assert_eq!(etl.policy.renew_before, Duration::from_hours(7 * 24));
    assert_eq!(etl.policy.catch_up, CatchUp::Run);
    assert_eq!(etl.policy.on_failure, OnFailure::Hold);
    assert_eq!(etl.policy.orphan_grace, Duration::from_mins(10));
    let proof = Verify::Postgres { database: "md:".into(), identity: IdentityRule::IfAnswered };
    assert_eq!(*etl.verify, Proof::Connection(proof));
    assert!(etl.deploy.is_none());
    let Gate::Http(request) = &*etl.gate else { panic!("{:?}", etl.gate) };
    assert_eq!(request.method, HttpMethod::Get);
    assert_eq!(request.timeout, Duration::from_secs(10));
    let pace = GatePace::Polled {
        interval: Duration::from_secs(10),
        successes: 3,
        deadline: Duration::from_mins(15),
    };
    assert_eq!(etl.policy.gate, pace);
}

#[test]
fn what_the_endpoint_says_of_whose_a_token_is_may_be_required_or_not_asked_for() {
    for (word, rule) in [
        ("required", IdentityRule::Required),
        ("if_answered", IdentityRule::IfAnswered),
        ("off", IdentityRule::Off),
    ] {
        let body = format!("gate = \"none\"\nverify.postgres.identity = \"{word}\"");
        let verify = only(&credential(&body).unwrap()).verify.as_ref().clone();
        let database = "md:".to_owned();
        assert_eq!(verify, Proof::Connection(Verify::Postgres { database, identity: rule }));
    }
    let wrong = credential("gate = \"none\"\nverify.postgres.identity = \"on\"");
    let parts = ["credentials.etl.verify.postgres.identity", "one of required, if_answered, off"];
    assert_refused(wrong, &parts);
}

#[test]
fn a_credentials_own_gate_replaces_the_default_one_wholly_and_single_keys_override_singly() {
    let config = load(&format!(
        "{HEAD}
        [defaults]
        store = \"main\"
        ttl = \"45d\"
        renew_before = \"9d\"
        schedule = \"0 3 * * SUN\"
        timezone = \"Europe/Paris\"
        deploy.command = [\"/bin/true\"]
        [defaults.gate.http]
        url = \"http://x/healthz\"
        deadline = \"1h\"
        [credentials.etl]
        username = \"etl_prod\"
        ttl = \"60d\"
        every = \"30d\"
        deploy = \"none\"
        gate.command = [\"/bin/check\", \"{{credential}}\"]
        [credentials.other]
        username = \"other\"
        "
    ))
    .unwrap();
    let etl = only(&config);
    assert_eq!(etl.ttl, Some(Duration::from_hours(60 * 24)));
    assert_eq!(etl.policy.renew_before, Duration::from_hours(9 * 24));
    assert_eq!(etl.policy.schedule.longest_gap(), Some(Duration::from_hours(30 * 24)));
    assert!(etl.deploy.is_none());
    let Gate::Command(command) = &*etl.gate else { panic!("{:?}", etl.gate) };
    assert_eq!(command.program, Path::new("/bin/check"));
    assert_eq!(command.arguments, ["{credential}"]);
    assert_eq!(etl.policy.gate.longest(), Duration::from_mins(15));
    let other = config.credentials.values().nth(1).unwrap();
    assert_eq!(other.policy.gate.longest(), Duration::from_hours(1));
    assert!(matches!(other.deploy.as_deref(), Some(Hook::Command(_))));
}

#[test]
fn later_files_win_over_earlier_ones_and_variables_over_both() {
    let config = load_with(
        &[
            &format!("{HEAD}{CREDENTIAL}"),
            "owner = \"staging\"\n[daemon]\nconcurrency = 2\nsweep = \"1m\"",
        ],
        &[
            ("PINTAIL__DAEMON__CONCURRENCY", "16"),
            ("PINTAIL__MOTHERDUCK__ADMIN_TOKEN", "{ file = \"/run/admin\" }"),
            ("PINTAIL__CREDENTIALS__ETL__TTL", "50d"),
            ("PINTAIL__CREDENTIALS__ETL__SCHEDULE", "0 3 * * SUN"),
            ("PINTAIL__CREDENTIALS__ETL__GATE__WAIT", "5m"),
            ("PINTAIL__STORES__MAIN__VAULT__ADDRESS", "https://vault"),
            ("PINTAIL__STORES__MAIN__VAULT__AUTH", "{ token_env = \"T\" }"),
            ("PINTAIL_SERVICE_HOST", "10.0.0.1"),
            ("PINTAIL_CONFIG", "/x"),
        ],
    )
    .unwrap();
    assert_eq!(config.owner.as_str(), "staging");
    assert_eq!(config.daemon.concurrency, 16);
    assert_eq!(config.daemon.sweep, Duration::from_mins(1));
    let admin = AdminToken::Secret(SecretSource::File("/run/admin".into()));
    assert_eq!(config.motherduck.admin_token, admin);
    assert!(matches!(config.stores["main"], StoreSettings::Vault(_)));
    let etl = only(&config);
    assert_eq!(etl.ttl, Some(Duration::from_hours(50 * 24)));
    assert_eq!(etl.policy.schedule.longest_gap(), Some(Duration::from_hours(7 * 24)));
    assert_eq!(etl.policy.gate, GatePace::Wait(Duration::from_mins(5)));
}

#[test]
fn a_variable_that_looks_like_a_number_stays_the_text_that_it_is() {
    let config = load_with(&[HEAD, CREDENTIAL], &[("PINTAIL__OWNER", "0123")]).unwrap();
    assert_eq!(config.owner.as_str(), "0123");
}

#[test]
fn gates_can_be_written_in_the_ways_that_people_try() {
    let pace = |gate: &str| only(&credential(gate).unwrap()).policy.gate;
    assert_eq!(pace("gate = \"none\""), GatePace::Open);
    assert_eq!(pace("gate = { none = {} }"), GatePace::Open);
    assert_eq!(pace("gate.wait = \"5m\""), GatePace::Wait(Duration::from_mins(5)));
    assert_eq!(
        pace("gate = { wait = { duration = \"5m\" } }"),
        GatePace::Wait(Duration::from_mins(5))
    );
    let polled = pace(
        "gate.command = { command = [\"/bin/x\"], successes = 1, interval = \"1s\", deadline = \"1m\" }",
    );
    assert_eq!(polled.longest(), Duration::from_mins(1));
    let config = credential(
        "gate.http = { url = \"https://x/{path}\", method = \"POST\", expected_status = 204 }",
    )
    .unwrap();
    let Gate::Http(request) = &*only(&config).gate else { panic!() };
    assert_eq!(
        (request.method, request.expected_status.as_slice()),
        (HttpMethod::Post, &[204][..])
    );
}

#[test]
fn vault_can_be_logged_in_to_in_each_documented_way() {
    let auth = |text: &str| {
        let store = format!(
            "{HEAD}[stores.v.vault]\naddress = \"https://v:8200\"\nauth = {text}{CREDENTIAL}"
        );
        let config = load(&store).unwrap_or_else(|error| panic!("{text}: {error}"));
        let StoreSettings::Vault(vault) = config.stores["v"].clone() else { panic!() };
        vault.auth
    };
    assert_eq!(auth("{ token_file = \"/t\" }"), VaultAuth::Token(SecretSource::File("/t".into())));
    assert_eq!(auth("{ token_env = \"T\" }"), VaultAuth::Token(SecretSource::Env("T".into())));
    assert_eq!(
        auth("{ approle = { role_id = \"r\", secret_id_file = \"/s\" } }"),
        VaultAuth::AppRole {
            role_id: "r".into(),
            secret_id: SecretSource::File("/s".into()),
            mount: "approle".into()
        }
    );
    assert_eq!(
        auth("{ kubernetes = { role = \"r\" } }"),
        VaultAuth::SignedToken {
            method: SignedTokenMethod::Kubernetes,
            role: "r".into(),
            mount: "kubernetes".into(),
            token_file: "/var/run/secrets/kubernetes.io/serviceaccount/token".into(),
        }
    );
    assert!(matches!(
        auth("{ jwt = { role = \"r\", token_file = \"/j\", mount = \"/ci/\" } }"),
        VaultAuth::SignedToken { method: SignedTokenMethod::Jwt, mount, .. } if mount == "ci"
    ));
    let both = "{ token_env = \"T\", jwt = { role = \"r\", token_file = \"/j\" } }";
    let store = format!("{HEAD}[stores.v.vault]\naddress = \"https://v\"\nauth = {both}");
    assert_refused(load(&store), &["stores.v.vault.auth", "exactly one"]);
    let half = format!(
        "{HEAD}[stores.v.vault]\naddress = \"https://v\"\nauth.token_env = \"T\"\nclient_cert_file = \"/c\""
    );
    assert_refused(load(&half), &["stores.v.vault.client_cert_file", "client_key_file"]);
}

#[test]
fn a_header_may_be_a_secrets_place() {
    let config = credential(
        "gate = \"none\"\n[credentials.etl.deploy.http]\nurl = \"https://x/reload\"\n\
         headers = { Authorization = { env = \"RELOAD\" }, X-Plain = \"a\" }",
    )
    .unwrap();
    let Some(Hook::Http(request)) = only(&config).deploy.as_deref() else { panic!() };
    assert_eq!(request.method, HttpMethod::Post);
    assert_eq!(
        request.headers["Authorization"],
        HeaderSource::Secret(SecretSource::Env("RELOAD".into()))
    );
    assert_eq!(request.headers["X-Plain"], HeaderSource::Plain("a".into()));
}

#[test]
fn a_program_is_an_absolute_path_or_a_name_alone() {
    for program in ["/bin/true", "true"] {
        let config = credential(&format!("gate.command = [\"{program}\"]")).unwrap();
        let Gate::Command(command) = &*only(&config).gate else { panic!() };
        assert_eq!(command.program, std::path::Path::new(program));
    }
    for program in ["bin/true", "./true", "..", ""] {
        let error = credential(&format!("gate.command = [\"{program}\"]")).unwrap_err();
        assert!(error.to_string().contains("absolute path"), "{program}: {error}");
    }
}

#[test]
fn what_is_unwise_is_a_warning_and_not_a_refusal() {
    let config = credential("gate = \"none\"").unwrap();
    for part in ["never expire", "nothing is ever rotated"] {
        assert!(config.warnings.iter().any(|text| text.contains(part)), "{:?}", config.warnings);
    }
}

#[test]
fn ten_thousand_credentials_load_in_seconds() {
    let mut text = format!(
        "{HEAD}[defaults]\nstore = \"main\"\nschedule = \"0 3 * * SUN\"\nttl = \"45d\"\n\
         gate.http.url = \"http://{{credential}}.svc/healthz\"\n"
    );
    for number in 0..10_000 {
        let _ = std::fmt::Write::write_fmt(
            &mut text,
            format_args!("[credentials.customer_{number}]\nusername = \"customer_{number}\"\n"),
        );
        text.push_str("renew_before = \"8d\"\n");
    }
    let start = Instant::now();
    let config = load(&text).unwrap();
    let elapsed = start.elapsed();
    println!("10,000 credentials in {elapsed:?}");
    assert_eq!(config.credentials.len(), 10_000);
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
}

#[test]
fn the_server_is_on_loopback_unless_told_otherwise() {
    let server = |section: &str| load(&format!("{HEAD}{CREDENTIAL}{section}")).unwrap();
    let unasked = server("").server.unwrap();
    assert_eq!(unasked.listen.to_string(), "127.0.0.1:9187");
    assert!(!unasked.is_asked_for && unasked.credential_label.is_none());
    assert!(server("[server]\n").server.unwrap().is_asked_for);
    assert_eq!(server("[server]\nenabled = false\n").server, None);
    let open = server("[server]\nlisten = \"0.0.0.0:80\"\ncredential_label = false\n");
    assert!(open.warnings.iter().any(|warning| warning.contains("server.listen")));
    assert_eq!(open.server.unwrap().credential_label, Some(false));
    let loopback = server("[server]\nlisten = \"[::1]:0\"\n").warnings;
    assert!(!loopback.iter().any(|warning| warning.contains("server.listen")));
    let variable = [("PINTAIL__SERVER__ENABLED", "false")];
    let text = format!("{HEAD}{CREDENTIAL}");
    assert_eq!(load_with(&[&text], &variable).unwrap().server, None);
    let named = server("[server]\nhosts = [\"Pintail.internal.\"]\n").server.unwrap();
    assert_eq!(named.hosts, ["pintail.internal".to_owned()].into());
    for wrong in ["hosts = [\"a:80\"]", "hosts = [\"10.0.0.1\"]", "hosts = [\"http://a\"]"] {
        let error = load(&format!("{HEAD}{CREDENTIAL}[server]\n{wrong}\n")).unwrap_err();
        assert!(error.to_string().contains("server.hosts"), "{error}");
    }
    for wrong in ["listen = \"localhost\"", "listen = \"127.0.0.1\"", "enabled = 1", "lsten = \"\""]
    {
        let error = load(&format!("{HEAD}{CREDENTIAL}[server]\n{wrong}\n")).unwrap_err();
        assert!(error.to_string().contains("server"), "{error}");
    }
}

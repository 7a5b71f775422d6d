//! The scene of a test: a sandbox, a store, a configuration as a user would write it, and the program.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Map, Value};

use crate::clients::Clients;
use crate::fixture::MotherDuck;
use crate::place::{Kind, Place};
use crate::program::{Run, Running};
use crate::sandbox::Sandbox;

/// The credential that most tests rotate.
pub const ETL: &str = "etl_prod";

/// Everything that a test needs. The configuration is written afresh from its fields before each run.
pub struct Scene {
    pub sandbox: Sandbox,
    pub place: Place,
    pub clients: Clients,
    pub owner: String,
    /// Where pintail reaches the REST API: the sandbox itself, or a relay to it.
    pub api_url: String,
    /// Where pintail finds the admin token.
    pub admin_token_file: PathBuf,
    /// The `proxy` of MotherDuck and of the store.
    pub proxies: Option<String>,
    /// Where else it is to find it, as the configuration says it.
    pub admin_token: Option<String>,
    /// Where pintail looks for the Postgres endpoint instead.
    pub postgres_port: Option<u16>,
    /// The authority that pintail believes at the Postgres endpoint.
    pub ca_file: PathBuf,
    /// The calendar and the lifetime, as lines of `[defaults]`.
    pub calendar: String,
    /// Further lines of `[defaults]`.
    pub defaults: String,
    /// The configured credentials, whose accounts have the same names.
    pub credentials: Vec<String>,
    /// Further text at the end of the configuration.
    pub more: String,
    /// What the program is started with.
    pub variables: Vec<(String, String)>,
    /// Every run that has ended.
    pub runs: Mutex<Vec<String>>,
    dir: tempfile::TempDir,
}

impl Scene {
    /// One account, an open gate and a well-behaved sandbox.
    pub fn new(kind: Kind) -> Self {
        Self::with(kind, &[ETL], &[])
    }

    /// With these accounts, and further options of the sandbox.
    pub fn with(kind: Kind, accounts: &[&str], options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let list = format!("--accounts={}", accounts.join(","));
        let all: Vec<_> = std::iter::once(list.as_str()).chain(options.iter().copied()).collect();
        let sandbox = Sandbox::start(&all);
        Self {
            place: Place::new(kind, dir.path()),
            clients: Clients::default(),
            owner: "e2e".to_owned(),
            api_url: sandbox.server.url.clone(),
            admin_token_file: sandbox.admin_token_file(),
            admin_token: None,
            proxies: None,
            postgres_port: None,
            ca_file: sandbox.text("ca_file").into(),
            calendar: "every = \"30d\"\nttl = \"45d\"".to_owned(),
            defaults: "gate = \"none\"".to_owned(),
            credentials: accounts.iter().map(|&name| name.to_owned()).collect(),
            more: String::new(),
            variables: variables(),
            runs: Mutex::default(),
            sandbox,
            dir,
        }
    }

    /// Writes an executable script, and gives its path.
    pub fn script(&self, name: &str, body: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
        path.display().to_string()
    }

    /// The content of a file in the directory of the test, such as one that a script wrote.
    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    /// The directory of the test, gone with it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The configuration.
    pub fn configuration(&self) -> String {
        let path = self.place.path("{credential}");
        let proxy = self.proxies.as_ref();
        let proxy = proxy.map_or_else(String::new, |text| format!("proxy = \"{text}\""));
        let told = MotherDuck::told(&self.sandbox.ready);
        let file = self.admin_token_file.display();
        let motherduck = MotherDuck {
            api_url: self.api_url.clone(),
            admin_token: self
                .admin_token
                .clone()
                .unwrap_or_else(|| format!("{{ file = \"{file}\" }}")),
            postgres_port: self.postgres_port.unwrap_or(told.postgres_port),
            ca_file: self.ca_file.clone(),
            ..told
        };
        let mut text = format!(
            r#"owner = "{owner}"
{motherduck}{proxy}
{store}{store_proxy}
[defaults]
store = "main"
path = "{path}"
{calendar}
{defaults}
"#,
            owner = self.owner,
            store = self.place.table(),
            store_proxy = if self.place.kind == Kind::File { "" } else { &proxy },
            calendar = self.calendar,
            defaults = self.defaults,
        );
        for name in &self.credentials {
            writeln!(text, "[credentials.{name}]\nusername = \"{name}\"").unwrap();
        }
        text + &self.more
    }

    /// Starts the program with the configuration as it is now.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&self.command_line(arguments), &self.variables)
    }

    /// The arguments behind those that name a file with the configuration as it is now.
    pub fn command_line(&self, arguments: &[&str]) -> Vec<String> {
        let file = self.dir.path().join(format!("pintail-{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&file, self.configuration()).unwrap();
        let mut all = vec!["--config".to_owned(), file.display().to_string()];
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        all
    }

    /// Runs the program to its end.
    pub fn pintail(&self, arguments: &[&str]) -> Run {
        self.note(self.start(arguments).wait())
    }

    /// Rotates the credentials that `arguments` choose, with a JSON document as the result.
    pub fn rotate(&self, arguments: &[&str]) -> Run {
        let all: Vec<_> =
            ["--output", "json", "rotate-now"].iter().chain(arguments).copied().collect();
        self.pintail(&all)
    }

    /// Keeps what a run said, for those who search it.
    pub fn note(&self, run: Run) -> Run {
        self.runs.lock().unwrap().push(run.to_string());
        run
    }

    /// The first token of the credential.
    pub fn first_token(&self) -> String {
        let first = self.rotate(&[ETL]);
        let id = first.came_to(0, "rotated")["token_id"].as_str().unwrap().to_owned();
        assert_eq!(self.served_id(), id);
        id
    }

    /// The secret as the consumers of the credential read it.
    pub fn secret(&self) -> Map<String, Value> {
        self.place.read(&self.clients, ETL).expect("no secret")
    }

    /// What pintail says of the token there.
    pub fn record(&self) -> Value {
        self.secret()["pintail"].clone()
    }

    /// A text of the secret.
    pub fn served(&self, key: &str) -> String {
        self.secret()[key].as_str().unwrap_or_else(|| panic!("no {key}")).to_owned()
    }

    /// The token that is served.
    pub fn served_token(&self) -> String {
        self.served("motherduck_token")
    }

    /// Its ID.
    pub fn served_id(&self) -> String {
        self.served("token_id")
    }

    /// Whether psycopg connects with a token.
    pub fn connects(&self, token: &str) -> bool {
        self.clients.connects(&self.sandbox, token)
    }

    /// The IDs of the managed tokens of a credential that live, as the sandbox knows.
    pub fn live(&self, credential: &str) -> BTreeSet<String> {
        self.sandbox.live(&format!("pintail/{}/{credential}/", self.owner))
    }

    /// Asserts that one managed token lives, that it is the served one, and that psycopg connects with what is served.
    pub fn assert_at_rest(&self) {
        let secret = self.secret();
        let id = secret["token_id"].as_str().unwrap().to_owned();
        assert_eq!(self.live(ETL), BTreeSet::from([id]), "{:#?}", self.sandbox.events());
        assert!(self.connects(secret["motherduck_token"].as_str().unwrap()));
    }
}

/// The program's environment: nothing but what the AWS client needs.
fn variables() -> Vec<(String, String)> {
    [
        ("PATH", "/usr/bin:/bin"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// The words of the steps that were taken.
pub fn steps(result: &Value) -> Vec<&str> {
    result["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect()
}

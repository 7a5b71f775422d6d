//! (tests) A configuration over a sandbox and a directory of files.

use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use crate::config::Config;
use crate::engine::{Engine, subject};
use crate::motherduck::NewToken;
use crate::names::TokenId;
use crate::record::TokenType;
use crate::retry::{Retry, STEP};
use crate::rotation::decide::Request;
use crate::rotation::evidence::Evidence;
use crate::rotation::run::{Outcome, Report, run};
use crate::rotation::world::{CreatedToken, Revocation};
use crate::sandbox::{self, Options, Sandbox};
use crate::secret::Token;

/// A running sandbox, a directory, and the configuration that names both.
pub(super) struct Bench {
    pub(super) sandbox: Sandbox,
    pub(super) config: Arc<Config>,
    dir: tempfile::TempDir,
}

/// Two credentials of one account.
pub(super) const TWO: &str =
    "[credentials.etl]\nusername = \"etl_prod\"\n[credentials.reader]\nusername = \"etl_prod\"\n";

impl Bench {
    /// `credentials` are tables of TOML.
    pub(super) async fn new(credentials: &str) -> Self {
        let accounts = vec!["etl_prod".parse().unwrap(), "other_prod".parse().unwrap()];
        let sandbox = sandbox::start(Options { accounts, ..Options::default() }).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = Arc::new(load(&sandbox, &dir, "prod", credentials));
        Self { sandbox, config, dir }
    }

    /// The same sandbox and the same files, in the eyes of another deployment.
    pub(super) fn of_owner(&self, owner: &str, credentials: &str) -> Arc<Config> {
        Arc::new(load(&self.sandbox, &self.dir, owner, credentials))
    }

    pub(super) async fn engine(&self) -> Engine {
        Engine::open(self.config.clone()).await.unwrap()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A token that a person made by hand.
    pub(super) async fn made_by_hand(&self, username: &str, name: &str) -> CreatedToken {
        let ttl = Some(Duration::from_hours(24 * 90));
        let new = NewToken { name, ttl, token_type: TokenType::ReadWrite, description: None };
        let account = username.parse().unwrap();
        self.engine().await.motherduck.create_token(&account, &new).await.unwrap()
    }

    /// Puts a token into the secret of `credential` by hand.
    pub(super) fn put(&self, credential: &str, token: &Token) {
        let dir = self.dir.path().join("secrets/motherduck").join(credential);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).unwrap();
        let _ = std::fs::remove_file(dir.join("token"));
        token.lend(|text| std::fs::write(dir.join("token"), text)).unwrap();
    }

    /// What consumers of `credential` read.
    pub(super) fn served(&self, credential: &str) -> Token {
        let path = format!("secrets/motherduck/{credential}/token");
        Token::new(&std::fs::read_to_string(self.path(&path)).unwrap()).unwrap()
    }

    /// The IDs of all tokens of `username`.
    pub(super) async fn listed(&self, username: &str) -> Vec<TokenId> {
        let account = username.parse().unwrap();
        let tokens = self.engine().await.motherduck.list_tokens(&account).await.unwrap();
        tokens.iter().map(|token| token.id).collect()
    }

    pub(super) async fn revoke(&self, username: &str, id: TokenId) {
        let account = username.parse().unwrap();
        let gone = self.engine().await.motherduck.revoke_token(&account, id).await.unwrap();
        assert_eq!(gone, Revocation::Revoked);
    }

    /// Rotates `credential`, or fails the test.
    pub(super) async fn rotate(&self, credential: &str) -> Report {
        let engine = self.engine().await;
        let name = credential.parse().unwrap();
        let world = engine.world(&name, CancellationToken::new()).unwrap().acting();
        let subject = subject(&self.config, &self.config.credentials[&name]);
        let once = Retry { tries: 1, ..STEP };
        let mut evidence = Evidence::default();
        let observer = |_| {};
        let run = run(&world, &subject, Request::ROTATION, &mut evidence, &once, &observer);
        let report = Box::pin(run).await;
        assert_eq!(report.outcome, Outcome::Rotated, "{:?}", report.problem);
        report
    }
}

fn load(sandbox: &Sandbox, dir: &tempfile::TempDir, owner: &str, credentials: &str) -> Config {
    let ready = sandbox.ready();
    let text = format!(
        "owner = {owner:?}\n[motherduck]\napi_url = {:?}\nadmin_token.file = {:?}\n\
         requests_per_second = 1000\npostgres = {{ host = {:?}, port = {}, ca_file = {:?} }}\n\
         [stores.main.file]\ndir = {:?}\n\
         [defaults]\nstore = \"main\"\nevery = \"30d\"\nttl = \"45d\"\ngate = \"none\"\n{credentials}",
        ready.api_url,
        ready.admin_token_file,
        ready.postgres_host,
        ready.postgres_port,
        ready.ca_file,
        dir.path().join("secrets"),
    );
    let file = dir.path().join(format!("{owner}.toml"));
    std::fs::write(&file, text).unwrap();
    Config::load(&[file], []).unwrap_or_else(|error| panic!("{error}"))
}

/// An answer as text and as JSON.
pub(super) fn both(answer: &impl Answer) -> (String, Value) {
    let mut text = Vec::new();
    answer.write_text(&mut text).unwrap();
    (String::from_utf8(text).unwrap(), serde_json::to_value(answer).unwrap())
}

/// Fails if `text` holds `token`.
#[track_caller]
pub(super) fn assert_keeps(text: &str, token: &Token) {
    assert!(token.lend(|secret| !text.contains(secret)), "a token was shown");
}

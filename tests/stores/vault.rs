//! The Vault store against OpenBao: logins, policies, and what a request that went wrong may have done.

use pintail::http::settings::Proxy;
use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use pintail::fault::{Diagnostic, FaultKind};
use pintail::record::{Object, Phase, SecretContent};
use pintail::secret::SecretSource;
use pintail::stores::settings::{SignedTokenMethod, StoreSettings, VaultAuth, VaultStore};
use pintail::stores::{PublishError, Store, StoreError};
use pintail::tls::{Roots, http_client};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::contract::{Fixture, contract, made, publish, somewhere, text};
use crate::keys::keys;
use crate::relay::{Fate, Relay, response};
use crate::servers::{Bao, closed_port, environment};

struct Vault {
    bao: &'static Bao,
    dir: tempfile::TempDir,
}

impl Fixture for Vault {
    async fn start() -> Self {
        let fixture = Self { bao: Bao::shared(), dir: tempfile::tempdir().unwrap() };
        // As an editor leaves it.
        fs::write(fixture.dir.path().join("token"), format!("{}\n", fixture.bao.root_token))
            .unwrap();
        fixture
    }

    fn settings(&self) -> StoreSettings {
        let token = SecretSource::File(self.dir.path().join("token"));
        settings(&self.bao.server.url, VaultAuth::Token(token))
    }

    async fn write_by_hand(&self, path: &str, value: &Value) {
        self.root("POST", &format!("secret/data/{path}"), json!({"data": value})).await;
    }

    async fn write_text_by_hand(&self, path: &str, text: &str) {
        let data = format!("{{\"data\":{text}}}");
        self.raw("POST", &format!("secret/data/{path}"), data).await;
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.raw("GET", &format!("secret/data/{path}"), String::new()).await;
        let object = |text: &str| Object::parse(text).unwrap();
        let data = object(&answer).get("data").map(object).unwrap();
        data.get("data").unwrap().to_owned()
    }

    async fn delete(&self, path: &str) {
        self.root("DELETE", &format!("secret/data/{path}"), json!({})).await;
    }

    const HOLDS_ONLY_OBJECTS: bool = true;
    const KEEPS_BYTES: bool = false;
}

contract!(Vault);
keys!(Vault);

fn settings(address: &str, auth: VaultAuth) -> StoreSettings {
    StoreSettings::Vault(VaultStore {
        proxy: Proxy::None,
        address: address.parse().unwrap(),
        mount: "secret".to_owned(),
        namespace: None,
        ca_file: None,
        client_certificate: None,
        auth,
    })
}

async fn open(address: &str, auth: VaultAuth) -> Store {
    Store::open("main", &settings(address, auth)).await.unwrap()
}

impl Vault {
    /// The store behind a relay.
    async fn behind(&self, relay: &Relay) -> Store {
        let token = SecretSource::File(self.dir.path().join("token"));
        open(&relay.url, VaultAuth::Token(token)).await
    }

    fn secret(&self, name: &str, text: &str) -> SecretSource {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        SecretSource::File(path)
    }

    /// A request with the root token.
    async fn root(&self, method: &str, path: &str, body: Value) -> Value {
        serde_json::from_str(&self.raw(method, path, body.to_string()).await).unwrap_or_default()
    }

    async fn raw(&self, method: &str, path: &str, body: String) -> String {
        let client = http_client(Roots::System, None, Duration::from_secs(30)).unwrap();
        let answer = client
            .request(method.parse().unwrap(), format!("{}/v1/{path}", self.bao.server.url))
            .header("x-vault-token", &self.bao.root_token)
            .body(body)
            .send()
            .await
            .unwrap();
        assert!(answer.status().as_u16() < 300 || answer.status() == 404, "{path}: {answer:?}");
        answer.text().await.unwrap()
    }

    async fn policy(&self, rules: &[(&str, &[&str])]) -> String {
        let name = format!("policy-{}", Uuid::new_v4());
        let rule = |(path, capabilities): &(&str, &[&str])| {
            format!("path \"{path}\" {{ capabilities = {capabilities:?} }}\n")
        };
        let policy: String = rules.iter().map(rule).collect();
        self.root("PUT", &format!("sys/policies/acl/{name}"), json!({"policy": policy})).await;
        name
    }

    /// An AppRole of its own, whose Vault tokens live for `ttl`.
    async fn approle(&self, ttl: &str) -> (String, VaultAuth) {
        let policy = self.policy(&[("secret/data/*", &["read", "create", "update"])]).await;
        let mount = format!("approle-{}", Uuid::new_v4());
        self.root("POST", &format!("sys/auth/{mount}"), json!({"type": "approle"})).await;
        let role = format!("auth/{mount}/role/pintail");
        let body = json!({"token_policies": [policy], "token_ttl": ttl});
        self.root("POST", &role, body).await;
        let id = self.root("GET", &format!("{role}/role-id"), json!({})).await;
        let secret = self.root("POST", &format!("{role}/secret-id"), json!({})).await;
        let secret_id = self.secret("secret-id", secret["data"]["secret_id"].as_str().unwrap());
        let role_id = id["data"]["role_id"].as_str().unwrap().to_owned();
        (mount.clone(), VaultAuth::AppRole { role_id, secret_id, mount })
    }
}

#[tokio::test]
async fn a_vault_token_that_is_not_known_is_denied_and_the_hint_names_the_capabilities() {
    let vault = Vault::start().await;
    let auth = VaultAuth::Token(vault.secret("bad", "s3cret-bad-token"));
    let store = open(&vault.bao.server.url, auth).await;
    let at = somewhere();
    let error = store.read(&at).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Permanent);
    assert!(text(&error).contains("403") && text(&error).contains(&at.path), "{error}");
    assert!(!text(&error).contains("s3cret"), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains(&format!("`read` on secret/data/{}", at.path)), "{hint}");
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_refused_and_does_not_panic() {
    let vault = Vault::start().await;
    let auth = VaultAuth::Token(vault.secret("odd", "tökén-s3cret"));
    let store = open(&vault.bao.server.url, auth).await;
    let error = store.read(&somewhere()).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Permanent);
    assert!(!text(&error).contains("s3cret"), "{error}");
    let auth = VaultAuth::Token(SecretSource::File(vault.dir.path().join("absent")));
    let store = open(&vault.bao.server.url, auth).await;
    assert!(store.read(&somewhere()).await.unwrap_err().to_string().contains("absent"));
}

#[tokio::test]
async fn a_policy_that_forbids_writing_is_known_before_a_token_exists() {
    let vault = Vault::start().await;
    let policy = vault.policy(&[("secret/data/*", &["read"])]).await;
    let body = json!({"policies": [policy], "ttl": "1h"});
    let made_token = vault.root("POST", "auth/token/create", body).await;
    let client_token = made_token["auth"]["client_token"].as_str().unwrap();
    let auth = VaultAuth::Token(vault.secret("reader", client_token));
    let reader = open(&vault.bao.server.url, auth).await;
    let at = somewhere();
    for _ in 0..2 {
        let over = reader.read(&at).await.unwrap();
        let error = reader.ensure_writable(&at, &over).await.unwrap_err();
        assert_eq!(error.kind(), FaultKind::Permanent);
        let made = made();
        let record = made.record(Phase::Published, &[]);
        let outcome = reader.publish(&at, &over, &record, &made.token).await;
        assert!(matches!(outcome, Err(PublishError::Refused(_))), "{outcome:?}");
        publish(&vault.store().await, &at, &made, Phase::Published, &[]).await;
    }
}

#[tokio::test]
async fn an_app_role_logs_in_once_and_again_when_its_vault_token_is_dead() {
    let vault = Vault::start().await;
    let relay = Relay::start(&vault.bao.server.url, |_| Fate::Pass);
    let (mount, auth) = vault.approle("1h").await;
    let store = open(&relay.url, auth).await;
    let logins = || relay.heads().iter().filter(|head| head.contains("/login")).count();
    assert_eq!(relay.heads().len(), 0, "opening contacts nothing");
    let (at, first) = (somewhere(), made());
    publish(&store, &at, &first, Phase::Published, &[]).await;
    assert_eq!(logins(), 1);
    let revoke = format!("sys/leases/revoke-prefix/auth/{mount}/login");
    vault.root("PUT", &revoke, json!({})).await;
    let over = store.read(&at).await.unwrap();
    assert_eq!(logins(), 2);
    vault.root("PUT", &revoke, json!({})).await;
    let second = made();
    let record = second.record(Phase::Published, &[first.id]);
    store.publish(&at, &over, &record, &second.token).await.unwrap();
    assert_eq!(logins(), 3);
}

#[tokio::test]
async fn what_pintail_logged_in_for_is_given_back_when_the_store_is_no_longer_used() {
    let vault = Vault::start().await;
    let relay = Relay::start(&vault.bao.server.url, |_| Fate::Pass);
    let (_, auth) = vault.approle("1h").await;
    let store = open(&relay.url, auth).await;
    store.read(&somewhere()).await.unwrap();
    let login = relay.replies().into_iter().find(|reply| reply.contains("client_token")).unwrap();
    let (_, body) = login.split_once("\r\n\r\n").unwrap();
    let login: Value = serde_json::from_str(body.trim()).unwrap();
    let token = login["auth"]["client_token"].as_str().unwrap();
    let lookup = async || {
        let client = http_client(Roots::System, None, Duration::from_secs(30)).unwrap();
        let url = format!("{}/v1/auth/token/lookup-self", vault.bao.server.url);
        client.get(url).header("x-vault-token", token).send().await.unwrap().status()
    };
    assert_eq!(lookup().await, 200);
    drop(store);
    pintail::stores::logged_out().await;
    assert_eq!(lookup().await, 403);

    // A token that somebody put there is not pintail's to give back.
    let store = vault.behind(&relay).await;
    store.read(&somewhere()).await.unwrap();
    drop(store);
    pintail::stores::logged_out().await;
    assert_eq!(relay.heads().iter().filter(|head| head.contains("revoke-self")).count(), 1);
}

#[tokio::test]
async fn a_login_is_renewed_before_it_expires() {
    let vault = Vault::start().await;
    let (_, auth) = vault.approle("1s").await;
    let store = open(&vault.bao.server.url, auth).await;
    let (at, start) = (somewhere(), Instant::now());
    while start.elapsed() < Duration::from_millis(2500) {
        store.read(&at).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_denied_path_does_not_make_it_log_in_again_and_again() {
    let vault = Vault::start().await;
    let relay = Relay::start(&vault.bao.server.url, |_| Fate::Pass);
    let (_, auth) = vault.approle("1h").await;
    let StoreSettings::Vault(settings) = settings(&relay.url, auth) else { panic!() };
    let elsewhere = VaultStore { mount: "cubbyhole-of-another".to_owned(), ..settings };
    let store = Store::open("main", &StoreSettings::Vault(elsewhere)).await.unwrap();
    for _ in 0..3 {
        assert_eq!(store.read(&somewhere()).await.unwrap_err().kind(), FaultKind::Permanent);
    }
    assert_eq!(relay.heads().iter().filter(|head| head.contains("/login")).count(), 1);
}

#[tokio::test]
async fn a_refused_login_says_so_and_shows_no_secret() {
    let vault = Vault::start().await;
    let (_, auth) = vault.approle("1h").await;
    vault.secret("secret-id", "s3cret-wrong-id");
    let store = open(&vault.bao.server.url, auth).await;
    let error = store.read(&somewhere()).await.unwrap_err();
    assert!(text(&error).contains("cannot log in"), "{error}");
    assert!(!text(&error).contains("s3cret"), "{error}");
    assert_eq!(error.kind(), FaultKind::Permanent);
}

/// A public key, and a token that it signed.
fn signed_token() -> &'static (String, String) {
    static SIGNED: OnceLock<(String, String)> = OnceLock::new();
    const SIGN: &str = "
import json, time
from joserfc import jwt
from joserfc.jwk import ECKey
key = ECKey.generate_key('P-256')
claims = {'iss': 'tests', 'sub': 'pintail', 'aud': 'bao', 'iat': int(time.time()), 'exp': int(time.time()) + 900}
print(json.dumps([key.as_pem(private=False).decode(), jwt.encode({'alg': 'ES256'}, claims, key)]))
";
    SIGNED.get_or_init(|| {
        let python = environment().join("bin/python3");
        let output = std::process::Command::new(python).args(["-c", SIGN]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    })
}

#[tokio::test]
async fn a_signed_token_is_exchanged_and_its_file_is_read_anew() {
    let vault = Vault::start().await;
    let (key, token) = signed_token();
    let policy = vault.policy(&[("secret/data/*", &["read", "create", "update"])]).await;
    // Kubernetes' login is the same request; only who checks the token differs.
    for method in [SignedTokenMethod::Jwt, SignedTokenMethod::Kubernetes] {
        let mount = format!("jwt-{}", Uuid::new_v4());
        vault.root("POST", &format!("sys/auth/{mount}"), json!({"type": "jwt"})).await;
        let config = json!({"jwt_validation_pubkeys": [key], "bound_issuer": "tests"});
        vault.root("POST", &format!("auth/{mount}/config"), config).await;
        let role = json!({
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["bao"],
            "token_policies": [policy],
        });
        vault.root("POST", &format!("auth/{mount}/role/pintail"), role).await;
        vault.secret("jwt", "not.a.jwt");
        let token_file = vault.dir.path().join("jwt");
        let auth = VaultAuth::SignedToken { method, role: "pintail".to_owned(), mount, token_file };
        let store = open(&vault.bao.server.url, auth).await;
        assert!(store.read(&somewhere()).await.is_err());
        vault.secret("jwt", token);
        publish(&store, &somewhere(), &made(), Phase::Published, &[]).await;
    }
}

#[tokio::test]
async fn a_vault_token_that_was_replaced_in_its_file_is_picked_up() {
    let vault = Vault::start().await;
    let short = vault.root("POST", "auth/token/create", json!({"ttl": "1h"})).await;
    let short = short["auth"]["client_token"].as_str().unwrap();
    let auth = VaultAuth::Token(vault.secret("rotated", short));
    let store = open(&vault.bao.server.url, auth).await;
    store.read(&somewhere()).await.unwrap();
    vault.root("POST", "auth/token/revoke", json!({"token": short})).await;
    assert!(store.read(&somewhere()).await.is_err());
    vault.secret("rotated", &format!("{}\n", vault.bao.root_token));
    store.read(&somewhere()).await.unwrap();
}

#[tokio::test]
async fn a_destroyed_version_keeps_its_number_for_the_comparison() {
    let vault = Vault::start().await;
    let (store, at) = (vault.store().await, somewhere());
    let first = publish(&store, &at, &made(), Phase::Published, &[]).await;
    let path = format!("secret/destroy/{}", at.path);
    vault.root("PUT", &path, json!({"versions": [1]})).await;
    let destroyed = store.read(&at).await.unwrap();
    assert_eq!(destroyed.version, first.version);
    assert!(matches!(destroyed.content, SecretContent::Vacant));
    publish(&store, &at, &made(), Phase::Published, &[]).await;
    vault.root("DELETE", &format!("secret/metadata/{}", at.path), json!({})).await;
    assert!(store.read(&at).await.unwrap().version.is_absent());
}

#[tokio::test]
async fn a_mount_of_version_one_is_refused_and_not_written_to() {
    let vault = Vault::start().await;
    let mount = format!("kv1-{}", Uuid::new_v4());
    let body = json!({"type": "kv", "options": {"version": "1"}});
    vault.root("POST", &format!("sys/mounts/{mount}"), body).await;
    let StoreSettings::Vault(settings) = vault.settings() else { panic!() };
    let settings = StoreSettings::Vault(VaultStore { mount: mount.clone(), ..settings });
    let store = Store::open("main", &settings).await.unwrap();
    let at = somewhere();
    let over = store.read(&at).await.unwrap();
    let error = store.ensure_writable(&at, &over).await.unwrap_err();
    assert!(error.to_string().contains("KV version 1"), "{error}");
    assert_eq!(error.kind(), FaultKind::Permanent);
    let listed = vault.root("LIST", &mount, json!({})).await;
    assert!(listed["data"].is_null(), "{listed}");
}

#[tokio::test]
async fn a_404_that_speaks_of_the_mount_or_is_not_vaults_is_never_an_absent_secret() {
    let vault = Vault::start().await;
    let StoreSettings::Vault(settings) = vault.settings() else { panic!() };
    let elsewhere = VaultStore { mount: "no-such-mount".to_owned(), ..settings };
    let store = Store::open("main", &StoreSettings::Vault(elsewhere)).await.unwrap();
    assert!(store.read(&somewhere()).await.is_err());
    for body in ["Not Found", "<html>no</html>", "{}", ""] {
        let relay = Relay::start("unused", move |_| response(404, "", body));
        let store = vault.behind(&relay).await;
        assert!(store.read(&somewhere()).await.is_err(), "{body}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_transient_and_a_publication_was_never_sent() {
    let vault = Vault::start().await;
    let StoreSettings::Vault(settings) = vault.settings() else { panic!() };
    let address = format!("http://127.0.0.1:{}", closed_port()).parse().unwrap();
    let nowhere = StoreSettings::Vault(VaultStore { address, ..settings });
    let store = Store::open("main", &nowhere).await.unwrap();
    let at = somewhere();
    assert_eq!(store.read(&at).await.unwrap_err().kind(), FaultKind::Transient);
    let over = vault.store().await.read(&at).await.unwrap();
    let made = made();
    let record = made.record(Phase::Published, &[]);
    let outcome = store.publish(&at, &over, &record, &made.token).await;
    let Err(PublishError::Refused(error)) = outcome else { panic!("{outcome:?}") };
    assert!(!text(&error).contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_publication_that_may_have_landed_is_unknown_and_is_not_repeated() {
    let vault = Vault::start().await;
    let fates: [fn() -> Fate; 4] = [
        || Fate::LoseReply,
        || Fate::LoseRequest,
        || response(500, "", "{\"errors\":[\"internal\"]}"),
        || response(502, "", "<html>bad gateway</html>"),
    ];
    for fate in fates {
        let relay = Relay::start(&vault.bao.server.url, move |head| {
            if head.starts_with("POST") { fate() } else { Fate::Pass }
        });
        let store = vault.behind(&relay).await;
        let (at, made) = (somewhere(), made());
        let over = store.read(&at).await.unwrap();
        let record = made.record(Phase::Published, &[]);
        let outcome = store.publish(&at, &over, &record, &made.token).await;
        let Err(PublishError::Unknown(error)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind(), FaultKind::Transient);
        assert!(!text(&error).contains("s3cret"), "{error}");
        assert_eq!(relay.heads().iter().filter(|head| head.starts_with("POST")).count(), 1);
    }
}

#[tokio::test]
async fn words_that_quote_the_token_are_not_shown() {
    let vault = Vault::start().await;
    let made = made();
    let quoting =
        made.token.lend(|text| json!({"errors": [format!("bad value {text}")]}).to_string());
    let relay = Relay::start("unused", move |_| response(400, "", &quoting));
    let store = vault.behind(&relay).await;
    let at = somewhere();
    let over = vault.store().await.read(&at).await.unwrap();
    let record = made.record(Phase::Published, &[]);
    let outcome = store.publish(&at, &over, &record, &made.token).await;
    let Err(PublishError::Refused(error)) = outcome else { panic!("{outcome:?}") };
    assert!(!text(&error).contains("s3cret"), "{error}");
}

#[tokio::test]
async fn words_that_quote_the_vault_token_or_command_a_terminal_are_not_shown() {
    let vault = Vault::start().await;
    let root = vault.bao.root_token.clone();
    let part = root[root.len() - 12..].to_owned();
    let body =
        json!({"errors": [format!("proxy: x-vault-token: {root} (…{part})\u{1b}[2J\u{202e}")]});
    let body = body.to_string();
    let relay = Relay::start("unused", move |_| response(403, "", &body));
    let error = vault.behind(&relay).await.read(&somewhere()).await.unwrap_err();
    let told = text(&error);
    assert!(told.contains("proxy: x-vault-token: [redacted] (…[redacted])"), "{told}");
    assert!(!told.contains(&root) && !told.contains(&part), "{told}");
    assert!(!told.contains('\u{1b}') && !told.contains('\u{202e}'), "{told}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_vault_token() {
    let vault = Vault::start().await;
    let other = Relay::start("unused", |_| response(200, "", "{}"));
    let location = format!("Location: {}/v1/secret/data/x\r\n", other.url);
    let relay = Relay::start("unused", move |_| response(307, &location, ""));
    let store = vault.behind(&relay).await;
    let error = store.read(&somewhere()).await.unwrap_err();
    assert!(error.hint().unwrap().contains("redirect"), "{error}");
    assert!(other.heads().is_empty());
}

#[tokio::test]
async fn a_read_is_tried_again_a_few_times_and_then_fails() {
    let vault = Vault::start().await;
    let relay = Relay::start("unused", |_| response(503, "", "{\"errors\":[\"sealed\"]}"));
    let store = vault.behind(&relay).await;
    let error = store.read(&somewhere()).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Transient);
    assert_eq!(relay.heads().len(), 3);
}

#[tokio::test]
async fn each_step_costs_one_request() {
    let vault = Vault::start().await;
    let relay = Relay::start(&vault.bao.server.url, |_| Fate::Pass);
    let store = vault.behind(&relay).await;
    let (at, made) = (somewhere(), made());
    let over = store.read(&at).await.unwrap();
    store.ensure_writable(&at, &over).await.unwrap();
    store.publish(&at, &over, &made.record(Phase::Published, &[]), &made.token).await.unwrap();
    assert_eq!(relay.heads().len(), 3);
}

#[tokio::test]
async fn a_number_that_vault_would_not_take_back_is_refused_by_the_read() {
    let vault = Vault::start().await;
    let metadata = json!({
        "created_time": "2026-11-01T00:00:00Z", "deletion_time": "", "custom_metadata": null,
        "destroyed": false, "version": 7,
    });
    let answer = |number: &str| {
        let data = format!("{{\"limit\":{{\"n\":[{number}]}},\"note\":\"1e400\"}}");
        format!(
            "{{\"request_id\":\"\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\
             \"data\":{{\"data\":{data},\"metadata\":{metadata}}}}}"
        )
    };
    for (number, is_writable) in
        [("1e400", false), ("-1e400", false), ("2.50", true), ("1e-400", true)]
    {
        let body = answer(number);
        let relay = Relay::start("unused", move |_| response(200, "", &body));
        let read = vault.behind(&relay).await.read(&somewhere()).await;
        match read {
            Ok(reading) => assert!(is_writable && reading.version.as_str() == "7", "{reading:?}"),
            Err(error) => {
                assert!(!is_writable && matches!(error, StoreError::Unwritable { .. }), "{error}");
                assert!(error.to_string().contains("`limit`"), "{error}");
                assert_eq!(error.kind(), FaultKind::Permanent);
            }
        }
    }
}

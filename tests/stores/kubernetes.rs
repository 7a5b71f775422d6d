//! The Kubernetes store against a real API server: rights, odd Secrets, and what a request that went wrong may have done.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pintail::fault::{Diagnostic, FaultKind};
use pintail::http::settings::Proxy;
use pintail::kubernetes::settings::Cluster;
use pintail::record::{Phase, SecretContent};
use pintail::stores::settings::{KubernetesStore, StoreSettings};
use pintail::stores::{PublishError, Role, Store, StoreError};
use serde_json::{Value, json};

use crate::contract::{Fixture, contract, made, publish, somewhere, text};
use crate::control_plane::ControlPlane;
use crate::relay::{Fate, Relay, response};

struct Secrets {
    plane: ControlPlane,
    namespace: String,
    dir: tempfile::TempDir,
}

impl Secrets {
    async fn new() -> Self {
        let plane = ControlPlane::shared().await;
        let namespace = plane.namespace().await;
        Self { plane, namespace, dir: tempfile::tempdir().unwrap() }
    }

    fn with_token(&self, url: &str, token: &str) -> KubernetesStore {
        let file = self.dir.path().join(format!("token-{}", uuid::Uuid::new_v4()));
        std::fs::write(&file, format!("{token}\n")).unwrap();
        KubernetesStore {
            cluster: Cluster::Named {
                api_url: url.parse().unwrap(),
                ca_file: Some(self.plane.ca_file.clone()),
                token_file: Some(file),
                client_certificate: None,
                proxy: Proxy::None,
            },
            namespace: self.namespace.clone(),
            create: true,
            secret_type: "Opaque".to_owned(),
            labels: [("team".to_owned(), "data".to_owned())].into(),
            annotations: [("example.com/of".to_owned(), "pintail".to_owned())].into(),
        }
    }

    fn admin(&self) -> KubernetesStore {
        self.with_token(&self.plane.url, &self.plane.token)
    }

    fn secret(&self, name: &str) -> String {
        format!("{}/{name}", self.secrets())
    }

    fn secrets(&self) -> String {
        format!("api/v1/namespaces/{}/secrets", self.namespace)
    }

    async fn with_rules(&self, rules: &Value) -> Store {
        let token = self.plane.account(&self.namespace, rules).await;
        open(self.with_token(&self.plane.url, &token)).await
    }

    /// The store behind a relay.
    async fn behind(&self, relay: &Relay) -> Store {
        open(self.with_token(&relay.url, &self.plane.token)).await
    }

    fn relay(&self, fate: impl Fn(&str) -> Fate + Send + Sync + 'static) -> Relay {
        Relay::start_to_tls(&self.plane.url, &self.plane.ca_file, fate)
    }
}

async fn open(settings: KubernetesStore) -> Store {
    Store::open("main", &StoreSettings::Kubernetes(settings)).await.unwrap()
}

impl Fixture for Secrets {
    async fn start() -> Self {
        Self::new().await
    }

    fn settings(&self) -> StoreSettings {
        StoreSettings::Kubernetes(self.admin())
    }

    /// What is no text is written as its JSON; the annotations stay as they are.
    async fn write_by_hand(&self, path: &str, value: &Value) {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let data: serde_json::Map<_, _> = value
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.clone(), text(value).into()))
            .collect();
        let body = json!({"metadata": {"name": path}, "stringData": data});
        if self.plane.get(&self.secret(path)).await.is_null() {
            self.plane.done("POST", &self.secrets(), body).await;
        } else {
            self.plane.done("PUT", &self.secret(path), body).await;
        }
    }

    async fn write_text_by_hand(&self, path: &str, text: &str) {
        self.write_by_hand(path, &serde_json::from_str(text).unwrap()).await;
    }

    async fn text(&self, path: &str) -> String {
        self.plane.get(&self.secret(path)).await.to_string()
    }

    async fn delete(&self, path: &str) {
        self.plane.done("DELETE", &self.secret(path), json!({})).await;
    }

    fn is_there() -> bool {
        ControlPlane::is_there()
    }

    fn somewhere() -> pintail::stores::SecretRef {
        let mut at = somewhere();
        at.path = at.path.replace('/', "-");
        at
    }
}

contract!(
    Secrets:
    a_missing_secret_is_vacant_and_the_first_write_creates_it
    a_stale_reading_is_a_conflict_and_changes_nothing
    a_change_by_hand_makes_a_reading_stale
    of_eight_racing_publishers_exactly_one_wins
    a_predecessor_is_recalled_before_and_after_the_seal
    a_version_is_never_used_twice
    asking_whether_it_could_be_written_changes_nothing
    a_deleted_secret_is_vacant_and_can_be_written_again
    nothing_printable_holds_a_token
);

/// The fixture, if there is a control plane.
macro_rules! secrets {
    () => {{
        if !ControlPlane::is_there() {
            return;
        }
        Secrets::new().await
    }};
}

const ALL: [&str; 3] = ["get", "create", "patch"];

fn rules(verbs: &[&str]) -> Value {
    json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}])
}

#[tokio::test]
async fn what_is_not_pintails_in_a_secret_survives_every_write() {
    let secrets = secrets!();
    let store = secrets.store().await;
    let at = Secrets::somewhere();
    let by_hand = json!({
        "metadata": {
            "name": at.path, "labels": {"mine": "1", "team": "other"}, "annotations": {"mine": "2"},
        },
        "stringData": {"motherduck_token": "made-by-hand", "dsn": "md:x"},
    });
    secrets.plane.done("POST", &secrets.secrets(), by_hand).await;
    let reading = store.read(&at).await.unwrap();
    assert!(matches!(reading.content, SecretContent::Unmanaged { .. }), "{reading:?}");
    let (first, second) = (made(), made());
    publish(&store, &at, &first, Phase::Published, &[]).await;
    publish(&store, &at, &second, Phase::Published, &[first.id]).await;
    publish(&store, &at, &second, Phase::Retiring, &[first.id]).await;
    let secret = secrets.plane.get(&secrets.secret(&at.path)).await;
    let decoded = |key: &str| {
        let data = secret["data"][key].as_str().unwrap();
        let bytes = STANDARD.decode(data).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(decoded("dsn"), "md:x");
    assert_eq!(decoded("motherduck_token"), second.token.lend(str::to_owned));
    assert_eq!(decoded("token_id"), second.id.to_string());
    assert_eq!(secret["data"].as_object().unwrap().len(), 3, "envFrom gives no more than that");
    let metadata = &secret["metadata"];
    assert_eq!(metadata["labels"], json!({"mine": "1", "team": "data"}));
    assert_eq!(metadata["annotations"]["mine"], "2");
    assert_eq!(metadata["annotations"]["example.com/of"], "pintail");
    let record = metadata["annotations"]["pintail.dev/record"].as_str().unwrap();
    assert!(record.contains(&second.id.to_string()) && !record.contains("s3cret"), "{record}");
}

#[tokio::test]
async fn a_key_that_somebody_else_uses_is_not_written_over() {
    let secrets = secrets!();
    let store = secrets.store().await;
    for (key, value) in [("token_id", "mine"), ("motherduck_token", "two words")] {
        let at = Secrets::somewhere();
        secrets.write_by_hand(&at.path, &json!({key: value})).await;
        let error = store.read(&at).await.unwrap_err();
        assert!(text(&error).contains(&format!("`{key}` is in use")), "{error}");
        assert!(matches!(error, StoreError::KeyTaken { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_record_is_refused_by_name_and_not_shown() {
    let secrets = secrets!();
    let store = secrets.store().await;
    let at = Secrets::somewhere();
    publish(&store, &at, &made(), Phase::Published, &[]).await;
    let body =
        json!({"metadata": {"annotations": {"pintail.dev/record": "{\"token_id\": \"s3cret\"}"}}});
    secrets.plane.done("PATCH", &secrets.secret(&at.path), body).await;
    let error = store.read(&at).await.unwrap_err();
    assert!(text(&error).contains(&at.path) && text(&error).contains("is not a record"), "{error}");
    assert!(!text(&error).contains("s3cret"), "{error}");
    assert!(error.hint().unwrap().contains("kubectl"), "{error}");
    assert_eq!(error.kind(), FaultKind::Permanent);
}

#[tokio::test]
async fn each_missing_right_is_known_before_a_token_exists_and_named() {
    let secrets = secrets!();
    let admin = secrets.store().await;
    for (missing, is_there) in [("get", true), ("create", false), ("patch", true)] {
        let held: Vec<_> = ALL.into_iter().filter(|verb| *verb != missing).collect();
        let store = secrets.with_rules(&rules(&held)).await;
        let at = Secrets::somewhere();
        if is_there {
            publish(&admin, &at, &made(), Phase::Published, &[]).await;
        }
        let error = match store.read(&at).await {
            Err(error) => error,
            Ok(over) => {
                let made = made();
                let record = made.record(Phase::Published, &[]);
                let refused = store.publish(&at, &over, &record, &made.token).await;
                assert!(matches!(refused, Err(PublishError::Refused(_))), "{refused:?}");
                store.ensure_writable(&at, &over).await.unwrap_err()
            }
        };
        assert_eq!(error.kind(), FaultKind::Permanent);
        assert!(text(&error).contains("403"), "{error}");
        assert!(error.hint().unwrap().contains(&format!("`{missing}`")), "{:?}", error.hint());
    }
}

#[tokio::test]
async fn a_role_that_names_the_two_secrets_is_enough_where_they_are_made_beforehand() {
    let secrets = secrets!();
    let at = Secrets::somewhere();
    let names = [at.path.clone(), format!("{}-previous", at.path)];
    let rules = json!([{
        "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "patch"], "resourceNames": names,
    }]);
    let token = secrets.plane.account(&secrets.namespace, &rules).await;
    let settings = secrets.with_token(&secrets.plane.url, &token);
    let store = open(KubernetesStore { create: false, ..settings }).await;
    let nothing = store.read(&at).await.unwrap();
    let error = store.ensure_writable(&at, &nothing).await.unwrap_err();
    assert!(error.hint().unwrap().contains("kubectl"), "{:?}", error.hint());
    let late = made();
    let record = late.record(Phase::Published, &[]);
    let outcome = store.publish(&at, &nothing, &record, &late.token).await;
    assert!(matches!(outcome, Err(PublishError::Refused(_))), "{outcome:?}");
    for name in &names {
        let body = json!({"metadata": {"name": name}});
        secrets.plane.done("POST", &secrets.secrets(), body).await;
    }
    let (first, second) = (made(), made());
    publish(&store, &at, &first, Phase::Published, &[]).await;
    publish(&store, &at, &second, Phase::Published, &[first.id]).await;
    assert!(store.recall(&at, first.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_secret_that_cannot_be_kept_is_refused_and_says_why() {
    let secrets = secrets!();
    let store = secrets.store().await;
    let owner = json!([{
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "etl", "uid": "u",
        "controller": true,
    }]);
    for (odd, word) in [
        (json!({"immutable": true}), "immutable"),
        (json!({"metadata": {"ownerReferences": owner}}), "ExternalSecret etl"),
        (json!({"metadata": {"finalizers": ["example.com/stay"]}}), "being deleted"),
    ] {
        let at = Secrets::somewhere();
        let first = made();
        publish(&store, &at, &first, Phase::Published, &[]).await;
        secrets.plane.done("PATCH", &secrets.secret(&at.path), odd.clone()).await;
        if word == "being deleted" {
            secrets.delete(&at.path).await;
        }
        let over = store.read(&at).await.unwrap();
        let error = store.ensure_writable(&at, &over).await.unwrap_err();
        assert!(text(&error).contains(word) && error.hint().is_some(), "{error}");
        assert_eq!(error.kind(), FaultKind::Permanent);
        if word == "immutable" {
            let made = made();
            let record = made.record(Phase::Published, &[first.id]);
            let refused = store.publish(&at, &over, &record, &made.token).await;
            assert!(matches!(refused, Err(PublishError::Refused(_))), "{refused:?}");
            assert!(!text(&refused.unwrap_err()).contains("s3cret"));
        }
        let body = json!({"metadata": {"finalizers": null}});
        secrets.plane.done("PATCH", &secrets.secret(&at.path), body).await;
    }
}

#[tokio::test]
async fn a_secret_that_was_deleted_and_made_again_is_another_one() {
    let secrets = secrets!();
    let store = secrets.store().await;
    let at = Secrets::somewhere();
    let stale = publish(&store, &at, &made(), Phase::Published, &[]).await;
    secrets.delete(&at.path).await;
    secrets.write_by_hand(&at.path, &json!({"motherduck_token": "by-hand"})).await;
    let late = made();
    let record = late.record(Phase::Published, &[]);
    let outcome = store.publish(&at, &stale, &record, &late.token).await;
    assert!(matches!(outcome, Err(PublishError::Conflict)), "{outcome:?}");
    let reading = store.read(&at).await.unwrap();
    assert!(matches!(reading.content, SecretContent::Unmanaged { .. }), "{reading:?}");
}

#[tokio::test]
async fn a_namespace_that_is_going_or_gone_is_told() {
    let secrets = secrets!();
    let store = secrets.store().await;
    let at = Secrets::somewhere();
    let space = format!("api/v1/namespaces/{}", secrets.namespace);
    // It stays until the pod is gone, and the pod until somebody lets it go.
    let pod = json!({
        "metadata": {"name": "stays", "finalizers": ["example.com/stay"]},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    secrets.plane.done("POST", &format!("{space}/pods"), pod).await;
    secrets.plane.done("DELETE", &space, json!({})).await;
    let nothing = store.read(&at).await.unwrap();
    let error = store.ensure_writable(&at, &nothing).await.unwrap_err();
    assert!(error.hint().unwrap().contains("is being deleted"), "{error}: {:?}", error.hint());
    let body = json!({"metadata": {"finalizers": null}});
    secrets.plane.done("PATCH", &format!("{space}/pods/stays"), body).await;
}

#[tokio::test]
async fn what_a_lost_request_may_have_done_is_told_by_what_it_was() {
    let secrets = secrets!();
    let admin = secrets.store().await;
    let lost = |verb: &'static str, name: String| {
        move |head: &str| {
            let first = head.lines().next().unwrap_or_default();
            let is_it = first.starts_with(verb) && first.contains(&format!("/secrets{name}?"));
            if is_it && !first.contains("dryRun") { Fate::LoseReply } else { Fate::Pass }
        }
    };
    // Lost with a first creation, nothing is served by it, and the next try finds the Secret.
    let at = Secrets::somewhere();
    let first = made();
    let record = first.record(Phase::Published, &[]);
    let relay = secrets.relay(lost("POST", String::new()));
    let store = secrets.behind(&relay).await;
    let nothing = store.read(&at).await.unwrap();
    let outcome = store.publish(&at, &nothing, &record, &first.token).await;
    assert!(matches!(outcome, Err(PublishError::Refused(_))), "{outcome:?}");
    let empty = store.read(&at).await.unwrap();
    assert!(
        matches!(empty.content, SecretContent::Vacant) && !empty.version.is_absent(),
        "{empty:?}"
    );
    store.publish(&at, &empty, &record, &first.token).await.unwrap();
    // Lost with the text that is put aside, nothing was published.
    let second = made();
    let record = second.record(Phase::Published, &[first.id]);
    let relay = secrets.relay(lost("PATCH", format!("/{}-previous", at.path)));
    let store = secrets.behind(&relay).await;
    let over = admin.read(&at).await.unwrap();
    let outcome = store.publish(&at, &over, &record, &second.token).await;
    assert!(matches!(outcome, Err(PublishError::Refused(_))), "{outcome:?}");
    assert_eq!(admin.read(&at).await.unwrap().version, over.version);
    // Lost with the write itself, it may have taken place: here it has.
    let third = made();
    let relay = secrets.relay(lost("PATCH", format!("/{}", at.path)));
    let store = secrets.behind(&relay).await;
    let over = store.read(&at).await.unwrap();
    let record = third.record(Phase::Published, &[second.id]);
    let outcome = store.publish(&at, &over, &record, &third.token).await;
    assert!(matches!(outcome, Err(PublishError::Unknown(_))), "{outcome:?}");
    let SecretContent::Managed { record, .. } = admin.read(&at).await.unwrap().content else {
        panic!()
    };
    assert_eq!(record.token_id, third.id);
}

#[tokio::test]
async fn answers_that_are_no_yes_are_told_apart() {
    let secrets = secrets!();
    let admin = secrets.store().await;
    let at = Secrets::somewhere();
    let over = publish(&admin, &at, &made(), Phase::Published, &[]).await;
    let status = |reason: &str| json!({"kind": "Status", "reason": reason}).to_string();
    for (code, body, expected) in [
        (409, status("Conflict"), "conflict"),
        (409, status("AlreadyExists"), "conflict"),
        (429, status("TooManyRequests"), "refused"),
        (422, status("Invalid"), "refused"),
        (500, status("InternalError"), "unknown"),
        (502, "<html>bad gateway</html>".to_owned(), "unknown"),
        (200, "<html>welcome</html>".to_owned(), "unknown"),
    ] {
        let answer = body.clone();
        let path = format!("/{}?", at.path);
        let relay = secrets.relay(move |head: &str| {
            let first = head.lines().next().unwrap_or_default();
            if first.starts_with("PATCH") && first.contains(&path) {
                response(code, "Content-Type: application/json\r\n", &answer)
            } else {
                Fate::Pass
            }
        });
        let store = secrets.behind(&relay).await;
        let late = made();
        let record = late.record(Phase::Published, &[]);
        let outcome = store.publish(&at, &over, &record, &late.token).await;
        let word = match outcome.unwrap_err() {
            PublishError::Conflict => "conflict",
            PublishError::Refused(_) => "refused",
            PublishError::Unknown(_) => "unknown",
        };
        assert_eq!(word, expected, "{code} {body}");
    }
}

#[tokio::test]
async fn the_token_and_the_authority_are_read_anew_as_they_rotate() {
    let secrets = secrets!();
    let settings = secrets.with_token(&secrets.plane.url, "not-known");
    let Cluster::Named { token_file: Some(token_file), .. } = &settings.cluster else { panic!() };
    let ca_file = secrets.dir.path().join("ca.crt");
    let stranger = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
    std::fs::write(&ca_file, stranger.cert.pem()).unwrap();
    let cluster = Cluster::Named {
        api_url: secrets.plane.url.parse().unwrap(),
        ca_file: Some(ca_file.clone()),
        token_file: Some(token_file.clone()),
        client_certificate: None,
        proxy: Proxy::None,
    };
    let store = open(KubernetesStore { cluster, ..settings.clone() }).await;
    let at = Secrets::somewhere();
    let error = store.read(&at).await.unwrap_err();
    assert!(text(&error).contains("certificate"), "{error}");
    std::fs::copy(&secrets.plane.ca_file, &ca_file).unwrap();
    let error = store.read(&at).await.unwrap_err();
    assert!(text(&error).contains("401"), "{error}");
    std::fs::write(token_file, secrets.plane.account(&secrets.namespace, &rules(&ALL)).await)
        .unwrap();
    publish(&store, &at, &made(), Phase::Published, &[]).await;
    std::fs::write(&ca_file, stranger.cert.pem()).unwrap();
    assert!(store.read(&at).await.is_err(), "an authority that is believed no more");
}

#[tokio::test]
async fn only_a_few_earlier_tokens_are_kept_and_the_newest_ones() {
    let secrets = secrets!();
    let store = secrets.store().await;
    let at = Secrets::somewhere();
    let mut previous = None;
    let mut ids = vec![];
    for second in 10..22 {
        let made = made();
        let over = store.read(&at).await.unwrap();
        let mut record = made.record(Phase::Published, previous.as_slice());
        record.published_at = format!("2026-11-01T00:00:{second}Z").parse().unwrap();
        store.publish(&at, &over, &record, &made.token).await.unwrap();
        previous = Some(made.id);
        ids.push(made.id);
    }
    let kept = secrets.plane.get(&secrets.secret(&format!("{}-previous", at.path))).await;
    assert_eq!(kept["data"].as_object().unwrap().len(), 8);
    assert!(store.recall(&at, ids[10]).await.unwrap().is_some());
    assert!(store.recall(&at, ids[1]).await.unwrap().is_none());
}

#[tokio::test]
async fn an_api_server_that_is_not_there_is_trouble_that_may_pass() {
    let secrets = secrets!();
    let url = format!("http://127.0.0.1:{}", crate::servers::closed_port());
    let store = open(secrets.with_token(&url, "x")).await;
    let error = store.read(&Secrets::somewhere()).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Transient);
    assert!(matches!(error, StoreError::Kubernetes(_)), "{error}");
}

#[tokio::test]
async fn a_mirror_that_belongs_to_somebody_else_is_refused_as_it_is_read() {
    let secrets = secrets!();
    let store = secrets.store().await;
    let owner = json!([{
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "etl", "uid": "u",
        "controller": true,
    }]);
    for (odd, word) in [
        (json!({"immutable": true}), "immutable"),
        (json!({"metadata": {"ownerReferences": owner}}), "ExternalSecret etl"),
    ] {
        let mut at = Secrets::somewhere();
        secrets.write_by_hand(&at.path, &json!({"motherduck_token": "by-hand"})).await;
        secrets.plane.done("PATCH", &secrets.secret(&at.path), odd).await;
        store.read(&at).await.unwrap();
        at.role = Role::Mirror;
        let error = store.read(&at).await.unwrap_err();
        assert!(text(&error).contains(word) && error.hint().is_some(), "{error}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_read_to_its_limit_and_no_further() {
    let secrets = secrets!();
    for head in ["HTTP/1.1 200 OK", "HTTP/1.1 500 Internal Server Error"] {
        let head = format!("{head}\r\nContent-Type: application/json\r\n\r\n{{\"kind\": \"");
        let relay = secrets.relay(move |_| Fate::Endless(head.clone(), "x".repeat(1 << 16)));
        let store = secrets.behind(&relay).await;
        let error = store.read(&Secrets::somewhere()).await.unwrap_err();
        assert!(!text(&error).contains("xxx"), "{error}");
    }
}

#[tokio::test]
async fn a_kubeconfig_is_enough_to_get_there() {
    let secrets = secrets!();
    let authority = std::fs::read(&secrets.plane.ca_file).unwrap();
    let authority = STANDARD.encode(authority);
    let (url, token) = (&secrets.plane.url, &secrets.plane.token);
    let file = secrets.dir.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    });
    std::fs::write(&file, config.to_string()).unwrap();
    let cluster = Cluster::Kubeconfig { file, context: None, proxy: None };
    let store = open(KubernetesStore { cluster, ..secrets.admin() }).await;
    let (at, made) = (Secrets::somewhere(), made());
    publish(&store, &at, &made, Phase::Published, &[]).await;
    assert!(matches!(store.read(&at).await.unwrap().content, SecretContent::Managed { .. }));
}

#[tokio::test]
async fn a_secret_is_made_of_the_type_and_with_the_labels_that_are_configured() {
    let secrets = secrets!();
    let settings =
        KubernetesStore { secret_type: "example.com/token".to_owned(), ..secrets.admin() };
    let (store, at) = (open(settings).await, Secrets::somewhere());
    publish(&store, &at, &made(), Phase::Published, &[]).await;
    let secret = secrets.plane.get(&secrets.secret(&at.path)).await;
    assert_eq!(secret["type"], "example.com/token");
    assert_eq!(secret["metadata"]["labels"]["team"], "data");
    assert_eq!(secret["metadata"]["annotations"]["example.com/of"], "pintail");
}

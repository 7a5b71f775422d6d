//! The AWS store against moto: the two steps of a publication, and what one that went wrong may have done.

use pintail::http::settings::Proxy;
use std::collections::BTreeMap;
use std::time::Duration;

use pintail::fault::{Diagnostic, FaultKind};
use pintail::record::{Phase, SecretContent};
use pintail::rotation::world::Reading;
use pintail::secret::Token;
use pintail::stores::settings::{AwsStore, Format, StoreSettings};
use pintail::stores::{PublishError, Role, SecretRef, Store, StoreError};
use pintail::tls::{Roots, http_client};
use serde_json::{Value, json};

use crate::contract::{Fixture, Made, contract, made, publish, somewhere, text};
use crate::keys::keys;
use crate::relay::{Fate, Relay, response};
use crate::servers::{Moto, closed_port};

struct Aws;

impl Fixture for Aws {
    async fn start() -> Self {
        Self
    }

    fn settings(&self) -> StoreSettings {
        settings(&Moto::shared().server.url)
    }

    async fn write_by_hand(&self, path: &str, value: &Value) {
        put_text(path, &value.to_string()).await;
    }

    async fn write_text_by_hand(&self, path: &str, text: &str) {
        put_text(path, text).await;
    }

    async fn text(&self, path: &str) -> String {
        let current = json!({"SecretId": path, "VersionStage": "AWSCURRENT"});
        call("GetSecretValue", current).await["SecretString"].as_str().unwrap().to_owned()
    }

    async fn delete(&self, path: &str) {
        call("DeleteSecret", json!({"SecretId": path, "ForceDeleteWithoutRecovery": true})).await;
    }
}

contract!(Aws);
keys!(Aws);
keys!(Aws: what_no_double_holds_is_an_object_all_the_same);

/// A person's change.
async fn put_text(path: &str, text: &str) {
    let created = call("CreateSecret", json!({"Name": path, "SecretString": text})).await;
    if created.get("ARN").is_none() {
        call("PutSecretValue", json!({"SecretId": path, "SecretString": text})).await;
    }
}

fn settings(endpoint: &str) -> StoreSettings {
    StoreSettings::AwsSecretsManager(AwsStore {
        proxy: Proxy::None,
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some(endpoint.parse().unwrap()),
        role_arn: None,
        kms_key_id: None,
        tags: BTreeMap::from([("team".to_owned(), "data".to_owned())]),
    })
}

async fn behind(relay: &Relay) -> Store {
    Store::open("main", &settings(&relay.url)).await.unwrap()
}

/// A person's request.
async fn call(operation: &str, body: Value) -> Value {
    let client = http_client(Roots::System, None, Duration::from_secs(30)).unwrap();
    let request = client
        .post(&Moto::shared().server.url)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("secretsmanager.{operation}"))
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body(body.to_string());
    request.send().await.unwrap().json().await.unwrap()
}

fn is(head: &str, operation: &str) -> bool {
    head.contains(&format!("secretsmanager.{operation}\r\n"))
}

fn refusal(code: &str, status: u16, message: &str) -> Fate {
    let body = json!({"__type": code, "Message": message, "message": message}).to_string();
    response(status, &format!("x-amzn-errortype: {code}\r\n"), &body)
}

#[tokio::test]
async fn a_replacement_is_a_version_with_its_tokens_id_and_the_old_one_becomes_previous() {
    let store = Aws.store().await;
    let (at, first, second) = (somewhere(), made(), made());
    publish(&store, &at, &first, Phase::Published, &[]).await;
    let now = publish(&store, &at, &second, Phase::Published, &[first.id]).await;
    assert_eq!(now.version.as_str(), second.id.to_string());
    let described = call("DescribeSecret", json!({"SecretId": at.path})).await;
    let stages = &described["VersionIdsToStages"];
    let has = |id: String, label: &str| {
        stages[&id].as_array().unwrap().iter().any(|found| found.as_str() == Some(label))
    };
    assert!(has(second.id.to_string(), "AWSCURRENT"), "{stages}");
    assert!(has(first.id.to_string(), "AWSPREVIOUS"), "{stages}");
    assert_eq!(described["Tags"], json!([{"Key": "team", "Value": "data"}]));
    let sealed = publish(&store, &at, &second, Phase::Retiring, &[first.id]).await;
    assert_ne!(sealed.version.as_str(), second.id.to_string());
}

#[tokio::test]
async fn a_whole_rotation_takes_at_most_eight_requests() {
    let relay = Relay::start(&Moto::shared().server.url, |_| Fate::Pass);
    let store = behind(&relay).await;
    let (at, first, second) = (somewhere(), made(), made());
    publish(&Aws.store().await, &at, &first, Phase::Published, &[]).await;
    let over = store.read(&at).await.unwrap();
    store.ensure_writable(&at, &over).await.unwrap();
    let published = second.record(Phase::Published, &[first.id]);
    store.publish(&at, &over, &published, &second.token).await.unwrap();
    let over = store.read(&at).await.unwrap();
    let sealed = second.record(Phase::Retiring, &[first.id]);
    store.publish(&at, &over, &sealed, &second.token).await.unwrap();
    assert_eq!(relay.heads().len(), 8, "{:#?}", relay.heads());
}

#[tokio::test]
async fn a_move_whose_reply_is_lost_is_unknown_and_never_a_conflict() {
    for fate in
        [|| Fate::LoseReply, || Fate::LoseRequest, || refusal("InternalServiceError", 500, "")]
    {
        let relay = Relay::start(&Moto::shared().server.url, move |head| {
            if is(head, "UpdateSecretVersionStage") { fate() } else { Fate::Pass }
        });
        let store = behind(&relay).await;
        let (at, first, second) = (somewhere(), made(), made());
        let over = publish(&Aws.store().await, &at, &first, Phase::Published, &[]).await;
        let record = second.record(Phase::Published, &[first.id]);
        let outcome = store.publish(&at, &over, &record, &second.token).await;
        let Err(PublishError::Unknown(error)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind(), FaultKind::Transient);
        assert!(!text(&error).contains("s3cret"), "{error}");
        let moves = |head: &&String| is(head, "UpdateSecretVersionStage");
        assert_eq!(relay.heads().iter().filter(moves).count(), 1, "it is sent once");
    }
}

#[tokio::test]
async fn a_put_that_went_wrong_is_a_refusal_since_nobody_is_served_by_it() {
    for fate in
        [|| Fate::LoseReply, || Fate::LoseRequest, || refusal("InternalServiceError", 500, "")]
    {
        let relay = Relay::start(&Moto::shared().server.url, move |head| {
            if is(head, "PutSecretValue") { fate() } else { Fate::Pass }
        });
        let store = behind(&relay).await;
        let (at, first, second) = (somewhere(), made(), made());
        let over = publish(&Aws.store().await, &at, &first, Phase::Published, &[]).await;
        let record = second.record(Phase::Published, &[first.id]);
        let outcome = store.publish(&at, &over, &record, &second.token).await;
        let Err(PublishError::Refused(error)) = outcome else { panic!("{outcome:?}") };
        assert!(!text(&error).contains("s3cret"), "{error}");
        assert_eq!(store.read(&at).await.unwrap().version, over.version);
    }
}

#[tokio::test]
async fn a_creation_whose_reply_is_lost_is_unknown() {
    let relay = Relay::start(&Moto::shared().server.url, |head| {
        if is(head, "CreateSecret") { Fate::LoseReply } else { Fate::Pass }
    });
    let store = behind(&relay).await;
    let (at, first) = (somewhere(), made());
    let over = store.read(&at).await.unwrap();
    let record = first.record(Phase::Published, &[]);
    let outcome = store.publish(&at, &over, &record, &first.token).await;
    assert!(matches!(outcome, Err(PublishError::Unknown(_))), "{outcome:?}");
    assert_eq!(store.read(&at).await.unwrap().version.as_str(), first.id.to_string());
}

#[tokio::test]
async fn a_secret_that_was_created_without_a_value_gets_its_first_one() {
    let store = Aws.store().await;
    let at = somewhere();
    call("CreateSecret", json!({"Name": at.path})).await;
    let stale = store.read(&at).await.unwrap();
    assert!(stale.version.is_absent());
    let first = made();
    publish(&store, &at, &first, Phase::Published, &[]).await;
    let late = made();
    let outcome =
        store.publish(&at, &stale, &late.record(Phase::Published, &[]), &late.token).await;
    assert!(matches!(outcome, Err(PublishError::Conflict)), "{outcome:?}");
}

#[tokio::test]
async fn a_version_id_that_is_taken_is_not_made_current_again() {
    let store = Aws.store().await;
    let (at, first, second) = (somewhere(), made(), made());
    publish(&store, &at, &first, Phase::Published, &[]).await;
    publish(&store, &at, &second, Phase::Published, &[first.id]).await;
    // The first token's version exists; whoever serves it again gets a version of its own.
    let again = publish(&store, &at, &first, Phase::Published, &[second.id]).await;
    assert_ne!(again.version.as_str(), first.id.to_string());
}

#[tokio::test]
async fn a_secret_scheduled_for_deletion_says_so() {
    let store = Aws.store().await;
    let at = somewhere();
    publish(&store, &at, &made(), Phase::Published, &[]).await;
    call("DeleteSecret", json!({"SecretId": at.path, "RecoveryWindowInDays": 7})).await;
    let error = store.read(&at).await.unwrap_err();
    assert!(error.to_string().contains("scheduled for deletion"), "{error}");
    assert!(error.hint().unwrap().contains("restore-secret"));
    assert_eq!(error.kind(), FaultKind::Permanent);
}

#[tokio::test]
async fn a_binary_secret_is_refused_by_name() {
    let store = Aws.store().await;
    let at = somewhere();
    call("CreateSecret", json!({"Name": at.path, "SecretBinary": "czNjcmV0"})).await;
    let error = store.read(&at).await.unwrap_err();
    assert!(matches!(error, StoreError::NotAnObject { .. }), "{error}");
    assert!(error.to_string().contains(&at.path) && !text(&error).contains("s3cret"));
}

#[tokio::test]
async fn a_denied_permission_is_known_before_a_token_exists() {
    let relay = Relay::start(&Moto::shared().server.url, |head| {
        if is(head, "UpdateSecretVersionStage") {
            let told = "User: x is not authorized to perform: secretsmanager:UpdateSecretVersionStage on resource: y";
            refusal("AccessDeniedException", 400, told)
        } else {
            Fate::Pass
        }
    });
    let store = behind(&relay).await;
    let at = somewhere();
    let over = publish(&Aws.store().await, &at, &made(), Phase::Published, &[]).await;
    let error = store.ensure_writable(&at, &over).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Permanent);
    assert!(error.to_string().contains("not authorized"), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("allow secretsmanager:UpdateSecretVersionStage"), "{hint}");
    assert!(!hint.contains("PutSecretValue"), "{hint}");
}

#[tokio::test]
async fn a_validation_error_that_quotes_the_secret_is_not_shown() {
    let relay = Relay::start(&Moto::shared().server.url, |head| {
        if is(head, "PutSecretValue") || is(head, "CreateSecret") {
            refusal("ValidationException", 400, "Value 's3cret' at 'secretString' failed")
        } else {
            Fate::Pass
        }
    });
    let store = behind(&relay).await;
    let (at, first) = (somewhere(), made());
    let over = store.read(&at).await.unwrap();
    let record = first.record(Phase::Published, &[]);
    let outcome = store.publish(&at, &over, &record, &first.token).await;
    let Err(PublishError::Refused(error)) = outcome else { panic!("{outcome:?}") };
    assert!(!text(&error).contains("s3cret"), "{error}");
    assert!(error.to_string().contains("ValidationException"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_not_awss_is_an_error_and_is_not_shown() {
    for body in ["<html>s3cret</html>", "{\"SecretString\": s3cret", ""] {
        for status in [200, 502] {
            let relay = Relay::start("unused", move |_| response(status, "", body));
            let error = behind(&relay).await.read(&somewhere()).await.unwrap_err();
            assert!(!text(&error).contains("s3cret"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_transient() {
    let nowhere = format!("http://127.0.0.1:{}", closed_port());
    let store = Store::open("main", &settings(&nowhere)).await.unwrap();
    let at = somewhere();
    let error = store.read(&at).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Transient, "{error}");
    let over = Aws.store().await.read(&at).await.unwrap();
    let first = made();
    let record = first.record(Phase::Published, &[]);
    let outcome = store.publish(&at, &over, &record, &first.token).await;
    assert!(matches!(outcome, Err(PublishError::Refused(_))), "{outcome:?}");
}

fn plain() -> SecretRef {
    SecretRef { format: Format::Plain, role: Role::Mirror, ..somewhere() }
}

/// What consumers read. moto keeps to the label only where it is named.
async fn value(at: &SecretRef) -> Value {
    call("GetSecretValue", json!({"SecretId": at.path, "VersionStage": "AWSCURRENT"})).await
}

#[tokio::test]
async fn a_plain_secret_is_the_bare_token_and_is_read_as_one_that_nothing_is_known_of() {
    let store = Aws.store().await;
    let (at, first, second) = (plain(), made(), made());
    let nothing = store.read(&at).await.unwrap();
    assert!(nothing.version.is_absent() && matches!(nothing.content, SecretContent::Vacant));
    let mut over = nothing;
    for (made, phase) in [(&first, Phase::Published), (&second, Phase::Retiring)] {
        let record = made.record(phase, &[]);
        store.publish(&at, &over, &record, &made.token).await.unwrap();
        let served = value(&at).await;
        assert_eq!(served["SecretString"].as_str(), Some(format!("s3cret.{}", made.id).as_str()));
        let reading = store.read(&at).await.unwrap();
        assert_ne!(reading.version, over.version);
        let SecretContent::Unmanaged { token } = &reading.content else { panic!("{reading:?}") };
        assert_eq!(token.sha256(), made.token.sha256());
        over = reading;
    }
    assert!(store.recall(&at, first.id).await.unwrap().is_none());
}

#[tokio::test]
async fn of_two_writers_of_a_plain_secret_the_later_one_loses() {
    let store = Aws.store().await;
    let (at, first, second, late) = (plain(), made(), made(), made());
    let nothing = store.read(&at).await.unwrap();
    let put = async |over: &Reading, made: &Made| {
        store.publish(&at, over, &made.record(Phase::Published, &[]), &made.token).await
    };
    put(&nothing, &first).await.unwrap();
    assert!(matches!(put(&nothing, &late).await, Err(PublishError::Conflict)));
    let stale = store.read(&at).await.unwrap();
    put(&stale, &second).await.unwrap();
    assert!(matches!(put(&stale, &late).await, Err(PublishError::Conflict)));
    // The first token again gets a version of its own: a write over the stale one would succeed otherwise.
    let over = store.read(&at).await.unwrap();
    put(&over, &first).await.unwrap();
    assert!(matches!(put(&stale, &late).await, Err(PublishError::Conflict)));
    let served = value(&at).await;
    assert_eq!(served["SecretString"].as_str(), Some(format!("s3cret.{}", first.id).as_str()));
}

#[tokio::test]
async fn a_plain_secret_takes_over_a_token_that_was_put_there_by_hand() {
    let store = Aws.store().await;
    for by_hand in ["made-by-hand", "made-by-hand\n"] {
        let (at, first) = (plain(), made());
        put_text(&at.path, by_hand).await;
        let over = store.read(&at).await.unwrap();
        let SecretContent::Unmanaged { token } = &over.content else { panic!("{over:?}") };
        assert_eq!(token.sha256(), Token::new("made-by-hand").unwrap().sha256());
        store.ensure_writable(&at, &over).await.unwrap();
        store
            .publish(&at, &over, &first.record(Phase::Published, &[]), &first.token)
            .await
            .unwrap();
    }
    let at = plain();
    put_text(&at.path, " \n").await;
    let over = store.read(&at).await.unwrap();
    assert!(matches!(over.content, SecretContent::Vacant) && !over.version.is_absent(), "{over:?}");
}

#[tokio::test]
async fn what_is_no_token_is_not_written_over_by_a_bare_one() {
    let store = Aws.store().await;
    let at = plain();
    let managed = SecretRef { format: Format::Json, role: Role::Primary, ..at.clone() };
    publish(&store, &managed, &made(), Phase::Published, &[]).await;
    for by_hand in
        [None, Some(" {\"password\": \"s3cret\"}"), Some("{s3cret"), Some("s3cret of two words")]
    {
        if let Some(text) = by_hand {
            put_text(&at.path, text).await;
        }
        let error = store.read(&at).await.unwrap_err();
        assert!(matches!(error, StoreError::NotPlain { .. }), "{error}");
        assert_eq!(error.kind(), FaultKind::Permanent);
        assert!(error.to_string().contains(&at.path) && !text(&error).contains("s3cret"));
        assert!(error.hint().unwrap().contains("mirror"));
    }
    let at = plain();
    call("CreateSecret", json!({"Name": at.path, "SecretBinary": "czNjcmV0"})).await;
    assert!(matches!(store.read(&at).await, Err(StoreError::NotPlain { .. })));
}

//! What stores say, and what the program makes of it: found before a token is made, named, and with a hint that fits.

use serde_json::{Value, json};

use crate::http::{Consumer, ask_with};
use crate::place::{Kind, private};
use crate::relay::{Relay, response};
use crate::scene::{ETL, Scene};
use crate::servers::Bao;

/// An answer of Secrets Manager: a status and a body.
type Said = (u16, Value);

/// What is answered to each action.
type Script = Vec<(&'static str, Said)>;

fn no(code: &str, message: &str) -> Said {
    (400, json!({"__type": code, "Message": message}))
}

/// A Secrets Manager that answers each operation as `say` has it.
fn secrets_manager(say: Vec<(&'static str, Said)>) -> Relay {
    Relay::start("", move |head| {
        let target = head.lines().find(|line| line.to_lowercase().starts_with("x-amz-target"));
        let operation = target.unwrap().rsplit('.').next().unwrap().trim().to_owned();
        let known = say.iter().find(|(name, _)| *name == operation).map(|(_, said)| said.clone());
        let (status, body) = known.unwrap_or_else(|| no("AccessDeniedException", "not asked for"));
        response(status, "Content-Type: application/x-amz-json-1.1\r\n", &body.to_string())
    })
}

fn a_secret(text: &str) -> Said {
    (
        200,
        json!({
            "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf",
            "Name": "x",
            "VersionId": "11111111-1111-4111-8111-111111111111",
            "VersionStages": ["AWSCURRENT"],
            "SecretString": text,
            "CreatedDate": 1.7e9,
        }),
    )
}

/// The check and the rotation say these words, and no token is made.
fn says_before_a_token_is_made(say: Vec<(&'static str, Said)>, words: &[&str]) {
    let mut scene = Scene::new(Kind::Aws);
    let relay = secrets_manager(say);
    scene.place.address.clone_from(&relay.url);
    scene.pintail(&["check"]).complains(1, words);
    scene.rotate(&[ETL]).complains(1, words);
    assert_eq!(scene.sandbox.count("token_create"), 0, "{words:?}");
}

#[test]
fn secrets_managers_words_are_understood_before_a_token_is_made() {
    let put = |code: &str, message: &str| {
        let invalid = no("InvalidParameterException", "Not a valid version");
        let seed = a_secret("{\"user\":\"kept\"}");
        let probes = ("UpdateSecretVersionStage", invalid);
        vec![("GetSecretValue", seed), probes, ("PutSecretValue", no(code, message))]
    };
    let get = |code: &str, message: &str| vec![("GetSecretValue", no(code, message))];
    let of_a_replica = "Operation not permitted on a replica secret. Call must be made in primary secret's region.";
    let right = "User: arn:aws:sts::1:assumed-role/pintail/x is not authorized to perform: secretsmanager:PutSecretValue on resource: x";
    let cases: [(Script, &[&str]); 8] = [
        (get("AccessDeniedException", "Access to KMS is not allowed"), &["kms:Decrypt"]),
        (put("AccessDeniedException", "Access to KMS is not allowed"), &["kms:GenerateDataKey"]),
        (put("AccessDeniedException", right), &["allow secretsmanager:PutSecretValue"]),
        (
            get("InvalidRequestException", "The KMS key is disabled or pending deletion"),
            &["enable it or cancel its deletion"],
        ),
        (put("InvalidParameterException", of_a_replica), &["replica", "primary's region"]),
        (
            put("InvalidRequestException", "This secret is managed by another service."),
            &["another AWS service"],
        ),
        (
            get("InvalidSignatureException", "Signature expired: 20261125T000000Z is now earlier"),
            &["clock"],
        ),
        (
            get("InvalidRequestException", "because it was marked for deletion"),
            &["scheduled for deletion", "restore-secret"],
        ),
    ];
    for (say, words) in cases {
        says_before_a_token_is_made(say, words);
    }
}

#[test]
fn a_secret_without_room_for_a_record_is_found_before_a_token_is_made() {
    let full = json!({"notes": "x".repeat(62_000)}).to_string();
    let invalid = || no("InvalidParameterException", "Not a valid version");
    let say = vec![
        ("GetSecretValue", a_secret(&full)),
        ("UpdateSecretVersionStage", invalid()),
        ("PutSecretValue", invalid()),
    ];
    says_before_a_token_is_made(say, &["no room", "65536 bytes"]);
}

#[test]
fn a_secret_that_aws_rotates_itself_is_an_error_of_the_check() {
    let mut scene = Scene::new(Kind::Aws);
    let invalid = || no("InvalidParameterException", "Not a valid version");
    let relay = secrets_manager(vec![
        ("GetSecretValue", a_secret("{\"user\":\"kept\"}")),
        ("UpdateSecretVersionStage", invalid()),
        ("PutSecretValue", invalid()),
        ("DescribeSecret", (200, json!({"Name": "x", "RotationEnabled": true}))),
    ]);
    scene.place.address.clone_from(&relay.url);
    let check = scene.pintail(&["check"]);
    check.complains(1, &["AWS rotates secret", "cancel-rotate-secret"]);
}

/// Asks the shared OpenBao as root.
fn root(method: &str, path: &str, body: &Value) -> Value {
    let bao = Bao::shared();
    let url = format!("{}/v1/{path}", bao.server.url);
    let header = format!("X-Vault-Token: {}\r\n", bao.root_token);
    let (status, answer) = ask_with(method, &url, &header, &body.to_string());
    assert!((200..300).contains(&status), "{path}: {answer}");
    serde_json::from_str(&answer).unwrap_or(Value::Null)
}

#[test]
fn what_takes_the_way_back_or_the_secret_itself_is_found_by_the_check() {
    let scene = Scene::new(Kind::Vault);
    scene.first_token();
    let quiet = scene.pintail(&["check"]);
    assert_eq!(quiet.code, Some(0), "{quiet}");
    assert!(!quiet.stdout.contains("one version"), "{quiet}");
    let metadata = format!("secret/metadata/{}", scene.place.path(ETL));
    root("POST", &metadata, &json!({"max_versions": 1}));
    let check = scene.pintail(&["check"]);
    assert_eq!(check.code, Some(0), "a warning: {check}");
    assert!(check.stdout.contains("keeps one version"), "{check}");
    root("POST", &metadata, &json!({"max_versions": 10, "delete_version_after": "3h25m19s"}));
    scene.pintail(&["check"]).complains(1, &["deletes a version after 3h 25m 19s"]);
    root("POST", &metadata, &json!({"delete_version_after": "800h"}));
    assert_eq!(scene.pintail(&["check"]).code, Some(0), "longer than 30 days");

    root("DELETE", &format!("secret/data/{}", scene.place.path(ETL)), &json!({}));
    let check = scene.pintail(&["check"]);
    assert!(check.stdout.contains("was deleted") && check.stdout.contains("undelete"), "{check}");
}

#[test]
fn no_hint_promises_a_way_back_that_is_gone() {
    let mut scene = Scene::new(Kind::Vault);
    scene.first_token();
    let metadata = format!("secret/metadata/{}", scene.place.path(ETL));
    root("POST", &metadata, &json!({"max_versions": 1}));
    let consumer = Consumer::start(|_| 503);
    scene.defaults = format!(
        "on_failure = \"roll_back\"\n\
         gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 1, deadline = \"300ms\" }}",
        consumer.url
    );
    let held = scene.rotate(&[ETL]);
    let hint = held.came_to(3, "held")["hint"].as_str().unwrap().to_owned();
    assert!(hint.contains("cannot be served again"), "{held}");
    assert!(!hint.contains("roll-back"), "{held}");
    let back = scene.pintail(&["roll-back", ETL]);
    back.complains(1, &["the store no longer has its text", "adopt"]);
    assert!(!back.to_string().contains("fresh token"), "rotate-now goes on instead: {back}");
}

#[test]
fn a_predecessor_that_the_store_has_forgotten_is_told_of_while_it_could_be_needed() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let consumer = Consumer::start(|_| 503);
    scene.defaults = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 1, deadline = \"300ms\" }}",
        consumer.url
    );
    scene.rotate(&[ETL]).came_to(3, "held");
    assert!(!scene.pintail(&["check"]).stdout.contains("cannot be served again"));
    let secret = scene.place.directory(ETL);
    let current = std::fs::read_link(secret.join("..data")).unwrap();
    for entry in std::fs::read_dir(&secret).unwrap().flatten() {
        let name = entry.file_name();
        let is_version = name.to_string_lossy().starts_with("..0");
        if is_version && name.as_os_str() != current.as_os_str() {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    let check = scene.pintail(&["check"]);
    assert!(check.stdout.contains("it cannot be served again"), "{check}");
}

#[test]
fn vaults_words_about_namespaces_and_wrapping_have_their_hints() {
    let mut scene = Scene::new(Kind::Vault);
    let said = |status, words: &str| {
        let body = json!({"errors": [words]}).to_string();
        Relay::start("", move |_| response(status, "Content-Type: application/json\r\n", &body))
    };
    for (status, words, hint) in [
        (404, "namespace not found", "`namespace`"),
        (503, "API access to this namespace has been locked by an administrator", "unlock"),
        (503, "Vault is sealed", "operator init"),
    ] {
        let relay = said(status, words);
        scene.place.address.clone_from(&relay.url);
        scene.pintail(&["check"]).complains(1, &[words, hint]);
    }
    let relay = said(400, "invalid role or secret ID");
    let secret_id = scene.dir().join("secret-id");
    private(&secret_id, "hvs.CAESIwrapping");
    scene.more = format!(
        "[stores.wrapped.vault]\naddress = \"{}\"\nauth = {{ approle = {{ role_id = \"r\", secret_id_file = \"{}\" }} }}\n\
         [credentials.other]\nusername = \"{ETL}\"\nstore = \"wrapped\"\n",
        relay.url,
        secret_id.display()
    );
    scene.place.address.clone_from(&Bao::shared().server.url);
    scene.pintail(&["check"]).complains(1, &["form of a wrapping token", "vault unwrap"]);
}

#[test]
fn a_vault_token_that_ends_soon_and_has_a_byte_order_mark_is_taken_and_told_of() {
    let scene = Scene::new(Kind::Vault);
    let wish = json!({"policies": ["root"], "ttl": "30h"});
    let created = root("POST", "auth/token/create", &wish);
    let token = created["auth"]["client_token"].as_str().unwrap();
    private(&scene.dir().join("vault-token"), &format!("\u{feff}{token}\n"));
    let check = scene.pintail(&["check"]);
    assert_eq!(check.code, Some(0), "{check}");
    assert!(check.stdout.contains("the Vault token ends in 1day "), "{check}");
}

//! The policies for Vault and OpenBao: enough for every way to log in, and one right less is named by `check`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::bench::{Bench, said, text};
use crate::servers::{Bao, environment};

/// Two rotations and a check, by a role that has the shipped policy and nothing else.
async fn assert_suffices(bench: &Bench, auth: &str) {
    let first = bench.rotate(auth).await;
    let second = bench.rotate(auth).await;
    assert_eq!(second["revoked"], json!([first["token_id"]]));
    let checked = bench.pintail(auth, &["check"]).await;
    let all_is_well = said(&checked).contains("0 errors, 0 warnings");
    assert!(checked.status.success() && all_is_well, "{}", said(&checked));
    let path = format!("secret/data/motherduck/{}", bench.credential);
    let secret = bench.root("GET", &path, json!({})).await;
    assert_eq!(secret["data"]["data"]["token_id"], second["token_id"]);
}

#[tokio::test]
async fn the_policy_suffices_for_an_app_role() {
    let bench = Bench::start().await;
    let auth = bench.approle(&text("vault/pintail.hcl")).await;
    assert_suffices(&bench, &auth).await;
    assert_eq!(bench.living_tokens(&auth).await, 0, "each run gave back what it logged in for");
}

#[tokio::test]
async fn a_check_tells_where_nothing_can_be_given_back() {
    let bench = Bench::start().await;
    let whole = text("vault/pintail.hcl");
    let (before, after) = whole.split_once("path \"auth/token/revoke-self\"").unwrap();
    let ask = "path \"sys/capabilities-self\" { capabilities = [\"update\"] }\n";
    let rules = format!("{before}{ask}path \"elsewhere\"{after}");
    let auth = bench.approle(&rules).await;
    bench.rotate(&auth).await;
    let checked = bench.pintail(&auth, &["check"]).await;
    let told = said(&checked);
    assert!(told.contains("lacks the capability `update` on auth/token/revoke-self"), "{told}");
    assert_eq!(checked.status.code(), Some(0), "{told}");
    assert!(bench.living_tokens(&auth).await >= 2, "they live, and no run failed for it");
}

#[tokio::test]
async fn the_policy_suffices_in_a_namespace() {
    let bench = Bench::start().await.in_namespace().await;
    let auth = bench.approle(&text("vault/pintail.hcl")).await;
    assert_suffices(&bench, &auth).await;
}

#[tokio::test]
async fn the_policy_suffices_for_a_signed_token() {
    let bench = Bench::start().await;
    let policy = bench.policy(&text("vault/pintail.hcl")).await;
    let (key, token) = signed_token();
    let mount = bench.auth("jwt").await;
    let config = json!({"jwt_validation_pubkeys": [key], "bound_issuer": "tests"});
    bench.root("POST", &format!("auth/{mount}/config"), config).await;
    let role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"],
        "bound_subject": SUBJECT, "token_policies": [policy], "token_no_default_policy": true,
    });
    bench.root("POST", &format!("auth/{mount}/role/pintail"), role).await;
    let file = bench.file("jwt", &token);
    let auth = format!(
        "{{ jwt = {{ role = \"pintail\", token_file = \"{file}\", mount = \"{mount}\" }} }}"
    );
    assert_suffices(&bench, &auth).await;
}

#[tokio::test]
async fn the_policy_suffices_for_a_pods_service_account() {
    let bench = Bench::start().await;
    let policy = bench.policy(&text("vault/pintail.hcl")).await;
    let (_, token) = signed_token();
    let mount = bench.auth("kubernetes").await;
    let config = json!({
        "kubernetes_host": kubernetes(token.clone()),
        "kubernetes_ca_cert": bench.certificate(),
        "token_reviewer_jwt": token,
        "disable_local_ca_jwt": true,
    });
    bench.root("POST", &format!("auth/{mount}/config"), config).await;
    let role = json!({
        "bound_service_account_names": ["pintail"], "bound_service_account_namespaces": ["pintail"],
        "audience": "vault", "token_policies": [policy], "token_no_default_policy": true,
    });
    bench.root("POST", &format!("auth/{mount}/role/pintail"), role).await;
    let file = bench.file("pod-token", &token);
    let auth = format!(
        "{{ kubernetes = {{ role = \"pintail\", token_file = \"{file}\", mount = \"{mount}\" }} }}"
    );
    assert_suffices(&bench, &auth).await;
}

const RIGHTS: [&str; 3] = ["create", "read", "update"];

/// Asserts that a check names this right, and no other, for the secret of the bench.
fn assert_names(said: &str, bench: &Bench, right: &str) {
    let path = format!("`{right}` on secret/data/motherduck/{}", bench.credential);
    assert!(said.contains(&path), "without {right}, {path:?} is missing: {said}");
    for other in RIGHTS.iter().filter(|other| **other != right) {
        assert!(!said.contains(&format!("`{other}`")), "without {right}, {other} is named: {said}");
    }
}

#[tokio::test]
async fn one_right_less_is_named_by_the_check_as_soon_as_it_is_missed() {
    let whole = text("vault/pintail.hcl");
    for (right, doing) in [("create", "write"), ("read", "read"), ("update", "write")] {
        let bench = Bench::start().await;
        if right != "create" {
            // Only a secret that is there can be updated, or shows that it cannot be read.
            bench.rotate(&bench.approle(&whole).await).await;
        }
        let rules = without(&whole, right);
        let checked = bench.pintail(&bench.approle(&rules).await, &["check"]).await;
        let said = said(&checked);
        assert_eq!(checked.status.code(), Some(1), "without {right}: {said}");
        let failure =
            format!("cannot {doing} secret motherduck/{} on mount secret", bench.credential);
        assert!(said.contains(&failure), "without {right}: {said}");
        assert_names(&said, &bench, right);
    }
}

#[tokio::test]
async fn one_right_less_is_named_before_it_is_missed_where_pintail_may_ask() {
    let whole = text("vault/pintail.hcl");
    let bench = Bench::start().await;
    for is_there in [false, true] {
        for right in RIGHTS {
            let rules = without(&whole, right);
            let auth = bench.approle_that_may_ask(&rules).await;
            let checked = bench.pintail(&auth, &["check"]).await;
            let said = said(&checked);
            // The first version is written once: where there is one, its right is not needed today.
            let code = i32::from(!(is_there && right == "create"));
            assert_eq!(checked.status.code(), Some(code), "without {right}: {said}");
            assert!(said.contains("the policy lacks the capability"), "without {right}: {said}");
            assert_names(&said, &bench, right);
        }
        bench.rotate(&bench.approle(&whole).await).await;
    }
    let auth = bench.approle_that_may_ask(&whole).await;
    assert!(said(&bench.pintail(&auth, &["check"]).await).contains("0 errors, 0 warnings"));
}

#[tokio::test]
async fn an_authority_of_ones_own_is_believed_where_it_is_named_and_nowhere_else() {
    static SECURED: OnceLock<Bao> = OnceLock::new();
    let mut bench = Bench::over(SECURED.get_or_init(Bao::start_with_tls)).await;
    let auth = bench.approle(&text("vault/pintail.hcl")).await;
    assert_suffices(&bench, &auth).await;

    let ca_file = bench.ca_file.take();
    let checked = bench.pintail(&auth, &["check"]).await;
    let told = said(&checked);
    assert_eq!(checked.status.code(), Some(1), "{told}");
    assert!(told.contains("error    store main: the certificate of 127.0.0.1:"), "{told}");
    assert!(
        told.contains("is not believed") && told.contains("stores.main.vault.ca_file"),
        "{told}"
    );
    let rotated = bench.pintail(&auth, &["rotate-now", "--all"]).await;
    assert_eq!(rotated.status.code(), Some(1), "{}", said(&rotated));
    assert!(said(&rotated).contains("certificate"), "{}", said(&rotated));

    let stranger = bench.file("stranger.pem", &bench.certificate());
    bench.ca_file = Some(stranger.into());
    let checked = bench.pintail(&auth, &["check"]).await;
    assert!(said(&checked).contains("is not believed"), "{}", said(&checked));
    bench.ca_file = ca_file;
    assert!(bench.pintail(&auth, &["check"]).await.status.success());
}

#[tokio::test]
async fn a_consumer_reads_its_own_secret_and_no_other() {
    let bench = Bench::start().await;
    let rules = text("vault/consumer.hcl").replace("etl-prod", &bench.credential);
    let policy = bench.policy(&rules).await;
    bench.rotate(&bench.approle(&text("vault/pintail.hcl")).await).await;
    let can = async |path: &str| -> Value {
        let made = json!({"policies": [policy], "no_default_policy": true});
        let made = bench.root("POST", "auth/token/create", made).await;
        let body = json!({"token": made["auth"]["client_token"], "paths": [path]});
        bench.root("POST", "sys/capabilities", body).await["data"][path].clone()
    };
    let own = format!("secret/data/motherduck/{}", bench.credential);
    assert_eq!(can(&own).await, json!(["read"]));
    assert_eq!(can("secret/data/motherduck/another").await, json!(["deny"]));
}

/// The policy without one of its capabilities.
fn without(rules: &str, right: &str) -> String {
    let (before, after) = rules.split_once("capabilities = [").unwrap();
    let (list, after) = after.split_once(']').unwrap();
    let (list, quoted): (Vec<_>, _) = (list.split(", ").collect(), format!("\"{right}\""));
    let kept: Vec<_> = list.iter().copied().filter(|entry| *entry != quoted).collect();
    assert_eq!(kept.len() + 1, list.len(), "{right} is in the policy");
    format!("{before}capabilities = [{}]{after}", kept.join(", "))
}

const SUBJECT: &str = "system:serviceaccount:pintail:pintail";

/// A public key, and a token of the service account that it signed.
fn signed_token() -> (String, String) {
    const SIGN: &str = "
import json, time
from joserfc import jwt
from joserfc.jwk import ECKey
key = ECKey.generate_key('P-256')
now = int(time.time())
claims = {
    'iss': 'tests', 'sub': 'system:serviceaccount:pintail:pintail', 'aud': ['vault'], 'iat': now, 'exp': now + 900,
    'kubernetes.io': {'namespace': 'pintail', 'serviceaccount': {'name': 'pintail', 'uid': 'uid-1'}},
}
print(json.dumps([key.as_pem(private=False).decode(), jwt.encode({'alg': 'ES256'}, claims, key)]))
";
    let python = environment().join("bin/python3");
    let output = std::process::Command::new(python).args(["-c", SIGN]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A stand-in for the cluster's TokenReview, which knows one token; it listens for as long as the test process lives.
fn kubernetes(known: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client?;
            let mut reader = BufReader::new(client.try_clone()?);
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
            for line in head.lines().filter_map(|line| line.split_once(": ")) {
                if line.0.eq_ignore_ascii_case("content-length") {
                    length = line.1.parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            let review: Value = serde_json::from_slice(&body).unwrap();
            let status = json!({
                "authenticated": review["spec"]["token"] == known,
                "audiences": ["vault"],
                "user": {"username": SUBJECT, "uid": "uid-1"},
            });
            let reply = json!({
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status,
            });
            let reply = reply.to_string();
            write!(
                client,
                "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{reply}",
                reply.len()
            )?;
        }
        Ok::<_, std::io::Error>(())
    });
    url
}

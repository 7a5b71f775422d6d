//! The policies for Vault and OpenBao: enough for every way to log in, and one right less is named by `check`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::bench::{Bench, said, text};
use crate::servers::environment;

/// Two rotations and a check, by a role that has the shipped policy and nothing else.
async fn assert_suffices(bench: &Bench, auth: &str) {
    let first = bench.rotate(auth).await;
    let second = bench.rotate(auth).await;
    assert_eq!(second["revoked"], json!([first["token_id"]]));
    let checked = bench.pintail(auth, &["check"]).await;
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    let path = format!("secret/data/motherduck/{}", bench.credential);
    let secret = bench.root("GET", &path, json!({})).await;
    assert_eq!(secret["data"]["data"]["token_id"], second["token_id"]);
}

#[tokio::test]
async fn the_policy_suffices_for_an_app_role() {
    let bench = Bench::start().await;
    let auth = bench.approle(&text("vault/pintail.hcl")).await;
    assert_suffices(&bench, &auth).await;
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

#[tokio::test]
async fn one_right_less_is_named_by_the_check() {
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
        let secret = format!("motherduck/{}", bench.credential);
        for part in [
            format!("cannot {doing} secret {secret} on mount secret"),
            format!("`{right}`"),
            format!("secret/data/{secret}"),
        ] {
            assert!(said.contains(&part), "without {right}, {part:?} is missing: {said}");
        }
    }
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

//! How consumers read their secret: the token file, Vault's HTTP API, or Secrets Manager's; none of it pintail's code.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::stores::Store;

/// A secret as it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    pub token: String,
    pub id: String,
}

/// A way to read secrets.
#[derive(Clone)]
pub enum Reader {
    File(PathBuf),
    Vault { url: String, token: String, http: reqwest::Client },
    Aws { url: String, http: reqwest::Client },
}

const LIMIT: Duration = Duration::from_secs(5);
/// moto believes whoever says that he has signed; it looks only which service is meant.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/secretsmanager/aws4_request, \
                      SignedHeaders=host, Signature=0";

impl Reader {
    /// The consumers' own way to a store.
    pub fn new(store: &Store) -> Self {
        let http = || reqwest::Client::builder().timeout(LIMIT).build().unwrap();
        match store {
            Store::File(dir) => Self::File(dir.clone()),
            Store::Vault(raft) => {
                Self::Vault { url: raft.url.clone(), token: raft.token.clone(), http: http() }
            }
            Store::Aws(moto) => Self::Aws { url: moto.server.url.clone(), http: http() },
        }
    }

    /// The secret of a credential; `None` if it cannot be read now.
    pub async fn read(&self, credential: &str) -> Option<Secret> {
        let secret: Value = match self {
            Self::File(dir) => {
                let dir = dir.join(credential);
                let token = || std::fs::read_to_string(dir.join("token")).ok();
                let first = token()?;
                let record = std::fs::read_to_string(dir.join("record.json")).ok()?;
                // The two are one version if nothing was put between them.
                if token()? != first {
                    return None;
                }
                let mut record: Value = serde_json::from_str(&record).ok()?;
                record["motherduck_token"] = first.into();
                record
            }
            Self::Vault { url, token, http } => {
                let url = format!("{url}/v1/secret/data/{credential}");
                let answer = http.get(url).header("X-Vault-Token", token).send().await.ok()?;
                let answer: Value = answer.error_for_status().ok()?.json().await.ok()?;
                answer["data"]["data"].clone()
            }
            Self::Aws { url, http } => {
                let body = json!({"SecretId": credential, "VersionStage": "AWSCURRENT"});
                let request = http
                    .post(url)
                    .header("X-Amz-Target", "secretsmanager.GetSecretValue")
                    .header("Content-Type", "application/x-amz-json-1.1")
                    .header("Authorization", SIGNED)
                    .body(body.to_string());
                let answer = request.send().await.ok()?.error_for_status().ok()?;
                let answer: Value = answer.json().await.ok()?;
                serde_json::from_str(answer["SecretString"].as_str()?).ok()?
            }
        };
        let text = |key: &str| secret[key].as_str().map(str::to_owned);
        Some(Secret { token: text("motherduck_token")?, id: text("token_id")? })
    }
}

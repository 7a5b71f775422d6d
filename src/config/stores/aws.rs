//! `[stores.NAME.aws_secrets_manager]`: AWS Secrets Manager.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::config::findings::{Findings, Key};
use crate::config::url::{Proxy, Url, base_url};
use crate::stores::settings::AwsStore;

/// `[stores.NAME.aws_secrets_manager]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Aws")]
pub(in crate::config) struct Table {
    /// The region; by default the AWS SDK's own chain decides.
    #[schemars(extend("examples" = ["eu-west-1"]))]
    region: Option<String>,
    /// The endpoint of a stand-in: https, or http to a loopback address.
    #[schemars(extend("examples" = ["http://127.0.0.1:5000"]))]
    endpoint_url: Option<Url>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    proxy: Option<Proxy>,
    /// A role to assume.
    #[schemars(extend("examples" = ["arn:aws:iam::111122223333:role/pintail"]))]
    role_arn: Option<String>,
    /// The KMS key of secrets that pintail creates.
    #[schemars(extend("examples" = ["alias/pintail"]))]
    kms_key_id: Option<String>,
    /// Tags of secrets that pintail creates.
    #[schemars(extend("examples" = [json!({"team": "data"})]))]
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

impl Table {
    /// The store.
    pub(super) fn check(self, key: &Key<'_>, findings: &mut Findings) -> AwsStore {
        if let Some(url) = &self.endpoint_url {
            base_url(&url.0, &key.child("endpoint_url"), findings);
        }
        for (name, value) in &self.tags {
            let fits = (1..=128).contains(&name.chars().count()) && value.chars().count() <= 256;
            if !fits || name.starts_with("aws:") {
                findings.problem(
                &key.child("tags").child(name),
                "AWS refuses this tag: names have 1 to 128 characters and do not begin with `aws:`, values have up to \
                 256",
            );
            }
        }
        AwsStore {
            region: findings.text(&key.child("region"), self.region),
            endpoint_url: self.endpoint_url.map(|url| url.0),
            proxy: self.proxy.map(|proxy| proxy.0).unwrap_or_default(),
            role_arn: findings.text(&key.child("role_arn"), self.role_arn),
            kms_key_id: findings.text(&key.child("kms_key_id"), self.kms_key_id),
            tags: self.tags,
        }
    }
}

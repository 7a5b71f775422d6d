//! `[kubernetes]` and `[stores.NAME.kubernetes]` as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{FilePath, Flag, Url};

/// `[kubernetes]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Cluster")]
pub(in crate::config) struct Cluster {
    pub(in crate::config) api_url: Option<Url>,
    pub(in crate::config) ca_file: Option<FilePath>,
    pub(in crate::config) token_file: Option<FilePath>,
    pub(in crate::config) client_cert_file: Option<FilePath>,
    pub(in crate::config) client_key_file: Option<FilePath>,
    pub(in crate::config) kubeconfig: Option<FilePath>,
    pub(in crate::config) context: Option<String>,
}

/// `[stores.NAME.kubernetes]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesStore")]
pub(in crate::config) struct Store {
    pub(in crate::config) namespace: String,
    pub(in crate::config) create: Option<Flag>,
    pub(in crate::config) r#type: Option<String>,
    pub(in crate::config) token_id_field: Option<String>,
    #[serde(default)]
    pub(in crate::config) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(in crate::config) annotations: BTreeMap<String, String>,
}

//! `[stores.NAME.file]`: files in the layout of Kubernetes' mounted secrets.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::config::findings::{Findings, Key};
use crate::config::limits::{Limits, Range};
use crate::config::scalar::{FilePath, Number};
use crate::stores::Template;
use crate::stores::settings::FileStore;

const KEEP_VERSIONS: Limits<u16> = Range::new(1, 100).or(3);

/// `[stores.NAME.file]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "File")]
pub(in crate::config) struct Table {
    /// The directory that holds all secrets of the store; absolute.
    #[schemars(extend("examples" = ["/var/lib/pintail/secrets"]))]
    dir: FilePath,
    /// A Unix group that may read the secrets, by name or number.
    #[schemars(extend("examples" = ["etl"]))]
    group: Option<String>,
    /// How many previous versions stay on disk.
    #[schemars(extend("examples" = [5]), transform = KEEP_VERSIONS.schema())]
    keep_versions: Option<Number>,
    /// Further files beside the token, each with its name and its text: `{token}` stands for the token as it is, `{token:percent}` for the token in a URL, `{token:json}` for a JSON string.
    #[schemars(extend("examples" = [json!({"airflow.env": "AIRFLOW_CONN_MOTHERDUCK=duckdb://:{token:percent}@\n"})]))]
    #[serde(default)]
    template: BTreeMap<String, String>,
}

impl Table {
    /// The store, the defaults filled in.
    pub(super) fn check(self, key: &Key<'_>, findings: &mut Findings) -> Option<FileStore> {
        let keep_versions =
            findings.number(&key.child("keep_versions"), self.keep_versions, &KEEP_VERSIONS);
        let mut templates = vec![];
        for (name, text) in &self.template {
            let key = key.child("template");
            templates.extend(findings.accept(&key.child(name), Template::parse(name, text)));
        }
        Some(FileStore {
            dir: findings.accept(&key.child("dir"), absolute(&self.dir.0))?,
            group: findings.text(&key.child("group"), self.group),
            keep_versions: usize::from(keep_versions),
            templates,
        })
    }
}

/// The directory without superfluous parts, so that two stores in one place are recognised.
fn absolute(dir: &Path) -> Result<PathBuf, &'static str> {
    if !dir.is_absolute() || dir.components().any(|part| part == Component::ParentDir) {
        return Err("this must be an absolute path without `..`");
    }
    Ok(dir.components().collect())
}

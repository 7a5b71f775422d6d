//! What every test that runs pintail begins with: a sandbox as a configuration names it.

#![allow(dead_code, reason = "each test target uses its own part of this")]

use std::fmt::{Display, Formatter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pintail::config::Config;
use pintail::sandbox::Ready;
use serde_json::Value;

/// `[motherduck]`: a sandbox, or what stands before it. Further keys of the table may follow.
pub struct MotherDuck {
    pub api_url: String,
    /// As the configuration says it.
    pub admin_token: String,
    pub postgres_host: String,
    pub postgres_port: u16,
    pub ca_file: PathBuf,
}

impl MotherDuck {
    /// The sandbox itself.
    pub fn of(ready: &Ready) -> Self {
        Self {
            api_url: ready.api_url.clone(),
            admin_token: format!("{{ file = \"{}\" }}", ready.admin_token_file.display()),
            postgres_host: ready.postgres_host.clone(),
            postgres_port: ready.postgres_port,
            ca_file: ready.ca_file.clone(),
        }
    }

    /// The sandbox that said this when it was ready.
    pub fn told(ready: &Value) -> Self {
        Self::of(&serde_json::from_value(ready.clone()).unwrap())
    }
}

impl Display for MotherDuck {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { api_url, admin_token, postgres_host, postgres_port, ca_file } = self;
        let ca_file = ca_file.display();
        write!(
            f,
            r#"[motherduck]
api_url = "{api_url}"
admin_token = {admin_token}
requests_per_second = 1000
postgres = {{ host = "{postgres_host}", port = {postgres_port}, ca_file = "{ca_file}" }}
"#
        )
    }
}

/// The configuration that `text` says, from a file in `dir`.
pub fn load(dir: &Path, text: &str) -> Arc<Config> {
    let file = dir.join("pintail.toml");
    std::fs::write(&file, text).unwrap();
    Arc::new(Config::load(&[file], []).unwrap_or_else(|error| panic!("{error}")))
}

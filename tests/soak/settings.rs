//! The configuration of a soak, as a user would write it.

use std::fmt::{Display, Formatter};

/// What differs from soak to soak.
pub struct Settings<'a> {
    pub api_url: &'a str,
    pub admin_token_file: &'a str,
    pub postgres_port: u16,
    pub ca_file: &'a str,
    /// The store's table.
    pub store: &'a str,
    /// Where the consumers are asked.
    pub consumers: &'a str,
    pub credentials: &'a [String],
}

impl Display for Settings<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self {
            api_url,
            admin_token_file,
            postgres_port,
            ca_file,
            store,
            consumers,
            credentials,
        } = self;
        let concurrency = credentials.len();
        write!(
            f,
            r#"owner = "soak"
[daemon]
concurrency = {concurrency}
[motherduck]
api_url = "{api_url}"
admin_token = {{ file = "{admin_token_file}" }}
requests_per_second = 1000
[motherduck.postgres]
host = "127.0.0.1"
port = {postgres_port}
ca_file = "{ca_file}"
{store}
[defaults]
store = "main"
path = "{{credential}}"
every = "30d"
ttl = "45d"
deploy.http = {{ url = "{consumers}/deploy/{{credential}}" }}
[defaults.gate.http]
url = "{consumers}/gate/{{credential}}/{{token_id}}"
interval = "100ms"
successes = 1
deadline = "5s"
"#
        )?;
        for name in *credentials {
            writeln!(f, "[credentials.{name}]\nusername = \"{name}\"")?;
        }
        Ok(())
    }
}

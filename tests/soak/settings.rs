//! The configuration of a soak, as a user would write it.

use std::fmt::{Display, Formatter};

use crate::fixture::MotherDuck;

/// What differs from soak to soak.
pub struct Settings<'a> {
    pub motherduck: MotherDuck,
    /// The store's table.
    pub store: &'a str,
    /// Where the consumers are asked.
    pub consumers: &'a str,
    pub credentials: &'a [String],
}

impl Display for Settings<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { motherduck, store, consumers, credentials } = self;
        let concurrency = credentials.len();
        write!(
            f,
            r#"owner = "soak"
[daemon]
concurrency = {concurrency}
{motherduck}
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

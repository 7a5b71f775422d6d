//! `[motherduck.postgres]`: the Postgres endpoint.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Host;

use crate::config::findings::{Findings, Key};
use crate::config::limits::{Limits, Range};
use crate::config::scalar::{FilePath, Number};
use crate::consumers::verify::settings::Postgres;

const PORT: Limits<u16> = Range::new(1, u16::MAX).or(5432);

/// `[motherduck.postgres]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Postgres")]
pub(in crate::config) struct Table {
    /// The host, without a scheme and a port; by default it follows from the token's region.
    #[schemars(extend("examples" = ["pg.us-east-1-aws.motherduck.com"]))]
    host: Option<String>,
    /// The port.
    #[schemars(extend("examples" = [6432]), transform = PORT.schema())]
    port: Option<Number>,
    /// Certificate authorities in place of the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/postgres-ca.pem"]))]
    ca_file: Option<FilePath>,
}

impl Table {
    /// The endpoint, the defaults filled in.
    pub(super) fn check(self, key: &Key<'_>, findings: &mut Findings) -> Postgres {
        if let Some(host) = &self.host
            && Host::parse(host).is_err()
        {
            findings.problem(
                &key.child("host"),
                "this must be a host name or an address alone, without a scheme and a port",
            );
        }
        Postgres {
            port: findings.number(&key.child("port"), self.port, &PORT),
            host: self.host,
            ca_file: self.ca_file.map(|path| path.0),
        }
    }
}

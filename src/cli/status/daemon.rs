//! What a daemon that runs beside the status command knows and nobody else can see: what its last runs came to.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::config::{Config, Credential};
use crate::http::body::read;
use crate::names::{AccountName, CredentialName, Owner, TokenId};
use crate::record::Record;
use crate::redact::presentable;
use crate::rotation::condition::{LastRun, Problem, Reason, State};
use crate::rotation::step_log::Step;
use crate::tls::{Roots, http_client};

/// A status does not wait for a daemon that does not answer.
const LIMIT: Duration = Duration::from_secs(2);
/// No document of a daemon is larger: a kilobyte or two for each credential.
const MOST_BYTES: usize = 64 << 20;
/// As long as the text of a daemon's message may be: it came over the network.
const CHARACTERS: usize = 2_000;

/// What a daemon tells of the credentials; of none, where no daemon answers.
#[derive(Debug, Default)]
pub(in crate::cli) struct Daemon(BTreeMap<CredentialName, DaemonCredential>);

#[derive(Debug, Deserialize)]
struct Document {
    owner: Owner,
    credentials: Vec<serde_json::Value>,
}

/// What is read of one credential of `/status.json`.
#[derive(Debug, Deserialize)]
struct DaemonCredential {
    name: CredentialName,
    username: AccountName,
    store: String,
    path: String,
    token_id: Option<TokenId>,
    published_at: Option<Timestamp>,
    state: State,
    reason: Option<Reason>,
    step: Option<Step>,
    since: Option<Timestamp>,
    message: Option<String>,
    hint: Option<String>,
    next_look: Option<Timestamp>,
}

impl Daemon {
    /// Asks the daemon that `config` describes. Where none answers, or another one does, nothing is known of it: a
    /// status is complete without.
    pub(in crate::cli) async fn ask(config: &Config) -> Self {
        let answer = Box::pin(document(config)).await;
        let Some(document) = answer.filter(|document| document.owner == config.owner) else {
            return Self::default();
        };
        // One that is of a later release may have words that this one does not know.
        let told =
            document.credentials.into_iter().filter_map(|one| serde_json::from_value(one).ok());
        Self(told.map(|told: DaemonCredential| (told.name.clone(), told)).collect())
    }

    /// How the daemon's last run left `credential`, if it is not well and the daemon saw what is served now.
    pub(super) fn last_run(
        &self,
        credential: &Credential,
        served: Option<&Record>,
    ) -> Option<LastRun> {
        let told = self.0.get(&credential.name)?;
        let is_same = told.username == credential.username
            && (&told.store, &told.path) == (&credential.store, &credential.path)
            && told.token_id == served.map(|record| record.token_id)
            && told.published_at == served.map(|record| record.published_at);
        let (reason, since) = (told.reason?, told.since?);
        let problem = Problem {
            step: told.step,
            reason,
            message: presentable(told.message.as_deref()?, CHARACTERS),
            hint: told.hint.as_deref().map(|hint| presentable(hint, CHARACTERS)),
        };
        let is_a_runs = matches!(told.state, State::Held | State::Failing | State::Blocked);
        (is_same && is_a_runs).then_some(LastRun {
            state: told.state,
            problem: Some(problem),
            since,
            next_look: told.next_look,
        })
    }
}

async fn document(config: &Config) -> Option<Document> {
    let address = reachable(config.server.as_ref()?.listen)?;
    let client = http_client(Roots::System, None, LIMIT).ok()?;
    let response = client.get(format!("http://{address}/status.json")).send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    serde_json::from_slice(&read(response, MOST_BYTES).await.ok()?.into_bytes()).ok()
}

/// Where to ask a server that listens on `listen`; a free port that it picked is known to nobody here.
fn reachable(listen: SocketAddr) -> Option<SocketAddr> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    (listen.port() != 0).then(|| SocketAddr::new(ip, listen.port()))
}

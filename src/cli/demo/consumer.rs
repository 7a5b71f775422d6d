//! The demo's consumers: they read their token from its file, connect with it, and say whether they are healthy.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::{Path as Segments, State};
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::consumers::command::Context;
use crate::consumers::verify::Verifier;
use crate::consumers::verify::settings::{Postgres, Verify};
use crate::names::{CredentialName, RotationId, TokenId};
use crate::rotation::policy::IdentityRule;
use crate::rotation::world::Verdict;
use crate::sandbox::Ready;
use crate::secret::SecretSource;

/// Consumers that answer `GET /healthz/<credential>/<token ID>` until they are dropped.
pub(super) struct Consumers {
    address: SocketAddr,
    counts: Arc<Counts>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicU32,
    failures: AtomicU32,
}

struct Consumer {
    secrets: PathBuf,
    verifier: Verifier,
    counts: Arc<Counts>,
}

impl Consumers {
    /// Where they answer.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often they connected, and how often in vain.
    pub(super) fn count(&self) -> (u32, u32) {
        let count = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
        (count(&self.counts.connections), count(&self.counts.failures))
    }
}

impl Drop for Consumers {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Starts them on a free port of the loopback address.
pub(super) async fn start(secrets: &Path, ready: &Ready) -> anyhow::Result<Consumers> {
    let endpoint = Postgres {
        host: Some(ready.postgres_host.clone()),
        port: ready.postgres_port,
        ca_file: Some(ready.ca_file.clone()),
    };
    let verify = Verify::Postgres { database: "md:".to_owned(), identity: IdentityRule::Off };
    let counts = Arc::new(Counts::default());
    let consumer = Arc::new(Consumer {
        secrets: secrets.to_owned(),
        verifier: Verifier::new(&verify, &endpoint)?,
        counts: counts.clone(),
    });
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let router =
        Router::new().route("/healthz/{credential}/{token_id}", get(healthz)).with_state(consumer);
    let server = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(error = %error, "consumers stopped");
        }
    });
    Ok(Consumers { address, counts, server })
}

async fn healthz(
    State(consumer): State<Arc<Consumer>>,
    Segments((credential, token_id)): Segments<(CredentialName, TokenId)>,
) -> StatusCode {
    let counts = &consumer.counts;
    counts.connections.fetch_add(1, Ordering::Relaxed);
    match consumer.connect(credential, token_id).await {
        Some(Verdict::Works(_)) => StatusCode::OK,
        Some(Verdict::Refused(_)) | None => {
            counts.failures.fetch_add(1, Ordering::Relaxed);
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

impl Consumer {
    async fn connect(&self, credential: CredentialName, token_id: TokenId) -> Option<Verdict> {
        let path = format!("motherduck/{credential}");
        let token = SecretSource::File(self.secrets.join(&path).join("token")).read().ok()?;
        let context = Context {
            username: credential.as_str().parse().ok()?,
            credential,
            token_id,
            previous_token_id: None,
            rotation_id: RotationId::starting_at(jiff::Timestamp::now()),
            store: "main".to_owned(),
            path,
        };
        self.verifier.connect(&token, &context).await.ok()
    }
}

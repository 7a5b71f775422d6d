//! The consumers of the demo and of a playground: they read their token from its file, connect with it, and say whether they are healthy.

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

use crate::cli::error::CliError;
use crate::consumers::command::Context;
use crate::consumers::verify::Verifier;
use crate::consumers::verify::settings::{Postgres, Verify};
use crate::names::{CredentialName, RotationId, TokenId};
use crate::rotation::policy::IdentityRule;
use crate::rotation::world::Verdict;
use crate::sandbox::Ready;
use crate::secret::SecretSource;

/// Consumers that answer `GET /healthz/<credential>/<token ID>` until they are dropped.
pub(in crate::cli) struct Consumers {
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
    /// While this file exists, they are not healthy.
    unhealthy_while: Option<PathBuf>,
    verifier: Verifier,
    counts: Arc<Counts>,
}

impl Consumers {
    /// Starts them: each reads its token from `secrets/NAME/token`.
    pub(in crate::cli) async fn start(
        secrets: &Path,
        ready: &Ready,
        address: SocketAddr,
        unhealthy_while: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let endpoint = Postgres {
            host: Some(ready.postgres_host.clone()),
            port: ready.postgres_port,
            ca_file: Some(ready.ca_file.clone()),
        };
        let verify = Verify::Postgres { database: "md:".to_owned(), identity: IdentityRule::Off };
        let counts = Arc::new(Counts::default());
        let consumer = Arc::new(Consumer {
            secrets: secrets.to_owned(),
            unhealthy_while,
            verifier: Verifier::new(&verify, &endpoint)?,
            counts: counts.clone(),
        });
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let hint = Some("port 0 picks a free port".to_owned());
            let message = format!("the consumers cannot listen on {address}: {error}");
            CliError::usage(message, hint)
        })?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/healthz/{credential}/{token_id}", get(healthz))
            .with_state(consumer);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!(error = %error, "consumers stopped");
            }
        });
        Ok(Self { address, counts, server })
    }

    /// Where they answer.
    pub(in crate::cli) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often they connected, and how often in vain.
    pub(in crate::cli) fn count(&self) -> (u32, u32) {
        let count = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
        (count(&self.counts.connections), count(&self.counts.failures))
    }
}

impl Drop for Consumers {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn healthz(
    State(consumer): State<Arc<Consumer>>,
    Segments((credential, token_id)): Segments<(CredentialName, TokenId)>,
) -> StatusCode {
    if consumer.unhealthy_while.as_ref().is_some_and(|file| file.exists()) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
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
        let path = credential.to_string();
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

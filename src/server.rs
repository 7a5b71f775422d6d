//! What the daemon shows over HTTP: whether it lives, whether it is ready, its metrics, and the status page.
//!
//! It shows and changes nothing: there is no route that does anything, and nothing that it shows is a secret.

mod connections;
mod page;
mod ready;
mod status;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::connections::{Bounds, serve};
use self::page::Wanted;
pub use self::ready::{Readiness, Reason, Shortcoming, is_alive, readiness};
use crate::config;
use crate::fleet::Fleet;
use crate::metrics::{self, Format};
use crate::rotation::world::FaultKind;
use crate::workers;

/// How long a stop waits for the answers in hand.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for the status page and metrics")]
pub struct ServerError {
    address: SocketAddr,
    source: std::io::Error,
}

impl ServerError {
    /// Whether trying again may help.
    pub fn kind(&self) -> FaultKind {
        FaultKind::Permanent
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        Some("set server.listen to another address (port 0 picks a free one), or server.enabled = false".to_owned())
    }
}

/// The running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts the server that `settings` ask for; `None` where none is wanted, or where nobody asked for one and the
    /// default address is taken.
    pub async fn start(
        settings: Option<&config::Server>,
        fleet: Arc<Fleet>,
    ) -> Result<Option<Self>, ServerError> {
        let Some(settings) = settings else { return Ok(None) };
        match Self::listen(settings.clone(), fleet).await {
            Ok(server) => Ok(Some(server)),
            Err(error) if settings.is_asked_for => Err(error),
            Err(ServerError { address, source }) => {
                tracing::warn!(%address, error = %source, "server not started");
                Ok(None)
            }
        }
    }

    async fn listen(settings: config::Server, fleet: Arc<Fleet>) -> Result<Self, ServerError> {
        let failed = |source| ServerError { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let app = router(Shown { fleet, settings: Arc::new(settings) });
        let (listener, stopped) = (Arc::new(listener), stop.clone());
        let task = tokio::spawn(async move {
            let bounds = Bounds::default();
            let begin = || serve(listener.clone(), app.clone(), bounds, stopped.clone());
            workers::keep("server", begin).await;
        });
        tracing::info!(%address, url = format!("http://{address}/"), "server ready");
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets the answers in hand finish, for at most 5 s.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(STOP_LIMIT, &mut self.task).await.is_err() {
            tracing::warn!("server stopped with answers in hand");
            self.task.abort();
        }
    }
}

#[derive(Clone)]
struct Shown {
    fleet: Arc<Fleet>,
    settings: Arc<config::Server>,
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/status.json", get(status_json))
        .route("/", get(status_page))
        .layer(from_fn(guard))
        .with_state(shown)
}

/// What holds for every answer: it is of this moment, and no other site may frame, sniff or embed it.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    response.headers_mut().entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    response
}

async fn livez(State(shown): State<Shown>) -> Response {
    if is_alive(shown.fleet.planner(), shown.fleet.silence()) {
        "ok\n".into_response()
    } else {
        let text = "the planner's loop does not turn\n";
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    }
}

async fn readyz(State(shown): State<Shown>) -> Response {
    let readiness = readiness(&shown.fleet.snapshot(), shown.settings.unreachable_after);
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

async fn metrics(State(shown): State<Shown>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept);
    let text = metrics::render(&shown.fleet, shown.settings.credential_label, format);
    ([(header::CONTENT_TYPE, format.content_type())], text).into_response()
}

async fn status_json(State(shown): State<Shown>) -> Response {
    let snapshot = shown.fleet.snapshot();
    let readiness = readiness(&snapshot, shown.settings.unreachable_after);
    Json(status::Status::new(&snapshot, readiness)).into_response()
}

async fn status_page(State(shown): State<Shown>, Query(wanted): Query<Wanted>) -> Response {
    let snapshot = shown.fleet.snapshot();
    let readiness = readiness(&snapshot, shown.settings.unreachable_after);
    let html = page::render(&snapshot, &readiness, &wanted);
    ([(header::CONTENT_SECURITY_POLICY, page::policy())], Html(html)).into_response()
}

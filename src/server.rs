//! What the daemon shows over HTTP: whether it lives, whether it is ready, its metrics, and the status page.
//!
//! It shows and changes nothing: there is no route that does anything, and nothing that it shows is a secret.

mod cache;
mod connections;
mod door;
mod host;
mod page;
mod ready;
pub mod settings;
mod status;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use nix::errno::Errno;
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::cache::{Answer, Asked, Cache};
pub use self::door::Door;
use self::host::Hosts;
use self::page::Wanted;
pub use self::ready::{Problem, Readiness, Reason, is_alive, readiness};
use crate::fault::{Diagnostic, FaultKind};
use crate::metrics::{self, Format};
use crate::status::Registry;

/// How long a stop waits for the answers in hand.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for the status page and metrics")]
pub struct ServerError {
    address: SocketAddr,
    source: std::io::Error,
}

impl Diagnostic for ServerError {
    /// An address that is taken may be let go, one that is not there may come.
    fn kind(&self) -> FaultKind {
        match self.source.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT) => FaultKind::Permanent,
            Some(_) | None => FaultKind::of_system(&self.source),
        }
    }

    fn hint(&self) -> Option<String> {
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
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets the answers in hand finish, for at most 2 s.
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
    fleet: Arc<Registry>,
    settings: Arc<settings::Server>,
    cache: Cache,
}

impl Shown {
    /// The answer to `asked`, of this second.
    async fn answer(
        &self,
        asked: Asked,
        headers: &HeaderMap,
        render: impl FnOnce(&Registry, &settings::Server) -> Answer + Send + 'static,
    ) -> Response {
        let (fleet, settings) = (self.fleet.clone(), self.settings.clone());
        let render = move || render(&fleet, &settings);
        self.cache.answer(asked, self.fleet.planner(), headers, render).await
    }
}

fn router(shown: Shown, hosts: Hosts) -> Router {
    let guarded = Router::new()
        .route("/status.json", get(status_json))
        .route("/", get(status_page))
        .layer(from_fn_with_state(Arc::new(hosts), ours));
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .merge(guarded)
        .layer(from_fn(guard))
        .with_state(shown)
}

/// Refuses what was sent to a name that is not ours. Probes and scrapers come by names that nobody can foresee.
async fn ours(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    if hosts.allow(&request) {
        return next.run(request).await;
    }
    let text = "this server does not answer to that name: ask for its address, or name it in server.hosts\n";
    (StatusCode::MISDIRECTED_REQUEST, text).into_response()
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

/// Never out of the cache: it costs nothing.
async fn livez(State(shown): State<Shown>) -> Response {
    if is_alive(shown.fleet.planner(), shown.fleet.silence()) {
        "ok\n".into_response()
    } else {
        let text = "the planner's loop does not turn\n";
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    }
}

async fn readyz(State(shown): State<Shown>, headers: HeaderMap) -> Response {
    let render = |fleet: &Registry, settings: &settings::Server| {
        let readiness = readiness(&fleet.snapshot(), settings.unreachable_after);
        let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        json(status, &readiness)
    };
    shown.answer(Asked::Readiness, &headers, render).await
}

async fn metrics(State(shown): State<Shown>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept);
    let render = move |fleet: &Registry, _: &settings::Server| Answer {
        status: StatusCode::OK,
        content_type: format.content_type(),
        policy: None,
        body: metrics::render(fleet, format).into(),
    };
    shown.answer(Asked::Metrics(format), &headers, render).await
}

async fn status_json(State(shown): State<Shown>, headers: HeaderMap) -> Response {
    let render = |fleet: &Registry, settings: &settings::Server| {
        let snapshot = fleet.snapshot();
        let readiness = readiness(&snapshot, settings.unreachable_after);
        json(StatusCode::OK, &status::Status::new(&snapshot, readiness))
    };
    shown.answer(Asked::Status, &headers, render).await
}

async fn status_page(
    State(shown): State<Shown>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::Page(wanted.clone());
    let render = move |fleet: &Registry, settings: &settings::Server| {
        let snapshot = fleet.snapshot();
        let readiness = readiness(&snapshot, settings.unreachable_after);
        Answer {
            status: StatusCode::OK,
            content_type: "text/html; charset=utf-8",
            policy: Some(page::policy()),
            body: page::render(&snapshot, &readiness, &wanted).into(),
        }
    };
    shown.answer(asked, &headers, render).await
}

fn json(status: StatusCode, document: &impl Serialize) -> Answer {
    // What is shown has text keys alone, and no other reason to fail.
    let body = serde_json::to_vec(document).unwrap_or_default().into();
    Answer { status, content_type: "application/json", policy: None, body }
}

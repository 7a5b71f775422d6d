//! Connections to the server: so many and no more, each for a bounded time, and HTTP/1 alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// What strangers may use up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// At most so many connections are open; for one more the oldest is closed. Probes are short, so that what is old
    /// is what waits for nothing.
    pub(super) connections: usize,
    /// A request's head must be there within this time, on a connection that is kept open too.
    pub(super) head_within: Duration,
    /// After this time a connection ends with the answer in hand.
    pub(super) lifetime: Duration,
    /// So long an answer in hand may take to be taken in after that.
    pub(super) farewell: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 256,
            head_within: Duration::from_secs(10),
            lifetime: Duration::from_mins(5),
            farewell: Duration::from_secs(20),
        }
    }
}

/// The most bytes of a request's head; hyper keeps no more than this of one connection.
const HEAD_BYTES: usize = 16 << 10;
const HEADERS: usize = 64;
/// The first pause after a failure to accept, which doubles, and the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Serves `app` until `stop`, and then the answers in hand. Nothing that a client does ends it.
pub(super) async fn serve(
    listener: Arc<TcpListener>,
    app: Router,
    bounds: Bounds,
    stop: CancellationToken,
) {
    let mut open = Open::default();
    let mut pause = PAUSE;
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                pause = PAUSE;
                open.make_room(bounds.connections);
                open.add(connection(stream, app.clone(), bounds, stop.clone()));
            }
            // Of this client alone.
            Err(error) if is_clients(&error) => {}
            Err(error) => {
                // Out of descriptors, most likely: another try at once would only burn time.
                if pause == PAUSE {
                    tracing::warn!(%error, "server cannot accept connections");
                }
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
        }
    }
    open.finish().await;
}

fn is_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The open connections, the oldest first.
#[derive(Default)]
struct Open {
    tasks: JoinSet<()>,
    order: VecDeque<AbortHandle>,
}

impl Open {
    fn make_room(&mut self, most: usize) {
        while self.tasks.try_join_next().is_some() {}
        if self.order.len() < most {
            return;
        }
        self.order.retain(|one| !one.is_finished());
        while self.order.len() >= most {
            match self.order.pop_front() {
                Some(oldest) => oldest.abort(),
                None => break,
            }
        }
    }

    fn add(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.order.push_back(self.tasks.spawn(connection));
    }

    async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn connection(stream: TcpStream, app: Router, bounds: Bounds, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let (has_asked, app) = (AtomicBool::new(false), TowerToHyperService::new(app));
    let answer = service_fn(|request| {
        has_asked.store(true, Ordering::Relaxed);
        app.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_within)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = Box::pin(connection);
    // What a client did wrong is told to the client alone.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(bounds.lifetime) => {}
    }
    if !has_asked.load(Ordering::Relaxed) {
        // Half a head is not waited for.
        return;
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(bounds.farewell, connection).await;
}

#[cfg(test)]
mod tests;

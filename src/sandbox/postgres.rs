//! The Postgres endpoint: TLS or nothing, the token as a cleartext password, and as much SQL as a probe needs.

mod drivers;
mod session;
mod sql;
mod startup;

use std::sync::Arc;

use pgwire::api::PgWireServerHandlers;
use pgwire::api::auth::StartupHandler;
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use self::sql::Engine;
use super::service::Shared;

/// Serves Postgres connections until the sandbox is stopped; sessions that are open then are closed.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    service: Shared,
    tasks: TaskTracker,
) {
    let acceptor = TlsAcceptor::from(tls);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = service.shutdown.cancelled() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: it passes, and asking at once would only spin.
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tasks.spawn(async move {
            let shutdown = service.shutdown.clone();
            let handlers = Handlers { service };
            tokio::select! {
                ended = pgwire::tokio::process_socket(stream, Some(acceptor), handlers) => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "session broke off");
                    }
                }
                () = shutdown.cancelled() => {}
            }
        });
    }
}

/// What pgwire is handed for one connection; it asks for each part once.
struct Handlers {
    service: Shared,
}

impl PgWireServerHandlers for Handlers {
    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::new(startup::Doorkeeper::new(self.service.clone()))
    }

    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::new(Engine)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::new(Engine)
    }
}

//! An address that is listened at, for one server after the other.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::cache::Cache;
use super::connections::{Bounds, serve};
use super::host::Hosts;
use super::{Server, ServerError, Shown, router, settings};
use crate::status::Registry;
use crate::workers;

/// An address that is listened at. Where one server follows another there, nobody is turned away in between.
#[derive(Debug, Clone)]
pub struct Door {
    listener: Arc<TcpListener>,
    address: SocketAddr,
    settings: Arc<settings::Server>,
}

impl Door {
    /// Listens where `settings` say.
    pub async fn open(settings: &settings::Server) -> Result<Self, ServerError> {
        let failed = |source| ServerError { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        tracing::info!(%address, url = format!("http://{address}/"), "server ready");
        Ok(Self { listener: Arc::new(listener), address, settings: Arc::new(settings.clone()) })
    }

    /// The settings by which it was opened.
    pub fn settings(&self) -> &settings::Server {
        &self.settings
    }

    /// Shows how `fleet` stands to whoever comes.
    pub fn serve(&self, fleet: Arc<Registry>) -> Server {
        let Self { listener, address, settings } = self.clone();
        let stop = CancellationToken::new();
        let hosts = Hosts::of(address, &settings.hosts);
        let app = router(Shown { fleet, settings, cache: Cache::default() }, hosts);
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let bounds = Bounds::default();
            let begin = || serve(listener.clone(), app.clone(), bounds, stopped.clone());
            workers::keep("server", begin).await;
        });
        Server { address, stop, task }
    }
}

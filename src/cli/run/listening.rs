//! The status server beside the daemon: an address that is taken or not there yet keeps no credential from its rotation.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cli::ExitCode;
use crate::cli::complaint::Complaint;
use crate::config::Config;
use crate::daemon::Supervisor;
use crate::fault::{FaultKind, chain};
use crate::fleet::Fleet;
use crate::server::{Door, Server, ServerError};

/// Between two tries to listen.
const AGAIN: Duration = Duration::from_secs(1);

/// The server, once there is one.
pub(super) enum Listening {
    /// None is wanted, or nobody asked for one and the default address is taken.
    Nowhere,
    /// It answers.
    Here(Server),
    /// Its address is waited for.
    Later(JoinHandle<Option<Server>>),
}

impl Listening {
    /// Shows `fleet` at `door`, or where `config` says as soon as that is possible. Until then the start is not over.
    pub(super) async fn begin(
        door: Option<Door>,
        config: &Config,
        fleet: Arc<Fleet>,
        supervisor: &Supervisor,
        shutdown: &CancellationToken,
    ) -> Result<Self, Complaint> {
        if let Some(door) = door {
            return Ok(Self::Here(door.serve(fleet)));
        }
        let Some(settings) = config.server.clone() else { return Ok(Self::Nowhere) };
        let error = match Door::open(&settings).await {
            Ok(door) => return Ok(Self::Here(door.serve(fleet))),
            Err(error) => error,
        };
        if !settings.is_asked_for {
            tracing::warn!(error = chain(&error), "server not started");
            return Ok(Self::Nowhere);
        }
        if error.kind() == FaultKind::Permanent {
            return Err(complaint(&error));
        }
        let (message, hint) = (chain(&error), error.hint());
        tracing::warn!(error = message, hint, "start waits, and credentials are rotated meanwhile");
        fleet.waits(&message, hint.as_deref());
        let (supervisor, shutdown) = (supervisor.clone(), shutdown.clone());
        Ok(Self::Later(tokio::spawn(async move {
            let opened = async {
                loop {
                    tokio::time::sleep(AGAIN).await;
                    if let Ok(door) = Door::open(&settings).await {
                        return door;
                    }
                }
            };
            let door = shutdown.run_until_cancelled(opened).await?;
            fleet.waits_no_more();
            supervisor.ready(&fleet);
            Some(door.serve(fleet))
        })))
    }

    /// Ends it with the answers in hand.
    pub(super) async fn stop(self) {
        let server = match self {
            Self::Nowhere => None,
            Self::Here(server) => Some(server),
            Self::Later(waiting) => waiting.await.ok().flatten(),
        };
        if let Some(server) = server {
            server.stop().await;
        }
    }
}

/// Why an address can never be listened at.
pub(super) fn complaint(error: &ServerError) -> Complaint {
    Complaint::of(error, ExitCode::Usage, error.hint())
}

//! The status server beside the daemon: an address that is taken or not there yet keeps no credential from its rotation.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cli::ExitCode;
use crate::cli::error::CliError;
use crate::daemon::Supervisor;
use crate::fault::{Diagnostic, FaultKind, chain};
use crate::server::settings::Server as Settings;
use crate::server::{Door, Server, ServerError};
use crate::status::Registry;

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
    /// Shows `fleet` at `door`, or where `settings` say as soon as that is possible. Until then the start is not over.
    pub(super) async fn begin(
        door: Option<Door>,
        settings: Option<&Settings>,
        fleet: Arc<Registry>,
        supervisor: &Supervisor,
        shutdown: &CancellationToken,
    ) -> Result<Self, CliError> {
        if let Some(door) = door {
            return Ok(Self::Here(door.serve(fleet)));
        }
        let Some(settings) = settings.cloned() else { return Ok(Self::Nowhere) };
        let error = match Door::open(&settings).await {
            Ok(door) => return Ok(Self::Here(door.serve(fleet))),
            Err(error) => error,
        };
        if !settings.is_asked_for {
            tracing::warn!(error = chain(&error), "server not started");
            return Ok(Self::Nowhere);
        }
        if error.kind() == FaultKind::Permanent {
            return Err(cli_error(&error));
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
pub(super) fn cli_error(error: &ServerError) -> CliError {
    CliError::told(error, ExitCode::Usage)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::status::nobody;

    async fn at(listen: std::net::SocketAddr, is_asked_for: bool) -> (Listening, Arc<Registry>) {
        let settings = Settings {
            listen,
            is_asked_for,
            hosts: BTreeSet::new(),
            credential_label: Some(true),
            unreachable_after: Duration::from_mins(10),
        };
        let (fleet, supervisor) = (nobody(), Supervisor::default());
        let shutdown = CancellationToken::new();
        let begun =
            Listening::begin(None, Some(&settings), fleet.clone(), &supervisor, &shutdown).await;
        (begun.unwrap(), fleet)
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_waited_for_only_where_somebody_asked_for_it() {
        let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let (unasked, fleet) = at(address, false).await;
        assert!(matches!(unasked, Listening::Nowhere) && fleet.waiting().is_none());
        let (asked, fleet) = at(address, true).await;
        assert!(fleet.waiting().unwrap().message.contains(&address.to_string()));
        let Listening::Later(waiting) = asked else { panic!("it is not waited for") };
        drop(taken);
        let server = waiting.await.unwrap().unwrap();
        assert_eq!((server.address(), fleet.waiting()), (address, None));
        server.stop().await;
    }
}

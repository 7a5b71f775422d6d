//! The consumers' health gate and the deploy hook.

mod kubernetes;
mod request;
pub mod settings;

use std::sync::Arc;

use crate::consumers::command::{self, CommandError, Context, Outcome};
use crate::fault::{Diagnostic, FaultKind, line};
use crate::http::settings::Proxy;
use crate::kubernetes::{AccessError, Cluster, Right};
use crate::record::Record;
use crate::request_stats::RequestStats;
use crate::rotation::world::Health;
use crate::tls::{HttpClients, TlsError};

pub use kubernetes::{RestartError, WorkloadEvent};
use request::Request;
pub use request::RequestError;

/// What gates and hooks share.
#[derive(Default)]
pub struct Clients {
    /// The HTTP clients.
    pub http: HttpClients,
    /// Counts the requests to the cluster.
    pub stats: Arc<RequestStats>,
    kubernetes: Option<Arc<kubernetes::Shared>>,
}

impl Clients {
    /// The one cluster of a configuration.
    fn kubernetes(
        &mut self,
        settings: &crate::kubernetes::settings::Cluster,
    ) -> Result<Arc<kubernetes::Shared>, AccessError> {
        if let Some(shared) = &self.kubernetes {
            return Ok(Arc::clone(shared));
        }
        let cluster = Cluster::open(settings)?.counted_by(Arc::clone(&self.stats));
        let shared = Arc::new(kubernetes::Shared::new(cluster));
        self.kubernetes = Some(Arc::clone(&shared));
        Ok(shared)
    }
}

/// Why a gate or a hook could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No HTTP client could be made.
    #[error("cannot make a client for {url}")]
    Client {
        /// The URL, placeholders included, without user and query.
        url: String,
        /// What is wrong.
        source: TlsError,
    },
    /// A header that HTTP does not allow.
    #[error("header {name:?} of {url} has a name or a value that HTTP does not allow")]
    Header {
        /// The URL, placeholders included, without user and query.
        url: String,
        /// The header's name.
        name: String,
    },
    /// There is no way to the API server.
    #[error("cannot reach the API server of Kubernetes")]
    Kubernetes(#[from] AccessError),
}

impl Diagnostic for SetupError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Client { source, .. } => source.kind(),
            Self::Header { .. } => FaultKind::Permanent,
            Self::Kubernetes(error) => error.kind(),
        }
    }
}

/// How the consumers of one credential are asked whether they are healthy.
pub struct Gate(GateKind);

enum GateKind {
    Unasked,
    Http(Request),
    Command(command::settings::Command),
    Kubernetes(Box<kubernetes::Gate>),
}

impl Gate {
    /// A gate by the configuration. Nothing is contacted.
    pub fn new(settings: &settings::Gate, clients: &mut Clients) -> Result<Self, SetupError> {
        Ok(Self(match settings {
            settings::Gate::Unasked => GateKind::Unasked,
            settings::Gate::Http(request) => {
                GateKind::Http(Request::new(request, &mut clients.http)?)
            }
            settings::Gate::Command(command) => GateKind::Command(command.clone()),
            settings::Gate::Kubernetes(gate) => {
                let shared = clients.kubernetes(&gate.restart.cluster)?;
                let http = clients
                    .http
                    .with_extra_roots(None, &Proxy::None)
                    .map_err(|source| SetupError::Client { url: "the pods".to_owned(), source })?;
                GateKind::Kubernetes(Box::new(kubernetes::Gate::new(shared, gate, http)))
            }
        }))
    }

    /// What pintail may not do to ask, where it is Kubernetes that is asked.
    pub async fn missing_rights(&self) -> Vec<Right> {
        match &self.0 {
            GateKind::Kubernetes(gate) => gate.missing_rights().await,
            GateKind::Unasked | GateKind::Http(_) | GateKind::Command(_) => vec![],
        }
    }

    /// Asks once. Whoever does not answer is not healthy.
    pub async fn poll(&self, context: &Context, record: &Record) -> Health {
        match &self.0 {
            GateKind::Unasked => Health::Healthy,
            GateKind::Http(request) => match request.send(context).await {
                Ok(()) => Health::Healthy,
                Err(error) => Health::Unhealthy(line(&error)),
            },
            GateKind::Kubernetes(gate) => match gate.poll(context, record).await {
                Ok(()) => Health::Healthy,
                Err(missing) => Health::Unhealthy(missing),
            },
            GateKind::Command(command) => match command::run(command, context, None).await {
                Outcome::Succeeded => Health::Healthy,
                Outcome::Failed(error) | Outcome::Unanswered(error) => {
                    Health::Unhealthy(line(&error))
                }
            },
        }
    }
}

/// What makes the consumers of one credential load their token anew.
pub struct Hook(HookKind);

enum HookKind {
    Http(Request),
    Command(command::settings::Command),
    Kubernetes(Box<kubernetes::Targets>),
}

/// Why the clients may not have been made to reload.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// By the HTTP request.
    #[error("the deploy hook failed")]
    Request(#[source] RequestError),
    /// By the command.
    #[error("the deploy hook failed")]
    Command(#[source] CommandError),
    /// By Kubernetes.
    #[error("the workloads were not restarted")]
    Restart(#[source] RestartError),
}

impl Diagnostic for HookError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Request(error) => error.kind(),
            Self::Command(error) => error.kind(),
            Self::Restart(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Request(error) => error.hint(),
            Self::Command(error) => error.hint(),
            Self::Restart(error) => error.hint(),
        }
    }
}

impl Hook {
    /// A hook by the configuration. Nothing is contacted.
    pub fn new(settings: &settings::Hook, clients: &mut Clients) -> Result<Self, SetupError> {
        Ok(Self(match settings {
            settings::Hook::Http(request) => {
                HookKind::Http(Request::new(request, &mut clients.http)?)
            }
            settings::Hook::Command(command) => HookKind::Command(command.clone()),
            settings::Hook::Kubernetes(restart) => {
                let shared = clients.kubernetes(&restart.cluster)?;
                HookKind::Kubernetes(Box::new(kubernetes::Targets::new(shared, restart)))
            }
        }))
    }

    /// What pintail may not do to run it, where it is Kubernetes that is asked.
    pub async fn missing_rights(&self) -> Vec<Right> {
        match &self.0 {
            HookKind::Kubernetes(targets) => targets.missing_rights().await,
            HookKind::Http(_) | HookKind::Command(_) => vec![],
        }
    }

    /// Tries it without effect; `None` where that is not possible.
    pub async fn try_out(&self) -> Option<Result<(), HookError>> {
        match &self.0 {
            HookKind::Kubernetes(targets) => {
                Some(targets.try_out().await.map_err(HookError::Restart))
            }
            HookKind::Http(_) | HookKind::Command(_) => None,
        }
    }

    /// Tells what became of the credential where those look who keep its workloads, if that is wanted.
    pub async fn tell(&self, told: &WorkloadEvent<'_>) {
        match &self.0 {
            HookKind::Kubernetes(targets) => targets.tell(told).await,
            HookKind::Http(_) | HookKind::Command(_) => {}
        }
    }

    /// Runs it once. It may be run again for the same rotation.
    pub async fn run(&self, context: &Context, record: &Record) -> Result<(), HookError> {
        match &self.0 {
            HookKind::Http(request) => request.send(context).await.map_err(HookError::Request),
            HookKind::Kubernetes(targets) => {
                targets.restart(record).await.map_err(HookError::Restart)
            }
            HookKind::Command(command) => match command::run(command, context, None).await {
                Outcome::Succeeded => Ok(()),
                Outcome::Failed(error) | Outcome::Unanswered(error) => {
                    Err(HookError::Command(error))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;

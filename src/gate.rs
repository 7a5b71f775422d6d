//! The consumers' health gate and the deploy hook.

mod request;

use crate::command::{self, CommandError, Context, Outcome};
use crate::config;
use crate::redact::presentable;
use crate::rotation::world::{FaultKind, Health};
use crate::tls::{HttpClients, TlsError};

use request::Request;
pub use request::RequestError;

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
}

impl SetupError {
    /// Nothing here passes by itself.
    pub fn kind(&self) -> FaultKind {
        FaultKind::Permanent
    }
}

/// How the consumers of one credential are asked whether they are healthy.
pub struct Gate(GateKind);

enum GateKind {
    Unasked,
    Http(Request),
    Command(config::Command),
}

impl Gate {
    /// A gate by the configuration. Nothing is contacted.
    pub fn new(settings: &config::Gate, clients: &mut HttpClients) -> Result<Self, SetupError> {
        Ok(Self(match settings {
            config::Gate::Unasked => GateKind::Unasked,
            config::Gate::Http(request) => GateKind::Http(Request::new(request, clients)?),
            config::Gate::Command(command) => GateKind::Command(command.clone()),
        }))
    }

    /// Asks once. Whoever does not answer is not healthy.
    pub async fn poll(&self, context: &Context) -> Health {
        match &self.0 {
            GateKind::Unasked => Health::Healthy,
            GateKind::Http(request) => match request.send(context).await {
                Ok(()) => Health::Healthy,
                Err(error) => Health::Unhealthy(chain(&error)),
            },
            GateKind::Command(command) => match command::run(command, context, None).await {
                Outcome::Succeeded => Health::Healthy,
                Outcome::Failed(error) | Outcome::Unanswered(error) => {
                    Health::Unhealthy(chain(&error))
                }
            },
        }
    }
}

/// What makes the consumers of one credential load their token anew.
pub struct Hook(HookKind);

enum HookKind {
    Http(Request),
    Command(config::Command),
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
}

impl HookError {
    /// Whether trying again may help.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Request(error) => error.kind(),
            Self::Command(error) => error.kind(),
        }
    }

    /// What a person can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Request(error) => error.hint(),
            Self::Command(error) => error.hint(),
        }
    }
}

impl Hook {
    /// A hook by the configuration. Nothing is contacted.
    pub fn new(settings: &config::Hook, clients: &mut HttpClients) -> Result<Self, SetupError> {
        Ok(Self(match settings {
            config::Hook::Http(request) => HookKind::Http(Request::new(request, clients)?),
            config::Hook::Command(command) => HookKind::Command(command.clone()),
        }))
    }

    /// Runs it once. It may be run again for the same rotation.
    pub async fn run(&self, context: &Context) -> Result<(), HookError> {
        match &self.0 {
            HookKind::Http(request) => request.send(context).await.map_err(HookError::Request),
            HookKind::Command(command) => match command::run(command, context, None).await {
                Outcome::Succeeded => Ok(()),
                Outcome::Failed(error) | Outcome::Unanswered(error) => {
                    Err(HookError::Command(error))
                }
            },
        }
    }
}

/// The most that is told of one poll.
const TEXT_CHARACTERS: usize = 2_000;

/// Health is told as one text, so that its causes must be joined here.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    presentable(&text, TEXT_CHARACTERS)
}

#[cfg(test)]
mod tests;

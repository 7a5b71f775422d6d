//! Proof that a token works: a fresh connection, or a command.

mod postgres;
mod region;
pub mod settings;

use crate::consumers::command::{self, CommandError, Context, Outcome};
use crate::fault::{Diagnostic, FaultKind};
use crate::rotation::world::Verdict;
use crate::secret::Token;

use postgres::Endpoint;
pub use postgres::PostgresError;

/// How tokens of one credential are proved to work.
pub struct Verifier(Kind);

enum Kind {
    Postgres(Endpoint),
    Command(command::settings::Command),
}

/// Why nothing was learned about a token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// By a connection to the Postgres endpoint.
    #[error("cannot verify the token at the Postgres endpoint")]
    Postgres(#[source] PostgresError),
    /// By the command.
    #[error("cannot verify the token by the command")]
    Command(#[source] CommandError),
}

impl Diagnostic for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Postgres(error) => error.kind(),
            Self::Command(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Postgres(error) => error.hint(),
            Self::Command(error) => error.hint(),
        }
    }
}

impl Verifier {
    /// A verifier by the configuration. Nothing is contacted.
    pub fn new(settings: &settings::Verify, endpoint: &settings::Postgres) -> Result<Self, Error> {
        Ok(Self(match settings {
            settings::Verify::Postgres { database, identity } => Kind::Postgres(
                Endpoint::new(endpoint, database, *identity).map_err(Error::Postgres)?,
            ),
            settings::Verify::Command(command) => Kind::Command(command.clone()),
        }))
    }

    /// Connects freshly with `token`, once, and closes at once. An error says nothing about the token.
    pub async fn connect(&self, token: &Token, context: &Context) -> Result<Verdict, Error> {
        match &self.0 {
            Kind::Postgres(endpoint) => endpoint.connect(token).await.map_err(Error::Postgres),
            Kind::Command(command) => match command::run(command, context, Some(token)).await {
                Outcome::Succeeded => Ok(Verdict::Works(None)),
                Outcome::Failed(said) => Ok(Verdict::Refused(said.to_string())),
                Outcome::Unanswered(error) => Err(Error::Command(error)),
            },
        }
    }
}

/// Connects with a token of whatever account at the endpoint, and asks which account that opens.
pub async fn identify(token: &Token, endpoint: &settings::Postgres) -> Result<Verdict, Error> {
    let endpoint = Endpoint::new(
        endpoint,
        settings::DATABASE,
        crate::rotation::policy::IdentityRule::IfAnswered,
    );
    endpoint.map_err(Error::Postgres)?.connect(token).await.map_err(Error::Postgres)
}

#[cfg(test)]
mod tests;

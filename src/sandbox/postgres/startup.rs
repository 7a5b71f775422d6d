//! Lets Postgres clients in: over TLS only, with a token for a password.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures::sink::{Sink, SinkExt};
use pgwire::api::auth::{
    DefaultServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use pgwire::api::{ClientInfo, METADATA_DATABASE, PgWireConnectionState};
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use pgwire::messages::startup::{Authentication, PasswordMessageFamily, Startup};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};

use super::session;
use crate::sandbox::events::{About, Kind};
use crate::sandbox::faults::{How, Operation};
use crate::sandbox::service::Shared;
use crate::sandbox::state::KnownToken;
use crate::secret::Token;

/// What every refused token is told; why it was refused, the events tell.
const NOT_AUTHENTICATED: &str =
    "Your request is not authenticated. Please check your MotherDuck token.";

/// Whoever was let in without a password.
const NOBODY: &str = "nobody";

/// Watches over one connection, from its first message to its end.
pub(super) struct Doorkeeper {
    service: Shared,
    let_in: Mutex<Option<KnownToken>>,
}

impl Doorkeeper {
    pub(super) fn new(service: Shared) -> Self {
        Self { service, let_in: Mutex::new(None) }
    }

    async fn greet<C>(&self, client: &mut C, startup: &Startup) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        self.service.faults().count(Operation::Connect);
        let latency = self.service.switches().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        // pgwire serves whoever does not ask for TLS.
        if !client.is_secure() {
            self.refuse("the connection is not encrypted");
            return Err(fatal("28000", "connections must be encrypted: use TLS"));
        }
        let planned = self.service.faults().planned(Operation::Connect);
        if let Some(planned) = planned {
            return self.meet(client, planned.how).await;
        }
        protocol_negotiation(client, startup).await?;
        save_startup_parameters_to_metadata(client, startup);
        let database = client.metadata().get(METADATA_DATABASE).map_or("md:", String::as_str);
        if !is_database(database) {
            self.refuse("the database is neither md: nor a plain name");
            return Err(fatal("3D000", "the database must be md: or a plain name"));
        }
        if self.service.switches().no_password {
            self.service.let_anybody_in();
            session::name(client, self.service.switches().identity.of(NOBODY));
            return finish_authentication(client, &DefaultServerParameterProvider::default()).await;
        }
        client.set_state(PgWireConnectionState::AuthenticationInProgress);
        let ask = PgWireBackendMessage::Authentication(Authentication::CleartextPassword);
        Ok(client.send(ask).await?)
    }

    fn refuse(&self, why: &str) {
        let about = About { detail: Some(why.to_owned()), ..About::default() };
        self.service.world().events.push(Kind::Refused, about);
    }

    async fn meet<C>(&self, client: &mut C, how: How) -> PgWireResult<()>
    where
        C: Sink<PgWireBackendMessage> + Unpin + Send,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let note = |what| self.service.note_fault(Operation::Connect, None, what);
        if how == How::Hang {
            note("never answered, no effect");
            self.service.shutdown.cancelled().await;
        } else if how == How::LoseReply {
            note("connection dropped, no effect");
            client.close().await?;
        } else {
            note("SQLSTATE 57P03, no effect");
        }
        Err(fatal("57P03", "the service cannot accept connections right now"))
    }

    async fn check<C>(&self, client: &mut C, answer: PasswordMessageFamily) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let token = Token::new(&answer.into_password()?.password).ok();
        match self.service.connect(token.as_ref()) {
            Ok(known) => {
                session::name(client, self.service.switches().identity.of(&known.username));
                *self.let_in.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
                finish_authentication(client, &DefaultServerParameterProvider::default()).await
            }
            Err(_) => Err(fatal("28P01", NOT_AUTHENTICATED)),
        }
    }
}

#[async_trait]
impl StartupHandler for Doorkeeper {
    #[expect(clippy::wildcard_enum_match_arm, reason = "pgwire hands over every message there is")]
    async fn on_startup<C>(
        &self,
        client: &mut C,
        message: PgWireFrontendMessage,
    ) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let answered = match message {
            PgWireFrontendMessage::Startup(startup) => self.greet(client, &startup).await,
            PgWireFrontendMessage::PasswordMessageFamily(answer) => {
                self.check(client, answer).await
            }
            _ => Err(fatal("08P01", "unexpected message before authentication")),
        };
        match answered {
            Ok(()) => Ok(()),
            Err(error) => Err(end(client, error).await?),
        }
    }
}

/// pgwire keeps the doorkeeper for as long as the connection lasts.
impl Drop for Doorkeeper {
    fn drop(&mut self) {
        if let Some(token) = self.let_in.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            self.service.leave(&token);
        }
    }
}

/// Tells the client why it is not let in, and hangs up. pgwire would say after the error that it is ready for a query,
/// which Postgres does not, and over which asyncpg stumbles: what it says to a connection that is closed, nobody hears.
async fn end<C>(client: &mut C, error: PgWireError) -> PgWireResult<PgWireError>
where
    C: Sink<PgWireBackendMessage> + Unpin + Send,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let ErrorInfo { code, message, .. } = error.into();
    let told = fatal(&code, &message);
    let answer = ErrorInfo::from(fatal(&code, &message)).into();
    client.send(PgWireBackendMessage::ErrorResponse(answer)).await?;
    client.close().await?;
    Ok(told)
}

fn is_database(text: &str) -> bool {
    let name = text.strip_prefix("md:").unwrap_or(text);
    text == "md:"
        || (!name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))
}

fn fatal(sqlstate: &str, message: &str) -> PgWireError {
    let info = ErrorInfo::new("FATAL".to_owned(), sqlstate.to_owned(), message.to_owned());
    PgWireError::UserError(Box::new(info))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_md_or_a_plain_name() {
        for text in ["md:", "md:sales", "sales", "my_db"] {
            assert!(is_database(text), "{text}");
        }
        for text in ["", "a b", "md:a;b", "host:db"] {
            assert!(!is_database(text), "{text}");
        }
    }
}

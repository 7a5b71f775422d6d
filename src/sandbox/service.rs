//! What the REST API and the Postgres endpoint share: the organisation, the events, the faults, the way to stop.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::SandboxError;
use super::ducklings::Flock;
use super::events::{About, EventLog, Kind};
use super::faults::{Faults, Operation, Switches};
use super::journal::Journal;
use super::state::{Expired, KnownToken, Organisation, Role, TokenStatus, User};
use crate::record::TokenType;
use crate::secret::Token;

/// One sandbox.
pub(super) struct Service {
    world: Mutex<World>,
    faults: Mutex<Faults>,
    pub(super) shutdown: CancellationToken,
}

pub(super) type Shared = Arc<Service>;

/// What changes together, so that the events stand in the order of what happened.
pub(super) struct World {
    pub(super) organisation: Organisation,
    pub(super) events: EventLog,
    pub(super) flock: Flock,
    journal: Option<Journal>,
}

impl World {
    /// Writes down what has changed: what was answered survives a crash.
    pub(super) fn keep(&mut self) -> Result<(), SandboxError> {
        if let Some(journal) = &mut self.journal {
            return journal.keep(&mut self.organisation);
        }
        // Nobody can come back to it.
        self.organisation.take_changes();
        Ok(())
    }

    fn prime(&mut self, token: &KnownToken) {
        let user = self.organisation.owner(token);
        let user = user.filter(|user| !user.primed && token.token_type == TokenType::ReadWrite);
        if let Some(user) = user.cloned() {
            self.organisation.set_user(User { primed: true, ..user });
            if let Err(error) = self.keep() {
                tracing::warn!(%error, "state not kept");
            }
        }
    }
}

/// Why a bearer token does not open the REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    InvalidCredentials,
    NotAdmin,
    NotReadWrite,
}

impl Service {
    pub(super) fn new(
        mut organisation: Organisation,
        faults: Faults,
        state_file: Option<PathBuf>,
    ) -> Result<Self, SandboxError> {
        let journal = state_file.map(|path| Journal::begin(path, &mut organisation)).transpose()?;
        let (events, flock) = (EventLog::default(), Flock::default());
        let world = World { organisation, events, flock, journal };
        Ok(Self {
            world: Mutex::new(world),
            faults: Mutex::new(faults),
            shutdown: CancellationToken::new(),
        })
    }

    /// Looks at the world.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The switches and the plan.
    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn switches(&self) -> Switches {
        self.faults().switches.clone()
    }

    /// The user that a bearer token belongs to.
    pub(super) fn asker(&self, token: &Token) -> Result<User, Unfit> {
        let world = self.world();
        let TokenStatus::Accepted(known) =
            world.organisation.status(&token.sha256(), Timestamp::now())
        else {
            return Err(Unfit::InvalidCredentials);
        };
        let user = world.organisation.owner(known).ok_or(Unfit::InvalidCredentials)?;
        match (user.role, known.token_type) {
            (Role::Admin, TokenType::ReadScaling) => Err(Unfit::NotReadWrite),
            // A Member is told first that it is none of the Admins.
            (Role::Member, TokenType::ReadScaling) => Err(Unfit::NotAdmin),
            (Role::Admin | Role::Member, TokenType::ReadWrite) => Ok(user.clone()),
        }
    }

    /// Lets a Postgres session in, or says why not; either way it is an event.
    pub(super) fn connect(&self, token: Option<&Token>) -> Result<KnownToken, &'static str> {
        let mut world = self.world();
        let now = Timestamp::now();
        let sha256 = token.map(Token::sha256).unwrap_or_default();
        let (known, problem) = match world.organisation.status(&sha256, now) {
            TokenStatus::Accepted(known) => (Some(known.clone()), None),
            TokenStatus::Expired(known) => (Some(known.clone()), Some("the token has expired")),
            TokenStatus::Revoked(known) => (Some(known.clone()), Some("the token was revoked")),
            TokenStatus::Unknown => (None, Some("the token is unknown")),
        };
        let problem = problem.or_else(|| {
            let user = known.as_ref().and_then(|known| world.organisation.owner(known))?;
            let scaling = known.as_ref()?.token_type == TokenType::ReadScaling;
            (scaling && !user.primed)
                .then_some("the account was never connected to with a read/write token")
        });
        let about = known.as_ref().map(About::token).unwrap_or_default();
        match (known, problem) {
            (Some(known), None) => {
                world.events.push(Kind::Connected, about);
                world.flock.wake(known.user, known.token_type, now);
                world.prime(&known);
                Ok(known)
            }
            (_, problem) => {
                let problem = problem.unwrap_or("the token is unknown");
                world
                    .events
                    .push(Kind::Refused, About { detail: Some(problem.to_owned()), ..about });
                Err(problem)
            }
        }
    }

    /// Lets a Postgres session in that nobody asked for a password.
    pub(super) fn let_anybody_in(&self) {
        let detail = Some("nobody asked for a password".to_owned());
        self.world().events.push(Kind::Connected, About { detail, ..About::default() });
    }

    /// A Postgres session has ended.
    pub(super) fn leave(&self, token: &KnownToken) {
        self.world().flock.leave(token.user, token.token_type, Timestamp::now());
    }

    /// Notes an injected fault.
    pub(super) fn note_fault(&self, operation: Operation, username: Option<String>, what: &str) {
        let detail = Some(format!("{}: {what}", operation.as_str()));
        self.world()
            .events
            .push(Kind::RequestFailed, About { username, detail, ..About::default() });
    }
}

impl Switches {
    pub(super) fn expired(&self) -> Expired {
        if self.keep_expired { Expired::Kept } else { Expired::Dropped }
    }
}

impl About {
    pub(super) fn user(username: &str) -> Self {
        Self { username: Some(username.to_owned()), ..Self::default() }
    }

    pub(super) fn token(token: &KnownToken) -> Self {
        Self {
            username: Some(token.username.clone()),
            token_id: Some(token.id),
            name: Some(token.name.clone()),
            detail: None,
        }
    }
}

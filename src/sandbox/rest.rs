//! The REST API: its routes, and what every request passes through on the way to them.

mod answer;
mod control;
mod disturb;
mod dives;
mod ducklings;
mod fields;
mod line;
mod tokens;
mod users;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use tokio::net::TcpListener;

use self::answer::Refusal;
use self::line::{Line, SeverableListener};
use super::faults::{Operation, Switches};
use super::options::OwnTokens;
use super::service::{Shared, Unfit};
use super::state::{Role, User};
use crate::secret::Token;

/// Serves the REST API until the sandbox is stopped.
pub(super) async fn serve(listener: TcpListener, service: Shared) -> std::io::Result<()> {
    let shutdown = service.shutdown.clone().cancelled_owned();
    let app = router(&service).into_make_service_with_connect_info::<Line>();
    axum::serve(SeverableListener::new(listener), app).with_graceful_shutdown(shutdown).await
}

fn router(service: &Shared) -> Router {
    let mut routes = Routes { service, router: Router::new() };
    routes.add(Method::POST, "/v1/users", Operation::UserCreate, users::create);
    routes.add(Method::GET, "/v1/users", Operation::UserList, users::list);
    routes.add(Method::DELETE, "/v1/users/{username}", Operation::UserDelete, users::delete);
    routes.add(Method::POST, "/v1/users/{username}/tokens", Operation::TokenCreate, tokens::create);
    routes.add(Method::GET, "/v1/users/{username}/tokens", Operation::TokenList, tokens::list);
    routes.add(
        Method::DELETE,
        "/v1/users/{username}/tokens/{token_id}",
        Operation::TokenRevoke,
        tokens::revoke,
    );
    routes.add(
        Method::GET,
        "/v1/users/{username}/instances",
        Operation::DucklingGet,
        ducklings::get,
    );
    routes.add(
        Method::PUT,
        "/v1/users/{username}/instances",
        Operation::DucklingSet,
        ducklings::set,
    );
    routes.add(Method::GET, "/v1/active_accounts", Operation::ActiveAccounts, ducklings::active);
    routes.add(
        Method::POST,
        "/v1/dives/{dive_id}/embed-session",
        Operation::DiveEmbedSession,
        dives::embed_session,
    );
    routes
        .router
        .merge(control::router())
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_route)
        .with_state(service.clone())
}

struct Routes<'a> {
    service: &'a Shared,
    router: Router<Shared>,
}

impl Routes<'_> {
    fn add<H, T>(&mut self, method: Method, path: &str, operation: Operation, handler: H)
    where
        H: Handler<T, Shared>,
        T: 'static,
    {
        let layer = from_fn_with_state((self.service.clone(), operation), disturb::pass);
        // Every method of this API has a filter; one that had none would never be served.
        let filter = MethodFilter::try_from(method).unwrap_or(MethodFilter::TRACE);
        let route = on(filter, handler).route_layer(layer);
        self.router = std::mem::take(&mut self.router).route(path, route);
    }
}

/// The plain text of the real service's router, which says nothing about what exists.
async fn no_such_route(State(service): State<Shared>) -> Response {
    service.faults().count(Operation::Unknown);
    answer::not_found_text()
}

/// The Admin who asks.
pub(super) struct Admin;

impl FromRequestParts<Shared> for Admin {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Response> {
        let Asker(user) = Asker::from_request_parts(parts, service).await?;
        match user.role {
            Role::Admin => Ok(Self),
            Role::Member => Err(not_admin().into_response()),
        }
    }
}

/// Whoever asks, by a read/write token.
pub(super) struct Asker(User);

impl FromRequestParts<Shared> for Asker {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Response> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .and_then(|text| Token::new(text).ok());
        let refusal = match token.map(|token| service.asker(&token)) {
            Some(Ok(user)) => return Ok(Self(user)),
            None | Some(Err(Unfit::InvalidCredentials)) => Refusal::unauthorized(),
            Some(Err(Unfit::NotAdmin)) => not_admin(),
            Some(Err(Unfit::NotReadWrite)) => Refusal::forbidden("a read/write token is required"),
        };
        Err(refusal.into_response())
    }
}

impl Asker {
    /// The user, if it may do that with the tokens of the account `username`.
    fn may(self, deed: OwnTokens, username: &str, switches: &Switches) -> Result<User, Refusal> {
        let Self(user) = self;
        let is_own = user.username.eq_ignore_ascii_case(username);
        match user.role {
            Role::Admin => Ok(user),
            Role::Member if is_own && switches.members_may.contains(&deed) => Ok(user),
            Role::Member => Err(not_admin()),
        }
    }
}

fn not_admin() -> Refusal {
    Refusal::forbidden("the user does not have the minimum role of Admin")
}

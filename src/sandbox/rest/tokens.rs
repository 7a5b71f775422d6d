//! Tokens: created, listed and revoked. A token's text is shown once, in the answer to its creation.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Asker;
use super::answer::Refusal;
use super::fields::Fields;
use super::users::known;
use crate::record::TokenType;
use crate::sandbox::events::{About, Kind};
use crate::sandbox::options::OwnTokens;
use crate::sandbox::service::Shared;
use crate::sandbox::state::{KnownToken, Nature, NewToken, User};
use crate::sandbox::tokens::mint;

/// Names that MotherDuck keeps to itself.
const RESERVED: [&str; 2] = ["MotherDuck Extension", "MotherDuck Flights"];

pub(super) async fn create(
    State(service): State<Shared>,
    asker: Asker,
    Path(username): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let switches = service.switches();
    let asker = asker.may(OwnTokens::Create, &username, &switches)?;
    let request = TokenRequest::read(&body)?;
    if switches.lite_plan && request.token_type == TokenType::ReadScaling {
        return Err(Refusal::forbidden("read scaling requires the Business plan"));
    }
    let mut world = service.world();
    let user = within_scope(known(world.organisation.user(&username))?, &asker)?.clone();
    let now = Timestamp::now();
    let mut held = world.organisation.tokens_of(user.id, now, switches.expired());
    if !switches.duplicate_names && held.any(|token| token.name == request.name) {
        return Err(Refusal::conflict("a token of that name exists"));
    }
    drop(held);
    let text = mint(&user.username, request.token_type, now)
        .map_err(|_| Refusal::conflict("no token could be made"))?;
    let new = NewToken {
        name: request.name,
        token_type: request.token_type,
        lifetime: request.lifetime,
        sha256: text.sha256(),
    };
    let token = world.organisation.add_token(&user, new, now);
    let detail = Some(token.token_type.as_str().to_owned());
    world.events.push(Kind::TokenCreated, About { detail, ..About::token(&token) });
    world.keep()?;
    let mut answer = show(&token);
    answer.insert("token".to_owned(), Value::String(text.lend(str::to_owned)));
    Ok(Json(Value::Object(answer)))
}

pub(super) async fn list(
    State(service): State<Shared>,
    asker: Asker,
    Path(username): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let switches = service.switches();
    asker.may(OwnTokens::List, &username, &switches)?;
    let mut world = service.world();
    let user = known(world.organisation.user(&username))?.clone();
    let now = Timestamp::now();
    let rows: Vec<Value> = world
        .organisation
        .tokens_of(user.id, now, switches.expired())
        .filter(|token| {
            now.duration_since(token.created_at).unsigned_abs() >= switches.listing_delay
        })
        .map(|token| Value::Object(show(token)))
        .collect();
    let detail = Some(format!("{} tokens", rows.len()));
    world.events.push(Kind::TokensListed, About { detail, ..About::user(&user.username) });
    Ok(Json(json!({ "tokens": rows })))
}

pub(super) async fn revoke(
    State(service): State<Shared>,
    asker: Asker,
    Path((username, which)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    let switches = service.switches();
    asker.may(OwnTokens::Revoke, &username, &switches)?;
    let mut world = service.world();
    let user = known(world.organisation.user(&username))?.clone();
    let now = Timestamp::now();
    // One of MotherDuck's guides passes a name here: whoever sends one by mistake should see that it works.
    let token = world
        .organisation
        .tokens_of(user.id, now, switches.expired())
        .find(|token| token.id.to_string().eq_ignore_ascii_case(&which) || token.name == which)
        .cloned()
        .ok_or_else(|| Refusal::not_found("Token not found"))?;
    world.organisation.revoke(token.id, now, switches.revocation_delay);
    world.events.push(Kind::TokenRevoked, About::token(&token));
    world.keep()?;
    Ok(Json(json!({})))
}

/// An admin makes tokens for service accounts and for itself, not for other people.
fn within_scope<'a>(user: &'a User, asker: &User) -> Result<&'a User, Refusal> {
    if user.nature == Nature::ServiceAccount || user.id == asker.id {
        Ok(user)
    } else {
        Err(Refusal::forbidden("tokens can be created for service accounts and for yourself"))
    }
}

fn show(token: &KnownToken) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), json!(token.id));
    shown.insert("name".to_owned(), json!(token.name));
    shown.insert("created_ts".to_owned(), json!(token.created_at));
    shown.insert("read_only".to_owned(), json!(token.token_type == TokenType::ReadScaling));
    shown.insert("token_type".to_owned(), json!(token.token_type));
    if let Some(expires_at) = token.expires_at {
        shown.insert("expire_at".to_owned(), json!(expires_at));
    }
    shown
}

/// What a request to create a token asks for.
struct TokenRequest {
    name: String,
    token_type: TokenType,
    lifetime: Option<Duration>,
}

impl TokenRequest {
    fn read(body: &Bytes) -> Result<Self, Refusal> {
        let mut fields = Fields::read(body)?;
        let name = fields.text("name", 1..=255).and_then(|name| {
            if RESERVED.contains(&name.as_str()) {
                fields.issue("name", "custom", "is reserved")
            } else {
                Some(name)
            }
        });
        let ttl = fields.number("ttl", 300..=31_536_000);
        let token_type = if fields.has("token_type") {
            fields.choice("token_type", &["read_write", "read_scaling"]).map(|text| {
                if text == "read_scaling" { TokenType::ReadScaling } else { TokenType::ReadWrite }
            })
        } else {
            Some(TokenType::ReadWrite)
        };
        if fields.has("description") {
            fields.text("description", 1..=1000);
        }
        let lifetime = ttl.map(Duration::from_secs);
        let request =
            name.zip(token_type).map(|(name, token_type)| Self { name, token_type, lifetime });
        fields.finish(request)
    }
}

//! Users: service accounts are created and deleted, and everybody is listed, page by page.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Admin;
use super::answer::{Issue, Refusal};
use super::fields::Fields;
use crate::names::AccountName;
use crate::sandbox::events::{About, Kind};
use crate::sandbox::service::Shared;
use crate::sandbox::state::{Nature, Role, User};

const LARGEST_PAGE: usize = 1000;
const USUAL_PAGE: usize = 100;

pub(super) async fn create(
    State(service): State<Shared>,
    _: Admin,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let mut fields = Fields::read(&body)?;
    let username = fields.text("username", 1..=255).and_then(|text| {
        text.parse::<AccountName>().ok().or_else(|| {
            let rule = "must be 3 to 255 letters, digits and underscores, starting with a letter";
            fields.issue("username", "invalid_string", rule)
        })
    });
    let username = fields.finish(username)?;
    let mut world = service.world();
    if world.organisation.user(username.as_str()).is_some() {
        return Err(Refusal::conflict("a user of that name exists"));
    }
    world.organisation.add_user(username.as_str(), Role::Member, Nature::ServiceAccount, false);
    world.events.push(Kind::AccountCreated, About::user(username.as_str()));
    world.keep()?;
    Ok(Json(json!({ "username": username })))
}

pub(super) async fn delete(
    State(service): State<Shared>,
    _: Admin,
    Path(username): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let mut world = service.world();
    let user = known(world.organisation.user(&username))?.clone();
    if user.nature == Nature::Person {
        return Err(Refusal::forbidden("only service accounts can be deleted"));
    }
    for token in world.organisation.remove_user(user.id, Timestamp::now()) {
        let detail = Some("with its account".to_owned());
        world.events.push(Kind::TokenRevoked, About { detail, ..About::token(&token) });
    }
    world.events.push(Kind::AccountDeleted, About::user(&user.username));
    world.keep()?;
    Ok(Json(json!({ "username": user.username })))
}

pub(super) async fn list(
    State(service): State<Shared>,
    _: Admin,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Refusal> {
    let page = Page::read(&query)?;
    let world = service.world();
    let users: Vec<&User> = world.organisation.users().filter(|user| page.wants(user)).collect();
    let rows: Vec<Value> =
        users.iter().skip(page.start).take(page.limit).map(|user| row(user)).collect();
    let end = page.start + rows.len();
    let next = (end < users.len()).then(|| URL_SAFE_NO_PAD.encode(end.to_string()));
    Ok(Json(json!({ "users": rows, "total_count": users.len(), "next_page_token": next })))
}

/// The user, or the JSON 404 that says that there is none.
pub(super) fn known(user: Option<&User>) -> Result<&User, Refusal> {
    user.ok_or_else(|| Refusal::not_found("User not found"))
}

fn row(user: &User) -> Value {
    let email = match user.nature {
        Nature::Person => Some(format!("{}@sandbox.invalid", user.username)),
        Nature::ServiceAccount => None,
    };
    let mut row = json!({
        "id": user.id,
        "username": user.username,
        "is_service_account": user.nature == Nature::ServiceAccount,
        "is_deprovisioned": false,
        "roles": [user.role],
    });
    if let (Some(row), Some(email)) = (row.as_object_mut(), email) {
        row.insert("email".to_owned(), Value::String(email));
    }
    row
}

/// Which part of the list is asked for.
struct Page {
    limit: usize,
    start: usize,
    service_account: Option<bool>,
    deprovisioned: Option<bool>,
}

impl Page {
    fn read(query: &HashMap<String, String>) -> Result<Self, Refusal> {
        let limit =
            |text: &str| text.parse().ok().filter(|limit| (1..=LARGEST_PAGE).contains(limit));
        let start = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            String::from_utf8(bytes).ok()?.parse().ok()
        };
        Ok(Self {
            limit: parameter(query, "limit", limit)?.unwrap_or(USUAL_PAGE),
            start: parameter(query, "page_token", start)?.unwrap_or(0),
            service_account: parameter(query, "is_service_account", |text| text.parse().ok())?,
            deprovisioned: parameter(query, "is_deprovisioned", |text| text.parse().ok())?,
        })
    }

    /// Nobody is ever deprovisioned here: a deleted account is gone.
    fn wants(&self, user: &User) -> bool {
        let is_service_account = user.nature == Nature::ServiceAccount;
        self.deprovisioned != Some(true)
            && self.service_account.is_none_or(|wanted| wanted == is_service_account)
    }
}

fn parameter<T>(
    query: &HashMap<String, String>,
    key: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    let Some(text) = query.get(key) else { return Ok(None) };
    read(text).map(Some).ok_or_else(|| {
        let message = "is not valid".to_owned();
        Refusal::invalid(vec![Issue { code: "invalid_type", message, path: vec![key] }])
    })
}

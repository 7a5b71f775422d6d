//! Dives: embed sessions, which are opaque texts.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Admin;
use super::answer::Refusal;
use super::fields::Fields;
use super::users::known;
use crate::sandbox::events::{About, Kind};
use crate::sandbox::service::Shared;
use crate::sandbox::state::Nature;
use crate::sandbox::tokens::opaque;

/// Every dive exists whose ID is a UUID.
pub(super) async fn embed_session(
    State(service): State<Shared>,
    _: Admin,
    Path(dive_id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let mut fields = Fields::read(&body)?;
    let username = fields.text("username", 1..=255);
    for key in ["session_name", "session_hint"] {
        if fields.has(key) {
            fields.text(key, 1..=255);
        }
    }
    let username = fields.finish(username)?;
    if Uuid::try_parse(&dive_id).is_err() {
        return Err(Refusal::not_found("Dive not found"));
    }
    if service.switches().lite_plan {
        return Err(Refusal::forbidden("embedded dives require the Business plan"));
    }
    let mut world = service.world();
    let user = known(world.organisation.user(&username))?;
    if user.nature == Nature::Person {
        return Err(Refusal::forbidden("an embed session needs a service account"));
    }
    let about = About { detail: Some(dive_id), ..About::user(&user.username) };
    world.events.push(Kind::SessionOpened, about);
    Ok(Json(json!({ "session": opaque() })))
}

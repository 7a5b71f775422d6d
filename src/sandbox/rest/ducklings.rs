//! Ducklings: their configuration, and which of them run.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Admin;
use super::answer::Refusal;
use super::fields::Fields;
use super::users::known;
use crate::sandbox::ducklings::{Ducklings, ReadScaling, ReadWrite, SIZES};
use crate::sandbox::events::{About, Kind};
use crate::sandbox::service::Shared;
use crate::sandbox::state::User;

pub(super) async fn get(
    State(service): State<Shared>,
    _: Admin,
    Path(username): Path<String>,
) -> Result<Json<Ducklings>, Refusal> {
    let world = service.world();
    Ok(Json(known(world.organisation.user(&username))?.ducklings.clone()))
}

pub(super) async fn set(
    State(service): State<Shared>,
    _: Admin,
    Path(username): Path<String>,
    body: Bytes,
) -> Result<Json<Ducklings>, Refusal> {
    let ducklings = read(&body)?;
    let mut world = service.world();
    let user = known(world.organisation.user(&username))?.clone();
    let about = About::user(&user.username);
    world.organisation.set_user(User { ducklings: ducklings.clone(), ..user });
    world.events.push(Kind::DucklingsSet, about);
    world.keep()?;
    Ok(Json(ducklings))
}

pub(super) async fn active(State(service): State<Shared>, _: Admin) -> Json<Value> {
    let world = service.world();
    let now = Timestamp::now();
    let accounts: Vec<Value> = world
        .organisation
        .users()
        .map(|user| (user, world.flock.of(user.id, now)))
        .filter(|(_, ducklings)| !ducklings.is_empty())
        .map(|(user, ducklings)| json!({ "username": user.username, "ducklings": ducklings }))
        .collect();
    Json(json!({ "accounts": accounts }))
}

/// Both halves are required: there is no partial update.
fn read(body: &Bytes) -> Result<Ducklings, Refusal> {
    let mut fields = Fields::read(body)?;
    let ducklings = fields.object("config", |config| {
        let read_write = config.object("read_write", |half| {
            let (instance_size, cooldown_seconds) = size_and_cooldown(half)?;
            Some(ReadWrite { instance_size, cooldown_seconds })
        });
        let read_scaling = config.object("read_scaling", |half| {
            let flock_size = if half.has("flock_size") {
                half.number("flock_size", 0..=64)
            } else {
                half.issue("flock_size", "invalid_type", "Required")
            };
            let (instance_size, cooldown_seconds) = size_and_cooldown(half)?;
            Some(ReadScaling { instance_size, flock_size: flock_size?, cooldown_seconds })
        });
        Some(Ducklings { read_write: read_write?, read_scaling: read_scaling? })
    });
    fields.finish(ducklings)
}

fn size_and_cooldown(half: &mut Fields) -> Option<(String, Option<u64>)> {
    let size = half.choice("instance_size", &SIZES);
    let cooldown = half.number("cooldown_seconds", 60..=86_400);
    if size.as_deref() == Some("pulse") && half.has("cooldown_seconds") {
        return half.issue("cooldown_seconds", "custom", "cannot be chosen for pulse");
    }
    Some((size?, cooldown))
}

//! The sandbox's own routes, under `/_sandbox`: what happened, how often it was asked, and what shall go wrong.

use std::collections::{BTreeMap, HashMap};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, body::Bytes};
use serde_json::{Value, json};

use crate::sandbox::faults::{Change, Operation};
use crate::sandbox::service::{Service, Shared};

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/_sandbox/events", get(events))
        .route("/_sandbox/requests", get(requests))
        .route("/_sandbox/faults", get(show_faults).post(change_faults).delete(clear_plan))
}

async fn events(
    State(service): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    match query.get("since").map_or(Ok(0), |text| text.parse()) {
        Ok(since) => Json(json!({ "events": service.world().events.since(since) })).into_response(),
        Err(_) => refuse("since must be the number of an event"),
    }
}

async fn requests(State(service): State<Shared>) -> Json<Value> {
    let faults = service.faults();
    let counts = faults.counts();
    let postgres = counts.get(&Operation::Connect).copied().unwrap_or(0);
    let all: u64 = counts.values().sum();
    let by_operation: BTreeMap<&str, u64> =
        counts.iter().map(|(operation, count)| (operation.as_str(), *count)).collect();
    Json(json!({ "rest": all - postgres, "postgres": postgres, "by_operation": by_operation }))
}

async fn show_faults(State(service): State<Shared>) -> Json<Value> {
    Json(in_force(&service))
}

async fn change_faults(State(service): State<Shared>, body: Bytes) -> Response {
    let change = match serde_json::from_slice::<Change>(&body) {
        Ok(change) => change,
        Err(error) => return refuse(&error.to_string()),
    };
    let changed = service.faults().change(change);
    match changed {
        Ok(()) => Json(in_force(&service)).into_response(),
        Err(problem) => refuse(problem),
    }
}

async fn clear_plan(State(service): State<Shared>) -> Json<Value> {
    service.faults().clear_plan();
    Json(in_force(&service))
}

fn in_force(service: &Service) -> Value {
    let faults = service.faults();
    json!({ "switches": faults.switches, "fail_next": faults.plan() })
}

fn refuse(problem: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": problem }))).into_response()
}

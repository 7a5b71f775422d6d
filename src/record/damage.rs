//! The fields of a record, read; and which of them is at fault if they are none.

use serde_json::{Map, Value};

use super::Record;
use super::error::RecordError;
use super::keys::FIELDS;
use super::object::Object;

/// Names the field that is wrong and never its value: a person may have pasted a secret into it.
pub(super) fn read_record(fields: &Object) -> Result<Record, RecordError> {
    serde_json::from_str(&fields.to_text()).map_err(|_| {
        let named =
            |key: &str| fields.members().iter().filter(|member| member.is_named(key)).count();
        let reason = if let Some(key) = FIELDS.iter().find(|key| named(key) > 1) {
            format!("`{key}` stands there twice")
        } else if let Some(key) = FIELDS.iter().find(|key| is_broken(key, fields.get(key))) {
            format!("`{key}` is missing or not of its form")
        } else {
            "its fields do not fit together".to_owned()
        };
        RecordError::Damaged { reason }
    })
}

/// Whether a record that is sound but for this field would not be one.
fn is_broken(key: &str, value: Option<&str>) -> bool {
    let mut candidate = sample();
    match value.map(serde_json::from_str) {
        Some(Ok(value)) => candidate.insert(key.to_owned(), value),
        Some(Err(_)) => return true,
        None => candidate.remove(key),
    };
    serde_json::from_value::<Record>(Value::Object(candidate)).is_err()
}

/// A well-formed record, to tell which one field of a damaged one is at fault.
fn sample() -> Map<String, Value> {
    let value = serde_json::json!({
        "token_id": "00000000-0000-4000-8000-000000000000",
        "token_name": "",
        "token_type": "read_write",
        "username": "sample",
        "created_at": "2026-01-01T00:00:00Z",
        "rotation_id": "00000000-0000-7000-8000-000000000000",
        "published_at": "2026-01-01T00:00:00Z",
        "previous_token_ids": [],
        "phase": "published",
        "token_sha256": "",
        "owner": "sample",
    });
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

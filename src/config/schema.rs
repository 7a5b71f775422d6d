//! The JSON schema of the configuration, derived from the tables that read it: what they take, it takes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::raw;
use crate::names::Owner;

/// The sections. None is required: a file may hold some of them and leave the others to another file.
#[derive(JsonSchema)]
#[schemars(
    title = "pintail",
    description = "The configuration of pintail, or one file of several that make it up.",
    deny_unknown_fields
)]
#[expect(dead_code, reason = "only its schema is used: each section is read on its own")]
struct Sections {
    /// This deployment's name, which is part of every token's name: two deployments never touch one another's.
    owner: Option<Owner>,
    motherduck: Option<raw::MotherDuck>,
    /// The cluster, where it is not the one that pintail runs in.
    kubernetes: Option<raw::kubernetes::Cluster>,
    /// The stores, by name.
    stores: Option<BTreeMap<String, raw::store::Store>>,
    daemon: Option<raw::Daemon>,
    server: Option<raw::Server>,
    /// Who is told that a person may have to act, by name.
    notifications: Option<BTreeMap<String, raw::notification::Notification>>,
    audit_log: Option<raw::trail::AuditLog>,
    telemetry: Option<raw::trail::Telemetry>,
    /// What the credentials have in common.
    defaults: Option<raw::credential::Credential>,
    /// The credentials, by name.
    credentials: Option<BTreeMap<String, raw::credential::Credential>>,
    /// Rules that make credentials of accounts, by name.
    fleets: Option<BTreeMap<String, Box<raw::fleet::Fleet>>>,
}

/// The JSON schema of a configuration file, draft 7.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Sections>().to_value();
    forget_null(&mut schema);
    schema
}

/// A key may be absent, and TOML has no null.
fn forget_null(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(forget_null);
            forget_null_type(object);
        }
        Value::Array(list) => list.iter_mut().for_each(forget_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn forget_null_type(object: &mut Map<String, Value>) {
    // The default of whatever may be absent.
    if object.get("default") == Some(&Value::Null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    let null = serde_json::json!({ "type": "null" });
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|one| *one != null);
        if let [only] = choices.as_slice() {
            // Beside a reference draft 7 knows no description.
            let only = only.clone();
            object.remove("anyOf");
            object.insert("allOf".to_owned(), Value::Array(vec![only]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_every_section_and_no_other() {
        let schema = schema();
        let sections: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        let mut known = super::super::check::SECTIONS;
        known.sort_unstable();
        assert_eq!(sections, known, "add the section to `Sections` above");
    }

    #[test]
    fn nothing_in_it_is_null() {
        let text = schema().to_string();
        assert!(!text.contains("null"), "{text}");
    }
}

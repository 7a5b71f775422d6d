//! The JSON schema of the configuration, derived from the tables that read it: what they take, it takes.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::sections::Sections;

/// Gives a type that is read by hand a schema under the name `$name`.
macro_rules! named_schema {
    ($name:literal, $type:ty, |$generator:ident| $schema:expr) => {
        impl ::schemars::JsonSchema for $type {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema($generator: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                $schema
            }
        }
    };
}

pub(super) use named_schema;

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
        let mut known = crate::config::sections::SECTIONS;
        known.sort_unstable();
        assert_eq!(sections, known, "add the section to `Sections`");
    }

    #[test]
    fn nothing_in_it_is_null() {
        let text = schema().to_string();
        assert!(!text.contains("null"), "{text}");
    }
}

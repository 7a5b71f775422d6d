//! The reference of the configuration, from the schema: each key with its description, default and example.

use std::fmt::Write;

use pintail::config::schema;
use serde_json::Value;

const REFERENCE: &str = "docs/reference/configuration.md";

/// Where a schema leads: through references, and through what stands beside them.
fn resolved<'a>(root: &'a Value, mut schema: &'a Value) -> Vec<&'a Value> {
    let mut found = vec![];
    loop {
        if let Some(name) = schema["$ref"].as_str() {
            schema = root.pointer(name.trim_start_matches('#')).unwrap();
            continue;
        }
        let inner = ["allOf", "anyOf"].iter().filter_map(|key| schema[key].as_array()).flatten();
        found.extend(inner.flat_map(|one| resolved(root, one)));
        found.push(schema);
        return found;
    }
}

fn code(value: &Value) -> String {
    let text = match value {
        Value::Object(table) => {
            let keys = table.iter().map(|(key, value)| format!("{key} = {}", inline(value)));
            format!("{{ {} }}", keys.collect::<Vec<_>>().join(", ")).replace("{  }", "{}")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            inline(value)
        }
    };
    format!("`{text}`")
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(_) => code(value).trim_matches('`').to_owned(),
        Value::Array(list) => {
            format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// The tables below `schema`, which stands at `path`: its own keys first, then those of the tables in it.
fn render(root: &Value, path: &str, schema: &Value, text: &mut String) {
    let mut further = vec![];
    let tables: Vec<_> =
        resolved(root, schema).into_iter().filter(|one| one["properties"].is_object()).collect();
    for table in &tables {
        writeln!(text, "\n## `[{path}]`\n\n| Key | Means | Default | Example |\n|---|---|---|---|")
            .unwrap();
        for (key, value) in table["properties"].as_object().unwrap() {
            let description = value["description"].as_str().unwrap_or_default();
            let default = value.get("default").map(code).unwrap_or_default();
            let example = value["examples"].get(0).map(code).unwrap_or_default();
            let row =
                format!("| `{key}` | {description} | {default} | {example} |").replace("  ", " ");
            writeln!(text, "{row}").unwrap();
            further.push((format!("{path}.{key}"), value));
        }
    }
    for (path, value) in further {
        render(root, &path, value, text);
        let items = resolved(root, value).into_iter().map(|one| &one["items"]);
        items.filter(|items| items.is_object()).for_each(|items| render(root, &path, items, text));
    }
}

fn reference() -> String {
    let root = schema();
    let mut text = "# Configuration\n\nMade from the schema (`pintail schema`), which editors understand, too. Durations have units, such as `30m`,\n\
        `45d` or `1h 30m`. Each key may also be set by an environment variable: `PINTAIL__DAEMON__SWEEP=1h`.\n\
        `[defaults]` takes the same keys as `[credentials.NAME]`.\n"
        .to_owned();
    for (section, value) in root.get("properties").and_then(Value::as_object).unwrap() {
        if section == "defaults" {
            continue;
        }
        match resolved(&root, value).iter().find_map(|one| one.get("additionalProperties")) {
            Some(each) if each.is_object() => {
                render(&root, &format!("{section}.NAME"), each, &mut text);
            }
            _ => render(&root, section, value, &mut text),
        }
    }
    text
}

#[test]
fn the_reference_of_the_configuration_is_what_the_schema_says() {
    let reference = reference();
    if std::env::var_os("PINTAIL_WRITE_REFERENCE").is_some() {
        std::fs::write(REFERENCE, &reference).unwrap();
    }
    let written = std::fs::read_to_string(REFERENCE).unwrap();
    assert!(
        written == reference,
        "write it: PINTAIL_WRITE_REFERENCE=1 cargo test --test generated"
    );
}

#[test]
fn every_key_is_described_and_has_an_example() {
    fn lacking(value: &Value, path: &str, found: &mut Vec<String>) {
        let Value::Object(object) = value else { return };
        for (key, inner) in object {
            lacking(inner, &format!("{path}/{key}"), found);
        }
        for (key, property) in
            object.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            let is_section = path.is_empty();
            if property["description"].is_null() && !is_section {
                found.push(format!("{path}: {key} has no description"));
            }
            if property["examples"].is_null() && !is_section {
                found.push(format!("{path}: {key} has no example"));
            }
        }
    }
    let mut found = vec![];
    lacking(&schema(), "", &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Those whose bounds follow from other keys, or are MotherDuck's, which may come to take more.
const WITHOUT_A_RANGE: [&str; 4] = ["renew_before", "splay", "cooldown", "flock_size"];

#[test]
fn every_number_and_every_duration_says_its_range() {
    fn lacking(value: &Value, found: &mut Vec<String>, seen: &mut usize) {
        let Value::Object(object) = value else { return };
        object.values().for_each(|inner| lacking(inner, found, seen));
        for (key, property) in
            object.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            let text = property.to_string();
            let is_number = text.contains("definitions/Number\"");
            let has_range = is_number || text.contains("definitions/Span\"");
            if !has_range || WITHOUT_A_RANGE.contains(&key.as_str()) {
                continue;
            }
            *seen += 1;
            let description = property["description"].as_str().unwrap_or_default();
            let is_said = description.contains(" From ") && description.contains(" to ");
            if !is_said || (is_number && property["maximum"].is_null()) {
                found.push(format!("{key}: {description}"));
            }
        }
    }
    let (mut found, mut seen) = (vec![], 0);
    lacking(&schema(), &mut found, &mut seen);
    assert!(seen > 25, "the walk went through the schema: {seen}");
    assert!(found.is_empty(), "give these `Limits` in their section's file:\n{}", found.join("\n"));
}

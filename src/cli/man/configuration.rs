//! pintail.toml(5), from the schema: each key with its description, default and example.

use std::fmt::Write;

use serde_json::Value;

use crate::config;

const HEAD: &str = ".TH pintail.toml 5\n.SH NAME\npintail.toml \\- the configuration of pintail\n.SH DESCRIPTION\n\
    Durations have units, such as 30m, 45d or \"1h 30m\". Each key may also be set by an environment variable:\n\
    PINTAIL_\\&_DAEMON_\\&_SWEEP=1h. [defaults] takes the same keys as [credentials.NAME].\n";
const TAIL: &str = ".SH SEE ALSO\n.BR pintail (1)\n";

/// The page.
pub(super) fn page() -> String {
    let root = config::schema();
    let mut page = HEAD.to_owned();
    let sections = root.get("properties").and_then(Value::as_object);
    for (section, value) in sections.into_iter().flatten() {
        // The same keys as those of a credential.
        if section == "defaults" {
            continue;
        }
        let schemas = resolved(&root, value);
        let each = schemas.iter().find_map(|one| one.get("additionalProperties"));
        match each.filter(|each| each.is_object()) {
            Some(each) => tables(&root, &format!("{section}.NAME"), each, &mut page),
            None => tables(&root, section, value, &mut page),
        }
    }
    page.push_str(TAIL);
    page
}

/// Where a schema leads: through references, and through what stands beside them.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(name.trim_start_matches('#'));
        return target.map(|target| resolved(root, target)).unwrap_or_default();
    }
    let inner = ["allOf", "anyOf"].iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    inner.flat_map(|one| resolved(root, one)).chain([schema]).collect()
}

/// The tables below `schema`, which stands at `path`: its own keys first, then those of the tables in it.
fn tables(root: &Value, path: &str, schema: &Value, page: &mut String) {
    let mut further = vec![];
    for schema in resolved(root, schema) {
        let Some(keys) = schema.get("properties").and_then(Value::as_object) else { continue };
        // Writing into a text cannot fail.
        let _ = writeln!(page, ".SH [{}]", escaped(path));
        for (key, value) in keys {
            let _ = writeln!(page, ".TP\n.B {}\n{}", escaped(key), about(value));
            further.push((format!("{path}.{key}"), value));
        }
    }
    for (path, value) in further {
        tables(root, &path, value, page);
        let items = resolved(root, value).into_iter().filter_map(|one| one.get("items"));
        items.for_each(|items| tables(root, &path, items, page));
    }
}

/// What a key means, its default and an example.
fn about(value: &Value) -> String {
    let description = value.get("description").and_then(Value::as_str).unwrap_or_default();
    let default = value.get("default").map(|default| format!("Default: {}.", toml(default)));
    let example = value.get("examples").and_then(|all| all.get(0));
    let example = example.map(|example| format!("Example: {}", toml(example)));
    let lines = [Some(description.to_owned()), default, example];
    let lines = lines.into_iter().flatten().filter(|line| !line.is_empty());
    lines.map(|line| escaped(&line)).collect::<Vec<_>>().join("\n")
}

/// A value as TOML writes it on one line.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let keys = table.iter().map(|(key, value)| format!("{key} = {}", toml(value)));
            format!("{{ {} }}", keys.collect::<Vec<_>>().join(", ")).replace("{  }", "{}")
        }
        Value::Array(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// A line of text that roff takes as it is.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('`', "").replace('\n', " ");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_keys_of_the_schema_and_no_line_that_roff_would_obey() {
        let page = page();
        for part in [
            ".SH [credentials.NAME]\n",
            ".SH [stores.NAME.vault.auth.approle]\n",
            ".TP\n.B renew_before\n",
            "Example: \"90d\"",
        ] {
            assert!(page.contains(part), "{part}");
        }
        let orders = [".TH ", ".SH ", ".TP", ".B ", ".BR "];
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(orders.iter().any(|order| line.starts_with(order)), "{line}");
        }
        assert_eq!(escaped(".a-b\\c"), "\\&.a\\-b\\ec");
    }
}

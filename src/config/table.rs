//! Reading one table: its shape, and what is said of a wrong one.

use figment::error::{Actual, Kind};
use figment::value::{Dict, Value};
use serde::de::DeserializeOwned;

use super::findings::{Findings, Key};
use super::suggest;

/// The table of named things under `section`; none if it is absent, `None` if it is no table.
pub(super) fn named<'a>(
    root: &'a Dict,
    section: &str,
    findings: &mut Findings,
) -> Option<&'a Dict> {
    static NOTHING: Dict = Dict::new();
    let Some(value) = root.get(section) else { return Some(&NOTHING) };
    let dict = value.as_dict();
    if dict.is_none() {
        findings.problem(&Key::root(section), "this must be a table of named tables");
    }
    dict
}

/// The table `section`, if it is there and well formed.
pub(super) fn table<T: DeserializeOwned>(
    root: &Dict,
    section: &str,
    findings: &mut Findings,
) -> Option<T> {
    shaped(root.get(section)?, &Key::root(section), findings)
}

/// `value` in its shape, if it has it.
pub(super) fn shaped<T: DeserializeOwned>(
    value: &Value,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<T> {
    T::deserialize(value)
        .map_err(explain)
        .map_err(|(below, text)| {
            findings.problem_below(key, below, text);
        })
        .ok()
}

/// What is wrong with a table's shape: the key below the table, and the text.
type Misshapen = (Vec<String>, String);

/// figment's own texts show the value, which may be a secret in the wrong place; these never do.
fn explain(error: figment::Error) -> Misshapen {
    let mut key = error.path;
    let text = match error.kind {
        Kind::Message(text) => text,
        Kind::InvalidType(actual, expected) => {
            format!("this is {}, where {} is expected", shape(&actual), plain(&expected))
        }
        Kind::InvalidValue(_, expected) => format!("{} is expected", plain(&expected)),
        Kind::InvalidLength(length, expected) => {
            format!("this has {length} entries, where {} is expected", plain(&expected))
        }
        Kind::UnknownVariant(_, known) => format!("this must be one of {}", known.join(", ")),
        Kind::UnknownField(word, known) => suggest::unknown("key", &word, known.iter().copied()),
        Kind::MissingField(field) => {
            key.push(field.into_owned());
            "this is required".to_owned()
        }
        Kind::DuplicateField(_) => "this is there twice".to_owned(),
        Kind::ISizeOutOfRange(_)
        | Kind::USizeOutOfRange(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(_, _) => "this is of no use here".to_owned(),
    };
    (key, text)
}

/// The kind of a value, without the value.
fn shape(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) => "a text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        Actual::Bytes(_)
        | Actual::Unit
        | Actual::Option
        | Actual::NewtypeStruct
        | Actual::Enum
        | Actual::UnitVariant
        | Actual::NewtypeVariant
        | Actual::TupleVariant
        | Actual::StructVariant
        | Actual::Other(_) => "something else",
    }
}

/// serde's word for what it expected, in TOML's.
fn plain(expected: &str) -> &str {
    match expected {
        "a string" => "a text",
        "a sequence" => "a list",
        "a map" => "a table",
        other => other,
    }
}

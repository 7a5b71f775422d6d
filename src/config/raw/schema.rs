//! The schemas of what is read by hand: single values, and tables that a word may stand in for.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::credential::{Deploy, DeployKinds, Verify, VerifyKinds};
use super::gate::{
    CommandGate, CommandGateTable, CommandHook, CommandHookTable, Gate, GateKinds, Statuses, Wait,
    WaitTable,
};
use super::mirror::{Mirror, Table as MirrorTable};
use super::scalar::{FieldName, FilePath, Flag, Number, Span, Url, Word};
use super::secret::{AdminPlace, AdminToken, Header, Place, Secret};
use super::store::{Auth, AuthKinds, Kinds, Store};
use crate::names::{AccountName, Owner};

/// Gives a type a schema under its own name.
macro_rules! schema {
    ($type:ident, |$generator:ident| $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

schema!(Span, |_generator| json_schema!({
    "description": "A duration with units, such as \"30m\", \"45d\" or \"1h 30m\".",
    "type": "string",
    "pattern": "^\\s*[0-9]+\\s*[a-zA-Zµ]+(\\s*[0-9]+\\s*[a-zA-Zµ]+)*\\s*$",
}));

// A variable is a text, and a file may be written like one.
schema!(Number, |_generator| json_schema!({
    "description": "A whole number.",
    "type": ["integer", "string"],
    "pattern": "^\\s*[+-]?[0-9]+\\s*$",
}));

schema!(Flag, |_generator| json_schema!({
    "type": ["boolean", "string"],
    "pattern": "^\\s*(true|false)\\s*$",
}));

schema!(FieldName, |_generator| json_schema!({
    "description": "The name of a key in the secret, or false to leave the key out.",
    "type": ["string", "boolean"],
    "pattern": "\\S",
    "not": { "enum": [true, "true"] },
}));

schema!(FilePath, |_generator| json_schema!({
    "description": "The path of a file or a directory.",
    "type": "string",
    "pattern": "\\S",
}));

schema!(Url, |_generator| json_schema!({
    "description": "A URL without a user name and a password in it.",
    "type": "string",
    "pattern": "^\\s*[hH][tT][tT][pP][sS]?:",
}));

schema!(Owner, |_generator| json_schema!({ "type": "string", "minLength": 1 }));

schema!(AccountName, |_generator| json_schema!({ "type": "string", "minLength": 1 }));

schema!(Statuses, |generator| {
    let number = generator.subschema_for::<Number>();
    json_schema!({ "anyOf": [number, { "type": "array", "items": number }] })
});

schema!(Header, |generator| {
    let secret = generator.subschema_for::<Secret>();
    json_schema!({ "anyOf": [{ "type": "string" }, secret] })
});

schema!(CommandGate, |generator| {
    let table = generator.subschema_for::<CommandGateTable>();
    json_schema!({ "anyOf": [{ "type": "array", "items": { "type": "string" } }, table] })
});

schema!(CommandHook, |generator| {
    let table = generator.subschema_for::<CommandHookTable>();
    json_schema!({ "anyOf": [{ "type": "array", "items": { "type": "string" } }, table] })
});

// One of several: the table that it is read from.
schema!(Secret, |generator| Place::json_schema(generator));
schema!(AdminToken, |generator| AdminPlace::json_schema(generator));
schema!(Store, |generator| Kinds::json_schema(generator));
schema!(Auth, |generator| AuthKinds::json_schema(generator));

schema!(Wait, |generator| {
    let span = generator.subschema_for::<Span>();
    let table = generator.subschema_for::<WaitTable>();
    json_schema!({ "anyOf": [span, table] })
});

schema!(Gate, |generator| {
    let kinds = generator.subschema_for::<GateKinds>();
    json_schema!({ "anyOf": [{ "const": "none" }, kinds] })
});

schema!(Verify, |generator| {
    let kinds = generator.subschema_for::<VerifyKinds>();
    json_schema!({ "anyOf": [{ "const": "admin" }, kinds] })
});

schema!(Mirror, |generator| {
    let table = generator.subschema_for::<MirrorTable>();
    json_schema!({ "anyOf": [{ "type": "string" }, table] })
});

schema!(Deploy, |generator| {
    let kinds = generator.subschema_for::<DeployKinds>();
    json_schema!({ "anyOf": [{ "const": "none" }, kinds] })
});

impl<T: JsonSchema> JsonSchema for Word<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

//! A command: `gate.command`, `deploy.command` and `verify.command`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::json;

use super::findings::{Findings, Key};
use super::limits::{Limits, Range};
use super::polling::polled;
use super::scalar::Span;
use crate::consumers::command::settings::Command;

const TIMEOUT: Limits<Duration> =
    Range::new(Duration::from_millis(100), Duration::from_hours(1)).or(Duration::from_secs(30));

/// The argument list alone, or the table `T` around it.
#[derive(Debug, Clone)]
pub(super) struct ListOr<T>(pub(super) T);

/// `gate.command`.
pub(super) type CommandGate = ListOr<CommandGateTable>;
/// `deploy.command` and `verify.command`.
pub(super) type CommandHook = ListOr<CommandHookTable>;

/// Declares a table with the keys of a command, and hands it on to the macro `$declare`, which may add keys.
macro_rules! command {
    ($declare:ident, $name:ident) => {
        $declare! {
            #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields)]
            struct $name {
                /// The program and its arguments. Placeholders are not filled in: the environment has `PINTAIL_TOKEN_ID` and the like.
                #[schemars(extend("examples" = [json!(["/usr/local/bin/is-healthy", "--strict"])]))]
                command: Vec<String>,
                /// The limit for one run.
                #[schemars(extend("examples" = ["5s"]), transform = TIMEOUT.schema())]
                timeout: Option<Span>,
            }
        }

        impl From<Vec<String>> for $name {
            fn from(command: Vec<String>) -> Self {
                Self { command, ..Self::default() }
            }
        }

        impl $name {
            /// The command, the defaults filled in.
            pub(in crate::config) fn check(
                self,
                key: &Key<'_>,
                findings: &mut Findings,
            ) -> Option<Command> {
                check(self.command, self.timeout, key, findings)
            }
        }
    };
}

/// Declares a table without further keys.
macro_rules! alone {
    ($(#[$attribute:meta])* struct $name:ident { $($own:tt)* }) => {
        $(#[$attribute])*
        pub(in crate::config) struct $name { $($own)* }
    };
}

command!(polled, CommandGateTable);
command!(alone, CommandHookTable);

fn check(
    command: Vec<String>,
    timeout: Option<Span>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<Command> {
    let timeout = findings.span(&key.child("timeout"), timeout, &TIMEOUT);
    let mut arguments = command.into_iter();
    // Commands run in `/`: a path that is relative to somewhere else would not be what was meant.
    let is_name = |path: &Path| path.components().count() == 1 && path.file_name().is_some();
    let program = arguments.next().map(PathBuf::from);
    let program = program.filter(|path| path.is_absolute() || is_name(path));
    let program = findings.require(
        key,
        program,
        "the first entry of the list must be a program, by its absolute path or by its name alone; the arguments follow",
    );
    let arguments: Vec<String> = arguments.collect();
    if arguments.iter().any(|argument| argument.contains('\0')) {
        findings.problem(key, "an argument cannot hold a NUL character");
    }
    Some(Command { program: program?, arguments, timeout })
}

impl<T: JsonSchema> JsonSchema for ListOr<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name().trim_end_matches("Table").to_owned().into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [{ "type": "array", "items": { "type": "string" } }, table] })
    }
}

struct ListOrVisitor<T>(PhantomData<T>);

impl<'de, T: From<Vec<String>> + Deserialize<'de>> Visitor<'de> for ListOrVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a program and its arguments as a list (no shell is involved), or a table with `command`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        Vec::<String>::deserialize(SeqAccessDeserializer::new(list)).map(T::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

impl<'de, T: From<Vec<String>> + Deserialize<'de>> Deserialize<'de> for ListOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListOrVisitor(PhantomData)).map(Self)
    }
}

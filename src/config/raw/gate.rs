//! Gates, hooks and proofs as they are written: each of exactly one kind.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::kubernetes;
use super::scalar::{FilePath, Number, Proxy, Span, Word};
use super::secret::Headers;
use crate::http::settings::HttpMethod;

/// What a gate is told when none was chosen.
pub(in crate::config) const CHOOSE_A_GATE: &str = "choose a gate, which tells when the consumers are healthy with \
     the new token and the old one may go: `gate.http`, `gate.command`, `gate.kubernetes`, `gate.wait = \"…\"` or, if nothing can be \
     asked, `gate = \"none\"`";

/// The consumers' health gate.
#[derive(Debug, Clone)]
pub(in crate::config) enum Gate {
    Unasked,
    Wait(Span),
    Http(Box<HttpGate>),
    Command(CommandGate),
    Kubernetes(kubernetes::Gate),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(in crate::config) struct GateKinds {
    http: Option<Box<HttpGate>>,
    command: Option<CommandGate>,
    kubernetes: Option<kubernetes::Gate>,
    wait: Option<Wait>,
    none: Option<Nothing>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an empty table")]
struct Nothing {}

impl TryFrom<GateKinds> for Gate {
    type Error = &'static str;

    fn try_from(kinds: GateKinds) -> Result<Self, &'static str> {
        match (kinds.http, kinds.command, kinds.kubernetes, kinds.wait, kinds.none) {
            (Some(http), None, None, None, None) => Ok(Self::Http(http)),
            (None, Some(command), None, None, None) => Ok(Self::Command(command)),
            (None, None, Some(kubernetes), None, None) => Ok(Self::Kubernetes(kubernetes)),
            (None, None, None, Some(wait), None) => Ok(Self::Wait(wait.0)),
            (None, None, None, None, Some(Nothing {})) => Ok(Self::Unasked),
            (None, None, None, None, None) => Err(CHOOSE_A_GATE),
            _ => Err(
                "a gate is of exactly one kind: `http`, `command`, `kubernetes`, `wait` or `none`",
            ),
        }
    }
}

struct GateVisitor;

impl<'de> Visitor<'de> for GateVisitor {
    type Value = Gate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with one kind of gate, or \"none\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Gate, E> {
        if text == "none" { Ok(Gate::Unasked) } else { Err(E::custom(CHOOSE_A_GATE)) }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Gate, A::Error> {
        let kinds = GateKinds::deserialize(MapAccessDeserializer::new(map))?;
        Gate::try_from(kinds).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Gate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GateVisitor)
    }
}

/// A fixed time: `wait = "5m"`, or `wait = { duration = "5m" }`.
pub(in crate::config) struct Wait(Span);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct WaitTable {
    duration: Span,
}

struct WaitVisitor;

impl<'de> Visitor<'de> for WaitVisitor {
    type Value = Wait;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration in quotes and with units, such as \"5m\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Wait, E> {
        Span::try_from(text).map(Wait).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Wait, A::Error> {
        WaitTable::deserialize(MapAccessDeserializer::new(map)).map(|table| Wait(table.duration))
    }
}

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WaitVisitor)
    }
}

/// `gate.http`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct HttpGate {
    pub(in crate::config) url: String,
    pub(in crate::config) method: Option<Word<HttpMethod>>,
    pub(in crate::config) expected_status: Option<Statuses>,
    #[serde(default)]
    pub(in crate::config) headers: Headers,
    pub(in crate::config) timeout: Option<Span>,
    pub(in crate::config) ca_file: Option<FilePath>,
    pub(in crate::config) proxy: Option<Proxy>,
    pub(in crate::config) interval: Option<Span>,
    pub(in crate::config) successes: Option<Number>,
    pub(in crate::config) deadline: Option<Span>,
}

/// `deploy.http`: a gate's request without the polling.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct HttpHook {
    pub(in crate::config) url: String,
    pub(in crate::config) method: Option<Word<HttpMethod>>,
    pub(in crate::config) expected_status: Option<Statuses>,
    #[serde(default)]
    pub(in crate::config) headers: Headers,
    pub(in crate::config) timeout: Option<Span>,
    pub(in crate::config) ca_file: Option<FilePath>,
    pub(in crate::config) proxy: Option<Proxy>,
}

/// One status, or a list of them.
#[derive(Debug, Clone)]
pub(in crate::config) struct Statuses(pub(in crate::config) Vec<Number>);

struct StatusesVisitor;

impl<'de> Visitor<'de> for StatusesVisitor {
    type Value = Statuses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an HTTP status such as 200, or a list of them")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Statuses, E> {
        Ok(Statuses(vec![Number(number)]))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Statuses, E> {
        Number::deserialize(de::value::StrDeserializer::new(text)).map(|one| Statuses(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Statuses, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Statuses)
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatusesVisitor)
    }
}

/// `gate.command`: the argument list alone, or a table around it.
#[derive(Debug, Clone)]
pub(in crate::config) struct CommandGate {
    pub(in crate::config) run: CommandHook,
    pub(in crate::config) interval: Option<Span>,
    pub(in crate::config) successes: Option<Number>,
    pub(in crate::config) deadline: Option<Span>,
}

/// `deploy.command` and `verify.command`: the argument list alone, or a table around it.
#[derive(Debug, Clone)]
pub(in crate::config) struct CommandHook {
    pub(in crate::config) arguments: Vec<String>,
    pub(in crate::config) timeout: Option<Span>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct CommandGateTable {
    command: Vec<String>,
    timeout: Option<Span>,
    interval: Option<Span>,
    successes: Option<Number>,
    deadline: Option<Span>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct CommandHookTable {
    command: Vec<String>,
    timeout: Option<Span>,
}

impl From<CommandGateTable> for CommandGate {
    fn from(table: CommandGateTable) -> Self {
        Self {
            run: CommandHook { arguments: table.command, timeout: table.timeout },
            interval: table.interval,
            successes: table.successes,
            deadline: table.deadline,
        }
    }
}

impl From<CommandHookTable> for CommandHook {
    fn from(table: CommandHookTable) -> Self {
        Self { arguments: table.command, timeout: table.timeout }
    }
}

impl From<Vec<String>> for CommandGate {
    fn from(arguments: Vec<String>) -> Self {
        Self { run: arguments.into(), interval: None, successes: None, deadline: None }
    }
}

impl From<Vec<String>> for CommandHook {
    fn from(arguments: Vec<String>) -> Self {
        Self { arguments, timeout: None }
    }
}

/// Reads `T` from the argument list alone, or from the table `U`.
struct CommandVisitor<T, U>(std::marker::PhantomData<(T, U)>);

impl<'de, T: From<Vec<String>> + From<U>, U: Deserialize<'de>> Visitor<'de>
    for CommandVisitor<T, U>
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a program and its arguments as a list (no shell is involved), or a table with `command`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        Vec::<String>::deserialize(SeqAccessDeserializer::new(list)).map(T::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        U::deserialize(MapAccessDeserializer::new(map)).map(T::from)
    }
}

impl<'de> Deserialize<'de> for CommandGate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(CommandVisitor::<Self, CommandGateTable>(std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for CommandHook {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(CommandVisitor::<Self, CommandHookTable>(std::marker::PhantomData))
    }
}

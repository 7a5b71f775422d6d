//! Gates, hooks and proofs as they are written: each of exactly one kind.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::json;

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
    /// An HTTP request to a consumer: a status that is expected says that it is healthy.
    #[schemars(extend("examples" = [json!({"url": "https://etl.example.com/health?token_id={token_id}"})]))]
    http: Option<Box<HttpGate>>,
    /// A command: exit code 0 says that the consumers are healthy.
    #[schemars(extend("examples" = [json!(["/usr/local/bin/is-healthy"])]))]
    command: Option<CommandGate>,
    /// Kubernetes, pod by pod: passes when no pod of before is left.
    #[schemars(extend("examples" = [json!({})]))]
    kubernetes: Option<kubernetes::Gate>,
    /// A fixed time after the publication: it knows nothing of the consumers.
    #[schemars(extend("examples" = ["1h"]))]
    wait: Option<Wait>,
    /// No gate: the old token is revoked as soon as the new one is served and proved.
    #[schemars(extend("examples" = [json!({})]))]
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
    /// How long after the publication the gate opens: 100 ms to 30 days.
    #[schemars(extend("examples" = ["1h"]))]
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
    /// The URL. `{credential}`, `{username}`, `{token_id}`, `{previous_token_id}`, `{rotation_id}`, `{store}` and `{path}` are filled in.
    #[schemars(extend("examples" = ["https://etl.example.com/health?token_id={token_id}"]))]
    pub(in crate::config) url: String,
    /// The method: `GET`, `POST` or `PUT`.
    #[schemars(extend("default" = "GET", "examples" = ["PUT"]))]
    pub(in crate::config) method: Option<Word<HttpMethod>>,
    /// The status or statuses that count as success; by default every 2xx.
    #[schemars(extend("examples" = [json!([200, 204])]))]
    pub(in crate::config) expected_status: Option<Statuses>,
    /// Headers; a value may be a text, or the place of a secret.
    #[schemars(extend("examples" = [json!({"Authorization": {"env": "HEALTH_TOKEN"}})]))]
    #[serde(default)]
    pub(in crate::config) headers: Headers,
    /// The limit for one request: 100 ms to 1 h.
    #[schemars(extend("default" = "10s", "examples" = ["3s"]))]
    pub(in crate::config) timeout: Option<Span>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    pub(in crate::config) ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    pub(in crate::config) proxy: Option<Proxy>,
    /// The time between two polls: 100 ms to 1 day.
    #[schemars(extend("default" = "10s", "examples" = ["1m"]))]
    pub(in crate::config) interval: Option<Span>,
    /// How many healthy polls in a row pass the gate: 1 to 1000.
    #[schemars(extend("default" = 3, "examples" = [5]))]
    pub(in crate::config) successes: Option<Number>,
    /// How long after the publication the gate must have passed: 100 ms to 30 days. What follows then is for `on_failure` to say.
    #[schemars(extend("default" = "15m", "examples" = ["1h"]))]
    pub(in crate::config) deadline: Option<Span>,
}

/// `deploy.http`: a gate's request without the polling.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct HttpHook {
    /// The URL. `{credential}`, `{username}`, `{token_id}`, `{previous_token_id}`, `{rotation_id}`, `{store}` and `{path}` are filled in.
    #[schemars(extend("examples" = ["https://etl.example.com/health?token_id={token_id}"]))]
    pub(in crate::config) url: String,
    /// The method: `GET`, `POST` or `PUT`.
    #[schemars(extend("default" = "POST", "examples" = ["PUT"]))]
    pub(in crate::config) method: Option<Word<HttpMethod>>,
    /// The status or statuses that count as success; by default every 2xx.
    #[schemars(extend("examples" = [json!([200, 204])]))]
    pub(in crate::config) expected_status: Option<Statuses>,
    /// Headers; a value may be a text, or the place of a secret.
    #[schemars(extend("examples" = [json!({"Authorization": {"env": "HEALTH_TOKEN"}})]))]
    #[serde(default)]
    pub(in crate::config) headers: Headers,
    /// The limit for one request: 100 ms to 1 h.
    #[schemars(extend("default" = "10s", "examples" = ["3s"]))]
    pub(in crate::config) timeout: Option<Span>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    pub(in crate::config) ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
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
    /// The program and its arguments. Placeholders are not filled in: the environment has `PINTAIL_TOKEN_ID` and the like.
    #[schemars(extend("examples" = [json!(["/usr/local/bin/is-healthy", "--strict"])]))]
    command: Vec<String>,
    /// The limit for one run: 100 ms to 1 h.
    #[schemars(extend("default" = "30s", "examples" = ["5s"]))]
    timeout: Option<Span>,
    /// The time between two polls: 100 ms to 1 day.
    #[schemars(extend("default" = "10s", "examples" = ["1m"]))]
    interval: Option<Span>,
    /// How many healthy polls in a row pass the gate: 1 to 1000.
    #[schemars(extend("default" = 3, "examples" = [5]))]
    successes: Option<Number>,
    /// How long after the publication the gate must have passed: 100 ms to 30 days. What follows then is for `on_failure` to say.
    #[schemars(extend("default" = "15m", "examples" = ["1h"]))]
    deadline: Option<Span>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct CommandHookTable {
    /// The program and its arguments. Placeholders are not filled in: the environment has `PINTAIL_TOKEN_ID` and the like.
    #[schemars(extend("examples" = [json!(["/usr/local/bin/is-healthy", "--strict"])]))]
    command: Vec<String>,
    /// The limit for one run: 100 ms to 1 h.
    #[schemars(extend("default" = "30s", "examples" = ["5s"]))]
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

//! `gate` of a credential: what tells that the consumers are healthy; of exactly one kind.

mod pods;

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::json;

use super::command::CommandGate;
use super::findings::{Findings, Key};
use super::limits::Range;
use super::placeholders::Names;
use super::request::HttpGate;
use super::scalar::Span;
use super::schema::named_schema;
use crate::consumers::gate::settings::{Gate, Hook};
use crate::rotation::policy::GatePace;

const WAIT: Range<Duration> = Range::new(Duration::from_millis(1), Duration::from_hours(30 * 24));

/// What a gate is told when none was chosen.
pub(super) const CHOOSE_A_GATE: &str = "choose a gate, which tells when the consumers are healthy with \
     the new token and the old one may go: `gate.http`, `gate.command`, `gate.kubernetes`, `gate.wait = \"…\"` or, if nothing can be \
     asked, `gate = \"none\"`";

/// The consumers' health gate.
#[derive(Debug, Clone)]
pub(super) enum Choice {
    Unasked,
    Wait(Span),
    Http(Box<HttpGate>),
    Command(CommandGate),
    Kubernetes(pods::Table),
}

named_schema!("Gate", Choice, |generator| {
    let kinds = generator.subschema_for::<GateKinds>();
    json_schema!({ "anyOf": [{ "const": "none" }, kinds] })
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct GateKinds {
    /// An HTTP request to a consumer: a status that is expected says that it is healthy.
    #[schemars(extend("examples" = [json!({"url": "https://etl.example.com/health?token_id={token_id}"})]))]
    http: Option<Box<HttpGate>>,
    /// A command: exit code 0 says that the consumers are healthy.
    #[schemars(extend("examples" = [json!(["/usr/local/bin/is-healthy"])]))]
    command: Option<CommandGate>,
    /// Kubernetes, pod by pod: passes when no pod of before is left.
    #[schemars(extend("examples" = [json!({})]))]
    kubernetes: Option<pods::Table>,
    /// A fixed time after the publication: it knows nothing of the consumers.
    #[schemars(extend("examples" = ["1h"]), transform = WAIT.schema())]
    wait: Option<Wait>,
    /// No gate: the old token is revoked as soon as the new one is served and proved.
    #[schemars(extend("examples" = [json!({})]))]
    none: Option<Nothing>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an empty table")]
struct Nothing {}

impl TryFrom<GateKinds> for Choice {
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
    type Value = Choice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with one kind of gate, or \"none\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Choice, E> {
        if text == "none" { Ok(Choice::Unasked) } else { Err(E::custom(CHOOSE_A_GATE)) }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Choice, A::Error> {
        let kinds = GateKinds::deserialize(MapAccessDeserializer::new(map))?;
        Choice::try_from(kinds).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GateVisitor)
    }
}

/// A fixed time: `wait = "5m"`, or `wait = { duration = "5m" }`.
struct Wait(Span);

named_schema!("Wait", Wait, |generator| {
    let span = generator.subschema_for::<Span>();
    let table = generator.subschema_for::<WaitTable>();
    json_schema!({ "anyOf": [span, table] })
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitTable {
    /// How long after the publication the gate opens.
    #[schemars(extend("examples" = ["1h"]), transform = WAIT.schema())]
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

impl Choice {
    /// Whether each pod is asked for the token that it uses.
    pub(super) fn asks_pods(&self) -> bool {
        matches!(self, Self::Kubernetes(gate) if gate.asks_pods())
    }

    /// The gate and its pace, the defaults filled in.
    pub(super) fn check(
        self,
        deploy: Option<&Hook>,
        names: &Names<'_>,
        key: &Key<'_>,
        findings: &mut Findings,
    ) -> Option<(Gate, GatePace)> {
        match self {
            Self::Unasked => Some((Gate::Unasked, GatePace::Open)),
            Self::Wait(wait) => {
                let wait = findings.span_in(&key.child("wait"), wait, &WAIT).unwrap_or(WAIT.least);
                Some((Gate::Unasked, GatePace::Wait(wait)))
            }
            Self::Http(gate) => {
                let key = key.child("http");
                let polling = gate.polling();
                let request = gate.check(names, &key, findings);
                let pace = polling.check(&key, findings);
                Some((Gate::Http(request?), pace))
            }
            Self::Kubernetes(gate) => {
                let key = key.child("kubernetes");
                let pace = gate.polling().check(&key, findings);
                let gate = gate.check(deploy, names, &key, findings)?;
                Some((Gate::Kubernetes(Box::new(gate)), pace))
            }
            Self::Command(gate) => {
                let key = key.child("command");
                let polling = gate.0.polling();
                let command = gate.0.check(&key, findings);
                let pace = polling.check(&key, findings);
                Some((Gate::Command(command?), pace))
            }
        }
    }
}

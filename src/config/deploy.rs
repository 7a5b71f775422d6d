//! `deploy` of a credential: what makes the consumers reload; of exactly one kind.

pub(super) mod restart;

use std::fmt;

use schemars::{JsonSchema, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::json;

use self::restart::Restarts;
use super::command::CommandHook;
use super::findings::{Findings, Key};
use super::placeholders::Names;
use super::request::HttpHook;
use super::schema::named_schema;
use crate::consumers::gate::settings::Hook;

/// What makes the clients reload. `"none"` switches a default hook off.
#[derive(Debug, Clone)]
pub(super) enum Choice {
    Nothing,
    Http(Box<HttpHook>),
    Command(CommandHook),
    Kubernetes(restart::Table),
}

named_schema!("Deploy", Choice, |generator| {
    let kinds = generator.subschema_for::<DeployKinds>();
    json_schema!({ "anyOf": [{ "const": "none" }, kinds] })
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct DeployKinds {
    /// An HTTP request to a consumer.
    #[schemars(extend("examples" = [json!({"url": "https://etl.example.com/reload"})]))]
    http: Option<Box<HttpHook>>,
    /// A command, without a shell and with a clean environment.
    #[schemars(extend("examples" = [json!(["systemctl", "reload", "etl"])]))]
    command: Option<CommandHook>,
    /// A restart of workloads of Kubernetes, so that their pods read the Secret again.
    #[schemars(extend("examples" = [json!({"targets": [{"kind": "Deployment", "name": "etl"}]})]))]
    kubernetes: Option<restart::Table>,
}

const ONE_KIND: &str = "a hook is of exactly one kind: `http`, `command` or `kubernetes` (or \"none\", against a default)";

struct DeployVisitor;

impl<'de> Visitor<'de> for DeployVisitor {
    type Value = Choice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with `http`, `command` or `kubernetes`, or \"none\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Choice, E> {
        if text == "none" { Ok(Choice::Nothing) } else { Err(E::custom(ONE_KIND)) }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Choice, A::Error> {
        let kinds = DeployKinds::deserialize(MapAccessDeserializer::new(map))?;
        match (kinds.http, kinds.command, kinds.kubernetes) {
            (Some(http), None, None) => Ok(Choice::Http(http)),
            (None, Some(command), None) => Ok(Choice::Command(command)),
            (None, None, Some(restart)) => Ok(Choice::Kubernetes(restart)),
            _ => Err(de::Error::custom(ONE_KIND)),
        }
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DeployVisitor)
    }
}

impl Choice {
    /// The hook, if there is one.
    pub(super) fn check(
        self,
        names: &Names<'_>,
        restarts: &Restarts<'_>,
        key: &Key<'_>,
        findings: &mut Findings,
    ) -> Option<Hook> {
        match self {
            Self::Nothing => None,
            Self::Http(request) => {
                request.check(names, &key.child("http"), findings).map(Hook::Http)
            }
            Self::Command(command) => {
                command.0.check(&key.child("command"), findings).map(Hook::Command)
            }
            Self::Kubernetes(restart) => {
                let restart = restarts.check(restart, &key.child("kubernetes"), findings);
                restart.map(Box::new).map(Hook::Kubernetes)
            }
        }
    }
}

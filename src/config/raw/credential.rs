//! `[defaults]` and `[credentials.NAME]` as they are written: the same keys, all of them optional.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::ducklings::Ducklings;
use super::gate::{CommandHook, Gate, HttpHook};
use super::kubernetes::Restart;
use super::mirror::Mirror;
use super::scalar::{FieldName, Flag, Span, Word};
use crate::names::AccountName;
use crate::record::TokenType;
use crate::rotation::policy::{CatchUp, IdentityRule, OnFailure};
use crate::store::settings::Format;

/// The keys of a credential.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Credential {
    pub(in crate::config) username: Option<AccountName>,
    pub(in crate::config) token_type: Option<Word<TokenType>>,
    pub(in crate::config) store: Option<String>,
    pub(in crate::config) path: Option<String>,
    pub(in crate::config) token_field: Option<String>,
    pub(in crate::config) token_id_field: Option<FieldName>,
    pub(in crate::config) format: Option<Word<Format>>,
    pub(in crate::config) mirrors: Option<Vec<Mirror>>,
    pub(in crate::config) schedule: Option<String>,
    pub(in crate::config) timezone: Option<String>,
    pub(in crate::config) every: Option<Span>,
    pub(in crate::config) windows: Option<Vec<String>>,
    pub(in crate::config) paused: Option<Flag>,
    pub(in crate::config) splay: Option<Span>,
    pub(in crate::config) ttl: Option<Span>,
    pub(in crate::config) renew_before: Option<Span>,
    pub(in crate::config) catch_up: Option<Word<CatchUp>>,
    pub(in crate::config) on_failure: Option<Word<OnFailure>>,
    pub(in crate::config) orphan_grace: Option<Span>,
    pub(in crate::config) gate: Option<Gate>,
    pub(in crate::config) deploy: Option<Deploy>,
    pub(in crate::config) verify: Option<Verify>,
    pub(in crate::config) ensure_account: Option<Flag>,
    pub(in crate::config) ducklings: Option<Ducklings>,
}

impl Credential {
    /// These keys, and `defaults` for those that are absent. A gate, a hook, a proof, `ducklings` or a list of mirrors
    /// replaces the default one wholly; so does `schedule` a default `every`, and the reverse.
    pub(in crate::config) fn or(self, defaults: &Self) -> Self {
        let own_calendar = self.schedule.is_some() || self.every.is_some();
        let calendar =
            if own_calendar { (None, None) } else { (defaults.schedule.clone(), defaults.every) };
        Self {
            username: self.username.or_else(|| defaults.username.clone()),
            token_type: self.token_type.or(defaults.token_type),
            store: self.store.or_else(|| defaults.store.clone()),
            path: self.path.or_else(|| defaults.path.clone()),
            token_field: self.token_field.or_else(|| defaults.token_field.clone()),
            token_id_field: self.token_id_field.or_else(|| defaults.token_id_field.clone()),
            format: self.format.or(defaults.format),
            mirrors: self.mirrors.or_else(|| defaults.mirrors.clone()),
            schedule: self.schedule.or(calendar.0),
            timezone: self.timezone.or_else(|| defaults.timezone.clone()),
            every: self.every.or(calendar.1),
            windows: self.windows.or_else(|| defaults.windows.clone()),
            paused: self.paused.or(defaults.paused),
            splay: self.splay.or(defaults.splay),
            ttl: self.ttl.or(defaults.ttl),
            renew_before: self.renew_before.or(defaults.renew_before),
            catch_up: self.catch_up.or(defaults.catch_up),
            on_failure: self.on_failure.or(defaults.on_failure),
            orphan_grace: self.orphan_grace.or(defaults.orphan_grace),
            gate: self.gate.or_else(|| defaults.gate.clone()),
            deploy: self.deploy.or_else(|| defaults.deploy.clone()),
            verify: self.verify.or_else(|| defaults.verify.clone()),
            ensure_account: self.ensure_account.or(defaults.ensure_account),
            ducklings: self.ducklings.or_else(|| defaults.ducklings.clone()),
        }
    }
}

/// What makes the clients reload. `"none"` switches a default hook off.
#[derive(Debug, Clone)]
pub(in crate::config) enum Deploy {
    Nothing,
    Http(Box<HttpHook>),
    Command(CommandHook),
    Kubernetes(Restart),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(in crate::config) struct DeployKinds {
    http: Option<Box<HttpHook>>,
    command: Option<CommandHook>,
    kubernetes: Option<Restart>,
}

const DEPLOY: &str = "a hook is of exactly one kind: `http`, `command` or `kubernetes` (or \"none\", against a default)";

struct DeployVisitor;

impl<'de> Visitor<'de> for DeployVisitor {
    type Value = Deploy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with `http`, `command` or `kubernetes`, or \"none\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Deploy, E> {
        if text == "none" { Ok(Deploy::Nothing) } else { Err(E::custom(DEPLOY)) }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Deploy, A::Error> {
        let kinds = DeployKinds::deserialize(MapAccessDeserializer::new(map))?;
        match (kinds.http, kinds.command, kinds.kubernetes) {
            (Some(http), None, None) => Ok(Deploy::Http(http)),
            (None, Some(command), None) => Ok(Deploy::Command(command)),
            (None, None, Some(restart)) => Ok(Deploy::Kubernetes(restart)),
            _ => Err(de::Error::custom(DEPLOY)),
        }
    }
}

impl<'de> Deserialize<'de> for Deploy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DeployVisitor)
    }
}

/// How a token is proved to work.
#[derive(Debug, Clone)]
pub(in crate::config) enum Verify {
    Postgres(Postgres),
    Command(CommandHook),
    Admin,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table with `postgres` or `command`")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(in crate::config) struct VerifyKinds {
    postgres: Option<Postgres>,
    command: Option<CommandHook>,
}

/// `verify.postgres`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "PostgresProof")]
pub(in crate::config) struct Postgres {
    pub(in crate::config) database: Option<String>,
    pub(in crate::config) identity: Option<Word<IdentityRule>>,
}

const VERIFY: &str =
    "a token is verified in exactly one way: `postgres` or `command` (or \"admin\", pintail's own)";

struct VerifyVisitor;

impl<'de> Visitor<'de> for VerifyVisitor {
    type Value = Verify;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with `postgres` or `command`, or \"admin\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Verify, E> {
        if text == "admin" { Ok(Verify::Admin) } else { Err(E::custom(VERIFY)) }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Verify, A::Error> {
        let kinds = VerifyKinds::deserialize(MapAccessDeserializer::new(map))?;
        match (kinds.postgres, kinds.command) {
            (Some(postgres), None) => Ok(Verify::Postgres(postgres)),
            (None, Some(command)) => Ok(Verify::Command(command)),
            (None, None) | (Some(_), Some(_)) => Err(de::Error::custom(VERIFY)),
        }
    }
}

impl<'de> Deserialize<'de> for Verify {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VerifyVisitor)
    }
}

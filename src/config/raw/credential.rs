//! `[defaults]` and `[credentials.NAME]` as they are written: the same keys, all of them optional.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::json;

use super::ducklings::Ducklings;
use super::gate::{CommandHook, Gate, HttpHook};
use super::kubernetes::Restart;
use super::mirror::Mirror;
use super::scalar::{FieldName, Flag, Span, Word};
use crate::names::AccountName;
use crate::record::TokenType;
use crate::rotation::policy::{CatchUp, IdentityRule, OnFailure};
use crate::stores::settings::Format;

/// The keys of a credential.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Credential {
    /// The MotherDuck account whose tokens are rotated; by default the credential's name.
    #[schemars(extend("examples" = ["etl_prod"]))]
    pub(in crate::config) username: Option<AccountName>,
    /// What its tokens may do: `read_write` or `read_scaling`.
    #[schemars(extend("default" = "read_write", "examples" = ["read_scaling"]))]
    pub(in crate::config) token_type: Option<Word<TokenType>>,
    /// The name of the store in which the token is kept.
    #[schemars(extend("examples" = ["vault"]))]
    pub(in crate::config) store: Option<String>,
    /// Where in the store, relative. `{credential}`, `{username}`, `{owner}` and `{token_type}` are filled in; in Kubernetes, the Secret's name.
    #[schemars(extend("default" = "motherduck/{credential}", "examples" = ["teams/data/{credential}"]))]
    pub(in crate::config) path: Option<String>,
    /// The key of the token's text.
    #[schemars(extend("default" = "motherduck_token", "examples" = ["MOTHERDUCK_TOKEN"]))]
    pub(in crate::config) token_field: Option<String>,
    /// The key of the token's ID beside it, or false to leave it out.
    #[schemars(extend("default" = "token_id", "examples" = [false]))]
    pub(in crate::config) token_id_field: Option<FieldName>,
    /// What the secret looks like: `json`, an object with the token under its key, or `plain`, the bare token, in AWS Secrets Manager alone.
    #[schemars(extend("default" = "json", "examples" = ["plain"]))]
    pub(in crate::config) format: Option<Word<Format>>,
    /// Further places where the token is copied to, in this order. They decide nothing.
    #[schemars(extend("examples" = [json!([{"store": "aws"}])]))]
    pub(in crate::config) mirrors: Option<Vec<Mirror>>,
    /// When it is rotated: a cron line of five fields, or six with seconds.
    #[schemars(extend("examples" = ["0 4 * * SUN"]))]
    pub(in crate::config) schedule: Option<String>,
    /// The time zone of `schedule` and `windows`, as IANA names it.
    #[schemars(extend("default" = "UTC", "examples" = ["Europe/Paris"]))]
    pub(in crate::config) timezone: Option<String>,
    /// How often it is rotated, in place of `schedule`, counted from the Unix epoch: 1 s to 10 years.
    #[schemars(extend("examples" = ["30d"]))]
    pub(in crate::config) every: Option<Span>,
    /// When a rotation may begin; outside of them a due one waits, unless its token is about to expire.
    #[schemars(extend("examples" = [json!(["Mon-Fri 09:00-17:00"])]))]
    pub(in crate::config) windows: Option<Vec<String>>,
    /// Whether nothing is begun unless a person asks for it, not even at the token's expiry.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(in crate::config) paused: Option<Flag>,
    /// The longest shift of the schedule, so that not all are due at once; each credential's share follows from its name.
    #[schemars(extend("default" = "0s", "examples" = ["2h"]))]
    pub(in crate::config) splay: Option<Span>,
    /// How long a new token lives: 5 min to 365 days. Without it tokens do not expire.
    #[schemars(extend("examples" = ["90d"]))]
    pub(in crate::config) ttl: Option<Span>,
    /// How long before its expiry a token is replaced, whatever the schedule says. By default 7 days, and a quarter of `ttl` at most.
    #[schemars(extend("default" = "7d", "examples" = ["14d"]))]
    pub(in crate::config) renew_before: Option<Span>,
    /// Whether a missed run is made up for as soon as possible (`run`), or left out (`skip`).
    #[schemars(extend("default" = "run", "examples" = ["skip"]))]
    pub(in crate::config) catch_up: Option<Word<CatchUp>>,
    /// What happens when the gate's deadline passes: both tokens stay valid and a person is told (`hold`), or the predecessor is served again (`roll_back`).
    #[schemars(extend("default" = "hold", "examples" = ["roll_back"]))]
    pub(in crate::config) on_failure: Option<Word<OnFailure>>,
    /// How old a token that no record knows must be before a write is made only to revoke it: 0 s to 1 day.
    #[schemars(extend("default" = "10m", "examples" = ["1h"]))]
    pub(in crate::config) orphan_grace: Option<Span>,
    /// What tells that the consumers are healthy with a new token, before the old one is revoked. Required.
    #[schemars(extend("examples" = [json!({"http": {"url": "https://etl.example.com/health?token_id={token_id}"}})]))]
    pub(in crate::config) gate: Option<Gate>,
    /// What makes the consumers reload.
    #[schemars(extend("default" = "none", "examples" = [json!({"command": ["systemctl", "reload", "etl"]})]))]
    pub(in crate::config) deploy: Option<Deploy>,
    /// How a token is proved to work: a connection to the Postgres endpoint, a command, or `admin` for pintail's own.
    #[schemars(extend("default" = json!({"postgres": {}}), "examples" = [json!({"command": ["/usr/local/bin/try-token"]})]))]
    pub(in crate::config) verify: Option<Verify>,
    /// Whether the account is made where it does not exist, and primed for read-scaling tokens.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(in crate::config) ensure_account: Option<Flag>,
    /// What the account's Ducklings are kept as; what is absent stays as it is.
    #[schemars(extend("examples" = [json!({"read_write": {"size": "standard"}})]))]
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
    /// An HTTP request to a consumer.
    #[schemars(extend("examples" = [json!({"url": "https://etl.example.com/reload"})]))]
    http: Option<Box<HttpHook>>,
    /// A command, without a shell and with a clean environment.
    #[schemars(extend("examples" = [json!(["systemctl", "reload", "etl"])]))]
    command: Option<CommandHook>,
    /// A restart of workloads of Kubernetes, so that their pods read the Secret anew.
    #[schemars(extend("examples" = [json!({"targets": [{"kind": "Deployment", "name": "etl"}]})]))]
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
    /// A fresh connection to the Postgres endpoint.
    #[schemars(extend("examples" = [json!({"identity": "required"})]))]
    postgres: Option<Postgres>,
    /// A command that receives the token on its standard input; exit code 0 says that it works.
    #[schemars(extend("examples" = [json!(["/usr/local/bin/try-token"])]))]
    command: Option<CommandHook>,
}

/// `verify.postgres`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "PostgresProof")]
pub(in crate::config) struct Postgres {
    /// The database that is opened.
    #[schemars(extend("default" = "md:", "examples" = ["md:analytics"]))]
    pub(in crate::config) database: Option<String>,
    /// What the endpoint's answer about whose a token is must be: `required`, `if_answered` or `off`.
    #[schemars(extend("default" = "if_answered", "examples" = ["required"]))]
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

//! `verify` of a credential: how a token is proved to work; in exactly one way.

use std::fmt;

use schemars::{JsonSchema, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::json;

use super::command::CommandHook;
use super::findings::{Findings, Key};
use super::scalar::Word;
use super::schema::named_schema;
use crate::consumers::verify::settings::{DATABASE, Proof, Verify};
use crate::rotation::policy::IdentityRule;

/// How a token is proved to work.
#[derive(Debug, Clone)]
pub(super) enum Choice {
    Postgres(Postgres),
    Command(CommandHook),
    Admin,
}

named_schema!("Verify", Choice, |generator| {
    let kinds = generator.subschema_for::<VerifyKinds>();
    json_schema!({ "anyOf": [{ "const": "admin" }, kinds] })
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table with `postgres` or `command`")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct VerifyKinds {
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
pub(super) struct Postgres {
    /// The database that is opened.
    #[schemars(extend("default" = DATABASE, "examples" = ["md:analytics"]))]
    database: Option<String>,
    /// What the endpoint's answer about whose a token is must be: `required`, `if_answered` or `off`.
    #[schemars(extend("default" = "if_answered", "examples" = ["required"]))]
    identity: Option<Word<IdentityRule>>,
}

const ONE_WAY: &str =
    "a token is verified in exactly one way: `postgres` or `command` (or \"admin\", pintail's own)";

struct VerifyVisitor;

impl<'de> Visitor<'de> for VerifyVisitor {
    type Value = Choice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with `postgres` or `command`, or \"admin\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Choice, E> {
        if text == "admin" { Ok(Choice::Admin) } else { Err(E::custom(ONE_WAY)) }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Choice, A::Error> {
        let kinds = VerifyKinds::deserialize(MapAccessDeserializer::new(map))?;
        match (kinds.postgres, kinds.command) {
            (Some(postgres), None) => Ok(Choice::Postgres(postgres)),
            (None, Some(command)) => Ok(Choice::Command(command)),
            (None, None) | (Some(_), Some(_)) => Err(de::Error::custom(ONE_WAY)),
        }
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VerifyVisitor)
    }
}

/// The proof; a connection to `md:` by default.
pub(super) fn check(raw: Option<Choice>, key: &Key<'_>, findings: &mut Findings) -> Option<Proof> {
    let verify = match raw {
        Some(Choice::Admin) => return Some(Proof::Admin),
        Some(Choice::Command(raw)) => {
            Verify::Command(raw.0.check(&key.child("command"), findings)?)
        }
        Some(Choice::Postgres(raw)) => {
            let database = findings.text(&key.child("postgres").child("database"), raw.database);
            Verify::Postgres {
                database: database.unwrap_or_else(|| DATABASE.to_owned()),
                identity: raw.identity.map_or_else(IdentityRule::default, |Word(rule)| rule),
            }
        }
        None => {
            Verify::Postgres { database: DATABASE.to_owned(), identity: IdentityRule::default() }
        }
    };
    Some(Proof::Connection(verify))
}

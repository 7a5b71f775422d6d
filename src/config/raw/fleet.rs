//! `[fleets.NAME]` as it is written: the keys of the rule itself. Beside them stand those of a credential.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::json;

use super::credential::Credential;
use super::scalar::FilePath;

/// The keys of the rule itself.
pub(in crate::config) const KEYS: [&str; 4] =
    ["accounts", "credential", "joins_at_most", "leaves_at_most"];

/// `[fleets.NAME]`, without the keys of a credential.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Rule {
    pub(in crate::config) accounts: Option<Accounts>,
    pub(in crate::config) credential: Option<String>,
    pub(in crate::config) joins_at_most: Option<String>,
    pub(in crate::config) leaves_at_most: Option<Limit>,
}

/// `accounts`: where they come from; exactly one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table with `motherduck` or `file`")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(in crate::config) struct Accounts {
    /// Service accounts that MotherDuck lists.
    #[schemars(extend("examples" = [json!({ "match": "customer_*" })]))]
    pub(in crate::config) motherduck: Option<Users>,
    /// A file that lists usernames: one a line, or a JSON list.
    #[schemars(extend("examples" = ["/etc/pintail/customers.txt"]))]
    pub(in crate::config) file: Option<FilePath>,
}

/// `accounts.motherduck`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table with `match`")]
#[schemars(rename = "AccountsOfMotherDuck")]
pub(in crate::config) struct Users {
    /// What the usernames have in common: letters, digits and underscores, `*` for any of them, `?` for any one.
    #[serde(rename = "match")]
    #[schemars(extend("examples" = ["customer_*"]))]
    pub(in crate::config) matching: Option<String>,
    /// The usernames, or patterns of them, that are left out.
    #[schemars(extend("examples" = [json!(["customer_test*"])]))]
    pub(in crate::config) except: Option<Vec<String>>,
}

/// A number, or a share in percent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a number of accounts, such as 3, or a share of them, such as \"5%\""
)]
#[schemars(rename = "LeaveLimit")]
pub(in crate::config) enum Limit {
    Number(u32),
    Text(String),
}

/// `[fleets.NAME]` with all its keys, of which only the schema is used.
pub(in crate::config) struct Fleet;

impl Fleet {
    /// All keys, as the schema has them.
    pub(in crate::config) fn keys() -> Vec<String> {
        let schema = Self::json_schema(&mut SchemaGenerator::default());
        let properties = schema.get("properties").and_then(serde_json::Value::as_object);
        properties.into_iter().flat_map(|all| all.keys().cloned()).collect()
    }
}

impl JsonSchema for Fleet {
    fn schema_name() -> Cow<'static, str> {
        "Fleet".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let accounts = generator.subschema_for::<Accounts>();
        let limit = generator.subschema_for::<Limit>();
        let own = [
            (
                "accounts",
                json_schema!({
                    "description": "Where the accounts come from: MotherDuck's own list, or a file. Required.",
                    "allOf": [accounts],
                    "examples": [{ "motherduck": { "match": "customer_*" } }],
                }),
            ),
            (
                "leaves_at_most",
                json_schema!({
                    "description": "How many accounts may leave at once, as a number or a share; where more are missing from a list, nobody leaves. By default 5 %, or 3 where that is more.",
                    "allOf": [limit],
                    "examples": ["10%"],
                }),
            ),
            (
                "credential",
                json_schema!({
                    "description": "The credentials' names; {username} stands for the account's name in lower case.",
                    "type": "string",
                    "default": "{username}",
                    "examples": ["customer-{username}"],
                }),
            ),
            (
                "joins_at_most",
                json_schema!({
                    "description": "How many first tokens are made in a time, such as \"20/h\".",
                    "type": "string",
                    "default": "20/h",
                    "examples": ["100/h"],
                    "pattern": "^\\s*[0-9]+\\s*/\\s*[mhd]\\s*$",
                }),
            ),
        ];
        let mut schema = Credential::json_schema(generator);
        if let Some(properties) =
            schema.get_mut("properties").and_then(serde_json::Value::as_object_mut)
        {
            properties.remove("username");
            for (key, own) in own {
                properties.insert(key.to_owned(), own.to_value());
            }
        }
        schema.insert(
            "description".to_owned(),
            "A rule that makes a credential of each account that it finds; beside its own keys stand those of a \
             credential."
                .into(),
        );
        schema
    }
}

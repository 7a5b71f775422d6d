//! The keys of a rule itself: `accounts`, `credential` and the limits. Beside them stand those of a credential.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::json;

use crate::config::credential;
use crate::config::findings::{Findings, Key};
use crate::config::scalar::FilePath;
use crate::fleet::{Glob, JoinRate, LeaveLimit, Rule, Source};
use crate::names::FleetName;

/// What a rule makes of the account, unless it says otherwise.
const NAME: &str = "{username}";

const SOURCE: &str = "this is required: say where the accounts come from, by exactly one of `motherduck = { match = \
                      \"customer_*\" }` and `file = \"customers.txt\"`";

/// The keys of the rule itself.
pub(super) const KEYS: [&str; 4] = ["accounts", "credential", "joins_at_most", "leaves_at_most"];

/// `[fleets.NAME]`, without the keys of a credential.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Table {
    accounts: Option<Accounts>,
    credential: Option<String>,
    joins_at_most: Option<String>,
    leaves_at_most: Option<Limit>,
}

/// `accounts`: where they come from; exactly one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table with `motherduck` or `file`")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct Accounts {
    /// Service accounts that MotherDuck lists.
    #[schemars(extend("examples" = [json!({ "match": "customer_*" })]))]
    motherduck: Option<Users>,
    /// A file that lists usernames: one a line, or a JSON list.
    #[schemars(extend("examples" = ["/etc/pintail/customers.txt"]))]
    file: Option<FilePath>,
}

/// `accounts.motherduck`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table with `match`")]
#[schemars(rename = "AccountsOfMotherDuck")]
struct Users {
    /// What the usernames have in common: letters, digits and underscores, `*` for any of them, `?` for any one.
    #[serde(rename = "match")]
    #[schemars(extend("examples" = ["customer_*"]))]
    matching: Option<String>,
    /// The usernames, or patterns of them, that are left out.
    #[schemars(extend("examples" = [json!(["customer_test*"])]))]
    except: Option<Vec<String>>,
}

/// A number, or a share in percent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a number of accounts, such as 3, or a share of them, such as \"5%\""
)]
#[schemars(rename = "LeaveLimit")]
enum Limit {
    Number(u32),
    Text(String),
}

/// `[fleets.NAME]` with all its keys, of which only the schema is used.
pub(in crate::config) struct Fleet;

impl Fleet {
    /// All keys, as the schema has them.
    pub(super) fn keys() -> Vec<String> {
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
                    "default": NAME,
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
        let mut schema = credential::Table::json_schema(generator);
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

impl Table {
    /// What the credentials are called: a name with a placeholder.
    pub(super) fn name(&self) -> String {
        self.credential.clone().unwrap_or_else(|| NAME.to_owned())
    }

    /// The rule, the defaults filled in.
    pub(super) fn check(
        self,
        name: &FleetName,
        key: &Key<'_>,
        findings: &mut Findings,
    ) -> Option<Rule> {
        let source = source(self.accounts, &key.child("accounts"), findings);
        let joins = self.joins_at_most.map(|text| text.parse::<JoinRate>());
        let joins = joins.transpose().map(Option::unwrap_or_default);
        let joins = findings.accept(&key.child("joins_at_most"), joins);
        let leaves = self.leaves_at_most.map(|limit| match limit {
            Limit::Number(number) => number.to_string().parse::<LeaveLimit>(),
            Limit::Text(text) => text.parse::<LeaveLimit>(),
        });
        let leaves = leaves.transpose().map(Option::unwrap_or_default);
        let leaves = findings.accept(&key.child("leaves_at_most"), leaves);
        Some(Rule {
            name: name.clone(),
            source: source?,
            joins_at_most: joins?,
            leaves_at_most: leaves?,
        })
    }
}

fn source(raw: Option<Accounts>, key: &Key<'_>, findings: &mut Findings) -> Option<Source> {
    match raw.map(|raw| (raw.motherduck, raw.file)) {
        Some((Some(users), None)) => {
            let key = key.child("motherduck");
            let match_key = key.child("match");
            let text = "this is required: what the accounts' names have in common";
            let matching = findings.require(&match_key, users.matching, text)?;
            let matching = findings.accept(&match_key, Glob::of_some(&matching));
            let except_key = key.child("except");
            let except = users.except.unwrap_or_default().into_iter().map(|text| text.parse());
            let except = findings.accept(&except_key, except.collect::<Result<Vec<Glob>, _>>());
            Some(Source::MotherDuck { matching: matching?, except: except? })
        }
        Some((None, Some(file))) => Some(Source::File(file.0)),
        Some((None, None) | (Some(_), Some(_))) | None => {
            findings.problem(key, SOURCE);
            None
        }
    }
}

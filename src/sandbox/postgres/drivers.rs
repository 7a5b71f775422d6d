//! What drivers and pools ask of a server by themselves, when they connect or take a connection back, and the answers.
//!
//! The names of those who ask stand beside each, so that a later version that asks for something else is understood.

use pgwire::api::Type;

/// A question, and its answer of one row or none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// In capitals, with single blanks.
    question: &'static str,
    /// How many texts it is asked with.
    pub(super) parameters: usize,
    pub(super) columns: &'static [Column],
    pub(super) rows: Rows,
}

/// A column, and its value where there is a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) value: Value,
}

/// A value of one of the types that drivers ask for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(&'static str),
    Number(i32),
    /// The empty value of `void`.
    Void,
}

/// How many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    None,
    One,
}

impl Value {
    pub(super) fn kind(&self) -> Type {
        match self {
            Self::Text(_) => Type::TEXT,
            Self::Number(_) => Type::INT4,
            Self::Void => Type::VOID,
        }
    }
}

const fn text(name: &'static str, value: &'static str) -> Column {
    Column { name, value: Value::Text(value) }
}

const fn number(name: &'static str) -> Column {
    Column { name, value: Value::Number(0) }
}

const fn one(question: &'static str, columns: &'static [Column]) -> Answer {
    Answer { question, parameters: 0, columns, rows: Rows::One }
}

const VERSION: &str = "PostgreSQL 16.6 (pintail sandbox)";

static ANSWERS: [Answer; 14] = [
    // SQLAlchemy, with every driver.
    one("SELECT PG_CATALOG.VERSION()", &[text("version", VERSION)]),
    one("SELECT CURRENT_SCHEMA()", &[text("current_schema", "main")]),
    one("SHOW STANDARD_CONFORMING_STRINGS", &[text("standard_conforming_strings", "on")]),
    one("SHOW TRANSACTION ISOLATION LEVEL", &[text("transaction_isolation", "read committed")]),
    // SQLAlchemy with psycopg2, about hstore. Here as below, there is no such type.
    Answer {
        question: "SELECT T.OID, TYPARRAY FROM PG_TYPE T JOIN PG_NAMESPACE NS ON TYPNAMESPACE = NS.OID WHERE TYPNAME = 'HSTORE'",
        parameters: 0,
        columns: &[number("oid"), number("typarray")],
        rows: Rows::None,
    },
    // SQLAlchemy with psycopg, about hstore.
    Answer {
        question: "SELECT TYPNAME AS NAME, OID, TYPARRAY AS ARRAY_OID, OID::REGTYPE::TEXT AS REGTYPE, TYPDELIM AS DELIMITER FROM PG_TYPE T WHERE T.OID = TO_REGTYPE($1) ORDER BY T.OID",
        parameters: 1,
        columns: &[
            text("name", ""),
            number("oid"),
            number("array_oid"),
            text("regtype", ""),
            text("delimiter", ","),
        ],
        rows: Rows::None,
    },
    // asyncpg, for a codec of a type that is not built in.
    Answer {
        question: "SELECT T.OID, T.TYPELEM AS ELEMTYPE, T.TYPTYPE AS KIND FROM PG_CATALOG.PG_TYPE AS T INNER JOIN PG_CATALOG.PG_NAMESPACE NS ON (NS.OID = T.TYPNAMESPACE) WHERE T.TYPNAME = $1 AND NS.NSPNAME = $2",
        parameters: 2,
        columns: &[number("oid"), number("elemtype"), text("kind", "b")],
        rows: Rows::None,
    },
    // asyncpg, when a connection goes back into its pool.
    one(
        "SELECT PG_ADVISORY_UNLOCK_ALL()",
        &[Column { name: "pg_advisory_unlock_all", value: Value::Void }],
    ),
    // pools and people, by way of a check.
    one("SELECT VERSION()", &[text("version", VERSION)]),
    one("SHOW SERVER_VERSION", &[text("server_version", "16.6")]),
    one(
        "SHOW DEFAULT_TRANSACTION_ISOLATION",
        &[text("default_transaction_isolation", "read committed")],
    ),
    one("SHOW CLIENT_ENCODING", &[text("client_encoding", "UTF8")]),
    one("SHOW SEARCH_PATH", &[text("search_path", "main")]),
    one("SHOW TIMEZONE", &[text("TimeZone", "Etc/UTC")]),
];

/// The answer to a statement, given in capitals with single blanks.
pub(super) fn answer(statement: &str) -> Option<&'static Answer> {
    ANSWERS.iter().find(|answer| answer.question == statement)
}

//! As much SQL as a probe and its driver need: `SELECT <number>`, `SELECT current_user`, transactions, settings that are
//! ignored, and what drivers ask by themselves.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::sink::Sink;
use futures::stream;
use pgwire::api::portal::{Format, Portal};
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::api::results::{DataRowEncoder, FieldFormat, FieldInfo, QueryResponse, Response, Tag};
use pgwire::api::stmt::QueryParser;
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore, Type};
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::DataRow;
use pgwire::types::format::FormatOptions;

use super::drivers::{self, Answer, Rows, Value};
use super::session;

/// Answers statements; it holds no data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Engine;

/// A statement that the sandbox understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Statement {
    Select(i32),
    CurrentUser,
    Begin,
    Commit,
    Rollback,
    /// What a driver asks by itself.
    Ask(&'static Answer),
    /// Nothing, or a comment alone.
    Empty,
    /// Accepted, without any effect.
    Ignored(&'static str),
}

impl Statement {
    fn parse(sql: &str) -> PgWireResult<Self> {
        let plain = without_comments(sql);
        let words: Vec<String> = plain.split_whitespace().map(str::to_uppercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Some(answer) = drivers::answer(&words.join(" ")) {
            return Ok(Self::Ask(answer));
        }
        let statement = match words.as_slice() {
            [] => Some(Self::Empty),
            ["SELECT", "CURRENT_USER"] => Some(Self::CurrentUser),
            ["SELECT", number] => number.parse().ok().map(Self::Select),
            ["BEGIN", ..] | ["START", "TRANSACTION", ..] => Some(Self::Begin),
            ["COMMIT" | "END", ..] => Some(Self::Commit),
            ["ROLLBACK" | "ABORT", ..] => Some(Self::Rollback),
            ["SET", _, ..] => Some(Self::Ignored("SET")),
            ["RESET", _, ..] => Some(Self::Ignored("RESET")),
            ["DISCARD", "ALL"] => Some(Self::Ignored("DISCARD ALL")),
            ["DEALLOCATE", _, ..] => Some(Self::Ignored("DEALLOCATE")),
            ["CLOSE", "ALL"] => Some(Self::Ignored("CLOSE CURSOR ALL")),
            ["UNLISTEN", "*"] => Some(Self::Ignored("UNLISTEN")),
            ["SAVEPOINT", _] => Some(Self::Ignored("SAVEPOINT")),
            ["RELEASE", _, ..] => Some(Self::Ignored("RELEASE")),
            _ => None,
        };
        // The statement is not repeated: it may hold a secret.
        statement.ok_or_else(unsupported)
    }

    fn columns(&self, format: FieldFormat) -> Vec<FieldInfo> {
        match self {
            Self::Select(_) => {
                vec![FieldInfo::new("?column?".to_owned(), None, None, Type::INT4, format)]
            }
            Self::CurrentUser => {
                vec![FieldInfo::new("current_user".to_owned(), None, None, Type::TEXT, format)]
            }
            Self::Ask(answer) => {
                let column = |one: &drivers::Column| {
                    FieldInfo::new(one.name.to_owned(), None, None, one.value.kind(), format)
                };
                answer.columns.iter().map(column).collect()
            }
            Self::Begin | Self::Commit | Self::Rollback | Self::Empty | Self::Ignored(_) => {
                Vec::new()
            }
        }
    }

    fn run(&self, client: &impl ClientInfo, format: FieldFormat) -> PgWireResult<Response> {
        match self {
            Self::Select(number) => {
                let columns = Arc::new(self.columns(format));
                let mut row = DataRowEncoder::new(columns.clone());
                row.encode_field(number)?;
                let rows = stream::iter([Ok(row.take_row())]);
                Ok(Response::Query(QueryResponse::new(columns, rows)))
            }
            Self::CurrentUser => {
                let named = session::named(client).ok_or_else(unsupported)?;
                let columns = Arc::new(self.columns(format));
                let mut row = DataRowEncoder::new(columns.clone());
                row.encode_field(&named)?;
                let rows = stream::iter([Ok(row.take_row())]);
                Ok(Response::Query(QueryResponse::new(columns, rows)))
            }
            Self::Ask(answer) => {
                let columns = Arc::new(self.columns(format));
                let rows = match answer.rows {
                    Rows::None => None,
                    Rows::One => Some(Ok(row(answer, &columns)?)),
                };
                Ok(Response::Query(QueryResponse::new(columns, stream::iter(rows))))
            }
            Self::Empty => Ok(Response::EmptyQuery),
            Self::Begin => Ok(Response::TransactionStart(Tag::new("BEGIN"))),
            Self::Commit => Ok(Response::TransactionEnd(Tag::new("COMMIT"))),
            Self::Rollback => Ok(Response::TransactionEnd(Tag::new("ROLLBACK"))),
            Self::Ignored(tag) => Ok(Response::Execution(Tag::new(tag))),
        }
    }
}

fn row(answer: &Answer, columns: &Arc<Vec<FieldInfo>>) -> PgWireResult<DataRow> {
    let mut row = DataRowEncoder::new(columns.clone());
    for column in answer.columns {
        match column.value {
            Value::Text(text) => row.encode_field(&text)?,
            Value::Number(number) => row.encode_field(&number)?,
            // The text is empty, and so is the binary form.
            Value::Void => {
                row.encode_field_with_type_and_format(
                    &"",
                    &Type::TEXT,
                    FieldFormat::Text,
                    &FormatOptions::default(),
                )?;
            }
        }
    }
    Ok(row.take_row())
}

/// The statement without comments. What stands in quotes is none.
fn without_comments(sql: &str) -> String {
    let mut plain = String::with_capacity(sql.len());
    let (mut rest, mut quote) = (sql, None);
    while let Some(next) = rest.chars().next() {
        let comment = match quote {
            None if rest.starts_with("--") => Some("\n"),
            None if rest.starts_with("/*") => Some("*/"),
            Some(_) | None => None,
        };
        if let Some(end) = comment {
            rest = rest.split_once(end).map_or("", |(_, after)| after);
            plain.push(' ');
            continue;
        }
        if quote == Some(next) {
            quote = None;
        } else if quote.is_none() && matches!(next, '\'' | '"') {
            quote = Some(next);
        }
        plain.push(next);
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
    }
    plain
}

fn unsupported() -> PgWireError {
    let message = "the sandbox holds no data: it answers SELECT <number>, SELECT current_user, transactions, SET, and what drivers ask by themselves";
    PgWireError::UserError(Box::new(ErrorInfo::new(
        "ERROR".to_owned(),
        "0A000".to_owned(),
        message.to_owned(),
    )))
}

fn first_column(format: &Format) -> FieldFormat {
    match format {
        Format::UnifiedText => FieldFormat::Text,
        Format::UnifiedBinary => FieldFormat::Binary,
        Format::Individual(codes) => {
            codes.first().map_or(FieldFormat::Text, |code| FieldFormat::from(*code))
        }
    }
}

#[async_trait]
impl SimpleQueryHandler for Engine {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let statements = query.split(';').filter(|part| !part.trim().is_empty());
        let client = &*client;
        statements.map(|part| Statement::parse(part)?.run(client, FieldFormat::Text)).collect()
    }
}

#[async_trait]
impl QueryParser for Engine {
    type Statement = Statement;

    async fn parse_sql<C>(
        &self,
        _client: &C,
        sql: &str,
        _types: &[Option<Type>],
    ) -> PgWireResult<Option<Statement>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let end = |c: char| c == ';' || c.is_whitespace();
        Statement::parse(sql.trim_end_matches(end)).map(Some)
    }

    fn get_parameter_types(&self, statement: &Statement) -> PgWireResult<Vec<Type>> {
        Ok(match statement {
            Statement::Ask(answer) => vec![Type::TEXT; answer.parameters],
            Statement::Select(_)
            | Statement::CurrentUser
            | Statement::Begin
            | Statement::Commit
            | Statement::Rollback
            | Statement::Empty
            | Statement::Ignored(_) => Vec::new(),
        })
    }

    fn get_result_schema(
        &self,
        statement: &Statement,
        format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        Ok(statement.columns(format.map_or(FieldFormat::Text, first_column)))
    }
}

#[async_trait]
impl ExtendedQueryHandler for Engine {
    type Statement = Statement;
    type QueryParser = Self;

    fn query_parser(&self) -> Arc<Self> {
        Arc::new(*self)
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Statement>,
        _max_rows: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        portal.statement.statement.run(&*client, first_column(&portal.result_column_format))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drivers_send_around_a_probe_is_understood() {
        assert_eq!(Statement::parse("select 1").unwrap(), Statement::Select(1));
        assert_eq!(Statement::parse("BEGIN READ ONLY").unwrap(), Statement::Begin);
        assert_eq!(Statement::parse("rollback").unwrap(), Statement::Rollback);
        let set = Statement::parse("SET client_encoding TO 'UTF8'").unwrap();
        assert_eq!(set, Statement::Ignored("SET"));
    }

    #[test]
    fn what_drivers_ask_by_themselves_is_understood() {
        // SQLAlchemy, asyncpg's pool, pgx and DBeaver, as they write it.
        for sql in [
            "select pg_catalog.version()",
            "select current_schema()",
            "show transaction isolation level",
            "SELECT pg_advisory_unlock_all()",
            "\nSELECT t.oid, typarray\nFROM pg_type t JOIN pg_namespace ns\n    ON typnamespace = ns.oid\nWHERE typname = 'hstore'",
        ] {
            assert!(matches!(Statement::parse(sql).unwrap(), Statement::Ask(_)), "{sql}");
        }
        for sql in ["-- ping", "", " /* nothing */ ", "--"] {
            assert_eq!(Statement::parse(sql).unwrap(), Statement::Empty, "{sql}");
        }
        for sql in ["CLOSE ALL", "UNLISTEN *", "RESET ALL", "SET application_name = '--'"] {
            assert!(matches!(Statement::parse(sql).unwrap(), Statement::Ignored(_)), "{sql}");
        }
        let probe = Statement::parse("/* ApplicationName=DBeaver */ SELECT 1 -- alive?").unwrap();
        assert_eq!(probe, Statement::Select(1));
    }

    #[test]
    fn other_statements_are_refused_without_being_repeated() {
        let error = Statement::parse("CREATE SECRET s (TOKEN 'abc')").unwrap_err();
        assert_eq!(error.code(), "0A000");
        assert!(!error.to_string().contains("abc"));
    }
}

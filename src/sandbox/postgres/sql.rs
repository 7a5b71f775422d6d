//! As much SQL as a probe and its driver need: `SELECT <number>`, `SELECT current_user`, transactions, and settings that are ignored.

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
    /// Accepted, without any effect.
    Ignored(&'static str),
}

impl Statement {
    fn parse(sql: &str) -> PgWireResult<Self> {
        let words: Vec<String> = sql.split_whitespace().map(str::to_uppercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let statement = match words.as_slice() {
            ["SELECT", "CURRENT_USER"] => Some(Self::CurrentUser),
            ["SELECT", number] => number.parse().ok().map(Self::Select),
            ["BEGIN", ..] | ["START", "TRANSACTION", ..] => Some(Self::Begin),
            ["COMMIT" | "END", ..] => Some(Self::Commit),
            ["ROLLBACK" | "ABORT", ..] => Some(Self::Rollback),
            ["SET", _, ..] => Some(Self::Ignored("SET")),
            ["RESET", _, ..] => Some(Self::Ignored("RESET")),
            ["DISCARD", "ALL"] => Some(Self::Ignored("DISCARD ALL")),
            ["DEALLOCATE", _, ..] => Some(Self::Ignored("DEALLOCATE")),
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
            Self::Begin | Self::Commit | Self::Rollback | Self::Ignored(_) => Vec::new(),
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
            Self::Begin => Ok(Response::TransactionStart(Tag::new("BEGIN"))),
            Self::Commit => Ok(Response::TransactionEnd(Tag::new("COMMIT"))),
            Self::Rollback => Ok(Response::TransactionEnd(Tag::new("ROLLBACK"))),
            Self::Ignored(tag) => Ok(Response::Execution(Tag::new(tag))),
        }
    }
}

fn unsupported() -> PgWireError {
    let message = "the sandbox holds no data: it answers SELECT <number>, SELECT current_user, transactions and SET";
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

    fn get_parameter_types(&self, _: &Statement) -> PgWireResult<Vec<Type>> {
        Ok(Vec::new())
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
    fn other_statements_are_refused_without_being_repeated() {
        let error = Statement::parse("CREATE SECRET s (TOKEN 'abc')").unwrap_err();
        assert_eq!(error.code(), "0A000");
        assert!(!error.to_string().contains("abc"));
    }
}

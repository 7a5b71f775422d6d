//! Faults that are planned: which operation they strike, and how they show.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::sandbox) enum Operation {
    UserCreate,
    UserList,
    UserDelete,
    TokenCreate,
    TokenList,
    TokenRevoke,
    DucklingGet,
    DucklingSet,
    ActiveAccounts,
    DiveEmbedSession,
    /// A REST request to a route that does not exist.
    Unknown,
    /// A Postgres connection.
    Connect,
}

impl Operation {
    /// The operation as the events and the counts call it.
    pub(in crate::sandbox) fn as_str(self) -> &'static str {
        match self {
            Self::UserCreate => "user_create",
            Self::UserList => "user_list",
            Self::UserDelete => "user_delete",
            Self::TokenCreate => "token_create",
            Self::TokenList => "token_list",
            Self::TokenRevoke => "token_revoke",
            Self::DucklingGet => "duckling_get",
            Self::DucklingSet => "duckling_set",
            Self::ActiveAccounts => "active_accounts",
            Self::DiveEmbedSession => "dive_embed_session",
            Self::Unknown => "unknown",
            Self::Connect => "connect",
        }
    }
}

/// How a planned fault shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::sandbox) enum How {
    /// Answers with `status` before anything takes effect.
    Fail,
    /// Takes effect, then answers with `status`.
    FailAfter,
    /// Takes effect, then drops the connection without an answer.
    LoseReply,
    /// Drops the connection without an answer, and takes effect only after `delay`.
    Late,
    /// Answers a gateway's HTML page, with `status`, before anything takes effect.
    Html,
    /// Never answers, and never takes effect.
    Hang,
    /// Answers the plain text 404 of a route that does not exist.
    NotFoundText,
    /// Answers an empty list.
    EmptyList,
    /// Answers the first half of the users, as if they were all.
    HalfList,
    /// Answers 206 where it would answer 200.
    Partial,
}

/// One planned fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::sandbox) struct Planned {
    pub(in crate::sandbox) operation: Operation,
    pub(in crate::sandbox) how: How,
    /// For `fail`, `fail_after` and `html`: 400 to 599.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) status: Option<u16>,
    /// For `late`.
    #[serde(default, with = "super::duration", skip_serializing_if = "Option::is_none")]
    pub(in crate::sandbox) delay: Option<Duration>,
    /// How many requests it strikes.
    #[serde(default = "once")]
    pub(in crate::sandbox) times: u32,
}

fn once() -> u32 {
    1
}

impl Planned {
    /// Why it makes no sense, if it does not.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let lists = matches!(
            self.operation,
            Operation::TokenList | Operation::UserList | Operation::ActiveAccounts
        );
        let connects = matches!(self.how, How::Fail | How::Hang | How::LoseReply);
        if self.how == How::EmptyList && !lists {
            Some("empty_list is for token_list, user_list and active_accounts")
        } else if self.how == How::HalfList && self.operation != Operation::UserList {
            Some("half_list is for user_list")
        } else if self.operation == Operation::Connect && !connects {
            Some("connect can only fail, hang or lose_reply")
        } else if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            Some("status must be from 400 to 599")
        } else if self.times == 0 {
            Some("times must be at least 1")
        } else {
            None
        }
    }
}

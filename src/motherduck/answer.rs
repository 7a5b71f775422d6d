//! An answer of the REST API: its body, read within bounds, and what its status means.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::admin::Bearer;
use super::error::{Failure, Refusal};
use super::operation::Operation;
use crate::http::body::{self, Body, Bytes, JsonError, LargeAnswers, Turn};
use crate::http::retry_after;
use crate::redact::foreign_text;

/// What is no list holds no more values than this.
const MOST_VALUES: usize = 4_096;
/// How much of a refusal is read.
const REFUSAL_LIMIT: usize = 64 << 10;
const ISSUES_SHOWN: usize = 5;
const ISSUE_CHARACTERS: usize = 200;

/// An answer with a status of success. Its body may hold a secret.
pub(super) struct Answer {
    body: Bytes,
    _turn: Option<Turn>,
}

impl Answer {
    /// Reads the body. The error says where it went wrong and never what stood there.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        body::json(&self.body, MOST_VALUES).map_err(Failure::from)
    }

    /// The body, for lists.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

impl From<JsonError> for Failure {
    fn from(error: JsonError) -> Self {
        Self::Malformed { reason: error.to_string() }
    }
}

/// What an answer is judged by, beside itself.
pub(super) struct Asked<'a> {
    pub(super) base: &'a str,
    pub(super) admin_place: &'a str,
    pub(super) bearer: &'a Bearer,
    pub(super) operation: &'a Operation,
    pub(super) large: &'a LargeAnswers,
}

impl Asked<'_> {
    /// Reads and judges a response.
    pub(super) async fn judge(&self, response: reqwest::Response) -> Result<Answer, Failure> {
        let status = response.status();
        if self.operation.is_done(status) {
            return self.read(response).await;
        }
        if status.is_success() {
            return Err(Failure::Unfinished { status: status.as_u16() });
        }
        let retry_after = retry_after(response.headers());
        // The status is an answer by itself: a body that breaks off does not change it.
        let body = body::read(response, REFUSAL_LIMIT).await;
        let body = body.map_or_else(|_| Bytes::default(), Body::into_bytes);
        let refusal = self.refusal(status.as_u16(), &body);
        let place = || self.admin_place.to_owned();
        Err(match status.as_u16() {
            400 | 422 => Failure::Validation(refusal),
            401 => Failure::Unauthorized { place: place(), refusal },
            403 => Failure::Forbidden { place: place(), refusal },
            404 if refusal.code.as_deref() == Some("NOT_FOUND") => Failure::NotFound(refusal),
            404 => Failure::PlainNotFound { base: self.base.to_owned() },
            409 => Failure::Conflict(refusal),
            429 => Failure::RateLimited { retry_after },
            status @ 502..=504 => Failure::Unavailable { status, retry_after },
            _ => Failure::Unexpected(refusal),
        })
    }

    async fn read(&self, response: reqwest::Response) -> Result<Answer, Failure> {
        let limit = self.operation.answer_limit();
        match self.large.read(response, limit).await.map_err(|error| self.broken(error))? {
            (Body::Whole(body), turn) => Ok(Answer { body, _turn: turn }),
            (Body::Cut(_), _) => {
                Err(Failure::Malformed { reason: format!("larger than {limit} bytes") })
            }
        }
    }

    /// A request that failed without an answer. The URL is left out: the error that names the operation says more.
    pub(super) fn broken(&self, error: reqwest::Error) -> Failure {
        let base = self.base.to_owned();
        let source = error.without_url();
        if source.is_connect() {
            Failure::Connect { base, source }
        } else {
            Failure::Broken { base, source }
        }
    }

    /// Of the body only the code and the issues are kept. Its `message` says no more than the status does.
    fn refusal(&self, status: u16, body: &[u8]) -> Refusal {
        let said: Said = body::json(body, MOST_VALUES).unwrap_or_default();
        let is_code = |code: &String| {
            code.len() <= 64
                && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        let show =
            |issue: Issue| foreign_text(&self.bearer.strike_from(&issue.message), ISSUE_CHARACTERS);
        Refusal {
            status,
            code: said.code.filter(is_code),
            issues: said
                .issues
                .unwrap_or_default()
                .into_iter()
                .take(ISSUES_SHOWN)
                .map(show)
                .collect(),
        }
    }
}

#[derive(Deserialize, Default)]
struct Said {
    code: Option<String>,
    issues: Option<Vec<Issue>>,
}

#[derive(Deserialize)]
struct Issue {
    #[serde(default)]
    message: String,
}

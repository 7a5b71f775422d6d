//! Answers that say no, in the forms of the real service.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::sandbox::SandboxError;
use crate::sandbox::options::RetryAfter;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Issue {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) path: Vec<&'static str>,
}

/// A request that is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    issues: Vec<Issue>,
    message: &'static str,
}

impl Refusal {
    pub(super) fn unauthorized() -> Self {
        Self::plain(StatusCode::UNAUTHORIZED, "Invalid Credentials")
    }

    pub(super) fn forbidden(issue: &str) -> Self {
        let issue = Issue { code: "custom", message: issue.to_owned(), path: Vec::new() };
        Self { issues: vec![issue], ..Self::plain(StatusCode::FORBIDDEN, "Forbidden") }
    }

    /// The entity does not exist.
    pub(super) fn not_found(message: &'static str) -> Self {
        Self::plain(StatusCode::NOT_FOUND, message)
    }

    pub(super) fn conflict(message: &'static str) -> Self {
        Self::plain(StatusCode::CONFLICT, message)
    }

    pub(super) fn invalid(issues: Vec<Issue>) -> Self {
        Self { issues, ..Self::plain(StatusCode::BAD_REQUEST, "Input validation failed") }
    }

    fn plain(status: StatusCode, message: &'static str) -> Self {
        Self { status, issues: Vec::new(), message }
    }
}

impl From<SandboxError> for Refusal {
    fn from(error: SandboxError) -> Self {
        tracing::warn!(%error, "state not kept");
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR, "the sandbox could not keep its state")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            message: &'static str,
            code: String,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            issues: Vec<Issue>,
        }
        let body = Body { message: self.message, code: code(self.status), issues: self.issues };
        (self.status, Json(body)).into_response()
    }
}

/// `BAD_REQUEST` and its like: the status' name in the service's spelling.
fn code(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("unknown").to_uppercase().replace(' ', "_")
}

/// The answer to a route that does not exist.
pub(super) fn not_found_text() -> Response {
    (StatusCode::NOT_FOUND, "Not Found").into_response()
}

/// An injected failure; what a gateway says may be HTML.
pub(super) fn failure(status: u16, gateway_html: bool) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    if gateway_html && matches!(status.as_u16(), 502..=504) {
        return html(status.as_u16());
    }
    let message = match status {
        StatusCode::UNAUTHORIZED => "Invalid Credentials",
        other => other.canonical_reason().unwrap_or("failed"),
    };
    Refusal::plain(status, message).into_response()
}

/// A gateway's page.
pub(super) fn html(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let page = format!(
        "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
    );
    (status, Html(page)).into_response()
}

/// The answer to one request too many.
pub(super) fn too_many(retry_after: RetryAfter) -> Response {
    let mut response = failure(429, false);
    if let Some(value) = retry_after_value(retry_after, Timestamp::now()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

fn retry_after_value(form: RetryAfter, now: Timestamp) -> Option<HeaderValue> {
    match form {
        RetryAfter::None => None,
        RetryAfter::Seconds(seconds) => Some(HeaderValue::from(seconds)),
        RetryAfter::Date => {
            // A date has whole seconds: one more, so that it is not in the past already.
            let then = now.checked_add(SignedDuration::from_secs(2)).ok()?;
            let text = jiff::fmt::rfc2822::DateTimePrinter::new()
                .timestamp_to_rfc9110_string(&then)
                .ok()?;
            HeaderValue::from_str(&text).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_come_back_has_the_chosen_form() {
        let now = Timestamp::from_second(784_111_775).unwrap();
        let value =
            |form| retry_after_value(form, now).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(value(RetryAfter::None), None);
        assert_eq!(value(RetryAfter::Seconds(1)).as_deref(), Some("1"));
        assert_eq!(value(RetryAfter::Date).as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    }

    #[test]
    fn a_code_is_spelled_as_the_service_spells_it() {
        assert_eq!(code(StatusCode::NOT_FOUND), "NOT_FOUND");
        assert_eq!(code(StatusCode::INTERNAL_SERVER_ERROR), "INTERNAL_SERVER_ERROR");
    }
}

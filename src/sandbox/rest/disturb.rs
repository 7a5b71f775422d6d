//! The way of every request to its operation: it is counted, slowed down, and may meet its fault.

use std::time::{Duration, Instant};

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::answer;
use super::line::Line;
use crate::sandbox::faults::{Fate, How, Operation, Planned};
use crate::sandbox::service::Shared;

/// Serves a request as fate has it.
pub(super) async fn pass(
    State((service, operation)): State<(Shared, Operation)>,
    ConnectInfo(line): ConnectInfo<Line>,
    path: RawPathParams,
    request: Request,
    next: Next,
) -> Response {
    let username = path.iter().find(|(key, _)| *key == "username").map(|(_, name)| name.to_owned());
    service.faults().count(operation);
    let latency = service.switches().latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let date_off = service.switches().date_off;
    let fate = service.faults().fate(operation, Instant::now());
    let passage = Passage { service, operation, line, username };
    let mut response = match fate {
        Fate::Served => next.run(request).await,
        Fate::TooMany(retry_after) => {
            passage.note("429, no effect");
            answer::too_many(retry_after)
        }
        Fate::Failed { status } => passage.fail(status),
        Fate::ReplyLost => passage.lose_reply(request, next).await,
        Fate::Planned(planned) => passage.meet(&planned, request, next).await,
    };
    if date_off != 0 {
        response.headers_mut().extend(date(date_off).map(|date| (header::DATE, date)));
    }
    response
}

/// The time, off by so many seconds, as HTTP writes it.
fn date(off: i64) -> Option<HeaderValue> {
    let at = Timestamp::now().checked_add(SignedDuration::from_secs(off)).ok()?;
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string().parse().ok()
}

/// A request that meets a fault.
struct Passage {
    service: Shared,
    operation: Operation,
    line: Line,
    username: Option<String>,
}

impl Passage {
    async fn meet(self, planned: &Planned, request: Request, next: Next) -> Response {
        let status = planned.status;
        match planned.how {
            How::Fail => self.fail(status.unwrap_or(503)),
            How::FailAfter => {
                let status = status.unwrap_or(500);
                let _answer = next.run(request).await;
                self.note(&format!("{status}, after it took effect"));
                self.failure(status)
            }
            How::LoseReply => self.lose_reply(request, next).await,
            How::Late => self.late(planned.delay.unwrap_or(Duration::from_secs(1)), request, next),
            How::Html => {
                let status = status.unwrap_or(502);
                self.note(&format!("{status} as HTML, no effect"));
                answer::html(status)
            }
            How::Hang => {
                self.note("never answered, no effect");
                self.service.shutdown.cancelled().await;
                self.cut()
            }
            How::NotFoundText => {
                self.note("plain text 404, no effect");
                answer::not_found_text()
            }
            How::EmptyList => {
                self.note("empty list, no effect");
                Json(empty_list(self.operation)).into_response()
            }
            How::HalfList => {
                self.note("half a list, no effect");
                half_list(next.run(request).await).await
            }
            How::Partial => {
                let mut answer = next.run(request).await;
                self.note("206, after it took effect");
                *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
                answer
            }
        }
    }

    fn fail(&self, status: u16) -> Response {
        self.note(&format!("{status}, no effect"));
        self.failure(status)
    }

    fn failure(&self, status: u16) -> Response {
        answer::failure(status, self.service.switches().gateway_html)
    }

    async fn lose_reply(&self, request: Request, next: Next) -> Response {
        let _answer = next.run(request).await;
        self.note("reply lost, after it took effect");
        self.cut()
    }

    fn late(self, delay: Duration, request: Request, next: Next) -> Response {
        self.note("reply lost, takes effect later");
        let (line, shutdown) = (self.line.clone(), self.service.shutdown.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(delay) => {
                    let _answer = next.run(request).await;
                    self.note("took effect late");
                }
                () = shutdown.cancelled() => {}
            }
        });
        line.cut();
        answer::failure(503, false)
    }

    /// What is returned here never reaches the client.
    fn cut(&self) -> Response {
        self.line.cut();
        answer::failure(503, false)
    }

    fn note(&self, what: &str) {
        self.service.note_fault(self.operation, self.username.clone(), what);
    }
}

/// The first half of the users, and a count that agrees with it: only who knows them misses the others.
async fn half_list(whole: Response) -> Response {
    let body = to_bytes(whole.into_body(), usize::MAX).await.unwrap_or_default();
    let mut list: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let users = list.get_mut("users").and_then(serde_json::Value::as_array_mut);
    let kept = users.map_or(0, |users| {
        users.truncate(users.len() / 2);
        users.len()
    });
    if let Some(list) = list.as_object_mut() {
        list.insert("total_count".to_owned(), kept.into());
        list.insert("next_page_token".to_owned(), serde_json::Value::Null);
    }
    Json(list).into_response()
}

fn empty_list(operation: Operation) -> serde_json::Value {
    if operation == Operation::TokenList {
        json!({ "tokens": [] })
    } else if operation == Operation::UserList {
        json!({ "users": [], "total_count": 0, "next_page_token": null })
    } else {
        json!({ "accounts": [] })
    }
}

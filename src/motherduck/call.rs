//! How any operation is carried out: rate limit, admin token, one request, and repetitions where they are safe.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use backon::Retryable;
use jiff::Timestamp;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::Client;
use super::admin::Bearer;
use super::answer::{Answer, Asked};
use super::error::{Error, Failure};
use super::operation::Operation;
use super::pace::{given_up, may_repeat, wait};
use super::rate::Lane;
use crate::occupancy;
use crate::request_stats::Reach;

/// One query parameter.
pub(super) type Parameter<'a> = (&'a str, &'a str);

impl Client {
    /// Carries out `operation`, with repetitions.
    pub(super) async fn call(
        &self,
        operation: &Operation,
        query: &[Parameter<'_>],
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        self.repeat(operation, query, body).await.map_err(|source| operation.failed(source))
    }

    async fn repeat(
        &self,
        operation: &Operation,
        query: &[Parameter<'_>],
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let mut url = operation
            .url(&self.base)
            .ok_or_else(|| Failure::Path { base: self.base.to_string() })?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let started = Instant::now();
        let attempts = AtomicU32::new(0);
        let attempt = async || {
            if occupancy::enter().await.is_break() {
                return Err(Failure::Stopping);
            }
            attempts.fetch_add(1, Ordering::Relaxed);
            self.attempt(operation, &url, body).await
        };
        let outcome = attempt
            .retry(self.retry.pauses(operation.to_string()))
            .sleep(occupancy::pause)
            .when(|failure| may_repeat(failure, operation.is_idempotent()))
            .adjust(|failure, chosen| wait(&self.retry, failure, chosen, started.elapsed()))
            .notify(|failure, wait| {
                tracing::debug!(
                    operation = %operation,
                    error = %failure,
                    retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                    "request will be repeated"
                );
            })
            .await;
        outcome.map_err(|failure| {
            if may_repeat(&failure, operation.is_idempotent()) {
                given_up(&self.retry, failure, attempts.into_inner())
            } else {
                failure
            }
        })
    }

    /// One request; a second one if the admin token was refused and another one is to be had by now.
    async fn attempt(
        &self,
        operation: &Operation,
        url: &Url,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let bearer = self.admin.bearer().await.inspect_err(|_| {
            self.stats.note(operation.word(), "no_admin_token", Reach::Refused);
        })?;
        match self.send(operation, url, body, &bearer).await {
            Err(refused @ Failure::Unauthorized { .. }) => {
                match self.admin.newer_than(&bearer).await? {
                    Some(newer) => self.send(operation, url, body, &newer).await,
                    None => Err(refused),
                }
            }
            answer => answer,
        }
    }

    async fn send(
        &self,
        operation: &Operation,
        url: &Url,
        body: Option<&Value>,
        bearer: &Arc<Bearer>,
    ) -> Result<Answer, Failure> {
        let lane = if operation.is_urgent() { Lane::Urgent } else { self.lane };
        self.rate.turn(lane).await;
        let asked = Asked {
            base: self.base.as_str(),
            admin_place: &self.admin.place(),
            operation,
            large: &self.large,
        };
        let mut request = self
            .http
            .request(operation.method(), url.clone())
            .header(AUTHORIZATION, bearer.header());
        if let Some(body) = body {
            request = request.json(body);
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        let before = Timestamp::now();
        let exchange = async {
            match request.send().await.map_err(|error| asked.broken(error)) {
                Ok(response) => {
                    self.skew.measure(response.headers(), before, Timestamp::now());
                    (Some(response.status()), asked.judge(response).await)
                }
                Err(failure) => (None, Err(failure)),
            }
        };
        let (status, answer) = occupancy::answer(exchange).await;
        let failure = answer.as_ref().err();
        let reach = failure.map_or(Reach::Answered, Failure::reach);
        let word = failure.map_or("broken", Failure::without_status);
        let result =
            status.map_or(Cow::Borrowed(word), |status| Cow::Owned(status.as_u16().to_string()));
        self.stats.note(operation.word(), result, reach);
        answer
    }
}

impl Operation {
    /// The error of this operation.
    pub(super) fn failed(&self, source: Failure) -> Error {
        Error::Operation { operation: Box::new(self.clone()), source: Box::new(source) }
    }
}

//! Whoever is told: one request per event, judged by its status alone. No URL is ever shown.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use url::Url;

use super::settings::{Sink, SinkForm};
use super::{Event, body};
use crate::fault::{Diagnostic, FaultKind};
use crate::http::reason::{behind, reason};
use crate::http::{HeaderError, Headers, NotAHeader, is_loopback, retry_after};
use crate::secret::{SecretError, SecretSource, Token};
use crate::tls::{HttpClients, TlsError, is_distrust};

/// Why a sink could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No HTTP client could be made.
    #[error("cannot make a client for notifications.{sink}")]
    Client {
        /// The sink.
        sink: String,
        /// What is wrong.
        source: TlsError,
    },
    /// A header that HTTP does not allow.
    #[error("notifications.{sink} cannot be used")]
    Header {
        /// The sink.
        sink: String,
        /// What is wrong.
        source: NotAHeader,
    },
}

impl Diagnostic for SetupError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Client { source, .. } => source.kind(),
            Self::Header { .. } => FaultKind::Permanent,
        }
    }
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The URL, which is a secret, could not be read.
    #[error("cannot read the URL")]
    Secret(#[source] SecretError),
    /// The secret is no URL that events may be sent to. It is not shown.
    #[error("the secret is not a URL that begins with https://")]
    Url,
    /// A secret header cannot be had; nothing was sent.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// No answer came within the time.
    #[error("the receiver did not answer within {}", humantime::format_duration(*limit))]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// No answer came.
    #[error("the receiver did not answer")]
    Unanswered(#[source] reqwest::Error),
    /// An answer that is no success.
    #[error("the receiver answered {status}{}", behind(reason.as_ref()))]
    Status {
        /// The status.
        status: u16,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
        /// Why, in its own words.
        reason: Option<String>,
    },
}

impl DeliveryError {
    /// How long the receiver asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Secret(_)
            | Self::Url
            | Self::Header(_)
            | Self::TimedOut { .. }
            | Self::Unanswered(_) => None,
        }
    }
}

impl Diagnostic for DeliveryError {
    /// A secret may be on its way into its place.
    fn kind(&self) -> FaultKind {
        match self {
            Self::Unanswered(source) if is_distrust(source) => FaultKind::Permanent,
            Self::Secret(_) | Self::Header(_) | Self::TimedOut { .. } | Self::Unanswered(_) => {
                FaultKind::Transient
            }
            Self::Status { status: 408 | 425 | 429 | 500..=599, .. } => FaultKind::Transient,
            Self::Url | Self::Status { .. } => FaultKind::Permanent,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Secret(_) => "put the webhook's URL into that place, as its only text",
            Self::Url => {
                "put the whole URL of the webhook into its place; http:// is for loopback addresses only"
            }
            Self::Unanswered(source) if is_distrust(source) => {
                "the receiver's certificate is not believed: name its authority by the sink's `ca_file`"
            }
            Self::Status { status: 300..=399, .. } => {
                "redirects are not followed: name the final URL"
            }
            Self::Status { status: 401 | 403, .. } => "look at the sink's headers",
            Self::Status { status: 404 | 410, .. } => {
                "the webhook may have been removed: make a new one and put its URL into its place"
            }
            Self::Header(_) | Self::TimedOut { .. } | Self::Unanswered(_) | Self::Status { .. } => {
                return None;
            }
        };
        Some(hint.to_owned())
    }
}

/// A sink that events can be sent to.
pub struct SinkClient {
    http: reqwest::Client,
    form: Form,
    timeout: Duration,
}

enum Form {
    Slack(SecretSource),
    CloudEvents(Url, Headers),
}

impl SinkClient {
    /// A receiver by the configuration. Nothing is contacted.
    pub fn new(sink: &str, settings: &Sink, clients: &mut HttpClients) -> Result<Self, SetupError> {
        let sink = || sink.to_owned();
        let form = match &settings.form {
            SinkForm::Slack { url } => Form::Slack(url.clone()),
            SinkForm::CloudEvents { url, headers } => {
                let headers = Headers::new(headers)
                    .map_err(|source| SetupError::Header { sink: sink(), source })?;
                Form::CloudEvents(url.clone(), headers)
            }
        };
        let http = clients
            .with_extra_roots(settings.ca_file.as_ref(), &settings.proxy)
            .map_err(|source| SetupError::Client { sink: sink(), source })?;
        Ok(Self { http, form, timeout: settings.timeout })
    }

    /// Sends an event once. Of the answer's body no more is read than what people are shown of a refusal.
    pub async fn post(&self, event: &Event) -> Result<(), DeliveryError> {
        let (url, filled, body) = match &self.form {
            Form::Slack(place) => (secret_url(place).await?, None, body::slack(event)),
            Form::CloudEvents(url, headers) => {
                (url.clone(), Some(Box::pin(headers.read()).await?), body::cloud_event(event))
            }
        };
        let headers = filled.as_ref().map(|filled| filled.headers.clone()).unwrap_or_default();
        let kind = match self.form {
            Form::Slack(_) => "application/json",
            Form::CloudEvents(..) => "application/cloudevents+json",
        };
        // The path of a Slack webhook is its secret, and is held until the answer was read.
        let _secret = Token::new(url.path().trim_matches('/'));
        let response = self
            .http
            .post(url)
            .headers(headers)
            .header(CONTENT_TYPE, HeaderValue::from_static(kind))
            .body(body.to_string())
            .timeout(self.timeout)
            .send()
            .await
            .map_err(|error| {
                if error.is_timeout() {
                    DeliveryError::TimedOut { limit: self.timeout }
                } else {
                    DeliveryError::Unanswered(error.without_url())
                }
            })?;
        if response.status().is_success() {
            return Ok(());
        }
        let retry_after = retry_after(response.headers());
        let status = response.status().as_u16();
        // The time for the answer holds for its reason, too.
        let reason = reason(response).await;
        Err(DeliveryError::Status { status, retry_after, reason })
    }
}

/// Read anew for each request: it may have been replaced.
async fn secret_url(place: &SecretSource) -> Result<Url, DeliveryError> {
    let secret = place.fetch().await.map_err(DeliveryError::Secret)?;
    let url = secret.lend(Url::parse).map_err(|_| DeliveryError::Url)?;
    let is_fit = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if is_fit { Ok(url) } else { Err(DeliveryError::Url) }
}

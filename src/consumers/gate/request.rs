//! An HTTP request to a consumer: filled in for a rotation, sent once, judged by its status alone.

use std::time::Duration;

use reqwest::Method;
use url::Url;

use super::SetupError;
use crate::consumers::command::{Context, Encoding};
use crate::fault::{Diagnostic, FaultKind};
use crate::http::settings::{HttpMethod, HttpRequest};
use crate::http::{HeaderError, Headers, NotAHeader, origin, origin_of};
use crate::tls::{HttpClients, is_distrust};

/// A request, ready to be sent for any rotation.
pub(super) struct Request {
    http: reqwest::Client,
    url: String,
    method: Method,
    expected_status: Vec<u16>,
    headers: Headers,
    timeout: Duration,
}

/// Why a request did not succeed. Of URLs no more than scheme, host and port is shown: the rest may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// With this rotation's values the template is no URL.
    #[error("{template}, filled in, is not a URL")]
    Url {
        /// The template.
        template: String,
        /// What is wrong.
        source: url::ParseError,
    },
    /// A secret header cannot be had; nothing was sent.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// No answer came within the time.
    #[error("{url} did not answer within {}", humantime::format_duration(*limit))]
    TimedOut {
        /// The URL.
        url: String,
        /// The limit.
        limit: Duration,
    },
    /// No answer came.
    #[error("{url} did not answer")]
    Unanswered {
        /// The URL.
        url: String,
        /// What the HTTP client said.
        source: reqwest::Error,
    },
    /// An answer with another status than was expected.
    #[error("{url} answered {status}")]
    Status {
        /// The URL.
        url: String,
        /// The status.
        status: u16,
    },
}

impl Diagnostic for RequestError {
    /// What the configuration must change is permanent; whatever the other side may change is not.
    fn kind(&self) -> FaultKind {
        match self {
            Self::Url { .. } | Self::Header(_) => FaultKind::Permanent,
            Self::Unanswered { source, .. } if is_distrust(source) => FaultKind::Permanent,
            Self::Unanswered { .. } | Self::TimedOut { .. } | Self::Status { .. } => {
                FaultKind::Transient
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unanswered { url, source } if is_distrust(source) => Some(format!(
                "the certificate of {url} is not believed: name its authority by the request's `ca_file`"
            )),
            Self::Status { status, .. } if (300..400).contains(status) => {
                Some("redirects are not followed: name the final URL".to_owned())
            }
            Self::Url { .. }
            | Self::Header(_)
            | Self::Unanswered { .. }
            | Self::TimedOut { .. }
            | Self::Status { .. } => None,
        }
    }
}

impl Request {
    pub(super) fn new(
        settings: &HttpRequest,
        clients: &mut HttpClients,
    ) -> Result<Self, SetupError> {
        let url = || origin_of(&settings.url);
        let headers = Headers::new(&settings.headers)
            .map_err(|NotAHeader { name }| SetupError::Header { url: url(), name })?;
        let http = clients
            .with_extra_roots(settings.ca_file.as_ref(), &settings.proxy)
            .map_err(|source| SetupError::Client { url: url(), source })?;
        Ok(Self {
            http,
            url: settings.url.clone(),
            method: match settings.method {
                HttpMethod::Get => Method::GET,
                HttpMethod::Post => Method::POST,
                HttpMethod::Put => Method::PUT,
            },
            expected_status: settings.expected_status.clone(),
            headers,
            timeout: settings.timeout,
        })
    }

    /// Sends it once. The answer's body is not read.
    pub(super) async fn send(&self, context: &Context) -> Result<(), RequestError> {
        let url = Url::parse(&context.fill(&self.url, Encoding::Url))
            .map_err(|source| RequestError::Url { template: origin_of(&self.url), source })?;
        let shown = origin(&url);
        let response = self
            .http
            .request(self.method.clone(), url)
            .headers(Box::pin(self.headers.read()).await?.headers)
            .timeout(self.timeout)
            .send()
            .await
            .map_err(|error| {
                if error.is_timeout() {
                    RequestError::TimedOut { url: shown.clone(), limit: self.timeout }
                } else {
                    RequestError::Unanswered { url: shown.clone(), source: error.without_url() }
                }
            })?;
        let status = response.status();
        let expected = if self.expected_status.is_empty() {
            status.is_success()
        } else {
            self.expected_status.contains(&status.as_u16())
        };
        if expected {
            Ok(())
        } else {
            Err(RequestError::Status { url: shown, status: status.as_u16() })
        }
    }
}

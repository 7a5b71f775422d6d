//! Traces: what a run did at a rotation, sent to an OpenTelemetry collector, beside the work and never in its way.

mod document;
mod headers;
pub mod settings;

use std::time::Duration;

use backon::Retryable;
use reqwest::header::HeaderMap;
use tokio::sync::{Mutex, mpsc, oneshot};

use self::document::document;
use crate::fault::{Fault, FaultKind};
use crate::names::{CredentialName, Owner};
use crate::retry::TRACE;
use crate::rotation::run::Report;
use crate::secret::SecretSource;
use crate::tls::HttpClients;
use crate::workers;

/// As many runs wait to be sent; what comes on top is dropped.
const QUEUE: usize = 512;
/// For one request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end of the program waits for what is still to be sent.
const PARTING: Duration = Duration::from_secs(3);

enum Message {
    Trace(String),
    Last(oneshot::Sender<()>),
}

/// Where runs are told; cheap to clone. What it was told is sent even if it is dropped, while the program runs.
#[derive(Clone)]
pub struct Telemetry {
    post: Option<mpsc::Sender<Message>>,
    service: String,
    owner: String,
}

impl Telemetry {
    /// Begins to send, if `settings` say where to. Needs a runtime; contacts nobody.
    pub fn start(
        owner: &Owner,
        settings: Option<&settings::Telemetry>,
        clients: &mut HttpClients,
    ) -> Result<Self, Fault> {
        let owner = owner.to_string();
        let Some(settings) = settings else {
            return Ok(Self { post: None, service: String::new(), owner });
        };
        let client = clients.with_extra_roots(settings.ca_file.as_ref(), &settings.proxy)?;
        let headers =
            match settings.headers_from.as_ref().map(|source| (source, headers::read(source))) {
                // OpenTelemetry's own variables were set for several programs, and other programs may take this one.
                Some((SecretSource::Env(name), Err(fault))) if name.starts_with("OTEL_") => {
                    tracing::warn!(variable = name, error = %fault, "no traces are sent");
                    return Ok(Self { post: None, service: String::new(), owner });
                }
                Some((_, headers)) => headers?,
                None => HeaderMap::new(),
            };
        let (post, letters) = mpsc::channel(QUEUE);
        let carrier = Exporter { client, settings: settings.clone(), headers, failing: false };
        let shared = Mutex::new((carrier, letters));
        tokio::spawn(async move {
            let carry = || async {
                let (carrier, letters) = &mut *shared.lock().await;
                carrier.carry(letters).await;
            };
            workers::keep("traces", carry).await;
        });
        Ok(Self { post: Some(post), service: settings.service_name.clone(), owner })
    }

    /// Tells of a run of `credential` that ended; at once and without fail.
    pub fn tell(&self, credential: &CredentialName, report: &Report) {
        let Some(post) = &self.post else { return };
        let Some(trace) = document(&self.service, &self.owner, credential, report) else { return };
        if post.try_send(Message::Trace(trace.to_string())).is_err() {
            tracing::warn!(credential = %credential, "trace dropped: too many wait to be sent");
        }
    }

    /// Waits, for a few seconds at most, until what was told is sent.
    pub async fn flush(&self) {
        let Some(post) = &self.post else { return };
        let (done, sent) = oneshot::channel();
        let parting = async {
            if post.send(Message::Last(done)).await.is_ok() {
                sent.await.ok();
            }
        };
        if tokio::time::timeout(PARTING, parting).await.is_err() {
            tracing::warn!("traces left unsent");
        }
    }
}

/// Takes traces to the collector, one after the other.
struct Exporter {
    client: reqwest::Client,
    settings: settings::Telemetry,
    headers: HeaderMap,
    failing: bool,
}

impl Exporter {
    async fn carry(&mut self, letters: &mut mpsc::Receiver<Message>) {
        while let Some(letter) = letters.recv().await {
            match letter {
                Message::Trace(trace) => self.deliver(trace).await,
                Message::Last(done) => {
                    done.send(()).ok();
                }
            }
        }
    }

    /// People are told once when it begins to fail, and once when it works again.
    async fn deliver(&mut self, trace: String) {
        let send = || self.send(&trace);
        let result = send
            .retry(TRACE.pauses(self.settings.service_name.clone()))
            .when(|fault| fault.kind == FaultKind::Transient)
            .await;
        match (result, self.failing) {
            (Ok(()), true) => tracing::info!("traces sent again"),
            (Err(fault), false) => {
                tracing::warn!(error = %fault, hint = fault.hint, "trace not sent");
                self.failing = true;
                return;
            }
            (Ok(()), false) => {}
            (Err(_), true) => return,
        }
        self.failing = false;
    }

    async fn send(&self, trace: &str) -> Result<(), Fault> {
        let url = &self.settings.traces_url;
        let request = self
            .client
            .post(url.clone())
            .headers(self.headers.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .timeout(TIMEOUT)
            .body(trace.to_owned());
        let fault = |kind, message: String| Fault {
            kind,
            message,
            hint: Some("look at the collector; rotations go on without it".to_owned()),
        };
        let at = url.host_str().unwrap_or_default();
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let status = answer.status().as_u16();
                let kind = match status {
                    429 | 502 | 503 | 504 => FaultKind::Transient,
                    _ => FaultKind::Permanent,
                };
                Err(fault(kind, format!("the collector at {at} answers with status {status}")))
            }
            Err(error) => {
                let error = Fault::of(&error.without_url(), FaultKind::Transient, None);
                let message = format!("cannot reach the collector at {at}: {error}");
                Err(fault(FaultKind::Transient, message))
            }
        }
    }
}

#[cfg(test)]
mod tests;

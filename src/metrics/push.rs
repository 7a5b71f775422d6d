//! Metrics of a one-shot run for a Prometheus Pushgateway, which keeps them until they are scraped.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use url::Url;

use super::Format;
use crate::fault::{Diagnostic, FaultKind};
use crate::http::origin;
use crate::http::reason::{behind, reason};
use crate::http::settings::Proxy;
use crate::tls::{Roots, TlsError, http_client_by};

/// The limit for the whole push: nobody waits for metrics.
const LIMIT: Duration = Duration::from_secs(10);
/// What a URL that names its group itself has in its path.
const GROUPED: &str = "/metrics/job";

/// Why the metrics were not pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No HTTP client could be made.
    #[error("cannot make a client for the push gateway")]
    Client(#[source] TlsError),
    /// The URL takes no path.
    #[error("metrics cannot be pushed to {}", origin(url))]
    Url {
        /// The URL.
        url: Url,
    },
    /// No answer came.
    #[error("push gateway {} did not answer", origin(url))]
    Unanswered {
        /// The URL with its group.
        url: Url,
        /// What the HTTP client said.
        source: reqwest::Error,
    },
    /// An answer that is no success.
    #[error("push gateway {} answered {status}{}", origin(url), behind(reason.as_ref()))]
    Status {
        /// The URL with its group.
        url: Url,
        /// The status.
        status: u16,
        /// Why, in its own words.
        reason: Option<String>,
    },
}

impl Diagnostic for PushError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Client(_) | Self::Url { .. } => FaultKind::Permanent,
            Self::Unanswered { .. } | Self::Status { .. } => FaultKind::Transient,
        }
    }

    fn hint(&self) -> Option<String> {
        Some("the rotation is not affected; name the URL of a Prometheus Pushgateway".to_owned())
    }
}

/// Replaces the metrics of this machine's group at the gateway by `text`, which is in the classic format.
pub async fn push(gateway: &Url, proxy: &Proxy, text: String) -> Result<(), PushError> {
    let url = grouped(gateway, &crate::process::host())
        .ok_or_else(|| PushError::Url { url: gateway.clone() })?;
    let response = http_client_by(proxy, Roots::System, None, LIMIT)
        .map_err(PushError::Client)?
        .put(url.clone())
        .header(CONTENT_TYPE, Format::Classic.content_type())
        .body(text)
        .send()
        .await
        .map_err(|error| PushError::Unanswered { url: url.clone(), source: error.without_url() })?;
    let status = response.status();
    if status.is_success() {
        Ok(())
    } else {
        let reason = reason(response).await;
        Err(PushError::Status { url, status: status.as_u16(), reason })
    }
}

/// The URL of the group: job `pintail`, instance this host. A URL that names a group already is taken as it is.
fn grouped(gateway: &Url, host: &str) -> Option<Url> {
    let mut url = gateway.clone();
    if url.path().contains(GROUPED) {
        return Some(url);
    }
    let group = ["metrics", "job", "pintail", "instance", host];
    url.path_segments_mut().ok()?.pop_if_empty().extend(group);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(gateway: &str) -> String {
        grouped(&gateway.parse().unwrap(), "host a").unwrap().to_string()
    }

    #[test]
    fn the_group_is_this_host_unless_the_url_names_one() {
        let group = "metrics/job/pintail/instance/host%20a";
        assert_eq!(url("http://gateway:9091"), format!("http://gateway:9091/{group}"));
        assert_eq!(url("https://gateway/prefix/"), format!("https://gateway/prefix/{group}"));
        let own = "http://gateway:9091/metrics/job/tokens/shard/3";
        assert_eq!(url(own), own);
    }
}

//! Where the SDK may send a request, whoever named the place: the configuration, `AWS_ENDPOINT_URL` and its like, or a
//! profile.

use std::net::IpAddr;

use url::{Host, Url};

use crate::http::is_loopback;

/// What is said of an endpoint that may not be used; [`super::error`] knows it again.
pub(super) const UNSAFE: &str = "is neither https:// nor a loopback address";

/// Where AWS itself serves credentials to what runs on its machines, which speaks plain HTTP, and never leaves them:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>.
const METADATA: [&str; 5] =
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"];

/// Why an endpoint may not be used.
#[derive(Debug, thiserror::Error)]
#[error("the endpoint {origin} {UNSAFE}")]
pub(super) struct Unsafe {
    origin: String,
}

/// Refuses a place to which secrets would travel in plain sight.
pub(super) fn ensure_safe(uri: &str) -> Result<(), Unsafe> {
    let Ok(url) = Url::parse(uri) else {
        return Err(Unsafe { origin: "that is configured".to_owned() });
    };
    if url.scheme() == "https" || is_loopback(&url) || is_metadata(&url) {
        return Ok(());
    }
    Err(Unsafe { origin: url.origin().ascii_serialization() })
}

fn is_metadata(url: &Url) -> bool {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::from(address),
        Some(Host::Ipv6(address)) => IpAddr::from(address),
        Some(Host::Domain(_)) | None => return false,
    };
    METADATA.iter().any(|known| known.parse() == Ok(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_travel_encrypted_or_not_off_this_machine() {
        for uri in [
            "https://secretsmanager.eu-west-1.amazonaws.com/",
            "http://127.0.0.1:5000/",
            "http://localhost:4566/",
            "http://169.254.169.254/latest/api/token",
            "http://[fd00:ec2::254]/latest/api/token",
        ] {
            assert!(ensure_safe(uri).is_ok(), "{uri}");
        }
        for uri in [
            "http://secretsmanager.eu-west-1.amazonaws.com/",
            "http://10.0.0.7:4566/",
            "http://localhost.evil.example/",
            "http://169.254.169.254.evil.example/",
            "nonsense",
        ] {
            let error = ensure_safe(uri).unwrap_err().to_string();
            assert!(error.contains(UNSAFE), "{error}");
        }
    }
}

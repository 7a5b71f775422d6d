//! How long certificates are valid.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::text::{instant, relative};
use crate::tls::{TlsError, certificates};

/// A certificate that ends sooner should have been renewed by now.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long the shortest-lived of some certificates is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Validity {
    /// Long enough, or not to be told.
    Lasting,
    /// Until then, which is soon.
    Ending(Timestamp),
    /// No longer.
    Ended(Timestamp),
}

impl Validity {
    /// Of the shortest-lived of `certificates`.
    pub(super) fn of<'a>(
        certificates: impl IntoIterator<Item = &'a CertificateDer<'a>>,
        now: Timestamp,
    ) -> Self {
        match certificates.into_iter().filter_map(end).min() {
            Some(at) if at <= now => Self::Ended(at),
            Some(at) if at.duration_since(now) < SOON => Self::Ending(at),
            Some(_) | None => Self::Lasting,
        }
    }

    /// What there is to say about it.
    pub(super) fn exposure(self, now: Timestamp) -> Option<String> {
        match self {
            Self::Lasting => None,
            Self::Ending(at) => Some(format!("expires {}, at {}", relative(at, now), instant(at))),
            Self::Ended(at) => Some(format!("expired {}, at {}", relative(at, now), instant(at))),
        }
    }
}

/// Of the certificates in a PEM file.
pub(super) fn of_file(path: &Path, now: Timestamp) -> Result<Validity, TlsError> {
    Ok(Validity::of(&certificates(path)?, now))
}

fn end(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate.validity.not_after.to_unix_duration();
    Timestamp::from_second(i64::try_from(end.as_secs()).ok()?).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    /// A certificate for `localhost` that is valid from 2020 until the start of `end`, and its key.
    pub(in super::super) fn ending(end: (i32, u8, u8)) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(end.0, end.1, end.2);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap(), key)
    }

    #[test]
    fn the_shortest_lived_certificate_decides() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let [lasting, ending, ended] =
            [(2030, 1, 1), (2026, 3, 14), (2026, 2, 28)].map(|end| ending(end).0.der().clone());
        let of = |all: &[&CertificateDer<'static>]| Validity::of(all.iter().copied(), now);
        assert_eq!(of(&[&lasting]), Validity::Lasting);
        assert_eq!(
            of(&[&lasting, &ending]).exposure(now).unwrap(),
            "expires in 13d, at 2026-03-14T00:00:00Z"
        );
        assert_eq!(
            of(&[&ended, &ending]).exposure(now).unwrap(),
            "expired 1d ago, at 2026-02-28T00:00:00Z"
        );
        assert_eq!(of(&[]), Validity::Lasting);
    }
}

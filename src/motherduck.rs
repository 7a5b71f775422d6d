//! The typed client of MotherDuck's REST API.

mod accounts;
mod admin;
mod answer;
mod call;
mod dives;
mod ducklings;
mod error;
mod operation;
mod pace;
mod page;
mod pages;
mod rate;
pub mod settings;
mod timestamp;
mod tokens;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::http::body::LargeAnswers;
use crate::http::is_loopback;
use crate::http::skew::Skew;
use crate::request_stats::{Reachability, RequestStats};
use crate::retry::{self, Retry};
use crate::secret::Token;
use crate::tls::{Roots, http_client_by};

pub use accounts::{ActiveAccount, ActiveDuckling};
pub use dives::{DiveId, DiveIdError};
pub use ducklings::{Change, ChangeError, Cooldown, Ducklings, FlockSize, Pool, PoolChange, Size};
pub use error::{CreateTokenError, Error, Failure, Refusal};
pub use operation::Operation;
pub use tokens::{NewToken, RESERVED_TOKEN_NAMES, TokenDetails};
pub use users::{Creation, Deletion, Existence, User};

use admin::Admin;
pub use admin::{AdminSource, TokenPlace};
use rate::{Lane, Rate};

/// The limit for one request, its answer's body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of MotherDuck's REST API, with one connection pool and one rate limit. Share it.
///
/// # Guarantees
///
/// - A POST is sent again only after an answer that says that it was not done: 429, or 401 where the admin token has
///   been rotated meanwhile.
/// - A list is complete or an error.
/// - No error holds a value of an answer that could be a secret.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    admin: Arc<Admin>,
    rate: Arc<Rate>,
    lane: Lane,
    large: LargeAnswers,
    retry: Retry,
    skew: Arc<Skew>,
    sent: Arc<AtomicU64>,
    stats: Arc<RequestStats>,
}

impl Client {
    /// A client by the configuration, with an admin token from `admin`. Nothing is contacted or read but the `ca_file`.
    pub fn new(settings: &settings::MotherDuck, admin: AdminSource) -> Result<Self, Error> {
        let base = settings.api_url.clone();
        if !is_safe(&base) {
            return Err(Error::Url { url: without_userinfo(&base) });
        }
        let roots = Roots::system_and(settings.ca_file.as_ref());
        let http = http_client_by(&settings.proxy, roots, None, REQUEST_TIMEOUT)
            .map_err(|source| Error::Setup { url: base.to_string(), source })?;
        Ok(Self {
            http,
            base,
            admin: Arc::new(Admin::new(admin)),
            rate: Arc::new(Rate::per_second(settings.requests_per_second)),
            lane: Lane::Ordinary,
            large: LargeAnswers::default(),
            retry: retry::MOTHERDUCK,
            skew: Arc::default(),
            sent: Arc::default(),
            stats: Arc::default(),
        })
    }

    /// The same client in the name of `token`, to find out what that may do. Its refusals do not count against the
    /// admin token.
    #[must_use]
    pub fn by(&self, token: &Token) -> Self {
        let admin = Arc::new(Admin::new(AdminSource::Given(token.duplicate())));
        Self { admin, stats: Arc::default(), ..self.shared() }
    }

    /// The same client for what cannot wait: its requests go before all others that wait for their turn.
    #[must_use]
    pub fn urgently(&self) -> Self {
        Self { lane: Lane::Urgent, ..self.shared() }
    }

    fn shared(&self) -> Self {
        Self {
            http: self.http.clone(),
            base: self.base.clone(),
            admin: self.admin.clone(),
            rate: self.rate.clone(),
            lane: self.lane,
            large: self.large.clone(),
            retry: self.retry,
            skew: self.skew.clone(),
            sent: self.sent.clone(),
            stats: self.stats.clone(),
        }
    }

    /// Reads the admin token anew and goes on with it: the one before is about to be revoked.
    pub async fn take_over_admin_token(&self) -> Result<(), Failure> {
        self.admin.read().await.map(drop)
    }

    /// With what `before`, a client that this one takes the place of, has counted and knows of MotherDuck's clock. Both
    /// go on counting together, and share one rate if it is the same.
    #[must_use]
    pub fn in_place_of(mut self, before: &Self) -> Self {
        (self.skew, self.stats) = (before.skew.clone(), before.stats.clone());
        if self.rate.is_like(&before.rate) {
            self.rate = before.rate.clone();
        }
        self
    }

    /// MotherDuck's clock minus ours, to about a second, as of the last answer; `None` before the first.
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        self.skew.latest()
    }

    /// Now by the clock that is behind, ours or MotherDuck's: what is said to have been made then ends no later.
    fn earlier_now(&self) -> Timestamp {
        let here = Timestamp::now();
        let theirs = self.clock_skew().and_then(|skew| here.saturating_add(skew).ok());
        theirs.map_or(here, |theirs| theirs.min(here))
    }

    /// The requests so far by operation and status, and since when MotherDuck, or the admin token, has been of no use.
    pub fn reachability(&self) -> Reachability {
        self.stats.reachability()
    }

    /// How many requests were sent, repetitions included.
    pub fn requests_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// The admin token travels in every request: encrypted, or not off this machine. Nor may a password stand in the URL,
/// which is shown in errors.
fn is_safe(url: &Url) -> bool {
    let encrypted = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    };
    encrypted && url.username().is_empty() && url.password().is_none()
}

/// The URL as far as it may be shown.
fn without_userinfo(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

//! Requests to the API server: each sent once, its answer bounded; only what changes nothing is asked again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::Retryable;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::access::{Access, Authorities};
use super::answer::Answer;
use super::error::{AccessError, Verb};
use super::object::{List, Place};
use super::settings;
use crate::fault::chain;
use crate::http::body::{self, Bytes};
use crate::http::skew::Skew;
use crate::request_stats::{Reach, RequestStats};
use crate::retry::KUBERNETES_READ;
use crate::secret::wiped;
use crate::tls::{Roots, http_client_by};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer is no answer to anything that is asked here: etcd takes no object above 1.5 MiB, and a page of pods has
/// [`PAGE`] of them.
const MOST_BYTES: usize = 32 << 20;
/// How many objects of a list are asked for at once.
const PAGE: &str = "250";
/// How many pages a list may have.
const MOST_PAGES: usize = 40;
/// Who is said to have written, where Kubernetes keeps account of it.
const MANAGER: (&str, &str) = ("fieldManager", "pintail");

/// Whether a write takes place, or is only tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It takes place.
    Real,
    /// It is checked as if, and changes nothing.
    DryRun,
}

/// Whether what is sent holds a secret, which an answer might quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// It does.
    Secret,
    /// It does not.
    Plain,
}

/// One cluster, by its API server.
pub struct Cluster {
    access: Arc<Access>,
    /// The client, and the authorities that it was made with.
    http: Mutex<Option<(Vec<u8>, reqwest::Client)>>,
    stats: Arc<RequestStats>,
    skew: Skew,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cluster({})", self.access.url)
    }
}

impl Cluster {
    /// The cluster that is configured. Nothing is contacted.
    pub fn open(settings: &settings::Cluster) -> Result<Self, AccessError> {
        let access = Arc::new(Access::new(settings)?);
        let http = match &access.authorities {
            // What cannot be used is told now, and not at the first rotation.
            Authorities::System => {
                let client = http_client_by(
                    &access.proxy,
                    Roots::System,
                    access.identity.as_ref(),
                    REQUEST_TIMEOUT,
                )?;
                Some((vec![], client))
            }
            Authorities::File(_) => None,
        };
        Ok(Self { access, http: Mutex::new(http), stats: Arc::default(), skew: Skew::default() })
    }

    /// The cluster's clock minus ours, as of the last answer.
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        self.skew.latest()
    }

    /// The same, whose requests are counted on by `stats`.
    #[must_use]
    pub fn counted_by(self, stats: Arc<RequestStats>) -> Self {
        Self { stats, ..self }
    }

    /// One object.
    pub(crate) async fn get<T: DeserializeOwned>(&self, place: &Place) -> Result<T, Answer> {
        let read = || async {
            let url = self.url(place, &[]);
            object(&self.send(Verb::Get, Method::GET, url, None).await?)
        };
        patiently(place, read).await
    }

    /// All objects with these labels, or all if there is no selector.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        place: &Place,
        selector: Option<&str>,
    ) -> Result<Vec<T>, Answer> {
        let mut found = vec![];
        let mut next = String::new();
        for _ in 0..MOST_PAGES {
            let read = || async {
                let mut query = vec![("limit", PAGE)];
                query.extend(selector.map(|selector| ("labelSelector", selector)));
                if !next.is_empty() {
                    query.push(("continue", &next));
                }
                let url = self.url(place, &query);
                object::<List<T>>(&self.send(Verb::List, Method::GET, url, None).await?)
            };
            let page = patiently(place, read).await?;
            found.extend(page.items);
            next = page.metadata.next;
            if next.is_empty() {
                return Ok(found);
            }
        }
        // A list cut short is an error and never a short list.
        Err(Answer::Nonsense("the list is too long"))
    }

    /// Makes an object, which must not be there.
    pub(crate) async fn create<T: DeserializeOwned>(
        &self,
        place: &Place,
        body: &impl Serialize,
        content: Content,
        mode: Mode,
    ) -> Result<T, Answer> {
        let url = self.url(place, &written(mode));
        let body = Body { text: text_of(body)?, media_type: "application/json", content };
        object(&self.send(Verb::Create, Method::POST, url, Some(body)).await?)
    }

    /// Changes those parts of an object that `body` names, by RFC 7396. A `resourceVersion` and a `uid` in it make it
    /// a compare-and-set.
    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        place: &Place,
        body: &impl Serialize,
        content: Content,
        mode: Mode,
    ) -> Result<T, Answer> {
        let url = self.url(place, &written(mode));
        let media_type = "application/merge-patch+json";
        let body = Body { text: text_of(body)?, media_type, content };
        object(&self.send(Verb::Patch, Method::PATCH, url, Some(body)).await?)
    }

    /// Whether the API server lets pintail do `verb` there, by its own word.
    pub(crate) async fn allows(&self, verb: Verb, place: &Place) -> Result<bool, Answer> {
        #[derive(Deserialize)]
        struct Review {
            status: Status,
        }
        #[derive(Deserialize)]
        struct Status {
            allowed: bool,
        }
        let group = match place.api {
            "api/v1" => "",
            api => api.split('/').nth(1).unwrap_or_default(),
        };
        let attributes = json!({
            "verb": verb.as_str(), "group": group, "resource": place.resource,
            "namespace": place.namespace, "name": place.name,
        });
        let reviews = Place {
            api: "apis/authorization.k8s.io/v1",
            namespace: None,
            resource: "selfsubjectaccessreviews",
            name: None,
        };
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let asked = || self.create::<Review>(&reviews, &body, Content::Plain, Mode::Real);
        Ok(patiently(place, asked).await?.status.allowed)
    }

    fn url(&self, place: &Place, query: &[(&str, &str)]) -> Url {
        let mut url = self.access.url.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(place.parts());
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Sends one request, once, and counts it.
    async fn send(
        &self,
        verb: Verb,
        method: Method,
        url: Url,
        body: Option<Body>,
    ) -> Result<Bytes, Answer> {
        let answered = self.exchange(method, url, body).await;
        let (word, reach) = match &answered {
            Ok(_) => ("ok".to_owned(), Reach::Answered),
            Err(answer) => {
                let reach = match answer {
                    answer if answer.is_unauthorized() => Reach::Refused,
                    Answer::Status { code: 500..=599, .. }
                    | Answer::Unreachable(_)
                    | Answer::Broken(_)
                    | Answer::Nonsense(_)
                    | Answer::NoIdentity(_) => Reach::Unreachable,
                    Answer::Status { .. } => Reach::Answered,
                };
                (answer.word(), reach)
            }
        };
        self.stats.note(verb.as_str(), word, reach);
        answered
    }

    async fn exchange(
        &self,
        method: Method,
        url: Url,
        body: Option<Body>,
    ) -> Result<Bytes, Answer> {
        let (http, bearer) = self.identity().await?;
        let mut request = http.request(method, url).header(ACCEPT, "application/json");
        if let Some(bearer) = bearer {
            request = request.header(AUTHORIZATION, bearer);
        }
        let mut may_quote = false;
        if let Some(Body { text, media_type, content }) = body {
            may_quote = content == Content::Secret;
            request = request.header(CONTENT_TYPE, media_type).body(body::wiped(text));
        }
        let before = Timestamp::now();
        let response = request.send().await.map_err(failed)?;
        self.skew.measure(response.headers(), before, Timestamp::now());
        let status = response.status();
        let answered = bounded(response).await;
        if status.is_success() {
            return answered;
        }
        Err(Answer::of(status.as_u16(), &answered.unwrap_or_default(), may_quote))
    }

    /// The client, with the authorities as they are now, and the token as it is now.
    async fn identity(
        &self,
    ) -> Result<(reqwest::Client, Option<reqwest::header::HeaderValue>), Answer> {
        let access = Arc::clone(&self.access);
        // Both are replaced in their files while pintail runs.
        let read = tokio::task::spawn_blocking(move || {
            let no = |error: &dyn std::error::Error| Answer::NoIdentity(chain(error));
            let token = access.bearer.read().map_err(|error| no(&error))?;
            let header = token.map(|token| token.header("Bearer ")).transpose();
            let header = header.map_err(|error| no(&error))?;
            let authorities = match &access.authorities {
                Authorities::System => vec![],
                Authorities::File(path) => std::fs::read(path).map_err(|error| {
                    Answer::NoIdentity(format!("cannot read CA file {}: {error}", path.display()))
                })?,
            };
            Ok((authorities, header))
        });
        let (authorities, header) = read
            .await
            .map_err(|_| Answer::NoIdentity("reading the token was cut short".to_owned()))??;
        let mut made = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        let current = made.as_ref().filter(|(known, _)| *known == authorities);
        let http = if let Some((_, http)) = current {
            http.clone()
        } else {
            let roots = match &self.access.authorities {
                Authorities::System => Roots::System,
                Authorities::File(path) => Roots::Only(path),
            };
            let http = http_client_by(
                &self.access.proxy,
                roots,
                self.access.identity.as_ref(),
                REQUEST_TIMEOUT,
            )
            .map_err(|error| Answer::NoIdentity(chain(&error)))?;
            *made = Some((authorities, http.clone()));
            http
        };
        Ok((http, header))
    }
}

/// What is sent. It may hold a secret, and is wiped when it was.
struct Body {
    text: Bytes,
    media_type: &'static str,
    content: Content,
}

fn written(mode: Mode) -> Vec<(&'static str, &'static str)> {
    match mode {
        Mode::Real => vec![MANAGER],
        Mode::DryRun => vec![MANAGER, ("dryRun", "All")],
    }
}

/// Asks again what changes nothing, a few times within a few seconds.
async fn patiently<T, F: Future<Output = Result<T, Answer>>>(
    place: &Place,
    ask: impl FnMut() -> F,
) -> Result<T, Answer> {
    let pauses = KUBERNETES_READ.pauses(place.name.clone().unwrap_or_default());
    ask.retry(pauses).sleep(tokio::time::sleep).when(Answer::is_worth_repeating).await
}

/// serde's own words would quote the value.
fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Answer> {
    serde_json::from_slice(body)
        .map_err(|_| Answer::Nonsense("the answer is not what the API server answers to this"))
}

fn text_of(body: &impl Serialize) -> Result<Bytes, Answer> {
    wiped::json(body).map_err(|_| Answer::Nonsense("the request cannot be written"))
}

async fn bounded(response: reqwest::Response) -> Result<Bytes, Answer> {
    match body::read(response, MOST_BYTES).await.map_err(failed)? {
        body::Body::Whole(body) => Ok(body),
        body::Body::Cut(_) => Err(Answer::Nonsense("the answer is too long")),
    }
}

fn failed(error: reqwest::Error) -> Answer {
    let error = error.without_url();
    let text = chain(&error);
    if error.is_connect() || error.is_builder() {
        Answer::Unreachable(text)
    } else {
        Answer::Broken(text)
    }
}

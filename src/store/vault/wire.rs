//! Requests to Vault: what is sent is wiped afterwards, and what is answered is bounded and read into its type.

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::answer::Answer;
use super::error::VaultError;
use crate::config::VaultStore;
use crate::http::body::{self, Body, Bytes, LargeAnswers, Turn, json, wiped};
use crate::secret::Wiped;

/// Vault keeps no secret that is larger than a mebibyte. Around it stands a little more.
const MOST_BYTES: usize = (1 << 20) + (64 << 10);
/// What stands in it is read value by value.
const MOST_VALUES: usize = 20_000;
/// How much of a refusal is read.
const REFUSAL_LIMIT: usize = 64 << 10;
/// How many of Vault's words are kept, and how much of each.
const MOST_ERRORS: usize = 8;
const ERROR_CHARACTERS: usize = 1_000;

/// The way to one Vault.
pub(super) struct Wire {
    http: reqwest::Client,
    address: Url,
    namespace: Option<HeaderValue>,
    large: LargeAnswers,
}

/// One request.
pub(super) struct Request {
    method: Method,
    /// Below `/v1/`.
    path: String,
    version: Option<u64>,
    body: Option<Zeroizing<String>>,
}

impl Request {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), version: None, body: None }
    }

    /// With a JSON text.
    pub(super) fn post(path: impl Into<String>, body: Zeroizing<String>) -> Self {
        Self { method: Method::POST, path: path.into(), version: None, body: Some(body) }
    }

    /// Of this version of a secret, where there is a choice.
    pub(super) fn of_version(self, version: Option<u64>) -> Self {
        Self { version, ..self }
    }
}

impl Wire {
    pub(super) fn new(settings: &VaultStore, http: reqwest::Client) -> Result<Self, VaultError> {
        let header = |text: &String| {
            HeaderValue::from_str(text)
                .map_err(|_| VaultError::Text { what: "namespace", text: text.clone() })
        };
        Ok(Self {
            http,
            address: settings.address.clone(),
            namespace: settings.namespace.as_ref().map(header).transpose()?,
            large: LargeAnswers::default(),
        })
    }

    /// Sends a request, with a Vault token if there is one. An error means that no whole answer came.
    pub(super) async fn send(
        &self,
        token: Option<&HeaderValue>,
        request: Request,
    ) -> Result<Reply, Answer> {
        let mut url = self.address.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.clear().push("v1").extend(request.path.split('/'));
        }
        if let Some(version) = request.version {
            url.query_pairs_mut().append_pair("version", &version.to_string());
        }
        let mut asked = self.http.request(request.method, url).header("x-vault-request", "true");
        if let Some(token) = token {
            asked = asked.header("x-vault-token", token);
        }
        if let Some(namespace) = &self.namespace {
            asked = asked.header("x-vault-namespace", namespace);
        }
        if let Some(body) = request.body {
            asked = asked.header(CONTENT_TYPE, "application/json").body(wiped(body));
        }
        let response = asked.send().await?;
        let status = response.status();
        if !status.is_success() {
            // The status is an answer by itself: a body that breaks off does not change it.
            let body = body::read(response, REFUSAL_LIMIT).await;
            let body = body.map_or_else(|_| Bytes::default(), Body::into_bytes);
            return Ok(Reply { status, body, _turn: None });
        }
        match self.large.read(response, MOST_BYTES).await? {
            (Body::Whole(body), turn) => Ok(Reply { status, body, _turn: turn }),
            (Body::Cut(_), _) => {
                Err(Answer::Broken(format!("the answer is larger than {MOST_BYTES} bytes")))
            }
        }
    }
}

/// A whole answer. Its body may hold a secret.
pub(super) struct Reply {
    status: StatusCode,
    body: Bytes,
    _turn: Option<Turn>,
}

/// What a login gave.
#[derive(Deserialize)]
pub(super) struct Auth {
    pub(super) client_token: Wiped,
    /// In seconds; none for a token that does not expire.
    #[serde(default)]
    pub(super) lease_duration: u64,
}

/// How a secret can be missing.
pub(super) enum Missing {
    /// Nothing was ever there, or everything was removed.
    Never,
    /// The version of this number is deleted or destroyed.
    Deleted(u64),
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

impl Reply {
    /// What stands in `data` of a success.
    pub(super) fn data<T: DeserializeOwned>(&self) -> Result<T, Answer> {
        #[derive(Deserialize)]
        struct Envelope<T> {
            data: T,
        }
        self.read::<Envelope<T>>().map(|envelope| envelope.data)
    }

    /// What stands in `auth` of a success.
    pub(super) fn auth(&self) -> Result<Auth, Answer> {
        #[derive(Deserialize)]
        struct Envelope {
            auth: Auth,
        }
        self.read::<Envelope>().map(|envelope| envelope.auth)
    }

    /// Whether it is a success, whatever stands in it.
    pub(super) fn success(&self) -> Result<(), Answer> {
        if self.status.is_success() { Ok(()) } else { Err(self.refusal()) }
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Answer> {
        self.success()?;
        json(&self.body, MOST_VALUES).map_err(|_| Answer::Nonsense)
    }

    /// The status, and Vault's own words where the body is Vault's.
    pub(super) fn refusal(&self) -> Answer {
        let mut errors = self.errors().unwrap_or_default();
        errors.truncate(MOST_ERRORS);
        let errors = errors
            .into_iter()
            .map(|error| error.chars().take(ERROR_CHARACTERS).collect())
            .collect();
        Answer::Status { status: self.status.as_u16(), errors }
    }

    /// Whether it only says that there is no data at the path. A 404 with words, such as `no handler for route`, is
    /// trouble with the mount; one that is not Vault's says nothing about what exists.
    pub(super) fn missing(&self) -> Option<Missing> {
        #[derive(Deserialize)]
        struct Body {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        struct Metadata {
            version: u64,
        }
        if self.status != StatusCode::NOT_FOUND {
            return None;
        }
        if let Some(errors) = self.errors() {
            return errors.is_empty().then_some(Missing::Never);
        }
        let body: Body = json(&self.body, MOST_VALUES).ok()?;
        Some(Missing::Deleted(body.data.metadata.version))
    }

    fn errors(&self) -> Option<Vec<String>> {
        json::<Errors>(&self.body, MOST_VALUES).ok().map(|body| body.errors)
    }
}

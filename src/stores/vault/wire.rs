//! How vaultrs' requests travel: through our own HTTP client, which wipes what it sent and bounds what it reads.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use rustify::client::Client;
use rustify::endpoint::Endpoint;
use rustify::errors::ClientError;
use secrecy::zeroize::Zeroizing;
use vaultrs::api::EndpointMiddleware;

use super::answer::Answer;
use super::error::{NoAnswer, VaultError};
use super::pace::Pace;
use super::reply::Reply;
use crate::http::body::{self, Body, Bytes, LargeAnswers, Turn, wiped};
use crate::http::retry_after;
use crate::http::skew::Skew;
use crate::stores::settings::VaultStore;

/// Vault keeps no secret that is larger than a mebibyte. Around it stands a little more.
const MOST_BYTES: usize = (1 << 20) + (64 << 10);
/// How much of a refusal is read.
const REFUSAL_LIMIT: usize = 64 << 10;
/// The longest path that is asked for: vaultrs panics at an address that is too long for a request.
const PATH_BYTES: usize = 16 << 10;

/// The way to one Vault.
#[derive(Clone)]
pub(super) struct Wire {
    http: reqwest::Client,
    address: String,
    /// Without a Vault token, of which it would keep copies, and which its `Debug` shows.
    middleware: EndpointMiddleware,
    large: LargeAnswers,
    pace: Arc<Pace>,
    skew: Arc<Skew>,
}

impl Wire {
    pub(super) fn new(settings: &VaultStore, http: reqwest::Client) -> Result<Self, VaultError> {
        // vaultrs panics at one that cannot stand in a header.
        if let Some(namespace) = &settings.namespace
            && HeaderValue::from_str(namespace).is_err()
        {
            return Err(VaultError::Text { what: "namespace", text: namespace.clone() });
        }
        Ok(Self {
            http,
            address: settings.address.to_string(),
            middleware: EndpointMiddleware {
                token: String::new(),
                version: "v1".to_owned(),
                wrap: None,
                namespace: settings.namespace.clone(),
            },
            large: LargeAnswers::default(),
            pace: Arc::default(),
            skew: Arc::default(),
        })
    }

    /// How far Vault's clock is from ours.
    pub(super) fn skew(&self) -> &Skew {
        &self.skew
    }

    /// Sends a request, with a Vault token if there is one. What a Vault under load turns away is sent again for a while:
    /// the same write, not another token. An error means that no whole answer came.
    pub(super) async fn send(
        &self,
        token: Option<&HeaderValue>,
        request: impl Endpoint,
    ) -> Result<Reply, Answer> {
        if request.path().len() > PATH_BYTES {
            return Err(Answer::Unreachable("the path is too long for a request".to_owned()));
        }
        let sender = Sender { wire: self, token };
        let result = request.with_middleware(&self.middleware).exec(&sender).await?;
        let (mut parts, body) = result.response.into_parts();
        let turn = parts.extensions.remove();
        Ok(Reply { status: parts.status, body: Bytes::new(body), turn })
    }

    async fn fetch(
        &self,
        token: Option<&HeaderValue>,
        request: Request<Vec<u8>>,
    ) -> Result<Reply, Answer> {
        let (parts, body) = request.into_parts();
        let body = Zeroizing::new(body);
        let mut turns = self.pace.turns();
        loop {
            turns.next().await;
            let mut asked = self
                .http
                .request(parts.method.clone(), parts.uri.to_string())
                .headers(parts.headers.clone());
            if let Some(token) = token {
                asked = asked.header("x-vault-token", token);
            }
            if !body.is_empty() {
                asked = asked.header(CONTENT_TYPE, "application/json").body(wiped(body.clone()));
            }
            let before = Timestamp::now();
            let response = asked.send().await?;
            self.skew.measure(response.headers(), before, Timestamp::now());
            let status = response.status();
            if !turns.again(status.as_u16(), retry_after(response.headers())) {
                return self.read(response).await;
            }
            tracing::debug!(status = status.as_u16(), "request to Vault will be repeated");
        }
    }

    async fn read(&self, response: reqwest::Response) -> Result<Reply, Answer> {
        let status = response.status();
        if !status.is_success() {
            // The status is an answer by itself: a body that breaks off does not change it.
            let body = body::read(response, REFUSAL_LIMIT).await;
            let body = body.map_or_else(|_| Bytes::default(), Body::into_bytes);
            return Ok(Reply { status, body, turn: None });
        }
        match self.large.read(response, MOST_BYTES).await? {
            (Body::Whole(body), turn) => Ok(Reply { status, body, turn: turn.map(Arc::new) }),
            (Body::Cut(_), _) => {
                Err(Answer::Broken(format!("the answer is larger than {MOST_BYTES} bytes")))
            }
        }
    }
}

/// The client of one request. rustify's own reads whatever is sent, and keeps copies of it in its errors.
struct Sender<'a> {
    wire: &'a Wire,
    token: Option<&'a HeaderValue>,
}

#[async_trait]
impl Client for Sender<'_> {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        let reply = self.wire.fetch(self.token, request).await;
        let Reply { status, mut body, turn } = reply
            .map_err(|answer| ClientError::ResponseError { source: NoAnswer(answer).into() })?;
        // It is only moved from here on, until it is a `Reply` again.
        let mut response = Response::new(std::mem::take(&mut *body));
        *response.status_mut() = status;
        if let Some(turn) = turn {
            response.extensions_mut().insert::<Arc<Turn>>(turn);
        }
        Ok(response)
    }

    fn base(&self) -> &str {
        &self.wire.address
    }

    /// Any status is an answer. As an error it would be copied and lose what it is judged by.
    async fn execute(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        self.send(request).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use vaultrs::api::auth::approle::requests::LoginWithApproleRequest;
    use vaultrs::api::auth::kubernetes::requests::LoginWithKubernetesRequest;
    use vaultrs::api::auth::oidc::requests::JWTLoginRequest;
    use vaultrs::api::kv2::requests::{
        ReadConfigurationRequest, ReadSecretMetadataRequest, ReadSecretRequest, SetSecretRequest,
    };
    use vaultrs::api::token::requests::{LookupTokenSelfRequest, RevokeTokenSelfRequest};

    use super::super::request::{CapabilitiesSelf, WithText, put};
    use super::*;
    use crate::record::{Fields, Record, UserKeys, encode_with_token};
    use crate::secret::wiped::remains::Needle;
    use crate::tls::{Roots, http_client};

    fn wire() -> Wire {
        let http = http_client(Roots::system_and(None), None, Duration::from_secs(5)).unwrap();
        // Nothing listens there.
        let address = "http://127.0.0.1:1/".to_owned();
        let namespace = Some("team".to_owned());
        let (token, version) = (String::new(), "v1".to_owned());
        let middleware = EndpointMiddleware { token, version, wrap: None, namespace };
        let large = LargeAnswers::default();
        Wire { http, address, middleware, large, pace: Arc::default(), skew: Arc::default() }
    }

    fn built(request: impl Endpoint) -> Request<Vec<u8>> {
        let wire = wire();
        request.with_middleware(&wire.middleware).request(&wire.address).unwrap()
    }

    /// The method, the path and the query.
    fn line(request: impl Endpoint) -> String {
        let request = built(request);
        format!("{} {}", request.method(), request.uri().path_and_query().unwrap())
    }

    #[test]
    fn the_clients_requests_go_where_vaults_documentation_says() {
        let (mount, path) = (|| "team/kv".to_owned(), || "a b/%2e%2e/ü?#".to_owned());
        let (text, role) = (String::new, || "pintail".to_owned());
        let read = |version| ReadSecretRequest { mount: mount(), path: path(), version };
        let set =
            SetSecretRequest { mount: mount(), path: path(), data: Value::Null, options: None };
        let app_role =
            LoginWithApproleRequest { mount: mount(), role_id: text(), secret_id: text() };
        let kubernetes = LoginWithKubernetesRequest { mount: mount(), role: role(), jwt: text() };
        let jwt = JWTLoginRequest { mount: mount(), jwt: text(), role: Some(role()) };
        let metadata = ReadSecretMetadataRequest { mount: mount(), path: path() };
        let spelt = "a%20b/%252e%252e/%C3%BC%3F%23";
        for (line, expected) in [
            (line(read(Some(7))), format!("GET /v1/team/kv/data/{spelt}?version=7")),
            (line(set), format!("POST /v1/team/kv/data/{spelt}")),
            (line(metadata), format!("GET /v1/team/kv/metadata/{spelt}")),
            (line(ReadConfigurationRequest { mount: mount() }), "GET /v1/team/kv/config".into()),
            (line(app_role), "POST /v1/auth/team/kv/login".into()),
            (line(kubernetes), "POST /v1/auth/team/kv/login".into()),
            (line(jwt), "POST /v1/auth/team/kv/login".into()),
            (line(LookupTokenSelfRequest {}), "GET /v1/auth/token/lookup-self".into()),
            (line(RevokeTokenSelfRequest {}), "POST /v1/auth/token/revoke-self".into()),
            (
                line(CapabilitiesSelf { paths: vec![mount()] }),
                "POST /v1/sys/capabilities-self".into(),
            ),
        ] {
            assert_eq!(line, expected);
        }
        assert_eq!(line(read(None)).trim_end_matches('?'), format!("GET /v1/team/kv/data/{spelt}"));
    }

    #[test]
    fn the_text_is_the_body_byte_for_byte_and_no_vault_token_passes_through_the_client() {
        let text = r#"{"options":{"cas":3},"data":{"big":1.10e400,"a":1,"a":2}}"#;
        let request = SetSecretRequest {
            mount: "kv".to_owned(),
            path: "etl".to_owned(),
            data: Value::Null,
            options: None,
        };
        let request = built(WithText { request, text: Zeroizing::new(text.to_owned()) });
        assert_eq!(request.body(), text.as_bytes());
        let names: Vec<_> = request.headers().keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["x-vault-request", "x-vault-namespace"]);
    }

    #[test]
    fn nothing_remains_of_a_token_that_was_put_into_a_request() {
        let needle = Needle::draw();
        let token = needle.token();
        let fields = Fields { token: "motherduck_token", token_id: None };
        let object =
            encode_with_token(&Record::sample(&token), &UserKeys::default(), fields, &token);
        let request = SetSecretRequest {
            mount: "kv".to_owned(),
            path: "etl".to_owned(),
            data: Value::Null,
            options: None,
        };
        let request = built(WithText { request, text: put(3, &object.to_text()) });
        assert!(
            token.lend(|text| request
                .body()
                .windows(text.len())
                .any(|part| part == text.as_bytes()))
        );
        let body = Zeroizing::new(request.into_body());
        drop((wiped(body.clone()), body, object, token));
        assert!(!needle.is_in_memory());
    }

    #[tokio::test]
    async fn a_path_of_any_length_is_an_error_and_no_panic() {
        let wire = wire();
        let sent = "ü".repeat(PATH_BYTES / 2 - 16);
        // Where the address is as long as one can be, the client's prefix makes it too long.
        let refused = (65_450..65_550).map(|length| "a".repeat(length));
        for path in refused.chain([sent, "a".repeat(1 << 20)]) {
            let (length, mount) = (path.len(), "kv".to_owned());
            let request = ReadSecretRequest { mount, path, version: None };
            let answer = wire.send(None, request).await.err();
            assert!(matches!(answer, Some(Answer::Unreachable(_))), "{length}");
        }
    }

    /// A server that answers one request with `status` and a body of `length` bytes, as far as it is read.
    async fn answering(status: u16, length: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let date = "date: Sun, 06 Nov 1994 08:49:37 GMT";
            let head = format!("HTTP/1.1 {status} X\r\n{date}\r\ncontent-length: {length}\r\n\r\n");
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&vec![b' '; length]).await;
        });
        format!("http://{address}/")
    }

    #[tokio::test]
    async fn every_answer_tells_vaults_time() {
        for status in [200, 403] {
            let wire = Wire { address: answering(status, 2).await, ..wire() };
            assert_eq!(wire.skew().latest(), None);
            drop(wire.send(None, LookupTokenSelfRequest {}).await);
            let then = Timestamp::now() + wire.skew().latest().unwrap();
            assert!(then.to_string().starts_with("1994-11-06T08:49:3"), "{then}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_to_its_limit_and_no_further() {
        let asked = |address| async {
            let wire = Wire { address, ..wire() };
            wire.send(None, LookupTokenSelfRequest {}).await
        };
        let most = asked(answering(200, MOST_BYTES).await).await.unwrap();
        assert_eq!(most.body.len(), MOST_BYTES);
        let more = asked(answering(200, MOST_BYTES + 1).await).await.err();
        assert!(matches!(more, Some(Answer::Broken(why)) if why.contains("larger")));
        // What a refusal says beyond its limit is left, and it stays a refusal.
        let refused = asked(answering(403, 4 << 20).await).await.unwrap();
        assert_eq!((refused.status.as_u16(), refused.body.len()), (403, REFUSAL_LIMIT));
    }
}

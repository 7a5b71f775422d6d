//! What gates and hooks promise, against a consumer on this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request as Incoming;
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::settings;
use super::*;
use crate::consumers::command::sample;
use crate::consumers::command::settings::Command;
use crate::http::settings::{HeaderSource, HttpMethod, HttpRequest, Proxy};
use crate::secret::{SecretSource, Token};

/// A consumer that answers with what its path names, and remembers what it was asked.
struct Consumer {
    origin: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Consumer {
    async fn start() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let answer = move |request: Incoming| {
            let key =
                request.headers().get("x-key").and_then(|value| value.to_str().ok()).unwrap_or("-");
            log.lock().unwrap().push(format!("{} {} {key}", request.method(), request.uri()));
            let path = request.uri().path().to_owned();
            async move {
                match path.as_str() {
                    "/sick" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                    "/moved" => (StatusCode::FOUND, [("location", "/well")]).into_response(),
                    "/mute" => std::future::pending().await,
                    _ => StatusCode::NO_CONTENT.into_response(),
                }
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, Router::new().fallback(answer)).await });
        Self { origin, seen }
    }

    fn request(&self, path: &str) -> HttpRequest {
        HttpRequest {
            url: format!("{}{path}", self.origin),
            method: HttpMethod::Get,
            expected_status: Vec::new(),
            headers: BTreeMap::new(),
            timeout: Duration::from_secs(20),
            ca_file: None,
            proxy: Proxy::None,
        }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn record() -> Record {
    Record {
        token_name: String::new(),
        username: "etl_account".parse().unwrap(),
        token_sha256: String::new(),
        ..Record::sample(&Token::new("t").unwrap())
    }
}

async fn poll(request: HttpRequest) -> Health {
    let gate = Gate::new(&settings::Gate::Http(request), &mut Clients::default()).unwrap();
    gate.poll(&sample(), &record()).await
}

fn refusal(health: Health) -> String {
    match health {
        Health::Healthy => panic!("healthy"),
        Health::Unhealthy(text) => text,
    }
}

#[tokio::test]
async fn an_unasked_gate_is_open() {
    let gate = Gate::new(&settings::Gate::Unasked, &mut Clients::default()).unwrap();
    assert_eq!(gate.poll(&sample(), &record()).await, Health::Healthy);
}

#[tokio::test]
async fn by_default_any_2xx_is_healthy_and_nothing_else() {
    let consumer = Consumer::start().await;
    assert_eq!(poll(consumer.request("/well")).await, Health::Healthy);
    let text = refusal(poll(consumer.request("/sick?key=k")).await);
    assert_eq!(text, format!("{} answered 503", consumer.origin));
    refusal(poll(consumer.request("/moved")).await);
    assert_eq!(consumer.seen().len(), 3, "a redirect was followed");
}

#[tokio::test]
async fn expected_statuses_replace_the_default() {
    let consumer = Consumer::start().await;
    let mut request = consumer.request("/sick");
    request.expected_status = vec![503];
    assert_eq!(poll(request).await, Health::Healthy);
    let mut request = consumer.request("/well");
    request.expected_status = vec![200];
    refusal(poll(request).await);
}

#[tokio::test]
async fn placeholders_are_filled_in_and_encoded() {
    let consumer = Consumer::start().await;
    poll(consumer.request("/{credential}?path={path}")).await;
    assert_eq!(consumer.seen(), ["GET /etl_prod?path=a%20b%2F%7Bcredential%7D -"]);
}

#[tokio::test]
async fn a_secret_header_is_read_anew_for_each_poll_and_never_told() {
    let consumer = Consumer::start().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    let mut request = consumer.request("/sick");
    request
        .headers
        .insert("X-Key".to_owned(), HeaderSource::Secret(SecretSource::File(file.clone())));
    let gate = Gate::new(&settings::Gate::Http(request), &mut Clients::default()).unwrap();
    for key in ["s3cret-one", "s3cret-two"] {
        std::fs::write(&file, key).unwrap();
        assert!(!refusal(gate.poll(&sample(), &record()).await).contains("s3cret"));
    }
    assert_eq!(consumer.seen(), ["GET /sick s3cret-one", "GET /sick s3cret-two"]);
    std::fs::remove_file(&file).unwrap();
    let text = refusal(gate.poll(&sample(), &record()).await);
    assert!(text.contains("cannot read the value of header x-key"), "{text}");
    assert_eq!(consumer.seen().len(), 2);
}

#[tokio::test]
async fn a_consumer_that_does_not_answer_is_unhealthy() {
    let consumer = Consumer::start().await;
    let mut request = consumer.request("/mute");
    request.timeout = Duration::from_millis(100);
    let text = refusal(poll(request).await);
    assert_eq!(text, format!("{} did not answer within 100ms", consumer.origin));

    let mut request = consumer.request("/");
    request.url = {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", closed.local_addr().unwrap())
    };
    let text = refusal(poll(request).await);
    assert!(text.contains("did not answer: ") && text.contains("refused"), "{text}");
}

#[test]
fn a_header_that_http_does_not_allow_is_refused_before_anything_is_sent() {
    let request = HttpRequest {
        url: "http://127.0.0.1/".to_owned(),
        method: HttpMethod::Get,
        expected_status: Vec::new(),
        headers: BTreeMap::from([("X-Key".to_owned(), HeaderSource::Plain("s3cret\n".to_owned()))]),
        timeout: Duration::from_secs(1),
        ca_file: None,
        proxy: Proxy::None,
    };
    let error = Gate::new(&settings::Gate::Http(request), &mut Clients::default()).err().unwrap();
    assert!(matches!(error, SetupError::Header { .. }));
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_command_gate_is_healthy_when_it_exits_with_zero() {
    let gate = |script: &str| {
        let command = Command {
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            timeout: Duration::from_secs(20),
        };
        Gate::new(&settings::Gate::Command(command), &mut Clients::default()).unwrap()
    };
    let healthy = gate(r#"test "$PINTAIL_CREDENTIAL" = etl_prod"#);
    assert_eq!(healthy.poll(&sample(), &record()).await, Health::Healthy);
    let text = refusal(gate("echo two pods are down; exit 4").poll(&sample(), &record()).await);
    assert_eq!(text, "command /bin/sh exited with code 4: two pods are down");
}

#[tokio::test]
async fn a_hook_is_sent_as_it_was_configured_and_says_what_failed() {
    let consumer = Consumer::start().await;
    let hook = |path: &str| {
        let mut request = consumer.request(path);
        request.method = HttpMethod::Post;
        request.headers.insert("X-Key".to_owned(), HeaderSource::Plain("k".to_owned()));
        Hook::new(&settings::Hook::Http(request), &mut Clients::default()).unwrap()
    };
    hook("/reload").run(&sample(), &record()).await.unwrap();
    assert_eq!(consumer.seen(), ["POST /reload k"]);
    let error = hook("/sick").run(&sample(), &record()).await.unwrap_err();
    assert_eq!(line(&error), format!("the deploy hook failed: {} answered 503", consumer.origin));
    assert_eq!(error.kind(), FaultKind::Transient);
}

#[test]
fn a_poll_can_be_made_from_any_task() {
    fn check<T: Send>(_: T) {}
    let gate = Gate::new(&settings::Gate::Unasked, &mut Clients::default()).unwrap();
    check(gate.poll(&sample(), &record()));
}

//! A request to a consumer: `gate.http` and `deploy.http`.

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, json_schema};
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::json;

use super::findings::{Findings, Key};
use super::headers::{self, Headers};
use super::limits::{Limits, Range};
use super::placeholders::Names;
use super::polling::polled;
use super::scalar::{FilePath, Number, Span, Word};
use super::schema::named_schema;
use super::url::{Proxy, web_url};
use crate::http::is_loopback;
use crate::http::settings::{HeaderSource, HttpMethod, HttpRequest};

const TIMEOUT: Limits<Duration> =
    Range::new(Duration::from_millis(100), Duration::from_hours(1)).or(Duration::from_secs(10));
const STATUS: Range<u16> = Range::new(100, 599);

/// Declares a table with the keys of a request, and hands it on to the macro `$declare`, which may add keys.
macro_rules! request {
    ($declare:ident, $(#[$doc:meta])* $name:ident, $method:literal or $example:literal, $usual:expr) => {
        $declare! {
            $(#[$doc])*
            #[derive(Debug, Clone, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields, expecting = "a table")]
            struct $name {
                /// The URL. `{credential}`, `{username}`, `{token_id}`, `{previous_token_id}`, `{rotation_id}`, `{store}` and `{path}` are filled in.
                #[schemars(extend("examples" = ["https://etl.example.com/health?token_id={token_id}"]))]
                url: String,
                /// The method: `GET`, `POST` or `PUT`.
                #[schemars(extend("default" = $method, "examples" = [$example]))]
                method: Option<Word<HttpMethod>>,
                /// The status or statuses that count as success; by default every 2xx.
                #[schemars(extend("examples" = [json!([200, 204])]), transform = STATUS.schema())]
                expected_status: Option<Statuses>,
                /// Headers; a value may be a text, or the place of a secret.
                #[schemars(extend("examples" = [json!({"Authorization": {"env": "HEALTH_TOKEN"}})]))]
                #[serde(default)]
                headers: Headers,
                /// The limit for one request.
                #[schemars(extend("examples" = ["3s"]), transform = TIMEOUT.schema())]
                timeout: Option<Span>,
                /// Certificate authorities beside the system's, PEM.
                #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
                ca_file: Option<FilePath>,
                /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
                #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
                proxy: Option<Proxy>,
            }
        }

        impl $name {
            /// The request, the defaults filled in.
            pub(in crate::config) fn check(
                self,
                names: &Names<'_>,
                key: &Key<'_>,
                findings: &mut Findings,
            ) -> Option<HttpRequest> {
                let request = Request {
                    url: self.url,
                    method: self.method.map_or($usual, |Word(method)| method),
                    expected_status: self.expected_status,
                    headers: self.headers,
                    timeout: self.timeout,
                    ca_file: self.ca_file,
                    proxy: self.proxy,
                };
                request.check(names, key, findings)
            }
        }
    };
}

/// Declares a table without further keys.
macro_rules! alone {
    ($(#[$attribute:meta])* struct $name:ident { $($own:tt)* }) => {
        $(#[$attribute])*
        pub(in crate::config) struct $name { $($own)* }
    };
}

request! {
    polled,
    /// `gate.http`.
    HttpGate, "GET" or "PUT", HttpMethod::Get
}
request! {
    alone,
    /// `deploy.http`: a gate's request without the polling.
    HttpHook, "POST" or "PUT", HttpMethod::Post
}

/// The keys of a request, wherever they stand.
struct Request {
    url: String,
    method: HttpMethod,
    expected_status: Option<Statuses>,
    headers: Headers,
    timeout: Option<Span>,
    ca_file: Option<FilePath>,
    proxy: Option<Proxy>,
}

impl Request {
    fn check(
        self,
        names: &Names<'_>,
        key: &Key<'_>,
        findings: &mut Findings,
    ) -> Option<HttpRequest> {
        let url_key = key.child("url");
        let url = names.fill(&self.url).and_then(|filled| web_url(&filled));
        let url = findings.accept(&url_key, url);
        let headers = headers::check(self.headers, &key.child("headers"), findings);
        let sends_secret = headers.values().any(|source| matches!(source, HeaderSource::Secret(_)));
        if url
            .as_ref()
            .is_some_and(|url| sends_secret && url.scheme() == "http" && !is_loopback(url))
        {
            findings.warn_of(
            names.credential,
            "a header that is a secret is sent over plain http, where others on the network can read it",
        );
        }
        let status_key = key.child("expected_status");
        let statuses = self.expected_status.map(|statuses| statuses.0).unwrap_or_default();
        url?;
        Some(HttpRequest {
            url: self.url,
            method: self.method,
            expected_status: statuses
                .into_iter()
                .filter_map(|status| findings.number_in(&status_key, status, &STATUS))
                .collect(),
            headers,
            timeout: findings.span(&key.child("timeout"), self.timeout, &TIMEOUT),
            ca_file: self.ca_file.map(|path| path.0),
            proxy: self.proxy.map(|proxy| proxy.0).unwrap_or_default(),
        })
    }
}

/// One status, or a list of them.
#[derive(Debug, Clone)]
struct Statuses(Vec<Number>);

named_schema!("Statuses", Statuses, |generator| {
    let number = generator.subschema_for::<Number>();
    json_schema!({ "anyOf": [number, { "type": "array", "items": number }] })
});

struct StatusesVisitor;

impl<'de> Visitor<'de> for StatusesVisitor {
    type Value = Statuses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an HTTP status such as 200, or a list of them")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Statuses, E> {
        Ok(Statuses(vec![Number(number)]))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Statuses, E> {
        Number::deserialize(de::value::StrDeserializer::new(text)).map(|one| Statuses(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Statuses, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Statuses)
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatusesVisitor)
    }
}

//! Rendered answers, kept for a second: however often a page is asked for, it is rendered once at a time.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::task::spawn_blocking;

use super::page::Wanted;
use crate::metrics::Format;
use crate::status::PlannerState;

/// So long an answer is as good as a new one.
const FRESH: Duration = Duration::from_secs(1);
/// The most answers that are kept; strangers may ask for pages that nobody else asks for.
const MOST: usize = 16;
/// What is shorter is sent as it is.
const WORTH_COMPRESSING: usize = 1_024;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Readiness,
    Metrics(Format),
    Status,
    Page(Wanted),
}

/// An answer as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    /// A `Content-Security-Policy` of its own.
    pub(super) policy: Option<HeaderValue>,
    pub(super) body: Bytes,
}

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Encoding {
    Plain,
    Gzip,
}

/// A change of the planner's state is seen at once.
type Key = (Asked, Encoding, PlannerState);

/// The answers of the last second.
#[derive(Clone, Default)]
pub(super) struct Cache(Arc<Inner>);

#[derive(Default)]
struct Inner {
    kept: Mutex<HashMap<Key, (Instant, Answer)>>,
    /// Who renders.
    turn: tokio::sync::Mutex<()>,
}

impl Cache {
    /// The answer to `asked`, by `render` if there is none of this second.
    pub(super) async fn answer(
        &self,
        asked: Asked,
        planner: PlannerState,
        headers: &HeaderMap,
        render: impl FnOnce() -> Answer + Send + 'static,
    ) -> Response {
        let encoding = if takes_gzip(headers) { Encoding::Gzip } else { Encoding::Plain };
        let key = (asked, encoding, planner);
        if let Some(answer) = self.0.kept(&key) {
            return response(answer, encoding);
        }
        let _turn = self.0.turn.lock().await;
        if let Some(answer) = self.0.kept(&key) {
            return response(answer, encoding);
        }
        let rendered = spawn_blocking(move || encoded(render(), encoding)).await;
        let Ok(answer) = rendered else {
            // It panicked; the hook has said where.
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        self.0.keep(key, answer.clone());
        response(answer, encoding)
    }
}

impl Inner {
    fn kept(&self, key: &Key) -> Option<Answer> {
        let kept = self.entries();
        let (at, answer) = kept.get(key)?;
        (at.elapsed() < FRESH).then(|| answer.clone())
    }

    fn keep(&self, key: Key, answer: Answer) {
        let mut kept = self.entries();
        kept.retain(|_, (at, _)| at.elapsed() < FRESH);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, (Instant::now(), answer));
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Key, (Instant, Answer)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encoded(answer: Answer, encoding: Encoding) -> Answer {
    if encoding == Encoding::Plain || answer.body.len() < WORTH_COMPRESSING {
        return answer;
    }
    let mut packed = GzEncoder::new(vec![], Compression::fast());
    let written = packed.write_all(&answer.body).and_then(|()| packed.finish());
    match written {
        Ok(packed) => Answer { body: packed.into(), ..answer },
        // Writing into memory does not fail.
        Err(_) => answer,
    }
}

fn response(answer: Answer, encoding: Encoding) -> Response {
    let is_packed = encoding == Encoding::Gzip && answer.body.starts_with(&[0x1f, 0x8b]);
    let mut response = (answer.status, answer.body).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: HeaderValue| headers.insert(name, value);
    set(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    set(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if is_packed {
        set(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(policy) = answer.policy {
        set(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Whether gzip is among what is accepted, and not with a weight of nothing.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
    let offers = accepted.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    let is_gzip = |offer: &str| {
        let mut parts = offer.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let is_nothing = |weight: &str| weight.trim_end_matches(['0', '.']) == "q=";
        named && !parts.any(|part| is_nothing(&part.to_ascii_lowercase()))
    };
    offers.into_iter().any(is_gzip)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::to_bytes;

    use super::*;

    fn headers(accepted: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))])
    }

    fn answer(text: &str) -> Answer {
        Answer {
            status: StatusCode::OK,
            content_type: "text/plain",
            policy: None,
            body: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accepted, expected) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("identity", false),
            ("x-gzip-like", false),
        ] {
            assert_eq!(takes_gzip(&headers(accepted)), expected, "{accepted}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn of_many_requests_at_once_one_renders_and_each_gets_what_it_takes() {
        let (cache, rendered) = (Cache::default(), Arc::new(AtomicUsize::new(0)));
        let long = "pintail ".repeat(10_000);
        let ask = |accepted: &'static str| {
            let (cache, rendered, long) = (cache.clone(), rendered.clone(), long.clone());
            async move {
                let render = move || {
                    rendered.fetch_add(1, Ordering::Relaxed);
                    answer(&long)
                };
                let headers = headers(accepted);
                cache.answer(Asked::Status, PlannerState::Running, &headers, render).await
            }
        };
        let plain = futures::future::join_all((0..50).map(|_| ask("identity"))).await;
        assert_eq!(rendered.load(Ordering::Relaxed), 1);
        for response in plain {
            assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
            assert_eq!(to_bytes(response.into_body(), usize::MAX).await.unwrap(), long.as_bytes());
        }
        let packed = ask("gzip").await;
        assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
        let bytes = to_bytes(packed.into_body(), usize::MAX).await.unwrap();
        assert!(bytes.len() < long.len() / 10);
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, long);
        assert_eq!(rendered.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn strangers_who_ask_for_pages_of_their_own_fill_no_memory() {
        let cache = Cache::default();
        for number in 0..100 {
            let asked = Asked::Page(wanted(&format!("q={number}")));
            cache.answer(asked, PlannerState::Running, &HeaderMap::new(), || answer("x")).await;
        }
        assert!(cache.0.entries().len() <= MOST);
    }

    fn wanted(query: &str) -> Wanted {
        let uri: axum::http::Uri = format!("/?{query}").parse().unwrap();
        axum::extract::Query::<Wanted>::try_from_uri(&uri).unwrap().0
    }

    #[tokio::test]
    async fn what_cannot_be_rendered_is_an_error_and_not_the_end() {
        let cache = Cache::default();
        let ask = |render: fn() -> Answer| {
            let cache = cache.clone();
            async move {
                let headers = HeaderMap::new();
                cache.answer(Asked::Status, PlannerState::Running, &headers, render).await.status()
            }
        };
        assert_eq!(ask(|| panic!("a fault")).await, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(ask(|| answer("x")).await, StatusCode::OK);
    }
}

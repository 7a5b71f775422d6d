//! What the SDK is given of an answer: so many bytes and values, and no date that its arithmetic does not bear.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::config::RuntimeComponents;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::ConfigBag;
use hyper::body::Bytes;
use jiff::Timestamp;

use super::endpoint::ensure_safe;
use crate::http::skew::Skew;
use crate::http::{body, http_date};
use crate::secret::wiped::extend;

/// A secret of 64 KiB, each byte of it escaped, and what stands around it.
const MOST_BYTES: usize = 512 << 10;
/// A page of versions with their labels.
const MOST_VALUES: usize = 20_000;
/// A clock that differs by more is nobody's; added to ours it would be beyond what the SDK can write.
const MOST_SKEW: Duration = Duration::from_hours(24 * 365 * 100);

/// An HTTP client whose answers are bounded.
#[derive(Debug)]
pub(super) struct Bounded {
    pub(super) http: SharedHttpClient,
    /// How far AWS's clock is from ours.
    pub(super) skew: Arc<Skew>,
}

impl HttpClient for Bounded {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let http = self.http.http_connector(settings, components);
        SharedHttpConnector::new(Connector { http, skew: Arc::clone(&self.skew) })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        HttpClient::validate_base_client_config(&self.http, components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        HttpClient::validate_final_config(&self.http, components, config)
    }
}

#[derive(Debug)]
struct Connector {
    http: SharedHttpConnector,
    skew: Arc<Skew>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Err(refused) = ensure_safe(request.uri()) {
            return HttpConnectorFuture::ready(Err(ConnectorError::user(refused.into())));
        }
        let answer = self.http.call(request);
        let skew = Arc::clone(&self.skew);
        HttpConnectorFuture::new(async move {
            let before = Timestamp::now();
            let answer = answer.await?;
            if let Some(date) = answer.headers().get("date") {
                skew.measure_text(date, before, Timestamp::now());
            }
            bounded(answer).await
        })
    }
}

/// Why an answer is not handed on.
#[derive(Debug, thiserror::Error)]
enum Excess {
    #[error("the answer is larger than {MOST_BYTES} bytes")]
    Bytes,
    #[error("the answer holds more than {MOST_VALUES} values")]
    Values,
}

async fn bounded(mut answer: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    let excess = |excess: Excess| ConnectorError::other(excess.into(), None);
    if answer.headers().get("date").is_some_and(|text| !is_sane(text, Timestamp::now())) {
        answer.headers_mut().remove("date");
    }
    let mut stream = ByteStream::new(answer.take_body());
    let mut read = body::Bytes::default();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| ConnectorError::io(error.into()))?;
        if read.len().saturating_add(chunk.len()) > MOST_BYTES {
            return Err(excess(Excess::Bytes));
        }
        extend(&mut read, &chunk);
    }
    if body::values(&read) > MOST_VALUES {
        return Err(excess(Excess::Values));
    }
    *answer.body_mut() = SdkBody::from(Bytes::from_owner(read));
    Ok(answer)
}

fn is_sane(date: &str, now: Timestamp) -> bool {
    let far = |date: Timestamp| date.duration_since(now).unsigned_abs() > MOST_SKEW;
    http_date(date).is_some_and(|date| !far(date))
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;

    use super::*;
    use crate::secret::wiped::concat;
    use crate::secret::wiped::remains::Needle;

    async fn answer(date: &str, body: String) -> Result<HttpResponse, ConnectorError> {
        let mut answer = HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body));
        answer.headers_mut().insert("date", date.to_owned());
        bounded(answer).await
    }

    #[tokio::test]
    async fn nothing_remains_of_an_answer_that_was_handed_on() {
        let needle = Needle::draw();
        let body = SdkBody::from(needle.lend(|text| Bytes::from_owner(concat(&[text]))));
        let answer = HttpResponse::new(StatusCode::try_from(200).unwrap(), body);
        drop(bounded(answer).await.unwrap());
        assert!(!needle.is_in_memory());
    }

    #[tokio::test]
    async fn an_answer_without_measure_is_none() {
        let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let text = format!("{{\"SecretString\":\"{}\"}}", "x".repeat(100_000));
        let passed = answer(&date, text.clone()).await.unwrap();
        assert_eq!(passed.body().bytes(), Some(text.as_bytes()));
        assert_eq!(passed.headers().get("date"), Some(date.as_str()));
        for (body, reason) in
            [(" ".repeat(MOST_BYTES + 1), "bytes"), ("{},".repeat(20_000), "values")]
        {
            let error = answer(&date, body).await.unwrap_err();
            assert!(crate::fault::chain(&error).contains(reason), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_date_that_the_sdk_cannot_count_with_is_not_handed_on() {
        for date in ["Fri, 31 Dec 9999 23:59:59 GMT", "Wed, 29 Dec 9999 23:59:59 GMT", "soon"] {
            let passed = answer(date, String::new()).await.unwrap();
            assert_eq!(passed.headers().get("date"), None, "{date}");
        }
    }
}

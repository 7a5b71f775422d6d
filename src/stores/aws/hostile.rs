//! Answers of a Secrets Manager that means harm, or of whatever stands before it, drawn by chance: through the SDK, whose
//! own reading is not ours to trust.

use std::sync::{Arc, Mutex};

use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

use super::super::settings::Format;
use super::bounded::Bounded;
use super::*;
use crate::drawn::{answer, assert_fit, each};
use crate::fault::Diagnostic;
use crate::http::settings::Proxy;
use crate::record::SecretContent;

const WORDS: &[&str] = &[
    "200",
    "400",
    "403",
    "408",
    "413",
    "429",
    "500",
    "503",
    "\"VersionId\"",
    "\"SecretString\"",
    "\"SecretBinary\"",
    "\"CreatedDate\"",
    "\"VersionStages\"",
    "\"__type\"",
    "\"Message\"",
    "\"message\"",
    "\"code\"",
    "null",
    "true",
    "-1",
    "1e300",
    "-1e300",
    "1e400",
    "18446744073709551616",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[[[[[[[[[",
    "\"ResourceNotFoundException\"",
    "\"InvalidRequestException\"",
    "\"ValidationException\"",
    "\"marked for deletion\"",
    "\"KMS\"",
    "\"replica secret\"",
    "\"65536\"",
    "\"\\u001b[2J\\u202e\"",
    "\"\\ud800\"",
    "x-amzn-errortype",
    "x-amzn-RequestId",
    "Retry-After",
    "Date",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "t0ken-of-the-answer",
    "text/html",
    "Content-Type",
    "Content-Length",
];

/// Answers every request with what was put there.
#[derive(Debug, Clone, Default)]
struct Canned(Arc<Mutex<Vec<u8>>>);

impl HttpConnector for Canned {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let bytes = self.0.lock().unwrap();
        let response = answer(&bytes).response().map(SdkBody::from);
        HttpConnectorFuture::ready(Ok(HttpResponse::try_from(response).unwrap()))
    }
}

impl HttpClient for Canned {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn store(canned: &Canned) -> Aws {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .endpoint_url("http://127.0.0.1:9")
        .http_client(Bounded {
            http: SharedHttpClient::new(canned.clone()),
            skew: std::sync::Arc::default(),
        })
        .build();
    let settings = AwsStore {
        proxy: Proxy::None,
        region: None,
        endpoint_url: None,
        role_arn: None,
        kms_key_id: None,
        tags: std::collections::BTreeMap::new(),
    };
    Aws {
        settings,
        client: OnceCell::new_with(Some(Client::from_conf(config))),
        skew: std::sync::Arc::default(),
    }
}

#[test]
fn an_answer_is_read_as_what_it_is_and_its_words_are_fit_to_be_shown() {
    let held = Token::new("t0ken-of-the-answer").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let canned = Canned::default();
    let store = store(&canned);
    let at = |format| SecretRef {
        path: "x".to_owned(),
        token_field: "motherduck_token".to_owned(),
        token_id_field: Some("token_id".to_owned()),
        format,
        role: Role::Mirror,
    };
    each("aws", WORDS, |bytes| {
        bytes.clone_into(&mut canned.0.lock().unwrap());
        let sent = answer(bytes);
        for at in [at(Format::Json), at(Format::Plain)] {
            match runtime.block_on(store.read(&at)) {
                Ok(read) if read.version.is_absent() => {
                    let told = String::from_utf8_lossy(sent.body);
                    let headers =
                        sent.headers.iter().any(|(_, value)| value.contains("ResourceNotFound"));
                    assert!(sent.status >= 300, "{}", sent.status);
                    assert!(
                        headers || told.contains("ResourceNotFound"),
                        "only AWS's own word: {told}"
                    );
                }
                Ok(read) => {
                    assert!(sent.status < 300);
                    let told: Value = serde_json::from_slice(sent.body).unwrap();
                    assert_eq!(told["VersionId"], read.version.as_str());
                    if let SecretContent::Managed { record, token } = read.content {
                        assert_eq!(record.token_sha256, token.sha256());
                    }
                }
                Err(error) => {
                    let hint = error.hint().unwrap_or_default();
                    let said = format!("{} {hint}", crate::fault::chain(&error));
                    assert!(!said.contains("en-of-the"), "{said}");
                    assert_fit(&said, 3_000);
                }
            }
        }
    });
    drop(held);
}

//! vaultrs' requests, with JSON texts of ours where its own would change the user's values or leave copies of a secret.

use std::collections::BTreeMap;

use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use vaultrs::api::kv2::responses::SecretVersionMetadata;

/// A version with its data as it came.
#[derive(Deserialize)]
pub(super) struct Version {
    /// None, if the version is deleted or destroyed.
    pub(super) data: Option<Box<RawValue>>,
    pub(super) metadata: SecretVersionMetadata,
}

/// A request with this JSON text as its body.
pub(super) struct WithText<E> {
    pub(super) request: E,
    pub(super) text: Zeroizing<String>,
}

impl<E: Endpoint> Endpoint for WithText<E> {
    type Response = E::Response;
    const REQUEST_BODY_TYPE: RequestType = E::REQUEST_BODY_TYPE;
    const RESPONSE_BODY_TYPE: ResponseType = E::RESPONSE_BODY_TYPE;

    fn path(&self) -> String {
        self.request.path()
    }

    fn method(&self) -> RequestMethod {
        self.request.method()
    }

    fn query(&self) -> Result<Option<String>, ClientError> {
        self.request.query()
    }

    /// Its one copy, which is wiped when it was sent.
    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(Some(self.text.as_bytes().to_vec()))
    }
}

/// What the policies allow the Vault token at these paths. vaultrs has no request for it.
pub(super) struct CapabilitiesSelf {
    pub(super) paths: Vec<String>,
}

impl Endpoint for CapabilitiesSelf {
    type Response = BTreeMap<String, Vec<String>>;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        "sys/capabilities-self".to_owned()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(Some(json!({ "paths": self.paths }).to_string().into_bytes()))
    }
}

/// A new version over another. `data` is JSON text.
pub(super) fn put(cas: u32, data: &str) -> Zeroizing<String> {
    // With the room that it needs, so that no copy of the token stays behind.
    let mut body = Zeroizing::new(String::with_capacity(data.len() + 64));
    for part in [r#"{"options":{"cas":"#, &cas.to_string(), r#"},"data":"#, data, "}"] {
        body.push_str(part);
    }
    body
}

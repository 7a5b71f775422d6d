//! Reading and writing a version as JSON text: vaultrs' own requests take values apart and change the user's numbers.

use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use serde_json::value::RawValue;
use vaultrs::api::kv2::responses::SecretVersionMetadata;

/// One version, by its number or the newest.
pub(super) struct Get {
    pub(super) mount: String,
    pub(super) path: String,
    pub(super) version: Option<u64>,
}

/// A version with its data as it came.
#[derive(Deserialize)]
pub(super) struct Version {
    /// None, if the version is deleted or destroyed.
    pub(super) data: Option<Box<RawValue>>,
    pub(super) metadata: SecretVersionMetadata,
}

/// A new version over another.
pub(super) struct Put {
    mount: String,
    path: String,
    body: Zeroizing<String>,
}

impl Put {
    /// `data` is JSON text.
    pub(super) fn new(mount: &str, path: &str, cas: u32, data: &str) -> Self {
        // With the room that it needs, so that no copy of the token stays behind.
        let mut body = Zeroizing::new(String::with_capacity(data.len() + 64));
        for part in [r#"{"options":{"cas":"#, &cas.to_string(), r#"},"data":"#, data, "}"] {
            body.push_str(part);
        }
        Self { mount: mount.to_owned(), path: path.to_owned(), body }
    }
}

impl Endpoint for Get {
    type Response = Version;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        format!("{}/data/{}", self.mount, self.path)
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::GET
    }

    fn query(&self) -> Result<Option<String>, ClientError> {
        Ok(self.version.map(|number| format!("version={number}")))
    }
}

impl Endpoint for Put {
    type Response = SecretVersionMetadata;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        format!("{}/data/{}", self.mount, self.path)
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(Some(self.body.as_bytes().to_vec()))
    }
}

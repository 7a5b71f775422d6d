//! Reading and writing a version as JSON text, so that no byte of the user's values changes on the way.

use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A version with its data as it came.
#[derive(Deserialize)]
pub(super) struct Version {
    /// None, if the version is deleted or destroyed.
    pub(super) data: Option<Box<RawValue>>,
    pub(super) metadata: Metadata,
}

/// What is of interest about a version.
#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) version: u64,
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

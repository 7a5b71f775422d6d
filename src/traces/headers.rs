//! The collector's headers, in the form that OpenTelemetry gives them: `name=value,name=value`, percent-encoded.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::fault::{Fault, FaultKind};
use crate::secret::SecretSource;

/// Reads them; their values are secrets.
pub(super) fn read(source: &SecretSource) -> Result<HeaderMap, Fault> {
    let hint = format!("put name=value,name=value into {source}, percent-encoded");
    let text = source.read().map_err(|error| {
        Fault::of(&error, FaultKind::passing_if(error.may_pass()), Some(hint.clone()))
    })?;
    text.lend(parse).ok_or_else(|| Fault {
        kind: FaultKind::Permanent,
        message: format!("{source} does not hold headers for the collector"),
        hint: Some(hint),
    })
}

fn parse(text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        let mut value = HeaderValue::from_bytes(&decode(value.trim())?).ok()?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Some(headers)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                *hex::decode(digits).ok()?.first()?
            }
            plain => plain,
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_opentelemetry_writes_them_and_not_shown() {
        let headers = parse("Authorization=Bearer%20abc, x-scope = 7 ,").unwrap();
        assert_eq!(headers["authorization"], "Bearer abc");
        assert_eq!(headers["x-scope"], "7");
        assert!(!format!("{headers:?}").contains("abc"));
        for wrong in ["abc", "a b=c", "a=%4", "a=%zz", "a=b%0Ac"] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}

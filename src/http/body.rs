//! What is read of an answer: so many bytes, and of JSON so many values, whatever the other side sends.

use std::sync::Arc;

use secrecy::zeroize::{Zeroize, Zeroizing};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::secret::wiped::extend;

/// A body, which may hold a secret: it is wiped when it is dropped.
pub type Bytes = Zeroizing<Vec<u8>>;

/// A body as far as it was read.
#[derive(Debug)]
pub enum Body {
    /// To its end.
    Whole(Bytes),
    /// To the limit.
    Cut(Bytes),
}

impl Body {
    /// What was read, whole or not.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Whole(bytes) | Self::Cut(bytes) => bytes,
        }
    }
}

/// A body that is being read.
struct Reader {
    response: reqwest::Response,
    read: Bytes,
}

impl Reader {
    /// Begins with nothing.
    fn new(response: reqwest::Response) -> Self {
        Self { response, read: Bytes::default() }
    }

    /// Reads on until there are `limit` bytes. Whether the body has come to its end.
    async fn up_to(&mut self, limit: usize) -> Result<bool, reqwest::Error> {
        while self.read.len() <= limit {
            let Some(chunk) = self.response.chunk().await? else { return Ok(true) };
            extend(&mut self.read, &chunk);
        }
        Ok(false)
    }

    fn end(self, is_whole: bool, limit: usize) -> Body {
        let mut bytes = self.read;
        if is_whole && bytes.len() <= limit {
            return Body::Whole(bytes);
        }
        bytes.truncate(limit);
        Body::Cut(bytes)
    }
}

/// Of larger answers of one peer one is in hand at a time, so that many at once are not too much.
const LARGE: usize = 256 << 10;

/// The turn of one large answer; it lasts until this is dropped.
pub type Turn = OwnedSemaphorePermit;

/// Who reads a large answer of one peer. Clones share one turn.
#[derive(Debug, Clone)]
pub struct LargeAnswers(Arc<Semaphore>);

impl Default for LargeAnswers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl LargeAnswers {
    /// Reads a body of at most `limit` bytes. While what was read of a large one is in use, keep its turn.
    pub async fn read(
        &self,
        response: reqwest::Response,
        limit: usize,
    ) -> Result<(Body, Option<Turn>), reqwest::Error> {
        let mut reader = Reader::new(response);
        let mut turn = None;
        let mut is_whole = reader.up_to(LARGE.min(limit)).await?;
        if !is_whole && limit > LARGE {
            // It is never closed.
            turn = self.0.clone().acquire_owned().await.ok();
            is_whole = reader.up_to(limit).await?;
        }
        Ok((reader.end(is_whole, limit), turn))
    }
}

/// Reads a body of at most `limit` bytes.
pub async fn read(response: reqwest::Response, limit: usize) -> Result<Body, reqwest::Error> {
    let mut reader = Reader::new(response);
    let is_whole = reader.up_to(limit).await?;
    Ok(reader.end(is_whole, limit))
}

/// A request's body that is wiped when it was sent, as far as it is ours.
pub fn wiped<T>(body: Zeroizing<T>) -> reqwest::Body
where
    T: AsRef<[u8]> + Zeroize + Send + 'static,
{
    hyper::body::Bytes::from_owner(body).into()
}

/// Why a body says nothing. Holds no value of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// So many values take up many times the memory of their text.
    #[error("more than {0} values")]
    TooMany(usize),
    /// Not JSON, or cut short.
    #[error("not JSON, or cut short, in {0} bytes")]
    Syntax(usize),
    /// Other JSON.
    #[error("not of the expected form near byte {at} of {of}")]
    Form {
        /// Where it differs, on its line.
        at: usize,
        /// How long it is.
        of: usize,
    },
}

impl JsonError {
    /// What `error` says about a text of `length` bytes.
    pub fn of(error: &serde_json::Error, length: usize) -> Self {
        if error.is_data() {
            Self::Form { at: error.column(), of: length }
        } else {
            Self::Syntax(length)
        }
    }
}

/// Reads JSON of at most `most` values.
pub fn json<T: DeserializeOwned>(text: &[u8], most: usize) -> Result<T, JsonError> {
    if values(text) > most {
        return Err(JsonError::TooMany(most));
    }
    serde_json::from_slice(text).map_err(|error| JsonError::of(&error, text.len()))
}

/// About how many values a JSON text holds, without parsing it: each is behind a bracket or a comma.
pub fn values(text: &[u8]) -> usize {
    let (mut count, mut is_string, mut is_escaped) = (1_usize, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_string,
            b'"' => is_string = !is_string,
            b'[' | b'{' | b',' if !is_string => count = count.saturating_add(1),
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn values_are_counted_and_what_stands_in_strings_is_not() {
        for (text, count) in [
            ("1", 1),
            (r#"{"a":1,"b":[2,3]}"#, 5),
            (r#""a,{[\",{""#, 1),
            (r#"["\\",1]"#, 3),
            ("[[[[", 5),
        ] {
            assert_eq!(values(text.as_bytes()), count, "{text}");
        }
    }

    #[test]
    fn json_of_too_many_values_is_not_parsed() {
        let text = format!("[{}0]", "0,".repeat(98));
        assert!(json::<Value>(text.as_bytes(), 100).is_ok());
        assert_eq!(json::<Value>(text.as_bytes(), 99), Err(JsonError::TooMany(99)));
        assert_eq!(json::<Value>(b"{", 9), Err(JsonError::Syntax(1)));
        assert_eq!(json::<u8>(b"\"s3cret\"", 9), Err(JsonError::Form { at: 8, of: 8 }));
    }
}

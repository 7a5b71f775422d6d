//! Texts that hold a secret, put together so that nothing of them stays in memory once they are dropped.

use std::io;

use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize, Serializer};

/// A text of an answer, or of a body, that is wiped when it is dropped.
#[derive(Deserialize)]
#[serde(from = "String")]
pub struct Wiped(pub Zeroizing<String>);

impl From<String> for Wiped {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Wiped {
    /// For the one field of a body that carries it (`serialize_with`).
    pub fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The parts in one text, which is made as long as it will be: one that grows leaves copies behind.
pub fn concat(parts: &[&str]) -> Zeroizing<String> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for part in parts {
        text.push_str(part);
    }
    text
}

/// Adds to bytes that may have to grow: what they outgrow is wiped.
pub fn extend(bytes: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    let length = bytes.len().saturating_add(more.len());
    if length > bytes.capacity() {
        let room = length.max(bytes.capacity().saturating_mul(2));
        let mut grown = Zeroizing::new(Vec::with_capacity(room));
        grown.extend_from_slice(bytes);
        *bytes = grown;
    }
    bytes.extend_from_slice(more);
}

/// Bytes that somebody else writes to.
#[derive(Default)]
struct Growing(Zeroizing<Vec<u8>>);

impl io::Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        extend(&mut self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The value as JSON.
pub fn json(value: &(impl Serialize + ?Sized)) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let mut written = Growing::default();
    serde_json::to_writer(&mut written, value)?;
    Ok(written.0)
}

/// The value as JSON text.
pub fn json_text(value: &(impl Serialize + ?Sized)) -> serde_json::Result<Zeroizing<String>> {
    let bytes = json(value)?;
    let text = std::str::from_utf8(&bytes).map_err(serde::ser::Error::custom)?;
    Ok(concat(&[text]))
}

#[cfg(test)]
pub(crate) mod remains;

#[cfg(test)]
mod tests {
    use super::remains::Needle;
    use super::*;

    #[test]
    fn the_search_finds_what_was_dropped_unwiped() {
        let needle = Needle::draw();
        drop(needle.lend(|text| format!("{{\"token\":\"{text}\"}}")));
        assert!(needle.is_in_memory());
    }

    #[test]
    fn nothing_remains_of_a_secret_or_of_what_was_put_together_from_it() {
        let needle = Needle::draw();
        let token = needle.token();
        token.lend(|text| {
            drop(concat(&["Bearer ", text]));
            drop(json(text).unwrap());
            drop(json_text(&[text, text]).unwrap());
            let (mut bytes, mut behind) = (Zeroizing::default(), vec![]);
            for _ in 0..9 {
                extend(&mut bytes, text.as_bytes());
                // What grows cannot stay where it is.
                behind.push(vec![0_u8; 100]);
            }
        });
        let header = token.header("Bearer ").unwrap();
        drop(header.clone());
        drop((token.duplicate(), header));
        drop(token);
        assert!(!needle.is_in_memory());
    }
}

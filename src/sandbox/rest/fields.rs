//! Reads a request's body field by field, and collects everything that is wrong with it.

use std::ops::RangeInclusive;

use axum::body::Bytes;
use serde_json::{Map, Value};

use super::answer::{Issue, Refusal};

/// A body that is being read. What is wrong is noted, and refused at the end by [`Fields::finish`], so that readers
/// need not tell an absent value from a wrong one. Fields that nobody asks for are dropped, as the real service drops them.
#[derive(Debug, Default)]
pub(super) struct Fields {
    body: Map<String, Value>,
    path: Vec<&'static str>,
    issues: Vec<Issue>,
}

impl Fields {
    pub(super) fn read(bytes: &Bytes) -> Result<Self, Refusal> {
        if let Ok(Value::Object(body)) = serde_json::from_slice(bytes) {
            return Ok(Self { body, ..Self::default() });
        }
        let message = "the body must be a JSON object".to_owned();
        Err(Refusal::invalid(vec![Issue { code: "invalid_type", message, path: Vec::new() }]))
    }

    /// Ends the reading: what was read counts only if nothing was wrong.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Refusal> {
        match value {
            Some(value) if self.issues.is_empty() => Ok(value),
            Some(_) | None => Err(Refusal::invalid(self.issues)),
        }
    }

    /// A required text of `length` characters.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        length: RangeInclusive<usize>,
    ) -> Option<String> {
        let text = match self.body.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(_) => return self.issue(key, "invalid_type", "must be a string"),
            None => return self.issue(key, "invalid_type", "Required"),
        };
        if length.contains(&text.chars().count()) {
            return Some(text);
        }
        let (least, most) = (length.start(), length.end());
        self.issue(key, "invalid_length", &format!("must have {least} to {most} characters"))
    }

    /// A required text out of `choices`.
    pub(super) fn choice(&mut self, key: &'static str, choices: &[&str]) -> Option<String> {
        match self.body.get(key).map(Value::as_str) {
            Some(Some(text)) if choices.contains(&text) => Some(text.to_owned()),
            Some(_) => self.issue(
                key,
                "invalid_enum_value",
                &format!("must be one of {}", choices.join(", ")),
            ),
            None => self.issue(key, "invalid_type", "Required"),
        }
    }

    /// An optional whole number in `range`.
    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let number = self.body.get(key)?.as_u64().filter(|number| range.contains(number));
        number.or_else(|| {
            let (least, most) = (range.start(), range.end());
            let rule = format!("must be a whole number from {least} to {most}");
            self.issue(key, "invalid_number", &rule)
        })
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.body.contains_key(key)
    }

    /// Reads the object under `key` with `reader`.
    pub(super) fn object<T>(
        &mut self,
        key: &'static str,
        reader: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let Some(Value::Object(body)) = self.body.get(key) else {
            return self.issue(key, "invalid_type", "Required");
        };
        let path = [self.path.as_slice(), &[key]].concat();
        let mut inner = Self { body: body.clone(), path, issues: Vec::new() };
        let value = reader(&mut inner);
        self.issues.append(&mut inner.issues);
        value
    }

    /// Notes that something is wrong with `key`.
    pub(super) fn issue<T>(
        &mut self,
        key: &'static str,
        code: &'static str,
        message: &str,
    ) -> Option<T> {
        let path = [self.path.as_slice(), &[key]].concat();
        self.issues.push(Issue { code, message: message.to_owned(), path });
        None
    }
}

//! A JSON object as the text that it is: each key and each value byte for byte, in their order.

use std::fmt;

use secrecy::zeroize::Zeroizing;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::secret::wiped::json_text;

/// A JSON object whose keys and values nobody has interpreted: what is not changed is written as it was read, numbers
/// beyond any machine's range and keys that stand there twice included. It may hold secrets: never printed, wiped on
/// drop.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Object(Vec<Member>);

/// One key and its value, as JSON text without white space around it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Member {
    name: Zeroizing<String>,
    value: Zeroizing<String>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} keys)", self.0.len())
    }
}

impl Member {
    pub(super) fn new(name: &str, value: Zeroizing<String>) -> Self {
        Self { name: quoted(name), value }
    }

    /// Whether this is its key, however that is spelled.
    pub(super) fn is_named(&self, name: &str) -> bool {
        if self.name.contains('\\') {
            return self.name().as_deref() == Some(name);
        }
        self.name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) == Some(name)
    }

    /// The key; `None` for half a surrogate pair, which JSON allows and no text holds.
    pub(super) fn name(&self) -> Option<String> {
        serde_json::from_str(&self.name).ok()
    }

    pub(super) fn value(&self) -> &str {
        &self.value
    }

    /// The value, if it is a text.
    pub(super) fn text(&self) -> Option<Zeroizing<String>> {
        serde_json::from_str(&self.value).ok().map(Zeroizing::new)
    }
}

impl Object {
    /// Reads JSON text; `None` if it is something else than an object.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The object in one line.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = self.room(2);
        text.push('{');
        for (number, member) in self.0.iter().enumerate() {
            if number > 0 {
                text.push(',');
            }
            text.push_str(&member.name);
            text.push(':');
            text.push_str(&member.value);
        }
        text.push('}');
        text
    }

    /// The object with a line for each key, for people; `indent` stands before all lines but the first.
    pub fn to_lines(&self, indent: &str) -> Zeroizing<String> {
        if self.0.is_empty() {
            return Zeroizing::new("{}".to_owned());
        }
        let mut text = self.room(indent.len() + 6);
        text.push('{');
        for (number, member) in self.0.iter().enumerate() {
            text.push_str(if number > 0 { ",\n" } else { "\n" });
            text.push_str(indent);
            text.push_str("  ");
            text.push_str(&member.name);
            text.push_str(": ");
            text.push_str(&member.value);
        }
        text.push('\n');
        text.push_str(indent);
        text.push('}');
        text
    }

    /// The value under `name`, as JSON text; the last one, if there are several.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|member| member.is_named(name)).map(Member::value)
    }

    /// Puts a text under `name`, in place of whatever stands there.
    pub fn set_text(&mut self, name: &str, text: &str) {
        let value = quoted(text);
        match self.0.iter_mut().find(|member| member.is_named(name)) {
            Some(member) => member.value = value,
            None => self.0.push(Member::new(name, value)),
        }
    }

    /// Takes out whatever stands under `name`.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|member| !member.is_named(name));
    }

    /// Takes out everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.0
    }

    pub(super) fn into_members(self) -> Vec<Member> {
        self.0
    }

    /// An empty text that need not grow, so that no copy of it stays behind, if each member costs `around` more.
    fn room(&self, around: usize) -> Zeroizing<String> {
        let size = |member: &Member| member.name.len() + member.value.len() + around;
        let needed = self.0.iter().map(size).sum::<usize>() + 2 * around;
        Zeroizing::new(String::with_capacity(needed))
    }
}

impl FromIterator<Member> for Object {
    fn from_iter<T: IntoIterator<Item = Member>>(members: T) -> Self {
        Self(members.into_iter().collect())
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let copy = |raw: &RawValue| Zeroizing::new(raw.get().to_owned());
        let mut members = vec![];
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            members.push(Member { name: copy(name), value: copy(value) });
        }
        Ok(Object(members))
    }
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> Zeroizing<String> {
    // Texts always can be written.
    json_text(text).unwrap_or_default()
}

/// Whether some number in this JSON text is too large for a double, in which most readers of JSON keep numbers.
pub(super) fn has_number_beyond_doubles(text: &str) -> bool {
    let is_of_a_number = |c: char| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let (_, found) = rest.split_at(at);
        rest = if let Some(inside) = found.strip_prefix('"') {
            after_quotes(inside)
        } else {
            let end = found.find(|c| !is_of_a_number(c)).unwrap_or(found.len());
            let (number, after) = found.split_at(end);
            if number.parse::<f64>().is_ok_and(f64::is_infinite) {
                return true;
            }
            after
        };
    }
    false
}

/// What follows the quotation mark that ends a text, seen from within it.
fn after_quotes(inside: &str) -> &str {
    let mut escaped = false;
    let end = inside.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.and_then(|end| inside.get(end + 1..)).unwrap_or_default()
}

//! One page of a list, read entry by entry into its type: JSON that is kept as such takes up a hundred times its text.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};

use crate::http::body::JsonError;

/// The names that page tokens are known by in answers, and the query parameters that they are sent back in.
const PAGE_TOKENS: [(&str, &str); 2] =
    [("next_cursor", "cursor"), ("next_page_token", "page_token")];
/// No page token is longer.
const LONGEST_TOKEN: usize = 4 << 10;

/// The query parameter and the value that ask for the next page.
pub(super) type Next = (&'static str, String);

/// One page.
pub(super) struct Page<T> {
    pub(super) entries: Vec<T>,
    /// `None` on the last one.
    pub(super) next: Option<Next>,
    /// How many entries there are on all pages, by the page's own count.
    pub(super) total: Option<u64>,
}

/// Reads the page whose entries stand under `key`. The error says what is wrong and holds no value.
pub(super) fn read<T: DeserializeOwned>(text: &[u8], key: &'static str) -> Result<Page<T>, String> {
    let at = Cell::new(None);
    let mut json = serde_json::Deserializer::from_slice(text);
    let wanted = Wanted { key, at: &at, entry: PhantomData };
    let read = wanted.deserialize(&mut json).and_then(|found| json.end().map(|()| found));
    let found = read.map_err(|error| match at.get() {
        Some(index) if error.is_data() => format!("entry {index} of `{key}` is not of its form"),
        _ => JsonError::of(&error, text.len()).to_string(),
    })?;
    let entries = found.entries.ok_or_else(|| format!("it has no list `{key}`"))?;
    let next = match found.here.next()? {
        Some(next) => Some(next),
        None => found.nested.next()?,
    };
    Ok(Page { entries, next, total: found.total })
}

struct Parsed<T> {
    entries: Option<Vec<T>>,
    here: Pointers,
    nested: Pointers,
    total: Option<u64>,
}

/// What a page says about the next one.
#[derive(Default)]
struct Pointers {
    tokens: [Pointer; PAGE_TOKENS.len()],
    has_more: bool,
}

#[derive(Default)]
enum Pointer {
    #[default]
    Absent,
    Text(String),
    Nonsense,
}

impl Pointers {
    fn next(self) -> Result<Option<Next>, String> {
        for ((name, parameter), token) in PAGE_TOKENS.into_iter().zip(self.tokens) {
            match token {
                Pointer::Absent => {}
                Pointer::Text(text) if text.is_empty() => {}
                Pointer::Text(text) if text.len() > LONGEST_TOKEN => {
                    return Err(format!("its `{name}` is too long"));
                }
                Pointer::Text(text) => return Ok(Some((parameter, text))),
                Pointer::Nonsense => {
                    return Err(format!("its `{name}` is neither text nor number"));
                }
            }
        }
        if self.has_more {
            return Err("it says that there is more, and not how to ask for it".to_owned());
        }
        Ok(None)
    }

    /// Takes in a value of the page's, if its name is one that matters here.
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        let known = PAGE_TOKENS.iter().position(|(known, _)| *known == name);
        if let Some(token) = known.and_then(|index| self.tokens.get_mut(index)) {
            *token = map.next_value()?;
        } else if name == "has_more" {
            self.has_more = matches!(map.next_value()?, Simple::True);
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// A value that matters only if it is simple.
enum Simple {
    True,
    Number(String),
    Text(String),
    Null,
    Other,
}

impl<'de> Deserialize<'de> for Simple {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Simple;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Simple, E> {
                Ok(if value { Simple::True } else { Simple::Other })
            }

            fn visit_u64<E>(self, value: u64) -> Result<Simple, E> {
                Ok(Simple::Number(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Simple, E> {
                Ok(Simple::Number(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Simple, E> {
                Ok(Simple::Number(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Simple, E> {
                Ok(Simple::Text(value.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Simple, E> {
                Ok(Simple::Null)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Simple, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Simple::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Simple, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Simple::Other)
            }
        }

        input.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Ok(match Simple::deserialize(input)? {
            Simple::Null => Self::Absent,
            Simple::Text(text) | Simple::Number(text) => Self::Text(text),
            Simple::True | Simple::Other => Self::Nonsense,
        })
    }
}

/// `pagination`, which some services put their page tokens into.
impl<'de> Deserialize<'de> for Pointers {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Nested;

        impl<'de> Visitor<'de> for Nested {
            type Value = Pointers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or null")
            }

            fn visit_unit<E>(self) -> Result<Pointers, E> {
                Ok(Pointers::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pointers, A::Error> {
                let mut pointers = Pointers::default();
                while let Some(name) = map.next_key::<String>()? {
                    if !pointers.take(&name, &mut map)? {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(pointers)
            }
        }

        input.deserialize_any(Nested)
    }
}

struct Wanted<'a, T> {
    key: &'static str,
    /// The entry that is being read.
    at: &'a Cell<Option<usize>>,
    entry: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Wanted<'_, T> {
    type Value = Parsed<T>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Parsed<T>, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Wanted<'_, T> {
    type Value = Parsed<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parsed<T>, A::Error> {
        let (here, nested) = (Pointers::default(), Pointers::default());
        let mut found = Parsed { entries: None, here, nested, total: None };
        while let Some(name) = map.next_key::<String>()? {
            if name == self.key {
                if found.entries.is_some() {
                    return Err(A::Error::custom("the list stands there twice"));
                }
                found.entries = map.next_value_seed(Rows { at: self.at, entry: PhantomData })?;
            } else if name == "pagination" {
                found.nested = map.next_value()?;
            } else if name == "total_count" {
                found.total = match map.next_value()? {
                    Simple::Number(text) => text.parse().ok(),
                    Simple::True | Simple::Text(_) | Simple::Null | Simple::Other => None,
                };
            } else if !found.here.take(&name, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The entries; none where something else stands in the list's place.
struct Rows<'a, T> {
    at: &'a Cell<Option<usize>>,
    entry: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Rows<'_, T> {
    type Value = Option<Vec<T>>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Rows<'_, T> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut entries = vec![];
        loop {
            self.at.set(Some(entries.len()));
            match seq.next_element()? {
                Some(entry) => entries.push(entry),
                None => break,
            }
        }
        self.at.set(None);
        Ok(Some(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn page(text: &str) -> Result<Page<u8>, String> {
        read(text.as_bytes(), "rows")
    }

    #[test]
    fn what_is_not_asked_for_is_passed_over() {
        let read = page(r#"{"x":[{"rows":[9]}],"total_count":7,"rows":[1,2],"next_cursor":5}"#);
        let read = read.unwrap();
        assert_eq!((read.entries, read.total), (vec![1, 2], Some(7)));
        assert_eq!(read.next, Some(("cursor", "5".to_owned())));
    }

    #[test]
    fn the_error_names_the_entry_and_not_what_stood_there() {
        for (text, reason) in [
            (r#"{"rows":[1,"s3cret"]}"#, "entry 1 of `rows` is not of its form"),
            (r#"{"rows":{"s3cret":1}}"#, "not of the expected form near byte 9 of 21"),
            (r#"{"rows":null}"#, "it has no list `rows`"),
            (r#"{"rows":[1],"rows":[2]}"#, "not of the expected form near byte 18 of 23"),
            (r#"{"rows":[1]"#, "not JSON, or cut short, in 11 bytes"),
            (r#"{"rows":[1]} {}"#, "not JSON, or cut short, in 15 bytes"),
            (r#"{"rows":[],"next_cursor":{}}"#, "its `next_cursor` is neither text nor number"),
        ] {
            assert_eq!(page(text).map(|_| ()), Err(reason.to_owned()), "{text}");
        }
        let long = Value::from("x".repeat(LONGEST_TOKEN + 1));
        let error = page(&format!(r#"{{"rows":[],"next_cursor":{long}}}"#)).err();
        assert_eq!(error.as_deref(), Some("its `next_cursor` is too long"));
    }
}

//! The range of a key and its default: said once, for the check, the schema and the manual.

use std::time::Duration;

use schemars::Schema;
use serde_json::Value;

use super::scalar::format_duration;

/// From which value to which a key may be set.
#[derive(Clone, Copy)]
pub(super) struct Range<T> {
    pub(super) least: T,
    pub(super) most: T,
}

/// The same of a key that has a value where it is not written.
#[derive(Clone, Copy)]
pub(super) struct Limits<T> {
    pub(super) range: Range<T>,
    pub(super) usual: T,
}

impl<T: Copy> Range<T> {
    /// Both ends belong to it.
    pub(super) const fn new(least: T, most: T) -> Self {
        Self { least, most }
    }

    /// With the value where none is written.
    pub(super) const fn or(self, usual: T) -> Limits<T> {
        Limits { range: self, usual }
    }
}

impl<T: Limited> Range<T> {
    /// The range as configuration files spell it.
    pub(super) fn text(&self) -> String {
        format!("{} to {}", self.least.text(), self.most.text())
    }

    /// What the schema says of it: in the description, and for numbers as editors check them.
    pub(super) fn schema(self) -> impl FnMut(&mut Schema) {
        move |schema| {
            let (least, most) = (self.least.value(), self.most.value());
            if least.is_number() {
                schema.insert("minimum".to_owned(), least);
                schema.insert("maximum".to_owned(), most);
            }
            if let Some(Value::String(description)) = schema.get_mut("description") {
                *description = format!("{description} From {}.", self.text());
            }
        }
    }
}

impl<T: Limited> Limits<T> {
    /// What the schema says of it: the range and the default.
    pub(super) fn schema(self) -> impl FnMut(&mut Schema) {
        move |schema| {
            self.range.schema()(schema);
            schema.insert("default".to_owned(), self.usual.value());
        }
    }
}

impl<T: PartialOrd> Range<T> {
    /// Whether the value may be set.
    pub(super) fn contains(&self, value: &T) -> bool {
        (&self.least..=&self.most).contains(&value)
    }
}

/// What can have a range: durations, which are texts in a configuration, and numbers.
pub(super) trait Limited: Copy {
    /// The value as a configuration holds it.
    fn value(self) -> Value;

    /// The value as people read it.
    fn text(self) -> String;
}

impl Limited for Duration {
    fn value(self) -> Value {
        format_duration(self).into()
    }

    fn text(self) -> String {
        format_duration(self)
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl Limited for $type {
            fn value(self) -> Value {
                self.into()
            }

            fn text(self) -> String {
                self.to_string()
            }
        })*
    };
}

numbers!(u16, u32, u64);

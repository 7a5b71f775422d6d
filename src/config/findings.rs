//! What the checks found: problems by key, and warnings that many credentials may share.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use super::error::{Problem, Problems};
use super::limits::{Limited, Limits, Range};
use super::scalar::{Number, Span, format_duration};
use super::sources::Sources;
use crate::names::CredentialName;

/// How many credentials a warning names before it counts the rest.
const NAMED: usize = 5;

/// A key, as a path of borrowed parts: ten thousand sound credentials cost no allocation.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    parent: Option<&'a Key<'a>>,
    part: &'a str,
}

impl<'a> Key<'a> {
    /// A top-level key.
    pub(super) fn root(part: &'a str) -> Self {
        Self { parent: None, part }
    }

    /// The key `part` below this one.
    pub(super) fn child(&'a self, part: &'a str) -> Self {
        Self { parent: Some(self), part }
    }

    fn parts(&self) -> Vec<String> {
        let mut parts = self.parent.map(Key::parts).unwrap_or_default();
        parts.push(self.part.to_owned());
        parts
    }
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Findings {
    problems: Vec<(Vec<String>, String)>,
    warnings: Vec<String>,
    shared: BTreeMap<&'static str, Vec<CredentialName>>,
}

impl Findings {
    /// The value at `key` cannot be used.
    pub(super) fn problem(&mut self, key: &Key<'_>, text: impl Into<String>) {
        self.problems.push((key.parts(), text.into()));
    }

    /// The value at `below`, under `key`, cannot be used.
    pub(super) fn problem_below(&mut self, key: &Key<'_>, below: Vec<String>, text: String) {
        let mut parts = key.parts();
        parts.extend(below);
        self.problems.push((parts, text));
    }

    /// Allowed, and yet unwise.
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// Allowed for `credential`, and yet unwise.
    pub(super) fn warn_of(&mut self, credential: &CredentialName, text: &'static str) {
        self.shared.entry(text).or_default().push(credential.clone());
    }

    /// The value, or a problem and `None`.
    pub(super) fn accept<T, E: Display>(
        &mut self,
        key: &Key<'_>,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.problem(key, error.to_string())).ok()
    }

    /// A value that must be there.
    pub(super) fn require<T>(&mut self, key: &Key<'_>, value: Option<T>, text: &str) -> Option<T> {
        if value.is_none() {
            self.problem(key, text);
        }
        value
    }

    /// A text that, if it is there, is neither empty nor holds control characters.
    pub(super) fn text(&mut self, key: &Key<'_>, text: Option<String>) -> Option<String> {
        let text = text?;
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            self.problem(key, "this must be a text that is not empty, on one line");
        }
        Some(text)
    }

    /// A number in its range, or a problem and `None`.
    pub(super) fn number_in<T: TryFrom<i64> + PartialOrd + Limited>(
        &mut self,
        key: &Key<'_>,
        Number(number): Number,
        range: &Range<T>,
    ) -> Option<T> {
        let number = T::try_from(number).ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.problem(key, format!("this must be a whole number from {}", range.text()));
        }
        number
    }

    /// A number in its range. After a problem the default stands in, so that the checks can go on.
    pub(super) fn number<T: TryFrom<i64> + PartialOrd + Limited>(
        &mut self,
        key: &Key<'_>,
        number: Option<Number>,
        limits: &Limits<T>,
    ) -> T {
        let number = number.and_then(|number| self.number_in(key, number, &limits.range));
        number.unwrap_or(limits.usual)
    }

    /// A duration in its range, or a problem and `None`.
    pub(super) fn span_in(
        &mut self,
        key: &Key<'_>,
        Span(span): Span,
        range: &Range<Duration>,
    ) -> Option<Duration> {
        let is_sound = range.contains(&span);
        if !is_sound {
            self.problem(
                key,
                format!("{} is out of range: use {}", format_duration(span), range.text()),
            );
        }
        is_sound.then_some(span)
    }

    /// A duration in its range. After a problem the default stands in, so that the checks can go on.
    pub(super) fn span(
        &mut self,
        key: &Key<'_>,
        span: Option<Span>,
        limits: &Limits<Duration>,
    ) -> Duration {
        let span = span.and_then(|span| self.span_in(key, span, &limits.range));
        span.unwrap_or(limits.usual)
    }

    /// How many problems there are.
    pub(super) fn count(&self) -> usize {
        self.problems.len()
    }

    /// Whether there is none.
    pub(super) fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// The problems of credentials: the name and the text.
    pub(super) fn blamed(&self) -> impl Iterator<Item = (&str, String)> {
        self.problems.iter().filter_map(|(key, text)| match key.as_slice() {
            [section, name, below @ ..] if section == "credentials" => {
                Some((name.as_str(), format!("{}: {text}", below.join("."))))
            }
            _ => None,
        })
    }

    /// The problems with their keys, on one line.
    pub(super) fn in_a_line(&self) -> String {
        let texts = self.problems.iter().map(|(key, text)| format!("{}: {text}", key.join(".")));
        texts.collect::<Vec<_>>().join("; ")
    }

    /// Takes over what was found of `whom`, of which its credentials were only examples.
    pub(super) fn take_over(&mut self, found: Self, whom: &str) {
        self.problems.extend(found.problems);
        self.warnings.extend(found.warnings);
        let warnings = found.shared.into_keys().map(|text| format!("{whom}: {text}"));
        self.warnings.extend(warnings);
    }

    /// The warnings, one sentence each.
    pub(super) fn into_warnings(self) -> Vec<String> {
        let shared = self.shared.into_iter().map(|(text, names)| {
            let shown: Vec<_> = names.iter().take(NAMED).map(CredentialName::as_str).collect();
            let shown = shown.join(", ");
            match names.len().saturating_sub(NAMED) {
                0 => format!("{shown}: {text}"),
                more => format!("{shown} and {more} more: {text}"),
            }
        });
        self.warnings.into_iter().chain(shared).collect()
    }

    /// The problems, each with the source of its value.
    pub(super) fn into_problems(self, sources: &Sources) -> Problems {
        let located = self.problems.into_iter().map(|(key, text)| {
            let inherited = inherited(&key, sources);
            let source = sources.of(inherited.as_ref().unwrap_or(&key));
            Problem { source, from_defaults: inherited.is_some(), key, text, repeated: 0 }
        });
        Problems::new(located.collect())
    }
}

/// The key in `[defaults]`, if that is where a credential's or a fleet's value comes from.
fn inherited(key: &[String], sources: &Sources) -> Option<Vec<String>> {
    let [section, credential, first, rest @ ..] = key else { return None };
    let own = sources.has(&[section, credential, first]);
    let takes_defaults = section == "credentials" || section == "fleets";
    if !takes_defaults || own || !sources.has(&["defaults", first]) {
        return None;
    }
    let top = ["defaults".to_owned(), first.clone()];
    Some(top.into_iter().chain(rest.iter().cloned()).collect())
}

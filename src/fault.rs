//! What went wrong with something outside of this program, and whether trying again may help.

use crate::redact::{presentable, presentable_lines};
use crate::regular;

/// What is longer is cut.
const MESSAGE_CHARACTERS: usize = 2_000;

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It may pass by itself.
    Transient,
    /// A person must act.
    Permanent,
}

/// Something outside did not work. Its texts never hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Whether trying again may help.
    pub kind: FaultKind,
    /// What was tried, on which thing, and the causes, joined by `: `.
    pub message: String,
    /// What a person can do about it.
    pub hint: Option<String>,
}

impl FaultKind {
    /// Transient, if it may pass by itself.
    pub fn passing_if(may_pass: bool) -> Self {
        if may_pass { Self::Transient } else { Self::Permanent }
    }

    /// What the operating system said of a file or an address.
    pub fn of_system(error: &std::io::Error) -> Self {
        Self::passing_if(regular::may_pass(error))
    }
}

/// An error that knows what may be done about it. Whoever has one makes a [`Fault`] of it with `?`.
pub trait Diagnostic: std::error::Error {
    /// Whether trying again may help.
    fn kind(&self) -> FaultKind;

    /// What a person can do about it.
    fn hint(&self) -> Option<String> {
        None
    }
}

impl<E: Diagnostic> Diagnostic for &E {
    fn kind(&self) -> FaultKind {
        (**self).kind()
    }

    fn hint(&self) -> Option<String> {
        (**self).hint()
    }
}

impl<E: Diagnostic> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::of(&error, error.kind(), error.hint())
    }
}

impl Fault {
    /// A fault of `kind` from an adapter's error and its sources, joined by `: `.
    pub fn of(error: &dyn std::error::Error, kind: FaultKind, hint: Option<String>) -> Self {
        Self { kind, message: line(error), hint }
    }
}

/// An error and its sources, joined by `: `, fit to be shown: somebody outside may have worded them.
pub fn chain(error: &dyn std::error::Error) -> String {
    presentable_lines(&joined(error), MESSAGE_CHARACTERS)
}

/// The same on one line.
pub fn line(error: &dyn std::error::Error) -> String {
    presentable(&joined(error), MESSAGE_CHARACTERS)
}

/// Many errors of other crates end with what their source says.
fn joined(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let next = cause.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read secret a")]
    struct Outer {
        source: std::fmt::Error,
    }

    impl Diagnostic for Outer {
        fn kind(&self) -> FaultKind {
            FaultKind::Transient
        }

        fn hint(&self) -> Option<String> {
            Some("look".to_owned())
        }
    }

    #[test]
    fn an_errors_own_word_on_what_may_be_done_is_the_faults() {
        let fails = || -> Result<(), Fault> { Err(Outer { source: std::fmt::Error })? };
        let fault = fails().unwrap_err();
        assert_eq!((fault.kind, fault.hint.as_deref()), (FaultKind::Transient, Some("look")));
        assert_eq!(fault, Fault::from(&Outer { source: std::fmt::Error }));
    }

    #[test]
    fn a_fault_tells_an_error_and_its_causes() {
        let cause = std::fmt::Error;
        let fault = Fault::of(&Outer { source: cause }, FaultKind::Permanent, None);
        assert_eq!(fault.to_string(), format!("cannot read secret a: {cause}"));
        assert_eq!(fault.kind, FaultKind::Permanent);
    }
}

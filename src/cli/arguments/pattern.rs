//! Credentials by name or by a pattern of names.

use std::str::FromStr;

use crate::glob;
use crate::names::{CredentialName, NameError};

/// A credential's name, or a pattern of names with `*` (any characters, or none) and `?` (any one).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// A name.
    Name(CredentialName),
    /// A pattern, which holds a `*` or a `?`.
    Glob(String),
}

impl Pattern {
    /// The name, if it is one.
    pub fn name(&self) -> Option<&CredentialName> {
        match self {
            Self::Name(name) => Some(name),
            Self::Glob(_) => None,
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name.as_str(),
            Self::Glob(glob) => glob,
        }
    }

    /// Whether it means the credential of that name.
    pub fn matches(&self, name: &CredentialName) -> bool {
        match self {
            Self::Name(this) => this == name,
            Self::Glob(glob) => glob::matches(glob.as_bytes(), name.as_str().as_bytes()),
        }
    }
}

impl FromStr for Pattern {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if !text.contains(['*', '?']) {
            return text.parse().map(Self::Name);
        }
        // What a wild card stands for is of the alphabet of names; so must be the rest.
        let rest = text.replace(['*', '?'], "");
        let fits = format!("x{rest}").parse::<CredentialName>().is_ok();
        fits.then(|| Self::Glob(text.to_owned())).ok_or_else(|| NameError::Label {
            what: "pattern of credential names",
            text: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &str, name: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(&name.parse().unwrap())
    }

    #[test]
    fn a_pattern_means_whole_names() {
        for (pattern, name) in [
            ("*", "etl"),
            ("etl", "etl"),
            ("etl_*", "etl_prod"),
            ("etl*", "etl"),
            ("*_prod", "etl_prod"),
            ("*a*b*", "xaybz"),
            ("*aab", "aaaab"),
            ("e?l", "etl"),
            ("**?", "e"),
        ] {
            assert!(is_match(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("etl", "etl_prod"),
            ("etl_*", "etl"),
            ("*_prod", "etl_prod_2"),
            ("?", "et"),
            ("et?", "et"),
            ("ETL*", "etl"),
            ("*a*b", "ba"),
        ] {
            assert!(!is_match(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn what_no_name_can_match_is_no_pattern() {
        for text in ["", "a/*", "../*", "*é", "[a-z]*", "* ", &format!("{}*", "x".repeat(64))] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }
}

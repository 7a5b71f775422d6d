//! What is wrong with a configuration: every problem at once, each with its source and its key, none with a value.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use crate::fault::FaultKind;

/// More problems than this are counted and not shown.
const SHOWN: usize = 20;

/// Why there is no configuration to work with. Nothing was contacted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read config file {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A directory without a file to read.
    #[error("config directory {} holds no *.toml file", path.display())]
    EmptyDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// A file is not TOML. The line itself is not shown: it may hold what should not be in the file.
    #[error("config file {}: line {line}, column {column}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
        /// Counted from one, in characters.
        column: usize,
        /// What the parser said.
        problem: String,
    },
    /// Settings that are unknown, missing, out of range or at odds with one another.
    #[error("{0}")]
    Invalid(Problems),
    /// A variable that makes a library print secrets.
    #[error(
        "environment variable {name} is set, which makes a library log request bodies, and so tokens"
    )]
    DangerousEnvironment {
        /// The variable.
        name: &'static str,
    },
}

impl ConfigError {
    /// The same configuration fails again, but a file that is not there yet may come.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::ReadFile { source, .. } => FaultKind::of_system(source),
            Self::EmptyDirectory { .. } => FaultKind::Transient,
            Self::Syntax { .. } | Self::Invalid(_) | Self::DangerousEnvironment { .. } => {
                FaultKind::Permanent
            }
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::ReadFile { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some("name the file with --config, or in $PINTAIL_CONFIG".to_owned())
            }
            Self::EmptyDirectory { .. } => {
                Some("put the configuration there; hidden files are not read".to_owned())
            }
            Self::ReadFile { .. } | Self::Syntax { .. } => None,
            Self::Invalid(_) => Some(
                "after the corrections, `pintail check --offline` tells whether all is well"
                    .to_owned(),
            ),
            Self::DangerousEnvironment { name } => Some(format!("unset {name} and start again")),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where the value comes from: a file or a variable.
    pub source: Option<String>,
    /// The key's parts, from the top.
    pub key: Vec<String>,
    /// What is wrong, and the way out.
    pub text: String,
    /// Whether the value stands in `[defaults]`.
    pub from_defaults: bool,
    /// How many further credentials have the same problem.
    pub repeated: usize,
}

/// All that is wrong, one line each; what befalls many credentials alike is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Folds the problems that many credentials share.
    pub(super) fn new(found: Vec<Problem>) -> Self {
        let mut kept: Vec<Problem> = Vec::new();
        let mut seen: HashMap<(Vec<String>, String), usize> = HashMap::new();
        for problem in found {
            if let [section, _, tail @ ..] = problem.key.as_slice()
                && section == "credentials"
            {
                let same = (tail.to_vec(), problem.text.clone());
                let place = *seen.entry(same).or_insert(kept.len());
                if let Some(first) = kept.get_mut(place) {
                    first.repeated += 1;
                    continue;
                }
            }
            kept.push(problem);
        }
        Self(kept)
    }

    /// The problems.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}: ")?;
        }
        write!(f, "{}", dotted(&self.key))?;
        if self.from_defaults {
            write!(f, " (set in [defaults])")?;
        }
        write!(f, ": {}", self.text)?;
        match self.repeated {
            0 => Ok(()),
            1 => write!(f, " (and 1 more credential)"),
            more => write!(f, " (and {more} more credentials)"),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return only.fmt(f);
        }
        write!(f, "the configuration has {} problems", self.0.len())?;
        for problem in self.0.iter().take(SHOWN) {
            write!(f, "\n  {problem}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// The key as TOML spells it: parts with other characters than its bare keys have are quoted.
fn dotted(parts: &[String]) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let format_duration = |part: &String| {
        if !part.is_empty() && part.chars().all(bare) { part.clone() } else { format!("{part:?}") }
    };
    parts.iter().map(format_duration).collect::<Vec<_>>().join(".")
}

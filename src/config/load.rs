//! Loading: files and variables in, a checked `Config` or every problem out.

use std::ffi::OsString;
use std::path::PathBuf;

use super::error::ConfigError;
use super::{Config, Files};

/// aws-smithy logs request bodies, tokens included, when this is set.
const DANGEROUS: &str = "LOG_SENSITIVE_BODIES";

impl Config {
    /// Reads `files` and directories of files (later ones win), then the `PINTAIL__SECTION__KEY` variables of `environment`, and checks all.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is not TOML; otherwise all problems at once, each with its source and key.
    pub fn load(
        files: &[PathBuf],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Files::new(files.to_vec(), environment).load()
    }
}

/// The variables of this process that can hold settings. Text that is not Unicode is replaced, and then refused by
/// the checks where it matters.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// Refuses an environment that makes a library print secrets. `variable` looks one up, as `std::env::var_os` does.
pub fn refuse_dangerous_environment(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<(), ConfigError> {
    match variable(DANGEROUS) {
        Some(_) => Err(ConfigError::DangerousEnvironment { name: DANGEROUS }),
        None => Ok(()),
    }
}

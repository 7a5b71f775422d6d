//! The arguments of `import`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// `import`.
#[derive(Debug, Clone, Args)]
#[command(
    group = ArgGroup::new("written").args(["tables", "adoptions"]).required(true).multiple(true),
    after_help = "Examples:\n  \
        pintail import --store main --path 'team/*/motherduck' --tables imported.toml --adoptions adopt.txt\n  \
        pintail import --store aws --paths-from names.txt --tables imported.toml\n  \
        pintail import --adoptions adopt.txt          # of what is configured and not managed yet\n\
        Then: pintail --config pintail.toml --config imported.toml adopt --from adopt.txt --dry-run"
)]
pub struct Import {
    /// Look at the secrets of this path; may be repeated. A `*` or `?` stands for any part of a name between two
    /// slashes, in stores that can be listed (files, Vault and OpenBao). Without any path: the configured secrets.
    #[arg(long = "path", value_name = "PATH", requires = "store")]
    pub paths: Vec<String>,
    /// Look at the secrets whose paths this file lists, one a line; `-` is standard input.
    #[arg(long, value_name = "FILE", requires = "store")]
    pub paths_from: Option<PathBuf>,
    /// The store that they are in, by its name in the configuration.
    #[arg(long, value_name = "NAME")]
    pub store: Option<String>,
    /// The key of the token's text in these secrets.
    #[arg(long, value_name = "KEY", default_value = super::import::TOKEN_FIELD)]
    pub token_field: String,
    /// Write a table for each secret that no credential has yet into this new file: the start of a configuration.
    #[arg(long, value_name = "FILE")]
    pub tables: Option<PathBuf>,
    /// Write a line for each token that can be adopted into this new file: for `pintail adopt --from`.
    #[arg(long, value_name = "FILE")]
    pub adoptions: Option<PathBuf>,
}

/// The key that is looked for unless another one is named, as for any credential.
pub const TOKEN_FIELD: &str = "motherduck_token";

//! The arguments of `audit`.

use clap::{Args, ValueEnum};
use serde::Serialize;

/// `audit`.
#[derive(Debug, Clone, Default, Args)]
pub struct Audit {
    /// Show these findings, and do not let them decide the exit code.
    #[arg(long, value_name = "FINDING", value_delimiter = ',')]
    pub allow: Vec<FindingKind>,
    /// Connect with each served token, too, and see whose it is. Each connection wakes a Duckling.
    #[arg(long)]
    pub connect: bool,
    /// Whose accounts.
    #[command(flatten)]
    pub names: super::Names,
}

/// What an audit remarks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum FindingKind {
    /// A credential that only a person can help: held, edited by hand, expired, missing, or another deployment's.
    Stuck,
    /// A token that nobody manages.
    Unmanaged,
    /// A token that was never served, and that no pintail has revoked in all the time that it should take.
    Orphan,
    /// A token that lives where the secret of its credential is not, and that consumers may use.
    Elsewhere,
    /// A token of another deployment.
    Foreign,
    /// A token that never expires.
    NeverExpires,
    /// A token that is older than the policy of its credential, or of its account's, lets one become.
    OlderThanPolicy,
    /// A service account that no credential covers.
    Uncovered,
    /// A served token that opens another account. Only --connect finds it.
    WrongAccount,
    /// The endpoint names something else than the account, and is not known to tell accounts. Only --connect finds it.
    IdentityUnclear,
}

impl FindingKind {
    /// Its word, as it is written on the command line and in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Unmanaged => "unmanaged",
            Self::Orphan => "orphan",
            Self::Elsewhere => "elsewhere",
            Self::Foreign => "foreign",
            Self::NeverExpires => "never_expires",
            Self::OlderThanPolicy => "older_than_policy",
            Self::Uncovered => "uncovered",
            Self::WrongAccount => "wrong_account",
            Self::IdentityUnclear => "identity_unclear",
        }
    }
}

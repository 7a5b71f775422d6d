//! `pintail dive`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::token::text_of;
use crate::motherduck::DiveId;
use crate::names::AccountName;

/// What to do with dives.
#[derive(Debug, Clone, Subcommand)]
pub enum Dive {
    /// Open a session that embeds a dive in a page, for 24 hours.
    ///
    /// The session is a secret. It is shown this once: on a terminal, with `--output json`, or in --secret-file.
    EmbedSession(EmbedSession),
}

/// `dive embed-session`.
#[derive(Debug, Clone, Args)]
pub struct EmbedSession {
    /// The dive's ID.
    pub dive_id: DiveId,
    /// The service account that the dive is shown as.
    #[arg(long)]
    pub username: AccountName,
    /// A name for the session, 1 to 255 characters.
    #[arg(long, value_name = "NAME", value_parser = session_name)]
    pub session_name: Option<String>,
    /// Write the session into this file and nowhere else. It must not exist, and gets mode 0600.
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
}

fn session_name(text: &str) -> Result<String, String> {
    text_of(text, 255)
}

//! `pintail dive`: sessions that embed a dive.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::error::CliError;
use super::operation;
use super::show_secret::{Destination, Undelivered};
use super::{Dive, EmbedSession, ExitCode, Output, by_hand};
use crate::audit_log::{Entry, Event};
use crate::config::Config;
use crate::fault::{Diagnostic, chain};
use crate::motherduck::DiveId;
use crate::names::AccountName;

#[derive(Serialize)]
struct Document<'a> {
    dive_id: &'a DiveId,
    username: &'a AccountName,
    session_name: Option<&'a str>,
    /// The secret; absent where it went into a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_file: Option<PathBuf>,
}

/// Does it.
pub(super) async fn dive(
    config: Arc<Config>,
    arguments: &Dive,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let Dive::EmbedSession(request) = arguments;
    embed_session(&config, request, output).await
}

async fn embed_session(
    config: &Config,
    request: &EmbedSession,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let destination = Destination::open(output, request.secret_file.as_deref())?;
    let client = by_hand::client(config).await?;
    let (dive_id, username) = (&request.dive_id, &request.username);
    let session_name = request.session_name.as_deref();
    let about = Entry {
        username: Some(username.clone()),
        subject: Some(dive_id.to_string()),
        ..Entry::of(Event::Began)
    };
    let operation = operation::begin(config, "dive embed-session", about).await?;
    let session = match client.embed_dive(dive_id, username, session_name).await {
        Ok(session) => session,
        Err(error) => {
            operation.failed(Event::SessionEmbedded, error.may_have_effect()).await;
            let unknown = error.may_have_effect().then(|| {
                "run it again: a session that nobody received ends within 24 hours".to_owned()
            });
            let hint = unknown.or_else(|| error.hint());
            return Err(CliError::of(&error, ExitCode::Failed, hint).into());
        }
    };
    operation.came_to(Event::SessionEmbedded, None, |_| {}).await;
    let secret_file = destination.path();
    let delivered = destination.deliver(&session, |session| {
        let document =
            Document { dive_id, username, session_name, session, secret_file: secret_file.clone() };
        by_hand::write(output, &document, || {
            let about = format!("session of dive {dive_id} as account {username}, for 24 hours");
            match (session, &secret_file) {
                (Some(text), _) => format!("{about}, shown this once:\n{text}"),
                (None, Some(path)) => format!("{about}: in file {}", path.display()),
                (None, None) => about,
            }
        })
    });
    let (what, error) = match delivered {
        Ok(()) => return Ok(ExitCode::Settled),
        Err(Undelivered::Lost(error)) => {
            ("the session cannot be shown, and ends by itself within 24 hours", error)
        }
        Err(Undelivered::Unsaid(error)) => {
            ("the session is in its file, which cannot be said", error)
        }
    };
    Err(by_hand::refused(format!("{what}: {}", chain(error.as_ref())), None).into())
}

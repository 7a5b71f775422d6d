//! `pintail roll-back`: serves the predecessor again, while it lives and is not yet marked as retiring.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::operation;
use super::rotate_now::{Asked, Destinations, Run};
use super::{ExitCode, Output, RollBack, selection};
use crate::audit_log::{self, Cause, Entry, Event};
use crate::config::Config;
use crate::rotation::decide::Request;

/// Publishes the predecessor and walks the same road, gate included; the token that it replaces is revoked at the end.
pub(super) async fn roll_back(
    config: Arc<Config>,
    arguments: &RollBack,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let names = selection::configured(&config, std::slice::from_ref(&arguments.name))?;
    let cause = Cause::from(audit_log::Trigger::RollBack);
    let about = Entry {
        credential: Some(arguments.name.clone()),
        cause: Some(cause.clone()),
        ..Entry::of(Event::Began)
    };
    operation::begin(&config, "roll-back", about).await?;
    let asked = Asked { request: Request::ROLL_BACK, unnamed: BTreeSet::new() };
    let run = Run { names, asked, cause, timeout: None, output };
    run.carry_out(config, &Destinations::default()).await
}

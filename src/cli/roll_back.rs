//! `pintail roll-back`: serves the predecessor again, while it lives and is not yet marked as retiring.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{ExitCode, Output, RollBack, rotate_now, selection};
use crate::config::Config;
use crate::rotation::decide::Trigger;

/// Publishes the predecessor and walks the same road, gate included; the token that it replaces is revoked at the end.
pub(super) async fn roll_back(
    config: Arc<Config>,
    arguments: &RollBack,
    output: Output,
    stop: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let names = selection::configured(&config, std::slice::from_ref(&arguments.name))?;
    rotate_now::run(config, names, Trigger::RollBack, None, output, stop).await
}

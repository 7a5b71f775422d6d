//! tmp
use super::*;
use std::sync::Arc;
pub async fn status(
    _: Arc<crate::config::Config>,
    _: &Names,
    _: Output,
) -> anyhow::Result<ExitCode> {
    anyhow::bail!("x")
}

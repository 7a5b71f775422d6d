//! tmp
use super::*;
use std::sync::Arc;
pub async fn check(
    _: Arc<crate::config::Config>,
    _: &Check,
    _: Output,
) -> anyhow::Result<ExitCode> {
    anyhow::bail!("x")
}

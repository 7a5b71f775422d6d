//! tmp
use super::*;
use std::sync::Arc;
pub async fn adopt(
    _: Arc<crate::config::Config>,
    _: &Adopt,
    _: Output,
) -> anyhow::Result<ExitCode> {
    anyhow::bail!("x")
}

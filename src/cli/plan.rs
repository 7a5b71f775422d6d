//! tmp
use super::*;
use crate::{config::Config, names::CredentialName, rotation::decide::Trigger};
use std::sync::Arc;
pub async fn plan(_: Arc<Config>, _: &Names, _: Output) -> anyhow::Result<ExitCode> {
    anyhow::bail!("x")
}
pub async fn preview(
    _: Arc<Config>,
    _: Vec<CredentialName>,
    _: Trigger,
    _: Output,
) -> anyhow::Result<ExitCode> {
    anyhow::bail!("x")
}
pub fn configured(_: &Config, names: &[CredentialName]) -> anyhow::Result<Vec<CredentialName>> {
    Ok(names.to_vec())
}

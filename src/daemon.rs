//! tmp
pub async fn run(
    _: std::sync::Arc<crate::config::Config>,
    _: tokio_util::sync::CancellationToken,
) -> Result<(), crate::config::ConfigError> {
    todo!()
}

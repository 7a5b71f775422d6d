//! An operation by hand that changes something: the audit log is told first.

use std::sync::Arc;

use super::ExitCode;
use super::error::CliError;
use crate::audit_log::{AuditContext, Cause, Entry, Operation, Trigger};
use crate::config::Config;
use crate::engine::audit_log;

/// Tells that `operation` begins. While that cannot be told, it does not: nothing was changed yet. `about` tells of
/// whom and what.
pub(super) async fn begin(
    config: &Config,
    operation: &'static str,
    about: Entry,
) -> Result<Operation, CliError> {
    let cause = about.cause.clone().unwrap_or_else(|| Cause::from(Trigger::ByHand));
    let audit =
        AuditContext::new(audit_log(config).map(Arc::new), Entry { cause: Some(cause), ..about });
    let begun = audit.begin(operation).await;
    begun.map_err(|error| CliError::told(&error, ExitCode::Failed))
}

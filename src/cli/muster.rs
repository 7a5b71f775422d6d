//! The members of the fleets, for a command that may work on them.

use std::sync::Arc;

use super::error::CliError;
use super::{ExitCode, Names, Pattern, RotateNow, Scope, selection};
use crate::config::Config;
use crate::engine::{Purpose, RollCall};
use crate::fleet::Members;
use crate::names::CredentialName;

/// The configuration with the members of its fleets.
pub(super) struct Mustered {
    pub(super) config: Arc<Config>,
    /// Whether some list did not come, or could not be followed.
    is_lacking: bool,
}

impl Mustered {
    /// How a command ends that came to `code` with those that there are.
    pub(super) fn end(&self, code: ExitCode) -> ExitCode {
        // What is wrong was told when the lists were called.
        if self.is_lacking { code.max(ExitCode::Failed) } else { code }
    }
}

/// Whether tables are all that is meant, so that no list has to be asked for.
fn are_tables(base: &Config, names: &[CredentialName]) -> bool {
    !names.is_empty() && names.iter().all(|name| base.credentials.contains_key(name))
}

/// The names that stand for themselves, if there are no others.
fn exact(patterns: &[Pattern]) -> Vec<CredentialName> {
    let names = patterns.iter().map(|pattern| pattern.name().cloned());
    names.collect::<Option<_>>().unwrap_or_default()
}

/// For a command that works on what `which` chooses.
pub(super) async fn for_choice(
    base: Arc<Config>,
    which: &Names,
    purpose: Purpose,
) -> Result<Mustered, CliError> {
    for_names(base, &exact(&which.names), purpose).await
}

/// For a command that works on `names`, or on all credentials if there are none.
pub(super) async fn for_names(
    base: Arc<Config>,
    names: &[CredentialName],
    purpose: Purpose,
) -> Result<Mustered, CliError> {
    if !base.has_fleets() || are_tables(&base, names) {
        return Ok(Mustered { config: base, is_lacking: false });
    }
    let engine = selection::open(base.clone()).await?;
    let mut roll = RollCall::default();
    roll.call(&engine, &base, purpose).await;
    let is_lacking = roll.standings().iter().any(|one| one.problem.is_some());
    let (config, _) = base.enlist(&roll.members(), &Members::new());
    Ok(Mustered { config: Arc::new(config), is_lacking })
}

/// For a rotation by hand.
pub(super) async fn for_rotation(
    base: Arc<Config>,
    rotation: &RotateNow,
) -> Result<Mustered, CliError> {
    let names: Vec<CredentialName> = match &rotation.scope {
        Scope::All => vec![],
        Scope::Named(names) => names.clone(),
        Scope::Matching(patterns) => exact(patterns),
    };
    for_names(base, &names, Purpose::Rotate).await
}

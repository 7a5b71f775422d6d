//! The service accounts that no credential covers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::by_hand::sanitise;
use super::Unseen;
use crate::engine::Engine;
use crate::fault::{Diagnostic, chain};
use crate::motherduck::Error;

/// Where accounts are known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    /// MotherDuck's list of users: all service accounts.
    Users,
    /// The active accounts, where MotherDuck has no list of users: what sleeps is not seen, and people are.
    Active,
    /// Neither could be had.
    None,
}

/// The accounts that no credential covers, by name, and where they are known from.
pub(super) async fn uncovered(engine: &Engine) -> Result<(Source, Vec<String>), Unseen> {
    let (source, names) = match engine.motherduck.list_users().await {
        Ok(users) => {
            let meant = users
                .into_iter()
                .filter(|user| user.is_service_account() && !user.is_deprovisioned);
            (Source::Users, meant.map(|user| user.username).collect::<Vec<_>>())
        }
        Err(error) if error.has_no_user_list() => {
            let active =
                engine.motherduck.active_accounts().await.map_err(|error| unseen(&error))?;
            (Source::Active, active.into_iter().map(|account| account.username).collect())
        }
        Err(error) => return Err(unseen(&error)),
    };
    let covered: BTreeSet<_> =
        engine.config.credentials.values().map(|one| one.username.canonical()).collect();
    let strangers: BTreeMap<_, _> = names
        .into_iter()
        .map(|name| (name.to_ascii_lowercase(), sanitise(&name)))
        .filter(|(key, _)| !covered.contains(key))
        .collect();
    Ok((source, strangers.into_values().collect()))
}

fn unseen(error: &Error) -> Unseen {
    Unseen { subject: "accounts".to_owned(), message: chain(error), hint: error.hint() }
}

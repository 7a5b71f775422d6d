//! `pintail account list`: what MotherDuck says exists, or else what is configured.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::cli::by_hand::{self, columns, credentials_of, failed, note, sanitise};
use crate::cli::{ExitCode, ListAccounts, Output};
use crate::config::Config;
use crate::fault::chain;
use crate::motherduck::User;

#[derive(Serialize)]
struct Document {
    source: Source,
    accounts: Vec<Row>,
}

/// Where the accounts are known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    Users,
    Configuration,
}

#[derive(Serialize)]
struct Row {
    username: String,
    credentials: Vec<String>,
    /// What MotherDuck says of it.
    #[serde(flatten)]
    user: Option<Details>,
}

#[derive(Serialize)]
struct Details {
    id: String,
    kind: &'static str,
    email: Option<String>,
    roles: Vec<String>,
    is_deprovisioned: bool,
}

/// Lists the service accounts, or all users.
pub(super) async fn list(
    config: &Config,
    which: &ListAccounts,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let client = by_hand::client(config).await?;
    let (source, mut accounts) = match client.list_users().await {
        Ok(users) => {
            let wanted =
                |user: &User| which.all || (user.is_service_account() && !user.is_deprovisioned);
            let rows = users.into_iter().filter(wanted).map(|user| row(config, user));
            (Source::Users, rows.collect::<Vec<_>>())
        }
        Err(error) if error.has_no_user_list() => {
            note(&format!("note: these are the configured accounts: {}", chain(&error)));
            (Source::Configuration, configured(config))
        }
        Err(error) => return Err(failed(&error).into()),
    };
    accounts.sort_by_cached_key(|row| row.username.to_lowercase());
    let document = Document { source, accounts };
    by_hand::write(output, &document, || text(&document))?;
    Ok(ExitCode::Settled)
}

fn row(config: &Config, user: User) -> Row {
    let kind = if user.is_service_account() { "service_account" } else { "person" };
    Row {
        credentials: credentials_of(config, &user.username),
        user: Some(Details {
            id: user.id,
            kind,
            email: user.email,
            roles: user.roles,
            is_deprovisioned: user.is_deprovisioned,
        }),
        username: user.username,
    }
}

fn configured(config: &Config) -> Vec<Row> {
    let names: BTreeSet<_> =
        config.credentials.values().map(|credential| credential.username.as_str()).collect();
    let row = |name: &str| Row {
        username: name.to_owned(),
        credentials: credentials_of(config, name),
        user: None,
    };
    names.into_iter().map(row).collect()
}

fn text(document: &Document) -> String {
    let rows = document.accounts.iter().map(|row| {
        let (kind, roles) = row.user.as_ref().map_or(("", String::new()), |user| {
            let kind = match (user.is_deprovisioned, user.kind) {
                (true, _) => "deprovisioned",
                (false, "service_account") => "service account",
                (false, kind) => kind,
            };
            (kind, sanitise(&user.roles.join(", ")))
        });
        vec![sanitise(&row.username), kind.to_owned(), roles, row.credentials.join(", ")]
    });
    columns(&["username", "kind", "roles", "credentials"], rows)
}

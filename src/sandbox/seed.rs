//! Who is there when a sandbox starts: what it was when it stopped, its admin, and the accounts that were asked for.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::SandboxError;
use super::journal;
use super::state::{Nature, NewToken, Organisation, Role, TokenStatus};
use super::storage::{self, Directory, Privacy};
use super::tokens::mint;
use crate::names::AccountName;
use crate::record::TokenType;
use crate::secret::Token;

/// The admin's username.
pub(super) const ADMIN: &str = "sandbox_admin";
/// A person without the Admin role, for whom no admin may create tokens.
const MEMBER: &str = "sandbox_member";

/// The organisation at the start, and the file that holds the admin's token.
pub(super) fn organisation(
    directory: &Directory,
    accounts: &[AccountName],
    accounts_file: Option<&Path>,
) -> Result<(Organisation, PathBuf), SandboxError> {
    let further = accounts_file.map(listed).transpose()?.unwrap_or_default();
    let mut organisation = match directory.state_file() {
        Some(path) => journal::read(&path)?,
        None => Organisation::default(),
    };
    let people = [(ADMIN, Role::Admin, Nature::Person), (MEMBER, Role::Member, Nature::Person)];
    let accounts = accounts
        .iter()
        .chain(&further)
        .map(|name| (name.as_str(), Role::Member, Nature::ServiceAccount));
    for (username, role, nature) in people.into_iter().chain(accounts) {
        if organisation.user(username).is_none() {
            // Whoever was here before the sandbox has connected before.
            organisation.add_user(username, role, nature, true);
        }
    }
    let path = directory.path().join("admin-token");
    admit(&mut organisation, &admin_token(&path)?);
    Ok((organisation, path))
}

/// The usernames in a file, one a line.
fn listed(path: &Path) -> Result<Vec<AccountName>, SandboxError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SandboxError::Read { path: path.to_owned(), source })?;
    let lines = text.lines().enumerate().map(|(at, line)| {
        let name = line.split_once('#').map_or(line, |(name, _comment)| name).trim();
        (at + 1, name)
    });
    lines
        .filter(|(_, name)| !name.is_empty())
        .map(|(line, name)| {
            let wrong = |source| SandboxError::Account { path: path.to_owned(), line, source };
            name.parse().map_err(wrong)
        })
        .collect()
}

/// The admin's token: the one in the file, or a new one that is written there.
fn admin_token(path: &Path) -> Result<Token, SandboxError> {
    let unusable = |source| SandboxError::AdminToken { path: path.to_owned(), source };
    if let Some(text) = storage::read(path)? {
        return Token::new(&text).map_err(unusable);
    }
    let token = mint(ADMIN, TokenType::ReadWrite, Timestamp::now()).map_err(unusable)?;
    token.lend(|text| storage::write(path, text.as_bytes(), Privacy::Private)).map(drop)?;
    Ok(token)
}

/// Makes the admin's token known, unless it is already: it may have been revoked, and stays so.
fn admit(organisation: &mut Organisation, token: &Token) {
    let now = Timestamp::now();
    let sha256 = token.sha256();
    let is_known = !matches!(organisation.status(&sha256, now), TokenStatus::Unknown);
    let admin = organisation.user(ADMIN).cloned();
    if let Some(admin) = admin.filter(|_| !is_known) {
        let new = NewToken {
            name: "sandbox admin".to_owned(),
            token_type: TokenType::ReadWrite,
            lifetime: None,
            sha256,
        };
        organisation.add_token(&admin, new, now);
    }
}

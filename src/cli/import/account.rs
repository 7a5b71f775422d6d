//! The organisation's accounts, by MotherDuck's own list: a service account is imported, a person's never is.

use std::collections::BTreeMap;

use crate::cli::by_hand::{failed, refused, sanitise};
use crate::cli::error::CliError;
use crate::fault::chain;
use crate::motherduck::{Client, User};
use crate::names::AccountName;

/// All of them, by their names in lower case: MotherDuck compares usernames without case.
pub(super) struct Accounts(BTreeMap<String, User>);

/// What a token opens.
pub(super) enum Opened {
    /// A service account.
    Service(AccountName),
    /// Something else, as told.
    Refused(String),
}

impl Accounts {
    /// Asks MotherDuck.
    pub(super) async fn list(client: &Client) -> Result<Self, CliError> {
        match client.list_users().await {
            Ok(users) => {
                let by_name = |user: User| (user.username.to_ascii_lowercase(), user);
                Ok(Self(users.into_iter().map(by_name).collect()))
            }
            Err(error) if error.has_no_user_list() => Err(refused(
                format!(
                    "a person's account cannot be told from a service account: {}",
                    chain(&error)
                ),
                Some("write the tables by hand, and adopt by the tokens' IDs".to_owned()),
            )),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Whose account `named` is, as an endpoint named it.
    pub(super) fn judge(&self, named: &str) -> Opened {
        let shown = format!("{:?}", sanitise(named));
        let Some(user) = self.0.get(&named.to_ascii_lowercase()) else {
            return Opened::Refused(format!(
                "the endpoint names {shown} for its token, which is no account"
            ));
        };
        if user.is_service_account != Some(true) {
            return Opened::Refused(format!(
                "its token opens {shown}, which is not known to be a service account"
            ));
        }
        if user.is_deprovisioned {
            return Opened::Refused(format!("its token opens {shown}, which is deprovisioned"));
        }
        if user.roles.iter().any(|role| role.eq_ignore_ascii_case("admin")) {
            return Opened::Refused(format!(
                "its token opens {shown}, which has the role Admin (docs/how-to/admin-token.md)"
            ));
        }
        match user.username.parse() {
            Ok(account) => Opened::Service(account),
            Err(_) => Opened::Refused(format!(
                "its token opens {shown}, which is no name that pintail can use"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(username: &str, edit: impl FnOnce(&mut User)) -> (String, User) {
        let mut user = User {
            id: String::new(),
            username: username.to_owned(),
            email: None,
            is_service_account: Some(true),
            is_deprovisioned: false,
            roles: vec!["Member".to_owned()],
        };
        edit(&mut user);
        (username.to_ascii_lowercase(), user)
    }

    #[test]
    fn only_a_service_account_that_is_listed_and_no_admin_is_imported() {
        let accounts = Accounts(
            [
                user("ETL_prod", |_| {}),
                user("ada", |user| user.is_service_account = Some(false)),
                user("vague", |user| user.is_service_account = None),
                user("gone", |user| user.is_deprovisioned = true),
                user("root_1", |user| user.roles = vec!["Admin".to_owned()]),
                user("no name!", |_| {}),
            ]
            .into(),
        );
        let opened = |named| match accounts.judge(named) {
            Opened::Service(account) => Some(account.to_string()),
            Opened::Refused(why) => {
                assert!(why.contains(named), "{why}");
                None
            }
        };
        assert_eq!(opened("etl_PROD").as_deref(), Some("ETL_prod"));
        for named in ["ada", "vague", "gone", "root_1", "no name!", "nobody"] {
            assert_eq!(opened(named), None, "{named}");
        }
    }
}

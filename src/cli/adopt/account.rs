//! Whether a token that is to be adopted may be the account's, by what the endpoint says that it opens.

use super::super::ExitCode;
use super::super::error::CliError;
use super::super::whose::{Connected, connect, rule, whose};
use crate::config::Credential;
use crate::engine::ProductionWorld;
use crate::names::TokenId;
use crate::record::SecretContent;
use crate::rotation::policy::IdentityRule;
use crate::rotation::whose::{Origin, Whose};
use crate::rotation::world::{Answer, World};

/// Refuses a token that opens another account, or of which the endpoint names one that `accepted` is not. Nothing was
/// changed.
pub(super) async fn ensure_own(
    world: &ProductionWorld,
    credential: &Credential,
    accepted: Option<&str>,
    answer: Option<&Answer>,
) -> Result<(), CliError> {
    let (name, account) = (&credential.name, &credential.username);
    let is_required = rule(credential) == Some(IdentityRule::Required);
    let refused = |message, hint| {
        Err(CliError {
            code: ExitCode::Failed,
            message: format!("{name}: {message}"),
            hint: Some(hint),
        })
    };
    match whose(world, account, Origin::Claimed, answer).await {
        Whose::Another(named) => refused(
            format!("the token in the secret opens account {named:?}, and not {account}"),
            format!(
                "put a token of {account} there first, or set username = {named:?}; does the endpoint name that whatever the token: `verify.postgres.identity = \"off\"`"
            ),
        ),
        Whose::Unclear(named) if is_required => refused(
            format!(
                "the endpoint names {named:?} for the token in the secret, and not account {account}"
            ),
            "`verify.postgres.identity = \"required\"` asks for the account's name".to_owned(),
        ),
        Whose::Unclear(named) if accepted.is_some_and(|one| one.eq_ignore_ascii_case(&named)) => {
            Ok(())
        }
        Whose::Unclear(named) => refused(
            format!(
                "the endpoint names {named:?} for the token in the secret, and not account {account}"
            ),
            format!(
                "put a token of {account} there first; does the endpoint name that whatever the token: --accept-account {}",
                in_shell(&named)
            ),
        ),
        Whose::Unanswered if is_required => refused(
            format!(
                "the endpoint does not say whether the token in the secret opens account {account}"
            ),
            "`verify.postgres.identity = \"required\"` asks for the account's name".to_owned(),
        ),
        Whose::Own | Whose::Unanswered => Ok(()),
    }
}

/// The ID that an earlier adoption gave to a text of another account, as the endpoint says now. The right text may have
/// that ID then, the text may be adopted for its own account, and nobody was served by that ID before.
pub(super) async fn disproved(
    world: &ProductionWorld,
    credential: &Credential,
    content: Option<&SecretContent>,
) -> Option<TokenId> {
    let record = match content? {
        SecretContent::Edited { record, .. } | SecretContent::Managed { record, .. } => record,
        SecretContent::Vacant | SecretContent::Unmanaged { .. } => return None,
    };
    if Origin::of(record) == Origin::Created {
        return None;
    }
    let is_disproved = match content? {
        SecretContent::Managed { token, .. } => {
            let opens = connect(world, credential, record, token).await?;
            record.username != credential.username
                && matches!(opens, Ok(Connected::Works(Whose::Own)))
        }
        SecretContent::Edited { .. } | SecretContent::Vacant | SecretContent::Unmanaged { .. } => {
            let (old, token) = world.recall(record.token_id).await.ok()??;
            let opens = connect(world, credential, &old, &token).await?;
            matches!(opens, Ok(Connected::Works(Whose::Another(_))))
        }
    };
    is_disproved.then_some(record.token_id)
}

/// `answer` as a word of a command line. It comes from outside: what a shell might obey is left to the person.
fn in_shell(answer: &str) -> &str {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '+');
    if answer.chars().all(is_plain) { answer } else { "ANSWER" }
}

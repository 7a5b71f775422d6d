//! Whether a served token connects, and whose it is; only where that is asked for, since each connection wakes a
//! Duckling.

use super::super::whose::{Connected, connect, rule};
use super::finding::Finding;
use crate::config::Credential;
use crate::engine::ProductionWorld;
use crate::record::Record;
use crate::rotation::decide::Refusal;
use crate::rotation::policy::IdentityRule;
use crate::rotation::whose::Whose;
use crate::secret::Token;

/// What a connection with the served token tells, where an endpoint proves the credential's tokens.
pub(super) async fn examine(
    world: &ProductionWorld,
    credential: &Credential,
    record: &Record,
    token: &Token,
) -> Option<Finding> {
    let subject = format!("{}: connection", credential.name);
    let connected = connect(world, credential, record, token).await?;
    Some(match connected {
        Ok(Connected::Works(whose)) => judged(credential, &subject, whose),
        Ok(Connected::Refused(how)) => Finding::error(
            &subject,
            format!("the served token does not connect: {how}"),
            Some(format!("pintail rotate-now {}", credential.name)),
        ),
        Err(fault) => Finding::fault(&subject, fault),
    })
}

fn judged(credential: &Credential, subject: &str, whose: Whose) -> Finding {
    let account = &credential.username;
    let is_required = rule(credential) == Some(IdentityRule::Required);
    let unverified = if is_required { Finding::error } else { Finding::warning };
    match whose {
        Whose::Own => {
            Finding::ok(subject, format!("the served token connects, and opens account {account}"))
        }
        Whose::Another(named) => {
            let refusal = Refusal::WrongAccount { account: account.clone(), named };
            let hint = refusal.hint(&credential.name);
            Finding::error(subject, refusal.to_string(), Some(hint))
        }
        Whose::Unclear(named) => unverified(
            subject,
            format!(
                "the served token connects; the endpoint names {named:?} for it, and not account {account}"
            ),
            Some(unclear(is_required)),
        ),
        Whose::Unanswered if is_required => Finding::error(
            subject,
            format!(
                "the served token connects; the endpoint does not say whether it opens account {account}"
            ),
            Some(unclear(is_required)),
        ),
        Whose::Unanswered => Finding::ok(
            subject,
            "the served token connects; the endpoint does not say which account it opens",
        ),
    }
}

fn unclear(is_required: bool) -> String {
    if is_required {
        "no rotation is verified so; is motherduck.postgres.host MotherDuck's own host? `verify.postgres.identity = \"if_answered\"` does without"
    } else {
        "whose a token is cannot be told there; is motherduck.postgres.host MotherDuck's own host?"
    }
    .to_owned()
}

//! Whose a token is, for commands: none of them has seen what the endpoint is worth.

use crate::config::Credential;
use crate::consumers::verify::settings::{Proof, Verify};
use crate::engine::ProductionWorld;
use crate::fault::Fault;
use crate::names::AccountName;
use crate::record::Record;
use crate::rotation::policy::IdentityRule;
use crate::rotation::whose::{Calibration, Judgement, Origin, Whose};
use crate::rotation::world::{Answer, Identity, Verdict, World};
use crate::secret::Token;

/// What a connection with the served token told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Connected {
    /// It works, and is this one's.
    Works(Whose),
    /// It does not.
    Refused(String),
}

/// Whose a token of `origin` is that should be `account`'s, by what the endpoint said.
pub(super) async fn whose(
    world: &ProductionWorld,
    account: &AccountName,
    origin: Origin,
    answer: Option<&Answer>,
) -> Whose {
    let judgement = Calibration::default().judge(account, origin, answer);
    let there_is = match &judgement {
        // Where that is not to be found out, the name tells nothing.
        Judgement::IfThereIs(named) => world.is_account(named).await.unwrap_or(false),
        Judgement::Settled(_) => false,
    };
    judgement.given(|_| there_is)
}

/// Connects with the served token, which wakes the account's Duckling; `None` where no endpoint could say whose it is.
pub(super) async fn connect(
    world: &ProductionWorld,
    credential: &Credential,
    record: &Record,
    token: &Token,
) -> Option<Result<Connected, Fault>> {
    match rule(credential) {
        None | Some(IdentityRule::Off) => return None,
        Some(IdentityRule::IfAnswered | IdentityRule::Required) => {}
    }
    Some(match world.connect(token, &Identity::served(record)).await {
        Ok(Verdict::Works(answer)) => {
            let origin = Origin::of(record);
            Ok(Connected::Works(whose(world, &credential.username, origin, answer.as_ref()).await))
        }
        Ok(Verdict::Refused(how)) => Ok(Connected::Refused(how)),
        Err(fault) => Err(fault),
    })
}

/// How much it matters whose the credential's tokens are, if an endpoint is asked.
pub(super) fn rule(credential: &Credential) -> Option<IdentityRule> {
    match &*credential.verify {
        Proof::Connection(Verify::Postgres { identity, .. }) => Some(*identity),
        Proof::Connection(Verify::Command(_)) | Proof::Admin => None,
    }
}

//! What speaks against revoking a token by hand: the secrets that consumers read, and the token's own name.

use crate::config::{Config, Credential};
use crate::fault::chain;
use crate::names::{AccountName, TokenId, TokenName};
use crate::record::SecretContent;
use crate::stores::{SecretRef, Store};

/// Why `id` must not be revoked as if nobody needed it; `None` if nothing is known to speak against it. Only the
/// secrets of the account's own credentials are read.
pub(super) async fn claim(
    config: &Config,
    account: &AccountName,
    id: TokenId,
    name: Option<&str>,
) -> Option<String> {
    for credential in config.credentials.values() {
        if credential.username.as_str().eq_ignore_ascii_case(account.as_str()) {
            let claim = claim_of(config, credential, id).await;
            if claim.is_some() {
                return claim;
            }
        }
    }
    let managed = name.and_then(TokenName::parse)?;
    Some(format!(
        "by its name, token {id} is managed by pintail for credential {} of {}",
        managed.credential, managed.owner
    ))
}

async fn claim_of(config: &Config, credential: &Credential, id: TokenId) -> Option<String> {
    let content = match read(config, credential).await? {
        Ok(content) => content,
        Err(reason) => {
            return Some(format!(
                "it cannot be known whether credential {} serves token {id}: {reason}",
                credential.name
            ));
        }
    };
    let name = &credential.name;
    match content {
        SecretContent::Unmanaged { .. } | SecretContent::Edited { .. } => Some(format!(
            "the secret of credential {name} holds a token that pintail does not know: it may be token {id}"
        )),
        SecretContent::Managed { record, .. } if record.token_id == id => {
            Some(format!("credential {name} serves token {id}"))
        }
        SecretContent::Managed { record, .. } if record.previous_token_ids.contains(&id) => {
            Some(format!(
                "the rotation of credential {name} has not finished with its predecessor, token {id}"
            ))
        }
        SecretContent::Vacant | SecretContent::Managed { .. } => None,
    }
}

/// What stands in the credential's secret; `None` if its store is not configured.
async fn read(config: &Config, credential: &Credential) -> Option<Result<SecretContent, String>> {
    let settings = config.stores.get(&credential.store)?;
    let location = SecretRef::from(credential);
    let reading = match Store::open(&credential.store, settings).await {
        Ok(store) => store.read(&location).await,
        Err(error) => Err(error),
    };
    Some(reading.map(|reading| reading.content).map_err(|error| chain(&error)))
}

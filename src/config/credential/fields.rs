//! `token_field` and `token_id_field`: the keys of a secret that consumers read.

use std::collections::BTreeMap;

use crate::config::Credential;
use crate::config::findings::{Findings, Key};
use crate::config::kubernetes::{DATA_KEY, is_data_key};
use crate::config::scalar::FieldName;
use crate::config::stores::Stores;
use crate::names::CredentialName;
use crate::record::RECORD_KEY;
use crate::stores::settings::StoreSettings;

/// The key of the token's text, unless another one is configured.
pub(in crate::config) const TOKEN_FIELD: &str = "motherduck_token";

/// The key of the token's text.
pub(super) fn token_field(raw: Option<String>, key: &Key<'_>, findings: &mut Findings) -> String {
    let key = key.child("token_field");
    let field = findings.text(&key, raw).unwrap_or_else(|| TOKEN_FIELD.to_owned());
    refuse_reserved(&field, &key, findings);
    field
}

/// The key of the token's ID, which must be another than the token's.
pub(super) fn token_id_field(
    raw: Option<FieldName>,
    or_else: impl FnOnce() -> FieldName,
    token_field: &str,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<String> {
    let own = key.child("token_id_field");
    // Where it was not chosen, the token's key is the one that was.
    let clash = if raw.is_some() { own } else { key.child("token_field") };
    let FieldName(name) = raw.unwrap_or_else(or_else);
    let field = findings.text(&own, name)?;
    refuse_reserved(&field, &own, findings);
    if field == token_field {
        let problem = format!(
            "the token and its ID cannot both stand under {field:?}: give `token_field` or `token_id_field` another name"
        );
        findings.problem(&clash, problem);
    }
    Some(field)
}

fn refuse_reserved(field: &str, key: &Key<'_>, findings: &mut Findings) {
    if field == RECORD_KEY {
        findings.problem(key, "pintail keeps its record under this key; choose another");
    }
}

/// Finds keys of a token's text that a Secret's data cannot have.
pub(in crate::config) fn fit_kubernetes(
    stores: &Stores,
    credentials: &BTreeMap<CredentialName, Credential>,
    findings: &mut Findings,
) {
    let section = Key::root("credentials");
    for credential in credentials.values() {
        let own = (&credential.store, &credential.token_field, &credential.token_id_field);
        let mirrors = credential.mirrors.iter();
        let mirrors =
            mirrors.map(|mirror| (&mirror.store, &mirror.token_field, &mirror.token_id_field));
        for (store, field, id_field) in mirrors.chain([own]) {
            let Some(Some(StoreSettings::Kubernetes(_))) = stores.get(store) else { continue };
            let key = section.child(credential.name.as_str());
            if !is_data_key(field) {
                findings.problem(&key.child("token_field"), DATA_KEY);
            }
            if id_field.as_ref().is_some_and(|field| !is_data_key(field)) {
                findings.problem(&key.child("token_id_field"), DATA_KEY);
            }
        }
    }
}

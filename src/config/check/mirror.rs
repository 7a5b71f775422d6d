//! `format` and `mirrors`, checked: where else a credential's token is kept, and what it looks like there.

use std::collections::BTreeMap;

use super::findings::{Findings, Key};
use super::kubernetes::{default_name, is_name};
use super::placeholders::fill;
use super::{credential, path};
use crate::config::Mirror;
use crate::config::mirror::RECORD;
use crate::config::raw::mirror::Mirror as Raw;
use crate::config::raw::scalar::{FieldName, Word};
use crate::stores::settings::{Format, StoreSettings};

const ONLY_AWS: &str = "only a secret of AWS Secrets Manager can be plain: Vault's are always objects, and the file \
                        store keeps the bare text in the file `token` anyway";

/// The credential's own secret as it is configured: what its mirrors have in common with it unless they say otherwise.
pub(super) struct Home<'a> {
    /// The store.
    pub(super) store: &'a str,
    /// The path that consumers know.
    pub(super) path: &'a str,
    /// The key of the token's text.
    pub(super) token_field: &'a str,
    /// The key of the token's ID, if it is to stand beside the token.
    pub(super) token_id_field: Option<&'a str>,
    /// What consumers read.
    pub(super) format: Format,
    /// The values of the placeholders in paths.
    pub(super) values: &'a [(&'a str, &'a str)],
}

/// The path of the secret that holds the record, and all the mirrors.
///
/// A plain secret has no room for a record, and two secrets cannot be written at once. So the record goes with the
/// token into a secret beside it, which is the one that decides, and the plain one is its mirror.
pub(super) fn check(
    raw: Vec<Raw>,
    home: &Home<'_>,
    stores: &BTreeMap<String, Option<StoreSettings>>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<(String, Vec<Mirror>)> {
    let mirrors = key.child("mirrors");
    let mirrors: Vec<_> = raw
        .into_iter()
        .enumerate()
        .map(|(number, raw)| {
            mirror(raw, home, stores, &mirrors.child(&number.to_string()), findings)
        })
        .collect();
    let settings = stores.get(home.store)?.as_ref();
    let own = match home.format {
        Format::Json => None,
        Format::Plain if settings.is_some_and(|settings| !can_be_plain(settings)) => {
            findings.problem(&key.child("format"), ONLY_AWS);
            return None;
        }
        Format::Plain => Some(Mirror {
            store: home.store.to_owned(),
            path: home.path.to_owned(),
            token_field: home.token_field.to_owned(),
            token_id_field: home.token_id_field.map(str::to_owned),
            format: Format::Plain,
        }),
    };
    let path = if own.is_some() {
        let record = path::sound(format!("{}/{RECORD}", home.path), settings);
        findings.accept(&key.child("path"), record)?
    } else {
        home.path.to_owned()
    };
    let mirrors = own.map(Some).into_iter().chain(mirrors).collect::<Option<_>>()?;
    Some((path, mirrors))
}

fn mirror(
    raw: Raw,
    home: &Home<'_>,
    stores: &BTreeMap<String, Option<StoreSettings>>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<Mirror> {
    let store = credential::known(raw.store, stores, &key.child("store"), findings)?;
    let settings = stores.get(&store)?.as_ref()?;
    let own = raw.path.map(|template| fill(&template, home.values));
    let path = own.unwrap_or_else(|| Ok(path_like(home, settings)));
    let path = path.and_then(|path| path::sound(path, Some(settings)));
    let path = findings.accept(&key.child("path"), path)?;
    let token_field = match raw.token_field {
        None => home.token_field.to_owned(),
        own => credential::token_field(own, key, findings),
    };
    let of_home = || FieldName(home.token_id_field.map(str::to_owned));
    let token_id_field =
        credential::token_id_field(raw.token_id_field, of_home, &token_field, key, findings);
    let format = match (raw.format, can_be_plain(settings)) {
        (Some(Word(Format::Plain)), false) => {
            findings.problem(&key.child("format"), ONLY_AWS);
            return None;
        }
        (Some(Word(format)), _) => format,
        (None, true) => home.format,
        (None, false) => Format::Json,
    };
    Some(Mirror { store, path, token_field, token_id_field, format })
}

/// The path of a mirror that names none: the credential's own. In Kubernetes few paths can be names.
fn path_like(home: &Home<'_>, settings: &StoreSettings) -> String {
    let credential = home.values.iter().find(|(name, _)| *name == "credential");
    match (settings, credential) {
        (StoreSettings::Kubernetes(_), Some((_, name))) if !is_name(home.path) => {
            default_name(name)
        }
        _ => home.path.to_owned(),
    }
}

fn can_be_plain(settings: &StoreSettings) -> bool {
    match settings {
        StoreSettings::AwsSecretsManager(_) => true,
        StoreSettings::File(_) | StoreSettings::Vault(_) | StoreSettings::Kubernetes(_) => false,
    }
}

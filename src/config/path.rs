//! Where a secret is kept: a sound path, and no two credentials in one place.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::credential::RECORD;
use super::findings::{Findings, Key};
use super::kubernetes::is_name;
use super::stores::Stores;
use super::{Credential, Mirror};
use crate::names::CredentialName;
use crate::stores::settings::StoreSettings;

/// What stands behind the name of the Secret that holds the tokens of before, in Kubernetes.
const PREVIOUS: &str = "-previous";
/// The longest name that AWS Secrets Manager takes.
const AWS_LONGEST: usize = 512;

/// The path, if it is relative and without parts that lead elsewhere, and the store can take it.
pub(super) fn sound(path: String, store: Option<&StoreSettings>) -> Result<String, String> {
    if path.chars().any(char::is_control) {
        return Err("the path must not hold control characters".to_owned());
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("the path must be relative, without empty, `.` or `..` parts and without a slash at its end"
            .to_owned());
    }
    match store {
        Some(StoreSettings::File(_)) if path.split('/').any(|part| part.starts_with("..")) => {
            Err("no part of the path may begin with `..`, which the file store keeps for itself"
                .to_owned())
        }
        Some(StoreSettings::AwsSecretsManager(_)) if !aws_takes(&path) => Err(format!(
            "AWS Secrets Manager refuses this name: use up to {AWS_LONGEST} of a-z, A-Z, 0-9 and /_+=.@-"
        )),
        Some(StoreSettings::Kubernetes(_)) if !is_name(&path) => Err(
            "Kubernetes refuses this as the name of a Secret: use up to 244 of a-z, 0-9, '-' and '.', with a letter or \
             a digit at both ends"
                .to_owned(),
        ),
        Some(
            StoreSettings::File(_)
            | StoreSettings::Vault(_)
            | StoreSettings::AwsSecretsManager(_)
            | StoreSettings::Kubernetes(_),
        )
        | None => Ok(path),
    }
}

fn aws_takes(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    path.len() <= AWS_LONGEST && path.chars().all(plain)
}

/// One place that a credential's token is written to.
struct Place<'a> {
    credential: &'a Credential,
    /// The key that made it.
    key: &'static str,
    store: &'a str,
    /// What tells the store from others under other names.
    target: &'a str,
    path: &'a str,
    is_file: bool,
}

/// Two places that would overwrite one another.
struct Rival<'a> {
    /// The one of them that gives way.
    place: &'a Place<'a>,
    other: &'a CredentialName,
    text: String,
}

/// Finds credentials and mirrors that would overwrite one another.
pub(super) fn check(
    stores: &Stores,
    credentials: &BTreeMap<CredentialName, Credential>,
    findings: &mut Findings,
) {
    let section = Key::root("credentials");
    each_rival(stores, credentials, &BTreeSet::new(), |rival| {
        let Place { credential, key, .. } = rival.place;
        findings.problem(&section.child(credential.name.as_str()).child(key), rival.text);
    });
}

/// The credentials that a rule made and that would overwrite another one, or be overwritten, each with the reason. What
/// stands in a table is none of them, and those of `seniors` stay before others.
pub(in crate::config) fn losers(
    stores: &Stores,
    credentials: &BTreeMap<CredentialName, Credential>,
    seniors: &BTreeSet<CredentialName>,
) -> BTreeMap<CredentialName, String> {
    let mut losers = BTreeMap::new();
    each_rival(stores, credentials, seniors, |rival| {
        let (name, other) = (&rival.place.credential.name, rival.other);
        if losers.contains_key(name) || (name != other && losers.contains_key(other)) {
            return;
        }
        if rank(rival.place.credential, seniors) >= rank_of(other, credentials, seniors) {
            losers.insert(name.clone(), format!("{}: {}", rival.place.key, rival.text));
        } else {
            let text = format!("its secret would be in the way of {name}: {}", rival.text);
            losers.insert(other.clone(), text);
        }
    });
    losers.retain(|name, _| rank_of(name, credentials, seniors) != Rank::Table);
    losers
}

/// Who stays before whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Table,
    Senior,
    Junior,
}

fn rank(credential: &Credential, seniors: &BTreeSet<CredentialName>) -> Rank {
    match &credential.fleet {
        None => Rank::Table,
        Some(_) if seniors.contains(&credential.name) => Rank::Senior,
        Some(_) => Rank::Junior,
    }
}

fn rank_of(
    name: &CredentialName,
    credentials: &BTreeMap<CredentialName, Credential>,
    seniors: &BTreeSet<CredentialName>,
) -> Rank {
    credentials.get(name).map_or(Rank::Junior, |credential| rank(credential, seniors))
}

fn each_rival<'a>(
    stores: &'a Stores,
    credentials: &'a BTreeMap<CredentialName, Credential>,
    seniors: &BTreeSet<CredentialName>,
    mut tell: impl FnMut(Rival<'_>),
) {
    let targets: HashMap<&str, String> = stores
        .iter()
        .filter_map(|(name, store)| Some((name.as_str(), store.as_ref()?.target())))
        .collect();
    let place = |credential, key, store, path| {
        let is_file = matches!(stores.get(store), Some(Some(StoreSettings::File(_))));
        Some(Place { credential, key, store, target: targets.get(store)?.as_str(), path, is_file })
    };
    let mut places: Vec<Place<'_>> = vec![];
    let mut in_order: Vec<&Credential> = credentials.values().collect();
    in_order.sort_by_key(|credential| rank(credential, seniors));
    for credential in in_order {
        places.extend(place(credential, "path", credential.store.as_str(), &credential.path));
        for mirror in &credential.mirrors {
            let key = if is_plain_home(credential, mirror) { "path" } else { "mirrors" };
            places.extend(place(credential, key, mirror.store.as_str(), &mirror.path));
        }
    }
    let mut taken: HashMap<(&str, &str), &Place<'_>> = HashMap::new();
    for place in &places {
        let first = match taken.entry((place.target, place.path)) {
            Entry::Vacant(free) => {
                free.insert(place);
                continue;
            }
            Entry::Occupied(first) => *first.get(),
        };
        let (name, path, store) = (&place.credential.name, place.path, place.store);
        let other = &first.credential.name;
        let text = if other == name {
            format!(
                "the token is kept there already ({path} in store {store}); give each mirror a place of its own"
            )
        } else {
            format!(
                "{other} is kept in the same place ({path} in store {store}); give each credential its own path"
            )
        };
        tell(Rival { place, other, text });
    }
    for place in places.iter().filter(|place| place.target.starts_with("kubernetes\n")) {
        let Some(of) = place.path.strip_suffix(PREVIOUS) else { continue };
        if let Some(first) = taken.get(&(place.target, of)) {
            let other = &first.credential.name;
            let text = format!("the tokens of {other} from before are kept in {}", place.path);
            tell(Rival { place, other, text });
        }
    }
    for place in places.iter().filter(|place| place.is_file) {
        let parents = place.path.match_indices('/').filter_map(|(at, _)| place.path.get(..at));
        for outer in parents.filter_map(|parent| taken.get(&(place.target, parent))) {
            let other = &outer.credential.name;
            let text = format!(
                "{} lies inside the directory that {other} is kept in; the file store needs them side by side",
                place.path
            );
            tell(Rival { place, other, text });
        }
    }
}

/// Whether the mirror is what `format = "plain"` has made of the credential's own path.
fn is_plain_home(credential: &Credential, mirror: &Mirror) -> bool {
    mirror.store == credential.store
        && credential.path.strip_suffix(RECORD).and_then(|path| path.strip_suffix('/'))
            == Some(&mirror.path)
}

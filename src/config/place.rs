//! A place: what tells the secret that consumers read from all others, however its store is called and reached.

use super::{Config, Credential};
use crate::stores::settings::{Format, StoreSettings};

/// One place where a credential's token is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The store's name, for people.
    pub store: String,
    /// Where in the store.
    pub path: String,
    target: String,
    token_field: String,
    format: Format,
}

impl Place {
    /// Whether whoever reads the token here reads it there.
    pub fn is(&self, other: &Self) -> bool {
        self.target == other.target
            && self.path == other.path
            && self.token_field == other.token_field
            && self.format == other.format
    }
}

impl Place {
    /// Whether it is the bare text of the token, beside which no record has room.
    pub fn is_plain(&self) -> bool {
        match self.format {
            Format::Plain => true,
            Format::Json => false,
        }
    }

    /// Whether it is the same secret as another place, maybe under another key or in another form.
    pub fn is_beside(&self, other: &Self) -> bool {
        self.target == other.target && self.path == other.path
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in store {}", self.path, self.store)
    }
}

impl Config {
    /// Whether the store of `place` is still known by the name that it had.
    pub fn names(&self, place: &Place) -> bool {
        self.stores.get(&place.store).is_some_and(|store| store.target() == place.target)
    }

    /// The places of `credential`: its own, which decides, and then its mirrors'.
    pub fn places(&self, credential: &Credential) -> Vec<Place> {
        let place = |store: &String, path: &String, token_field: &String, format| Place {
            store: store.clone(),
            path: path.clone(),
            target: self.stores.get(store).map(StoreSettings::target).unwrap_or_default(),
            token_field: token_field.clone(),
            format,
        };
        let Credential { store, path, token_field, mirrors, .. } = credential;
        let mirrors =
            mirrors.iter().map(|one| place(&one.store, &one.path, &one.token_field, one.format));
        std::iter::once(place(store, path, token_field, Format::Json)).chain(mirrors).collect()
    }
}

impl StoreSettings {
    /// What two stores under different names have in common if they are one and the same.
    pub(super) fn target(&self) -> String {
        match self {
            Self::File(store) => format!("file\n{}", store.dir.display()),
            Self::Vault(store) => {
                let namespace = store.namespace.as_deref().unwrap_or_default().trim_matches('/');
                format!("vault\n{}\n{namespace}\n{}", store.address, store.mount)
            }
            Self::AwsSecretsManager(store) => {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let endpoint = store.endpoint_url.as_ref().map(ToString::to_string);
                // Another role of the same AWS account leads to the same secrets.
                let account = store.role_arn.as_ref().and_then(|arn| arn.split(':').nth(4));
                let account = account.unwrap_or_default();
                format!("aws\n{}\n{}\n{account}", text(&store.region), text(&endpoint))
            }
            Self::Kubernetes(store) => {
                format!("kubernetes\n{}\n{}", store.cluster.server(), store.namespace)
            }
        }
    }
}

/// What another configuration does to the places of a credential.
#[derive(Debug, Default, Clone)]
pub struct Move {
    /// The places that it leaves, by their numbers (0 is the credential's own) while another takes their place: those
    /// who read there would be left with tokens that nobody keeps.
    pub left: Vec<(usize, Place)>,
    /// The mirrors that it lets go of, and has nothing in their place.
    pub dropped: Vec<Place>,
}

impl Move {
    /// From the places `before` to the places `now`. Nothing is left by a place that is named as a mirror from now on.
    pub fn between(before: &[Place], now: &[Place]) -> Self {
        let is_among = |places: &[Place], place: &Place| places.iter().any(|one| one.is(place));
        let gone: Vec<_> = before
            .iter()
            .enumerate()
            .filter(|(_, place)| !is_among(now, place))
            .map(|(number, place)| (number, place.clone()))
            .collect();
        if now.iter().all(|place| is_among(before, place))
            && gone.iter().all(|(number, _)| *number != 0)
        {
            return Self {
                left: vec![],
                dropped: gone.into_iter().map(|(_, place)| place).collect(),
            };
        }
        Self { left: gone, dropped: vec![] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<Place> {
        let place = |text: &str| Place {
            store: "main".to_owned(),
            path: text.to_owned(),
            target: "vault".to_owned(),
            token_field: "motherduck_token".to_owned(),
            format: Format::Json,
        };
        text.split_whitespace().map(place).collect()
    }

    #[test]
    fn a_place_is_left_unless_it_is_kept_as_a_mirror_or_a_mirror_that_nothing_takes_the_place_of() {
        for (before, now, left, dropped) in [
            ("a", "a", "", ""),
            ("a", "b", "a", ""),
            ("a", "b a", "", ""),
            ("a m", "m a", "", ""),
            ("a m", "m", "a", ""),
            ("a m", "a", "", "m"),
            ("a m", "a n", "m", ""),
            ("a m", "a n m", "", ""),
            ("a m", "b a", "m", ""),
            ("a m n", "a n", "", "m"),
            ("a m", "b n", "a m", ""),
        ] {
            let change = Move::between(&places(before), &places(now));
            let left_now: Vec<_> =
                change.left.iter().map(|(_, place)| place.path.as_str()).collect();
            let dropped_now: Vec<_> =
                change.dropped.iter().map(|place| place.path.as_str()).collect();
            assert_eq!(left_now.join(" "), left, "from {before:?} to {now:?}");
            assert_eq!(dropped_now.join(" "), dropped, "from {before:?} to {now:?}");
        }
    }

    #[test]
    fn a_place_is_told_by_what_is_kept_where_and_not_by_how_it_is_reached() {
        let change = |before: &str, now: &str| {
            let read = |text: &str| {
                let dir = tempfile::tempdir().unwrap();
                let file = dir.path().join("pintail.toml");
                let text = format!(
                    "owner = \"test\"\n[motherduck]\nadmin_token.env = \"ADMIN\"\n{text}\n[defaults]\nevery = \"1d\"\n\
                     ttl = \"90d\"\ngate.none = {{}}\nverify.postgres = {{}}\nstore = \"main\"\n\
                     [credentials.etl]\nusername = \"etl\"\ntoken_type = \"read_write\"\n"
                );
                std::fs::write(&file, &text).unwrap();
                Config::load(&[file], []).unwrap_or_else(|error| panic!("{text}{error}"))
            };
            let places =
                |config: &Config| config.places(config.credentials.values().next().unwrap());
            let (before, now) = (read(before), read(now));
            !Move::between(&places(&before), &places(&now)).left.is_empty()
        };
        let vault = |more: &str| {
            format!(
                "[stores.main.vault]\naddress = \"https://vault.example.com\"\n{more}\nauth = {{ token_env = \"X\" }}\n"
            )
        };
        let aws = |more: &str| {
            format!("[stores.main.aws_secrets_manager]\nregion = \"eu-west-1\"\n{more}\n")
        };
        let role = |account: &str, name: &str| {
            format!("role_arn = \"arn:aws:iam::{account}:role/{name}\"")
        };
        let file = |more: &str| format!("[stores.main.file]\n{more}\n");
        for (before, now, is_left) in [
            (vault(""), vault("mount = \"other\""), true),
            (vault(""), vault("namespace = \"team\""), true),
            (vault("namespace = \"team\""), vault("namespace = \"team/\""), false),
            (vault(""), vault("").replace("vault.example", "vault2.example"), true),
            (vault(""), vault("").replace("token_env = \"X\"", "token_env = \"Y\""), false),
            (vault(""), vault("ca_file = \"/ca.pem\""), false),
            (aws(""), aws("").replace("eu-west-1", "us-east-1"), true),
            (aws(&role("111111111111", "a")), aws(&role("111111111111", "b")), false),
            (aws(&role("111111111111", "a")), aws(&role("222222222222", "a")), true),
            (aws(""), aws("kms_key_id = \"k\""), false),
            (file("dir = \"/a\""), file("dir = \"/b\""), true),
            (file("dir = \"/a\""), file("dir = \"/a\"\nkeep_versions = 9"), false),
            (file("dir = \"/a\""), vault(""), true),
        ] {
            assert_eq!(change(&before, &now), is_left, "from {before} to {now}");
        }
    }
}

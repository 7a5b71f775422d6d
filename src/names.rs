//! The names that pintail lives by: credentials, accounts, owners, tokens and rotations, each checked when made.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A credential's or an owner's name with a character or a length that token names and paths cannot carry.
    #[error(
        "{what} {text:?} must be 1 to 64 of a-z, A-Z, 0-9, '_', '-' and '.', starting with a letter or a digit"
    )]
    Label {
        /// What the text was meant to name.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// A username that MotherDuck would refuse.
    #[error(
        "username {0:?} would be refused by MotherDuck: use 3 to 255 letters, digits and underscores, starting with a letter"
    )]
    Account(String),
    /// A token ID that is not a UUID. MotherDuck may accept a token's *name* in its place, so nothing else passes.
    #[error("token ID {0:?} is not a UUID")]
    TokenId(String),
}

macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> Result<(), NameError> = $check;
                check(text).map(|()| Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_name!(
    /// The name of a credential: one token that consumers read from one secret.
    CredentialName,
    |text| label("credential name", text)
);
text_name!(
    /// Which pintail deployment a credential belongs to.
    Owner,
    |text| label("owner", text)
);
text_name!(
    /// The name of a fleet: a rule that makes credentials of accounts.
    FleetName,
    |text| label("fleet name", text)
);
text_name!(
    /// A MotherDuck service account's username, in the subset that the service is known to accept.
    AccountName,
    account
);

impl AccountName {
    /// The same text for all spellings of one account: MotherDuck compares usernames without case.
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The same account in lower case, by which rules know it: another spelling of it is no other account.
    #[must_use]
    pub fn lower(&self) -> Self {
        Self(self.canonical().into())
    }
}

fn label(what: &'static str, text: &str) -> Result<(), NameError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && text.len() <= 64 && text.chars().all(plain) {
        Ok(())
    } else {
        Err(NameError::Label { what, text: text.to_owned() })
    }
}

fn account(text: &str) -> Result<(), NameError> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if starts_well && plain && (3..=255).contains(&text.len()) {
        Ok(())
    } else {
        Err(NameError::Account(text.to_owned()))
    }
}

/// A token's ID. Only UUIDs exist here, so that revoking by a token's name cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(pub Uuid);

impl FromStr for TokenId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Uuid::try_parse(text).map(Self).map_err(|_| NameError::TokenId(text.to_owned()))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Where a secret is, in four bytes: two marks that differ mean two places. The ID of a rotation carries it, and so
/// does the name of the token that the rotation makes. Without it a token that another place serves, since the
/// configuration was changed or another pintail has another one, could not be told from what an interrupted rotation
/// left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlaceMark([u8; 4]);

/// Says that a mark follows; a random UUID has these bytes once in 65,536 times.
const MARKED: [u8; 2] = [0x9e, 0x7a];
/// Where in a UUID it stands: behind the time, the version and the variant, and a few random bits.
const MARKED_FROM: usize = 9;

impl PlaceMark {
    /// The mark of the place that `parts` describe, such as a store's kind, its address and a path.
    pub fn of(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        let [one, two, three, four, ..] = <[u8; 32]>::from(digest.finalize());
        Self([one, two, three, four])
    }
}

/// One rotation, from the creation of a replacement to the revocation of its predecessor: a UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RotationId(Uuid);

impl RotationId {
    /// A rotation that starts at `now`.
    pub fn starting_at(now: Timestamp) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let seconds = millis / 1_000;
        let nanos = u32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000;
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)))
    }

    /// The same, of a secret at `place`. 26 of the random bits are left.
    #[must_use]
    pub fn at_place(self, place: PlaceMark) -> Self {
        let mut bytes = self.0.into_bytes();
        let mark = MARKED.into_iter().chain(place.0);
        bytes.iter_mut().skip(MARKED_FROM).zip(mark).for_each(|(byte, mark)| *byte = mark);
        Self(Uuid::from_bytes(bytes))
    }

    /// The place of the secret that the rotation was for, if its ID tells.
    pub fn place(&self) -> Option<PlaceMark> {
        let [_, _, _, _, _, _, _, _, _, first, second, place @ .., _] = *self.0.as_bytes();
        ([first, second] == MARKED).then_some(PlaceMark(place))
    }

    /// When the rotation started, to the millisecond; `None` for a UUID of another version.
    pub fn started_at(&self) -> Option<Timestamp> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
    }
}

impl FromStr for RotationId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self)
    }
}

impl fmt::Display for RotationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The name of a managed token, `pintail/<owner>/<credential>/<rotation ID>`: how a later look recognises what an
/// interrupted one left behind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenName {
    /// The deployment that made the token.
    pub owner: Owner,
    /// The credential that it was made for.
    pub credential: CredentialName,
    /// The rotation that it was made in.
    pub rotation: RotationId,
}

impl TokenName {
    /// Reads a managed token's name; `None` for any other name.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        if parts.next()? != "pintail" {
            return None;
        }
        let name = Self {
            owner: parts.next()?.parse().ok()?,
            credential: parts.next()?.parse().ok()?,
            rotation: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(name)
    }

    /// Whether `text` names a token that `owner` made for `credential`.
    pub fn is_ours(text: &str, owner: &Owner, credential: &CredentialName) -> bool {
        Self::parse(text).is_some_and(|name| name.owner == *owner && name.credential == *credential)
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pintail/{}/{}/{}", self.owner, self.credential, self.rotation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_managed_name_is_read_back_as_it_was_written() {
        let name = TokenName {
            owner: "prod".parse().unwrap(),
            credential: "etl_prod".parse().unwrap(),
            rotation: RotationId::starting_at(Timestamp::from_second(1_700_000_000).unwrap()),
        };
        assert_eq!(TokenName::parse(&name.to_string()), Some(name));
    }

    #[test]
    fn a_name_that_only_resembles_ours_is_not_ours() {
        for text in [
            "",
            "pintail",
            "pintail/prod/etl",
            "pintail/prod/etl/x",
            "other/prod/etl/0190163d-8694-739b-aea5-966c26f8ad91",
            "pintail/prod/etl/0190163d-8694-739b-aea5-966c26f8ad91/more",
        ] {
            assert_eq!(TokenName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_rotation_knows_when_it_started() {
        let start = Timestamp::from_millisecond(1_763_771_234_567).unwrap();
        assert_eq!(RotationId::starting_at(start).started_at(), Some(start));
    }

    #[test]
    fn a_rotation_knows_the_place_that_it_was_for_and_an_id_of_others_knows_none() {
        let place = PlaceMark::of(&["file", "/srv", "etl"]);
        let [one, two] =
            [(); 2].map(|()| RotationId::starting_at(Timestamp::UNIX_EPOCH).at_place(place));
        assert_eq!((one.place(), two.place()), (Some(place), Some(place)));
        assert_ne!(one, two);
        assert_eq!(one.to_string().as_bytes().get(14), Some(&b'7'), "a UUID of version 7");
        assert_ne!(PlaceMark::of(&["file", "/srv", "etl2"]), place);
        assert_ne!(PlaceMark::of(&["file", "/srve", "tl"]), place);
        let foreign: RotationId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        assert_eq!(foreign.place(), None);
    }

    #[test]
    fn usernames_that_the_service_refuses_are_refused_here() {
        for text in ["", "ab", "1abc", "with-hyphen", "sp ace", "../up", "é_account"] {
            assert!(text.parse::<AccountName>().is_err(), "{text}");
        }
        assert!("etl_prod".parse::<AccountName>().is_ok());
    }

    #[test]
    fn a_token_name_is_never_a_token_id() {
        assert!(
            "pintail/prod/etl/0190163d-8694-739b-aea5-966c26f8ad91".parse::<TokenId>().is_err()
        );
        assert!("0190163d-8694-739b-aea5-966c26f8ad91".parse::<TokenId>().is_ok());
    }
}

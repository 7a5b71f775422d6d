//! Whose a listed token is, told by the records of its account and by its name; pure.

use crate::names::{CredentialName, Owner, TokenName};
use crate::rotation::world::ListedToken;

/// What a record of this deployment says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recorded {
    /// It lives where the credential's secret is not.
    Elsewhere,
    /// It is a predecessor.
    Predecessor,
    /// It is the served one.
    Served,
}

/// Whose a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ownership {
    /// A record serves it.
    Served,
    /// A record replaced it, and it is not yet revoked.
    Predecessor,
    /// It lives where the secret of its credential is not, and consumers may use it.
    Elsewhere,
    /// It has the name of a credential of its account, and no record knows it: never served.
    Orphan,
    /// Nobody manages it: made by hand, or left by a credential that this configuration does not have (any more).
    Unmanaged,
    /// Another deployment's pintail made it, by its name.
    Foreign,
}

/// Whose `token` is. `recorded` is what the records of this deployment say, and `is_here` whether a credential is
/// configured for the account that lists the token: only there would its orphans be found.
pub fn ownership(
    owner: &Owner,
    token: &ListedToken,
    recorded: Option<Recorded>,
    is_here: impl FnOnce(&CredentialName) -> bool,
) -> Ownership {
    match recorded {
        // An adopted token may have any name: the record is the better witness.
        Some(Recorded::Served) => return Ownership::Served,
        Some(Recorded::Predecessor) => return Ownership::Predecessor,
        Some(Recorded::Elsewhere) => return Ownership::Elsewhere,
        None => {}
    }
    match token.name.as_deref().and_then(TokenName::parse) {
        Some(name) if name.owner != *owner => Ownership::Foreign,
        Some(name) if is_here(&name.credential) => Ownership::Orphan,
        Some(_) | None => Ownership::Unmanaged,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::names::TokenId;

    fn told(name: Option<&str>, recorded: Option<Recorded>) -> Ownership {
        let token = ListedToken {
            id: TokenId(Uuid::nil()),
            name: name.map(str::to_owned),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
        };
        let owner = "prod".parse().unwrap();
        ownership(&owner, &token, recorded, |credential| credential.as_str() == "etl")
    }

    #[test]
    fn a_record_is_believed_before_a_name_and_a_name_tells_the_rest() {
        let name = |owner, credential| {
            format!("pintail/{owner}/{credential}/0190163d-8694-739b-aea5-966c26f8ad91")
        };
        let (ours, removed, theirs) =
            (name("prod", "etl"), name("prod", "removed"), name("staging", "etl"));
        for named in [None, Some("by hand"), Some(ours.as_str()), Some(theirs.as_str())] {
            assert_eq!(told(named, Some(Recorded::Served)), Ownership::Served);
            assert_eq!(told(named, Some(Recorded::Predecessor)), Ownership::Predecessor);
        }
        assert_eq!(told(Some(&ours), None), Ownership::Orphan);
        assert_eq!(told(Some(&removed), None), Ownership::Unmanaged);
        assert_eq!(told(Some(&theirs), None), Ownership::Foreign);
        assert_eq!(told(Some("pintail/by hand"), None), Ownership::Unmanaged);
        assert_eq!(told(None, None), Ownership::Unmanaged);
    }
}

//! Which version gets which ID and label, and what AWS's answers mean: the judgement of a publication, without I/O.

use uuid::Uuid;

use super::answer::{Answer, Code};
use crate::names::TokenName;
use crate::record::{Phase, Record, SecretContent};
use crate::rotation::world::Version;

/// The label of the version that is served.
pub(crate) const CURRENT: &str = "AWSCURRENT";
/// The label of the version that was served before; it follows `AWSCURRENT` by itself.
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";
/// Our label for a version that is not served yet.
pub(crate) const PENDING: &str = "PINTAIL_PENDING";
/// Our label for asking whether labels may be moved. It never sticks.
pub(super) const PROBE: &str = "PINTAIL_PROBE";

/// The ID of the new version: the token's own when a replacement is served for the first time, so that the two can be
/// matched by eye; else a fresh one, since the token's may belong to an older version, and a version is never made
/// current twice.
pub(crate) fn version_id(over: &SecretContent, record: &Record) -> Uuid {
    let is_made_in_this_rotation = TokenName::parse(&record.token_name)
        .is_some_and(|name| name.rotation == record.rotation_id)
        && record.phase == Phase::Published;
    let is_first_served = match over {
        SecretContent::Vacant => true,
        SecretContent::Managed { record: served, .. } => served.token_id != record.token_id,
        // An adoption, of a token that may have been here before.
        SecretContent::Unmanaged { .. } | SecretContent::Edited { .. } => false,
    };
    if is_made_in_this_rotation && is_first_served { record.token_id.0 } else { Uuid::new_v4() }
}

/// What is left to do after a version was put.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AfterPut {
    /// Nothing: it was the secret's first version, and AWS has made it current.
    Served,
    /// Move `AWSCURRENT` to it; from nowhere, if no version had it.
    Move {
        /// The version that was read.
        from: Option<String>,
    },
}

/// What is left to do after a version with the labels `stages` was put over `over`.
pub(super) fn after_put(stages: &[String], over: &Version) -> AfterPut {
    if stages.iter().any(|label| label == CURRENT) {
        return AfterPut::Served;
    }
    AfterPut::Move { from: (!over.is_absent()).then(|| over.as_str().to_owned()) }
}

/// What a refusal to move `AWSCURRENT` means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// The version that was read is not current any more, or is gone.
    Conflict,
    /// Something else: the answer tells whether it may yet land.
    Otherwise,
}

/// What a refusal to move `AWSCURRENT` means.
pub(super) fn judge_move(answer: &Answer) -> Moved {
    if answer.is(Code::InvalidParameter) || answer.is(Code::ResourceNotFound) {
        Moved::Conflict
    } else {
        Moved::Otherwise
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Token;

    const ROTATION: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
    const TOKEN_ID: &str = "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01";

    fn record(token_id: &str, name: &str) -> Record {
        Record {
            token_id: token_id.parse().unwrap(),
            token_name: name.to_owned(),
            rotation_id: ROTATION.parse().unwrap(),
            token_sha256: String::new(),
            ..Record::sample(&Token::new("t").unwrap())
        }
    }

    fn replacement() -> Record {
        record(TOKEN_ID, &format!("pintail/prod/etl/{ROTATION}"))
    }

    fn managed(record: Record) -> SecretContent {
        SecretContent::Managed { record: Box::new(record), token: Token::new("t").unwrap() }
    }

    fn id_over(over: &SecretContent, record: &Record) -> Option<Uuid> {
        Some(version_id(over, record)).filter(|id| *id == record.token_id.0)
    }

    #[test]
    fn a_replacement_is_put_under_its_token_id() {
        let older = record("7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a02", "any");
        assert!(id_over(&SecretContent::Vacant, &replacement()).is_some());
        assert!(id_over(&managed(older), &replacement()).is_some());
    }

    #[test]
    fn a_token_that_may_have_been_served_before_gets_a_fresh_version() {
        let older = managed(record("7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a02", "any"));
        let seal = Record { phase: Phase::Retiring, ..replacement() };
        assert_eq!(id_over(&managed(replacement()), &seal), None);
        assert_eq!(id_over(&managed(replacement()), &replacement()), None, "a touch");
        let back = record(TOKEN_ID, "pintail/prod/etl/0190163d-8694-739b-aea5-966c26f8ad00");
        assert_eq!(id_over(&older, &back), None, "a roll-back");
        let hand_made = SecretContent::Unmanaged { token: Token::new("t").unwrap() };
        assert_eq!(id_over(&hand_made, &replacement()), None, "an adoption");
    }

    #[test]
    fn only_a_version_that_is_not_current_is_moved_to() {
        let both = [PENDING.to_owned(), CURRENT.to_owned()];
        assert_eq!(after_put(&both, &Version::absent()), AfterPut::Served);
        let pending = &both[..1];
        assert_eq!(after_put(pending, &Version::absent()), AfterPut::Move { from: None });
        assert_eq!(
            after_put(pending, &Version::new("v1")),
            AfterPut::Move { from: Some("v1".to_owned()) }
        );
    }

    #[test]
    fn only_a_definite_refusal_is_a_conflict() {
        let answered = |code: &str, status| Answer::answered(Some(code), None, status);
        assert_eq!(judge_move(&answered("InvalidParameterException", 400)), Moved::Conflict);
        assert_eq!(judge_move(&answered("ResourceNotFoundException", 404)), Moved::Conflict);
        for (code, status) in [("InternalServiceError", 500), ("AccessDeniedException", 400)] {
            assert_eq!(judge_move(&answered(code, status)), Moved::Otherwise);
        }
        assert!(answered("InternalServiceError", 500).may_land());
        assert!(!answered("AccessDeniedException", 400).may_land());
        assert!(!answered("ThrottlingException", 400).may_land());
    }
}

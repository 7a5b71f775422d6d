//! A publication, request by request: which one is next, and what each answer means. Without I/O, so that the store
//! and the simulation of the core take the same steps.

use uuid::Uuid;

use super::answer::{Answer, Code};
use super::labels::{AfterPut, Moved, after_put, judge_move};
use crate::rotation::world::Version;

/// What a publication does next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Create the secret with its first version. Sent once.
    Create(Uuid),
    /// Look whether the secret has a version that is served.
    Look,
    /// Put a version that is not served yet. It may be repeated: the ID makes the repetitions one.
    Put(Uuid),
    /// Move `AWSCURRENT`. Sent once: repeated after a lost answer, the repetition would be refused because the first
    /// had worked, and would read as a conflict.
    Move {
        /// The version that was put.
        to: Uuid,
        /// The version that was read; none, if no version had the label.
        from: Option<String>,
    },
    /// Nothing: the new version is served.
    Served,
    /// Nothing: the secret is no longer at the version that was read.
    Conflict,
    /// Nothing: another version is served by now, and whether ours was before it cannot be told.
    Overtaken,
    /// Nothing: a request did not do what was asked.
    Failed {
        /// What was tried.
        doing: &'static str,
        /// What came of it.
        answer: Answer,
        /// Whether the new version may be served, now or later.
        may_land: bool,
    },
}

/// A publication over one reading.
#[derive(Debug)]
pub(crate) struct Publication {
    over: Version,
    id: Uuid,
    puts: u32,
}

impl Publication {
    /// A publication of version `id` over the version `over`; and its first request.
    pub(crate) fn begin(over: &Version, id: Uuid) -> (Self, Next) {
        let this = Self { over: over.clone(), id, puts: 0 };
        let next = if over.is_absent() { Next::Create(id) } else { Next::Put(id) };
        (this, next)
    }

    /// What follows the creation of the secret.
    pub(crate) fn created(outcome: Result<(), Answer>) -> Next {
        match outcome {
            Ok(()) => Next::Served,
            // It exists and yet there was nothing to read: either somebody has just created it, or it was made without
            // a value, by Terraform for instance.
            Err(answer) if answer.is(Code::ResourceExists) => Next::Look,
            Err(answer) => failed("create", answer),
        }
    }

    /// What follows the look at a secret that exists.
    pub(crate) fn looked(&self, has_served: Result<bool, Answer>) -> Next {
        match has_served {
            Ok(true) => Next::Conflict,
            Ok(false) => Next::Put(self.id),
            Err(answer) => Next::Failed { doing: "read", answer, may_land: false },
        }
    }

    /// What follows the put of a version, which has these labels now. A version that is not current serves nobody,
    /// whenever it lands, so an unknown outcome is a refusal, except where the secret has no version yet: AWS makes
    /// the first one current by itself.
    pub(crate) fn put(&mut self, outcome: Result<Vec<String>, Answer>) -> Next {
        self.puts += 1;
        match outcome {
            Ok(labels) => match after_put(&labels, &self.over) {
                AfterPut::Served => Next::Served,
                AfterPut::Move { from } => Next::Move { to: self.id, from },
            },
            // A version of that ID exists, with another text. It may have been current: never make it so again.
            Err(answer) if answer.is(Code::ResourceExists) && self.puts == 1 => {
                self.id = Uuid::new_v4();
                Next::Put(self.id)
            }
            Err(answer) if self.over.is_absent() => failed("write", answer),
            Err(answer) => Next::Failed { doing: "write", answer, may_land: false },
        }
    }

    /// What follows the move of `AWSCURRENT`. Where no version was served, the put may have been sent twice, and the
    /// first of the two may have made our version current, for a while.
    pub(crate) fn moved(&self, outcome: Result<(), Answer>) -> Next {
        let Err(answer) = outcome else { return Next::Served };
        match judge_move(&answer) {
            Moved::Conflict if self.over.is_absent() => Next::Overtaken,
            Moved::Conflict => Next::Conflict,
            Moved::Otherwise => failed("make current the new version of", answer),
        }
    }
}

/// A request that would have made the version current.
fn failed(doing: &'static str, answer: Answer) -> Next {
    let may_land = answer.may_land();
    Next::Failed { doing, answer, may_land }
}

#[cfg(test)]
mod tests {
    use super::super::labels::version_id;
    use super::*;
    use crate::names::{RotationId, TokenName};
    use crate::record::{Record, SecretContent};
    use crate::secret::Token;

    fn record() -> Record {
        let rotation = RotationId::starting_at("2026-11-22T12:00:00Z".parse().unwrap());
        let owner = "prod".parse().unwrap();
        let name = TokenName { owner, credential: "etl".parse().unwrap(), rotation };
        Record {
            token_name: name.to_string(),
            created_at: "2026-11-22T12:00:00Z".parse().unwrap(),
            rotation_id: rotation,
            published_at: "2026-11-22T12:00:01Z".parse().unwrap(),
            token_sha256: String::new(),
            owner: name.owner,
            ..Record::sample(&Token::new("t").unwrap())
        }
    }

    fn over(version: &Version) -> (Publication, Next) {
        Publication::begin(version, version_id(&SecretContent::Vacant, &record()))
    }

    fn said(code: &str, status: u16) -> Answer {
        Answer::answered(Some(code), None, status)
    }

    fn may_land(next: &Next) -> Option<bool> {
        if let Next::Failed { may_land, .. } = next { Some(*may_land) } else { None }
    }

    #[test]
    fn an_absent_secret_is_created_and_another_gets_a_version() {
        let own = record().token_id.0;
        assert!(matches!(over(&Version::absent()).1, Next::Create(id) if id == own));
        assert!(matches!(over(&Version::new("v1")).1, Next::Put(id) if id == own));
    }

    #[test]
    fn a_creation_is_a_conflict_only_if_something_is_served() {
        let (publication, _) = over(&Version::absent());
        assert!(matches!(Publication::created(Ok(())), Next::Served));
        let exists = Publication::created(Err(said("ResourceExistsException", 400)));
        assert!(matches!(exists, Next::Look));
        assert!(matches!(publication.looked(Ok(true)), Next::Conflict));
        assert!(matches!(publication.looked(Ok(false)), Next::Put(_)));
        let unread = publication.looked(Err(said("InternalServiceError", 500)));
        assert_eq!(may_land(&unread), Some(false), "nothing was put yet");
        let silence = Publication::created(Err(Answer::Unclear(String::new())));
        assert_eq!(may_land(&silence), Some(true));
        let denied = Publication::created(Err(said("AccessDeniedException", 400)));
        assert_eq!(may_land(&denied), Some(false));
    }

    #[test]
    fn a_version_that_is_taken_gets_another_id_once() {
        let (mut publication, _) = over(&Version::new("v1"));
        let taken = || Err(said("ResourceExistsException", 400));
        let Next::Put(other) = publication.put(taken()) else { panic!("not put again") };
        assert_ne!(other, record().token_id.0);
        let next = publication.put(Ok(vec![]));
        let Next::Move { to, from } = next else { panic!("{next:?}") };
        assert_eq!((to, from.as_deref()), (other, Some("v1")));
        assert_eq!(may_land(&publication.put(taken())), Some(false), "not for ever");
    }

    #[test]
    fn a_put_without_an_answer_may_land_only_where_it_would_be_the_first_version() {
        let silence = || Err(Answer::Unclear(String::new()));
        assert_eq!(may_land(&over(&Version::new("v1")).0.put(silence())), Some(false));
        assert_eq!(may_land(&over(&Version::absent()).0.put(silence())), Some(true));
        let denied = Err(said("AccessDeniedException", 400));
        assert_eq!(may_land(&over(&Version::absent()).0.put(denied)), Some(false));
    }

    #[test]
    fn a_refused_move_is_a_conflict_only_where_a_version_was_read() {
        let refused = || Err(said("InvalidParameterException", 400));
        assert!(matches!(over(&Version::new("v1")).0.moved(refused()), Next::Conflict));
        assert!(matches!(over(&Version::absent()).0.moved(refused()), Next::Overtaken));
        assert!(matches!(over(&Version::new("v1")).0.moved(Ok(())), Next::Served));
        let broken = over(&Version::new("v1")).0.moved(Err(said("InternalServiceError", 500)));
        assert_eq!(may_land(&broken), Some(true));
    }
}

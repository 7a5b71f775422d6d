//! A publication, request by request: which one is next, and what each answer means. Without I/O, so that the store
//! and the simulation of the core take the same steps.

use crate::kubernetes::{Answer, Unwritten};
use crate::rotation::world::Version;

/// Which Secret a compare-and-set is made over: the object, and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edition {
    /// The object: a Secret that was deleted and made again has another.
    pub(crate) uid: String,
    /// The version, which Kubernetes never uses twice.
    pub(crate) resource_version: String,
}

impl Edition {
    /// What `version` names; none for what is no version of this store, which nobody can have now.
    pub(crate) fn parse(version: &Version) -> Option<Self> {
        let (uid, resource_version) = version.as_str().split_once('/')?;
        let sound = |text: &str| !text.is_empty() && !text.contains('/');
        (sound(uid) && sound(resource_version))
            .then(|| Self { uid: uid.to_owned(), resource_version: resource_version.to_owned() })
    }

    /// The version by which the core knows it.
    pub(crate) fn version(&self) -> Version {
        Version::new(format_args!("{}/{}", self.uid, self.resource_version))
    }
}

/// What a publication does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Put the text of the token that is replaced aside. It decides nothing, and may be done again.
    Keep,
    /// Make the Secret, without a token in it: an absence has no version, and a creation that arrives late, after the
    /// Secret was made by somebody else and deleted again, must not serve anything.
    Create,
    /// Write token and record over this edition. Sent once.
    Write(Edition),
    /// Nothing: the token is served.
    Served,
    /// Nothing: the Secret is no longer what was read.
    Conflict,
    /// Nothing: a request did not do what was asked.
    Failed {
        /// What was tried.
        doing: &'static str,
        /// What came of it.
        answer: Answer,
        /// Whether the token may be served, now or later.
        may_land: bool,
    },
}

/// A publication over one reading.
#[derive(Debug)]
pub(crate) struct Publication {
    over: Option<Edition>,
}

impl Publication {
    /// A publication over `over`, and its first request; `replaces` says whether there is a text to keep.
    pub(crate) fn begin(over: &Version, replaces: bool) -> (Self, Next) {
        if over.is_absent() {
            return (Self { over: None }, Next::Create);
        }
        let over = Edition::parse(over);
        let next = match &over {
            // It is of another store.
            None => Next::Conflict,
            Some(_) if replaces => Next::Keep,
            Some(edition) => Next::Write(edition.clone()),
        };
        (Self { over }, next)
    }

    /// What follows once the text of the token that is replaced was put aside.
    pub(crate) fn kept(&self, outcome: Result<(), Answer>) -> Next {
        match (outcome, &self.over) {
            (Ok(()), Some(edition)) => Next::Write(edition.clone()),
            (Ok(()), None) => Next::Conflict,
            (Err(answer), _) => {
                Next::Failed { doing: "keep the previous token beside", answer, may_land: false }
            }
        }
    }

    /// What follows the creation of the Secret without a token. Whatever became of it, nothing is served by it.
    pub(crate) fn created(outcome: Result<Edition, Answer>) -> Next {
        match outcome {
            Ok(edition) => Next::Write(edition),
            Err(answer) if answer.is_presence() => Next::Conflict,
            Err(answer) => Next::Failed { doing: "create", answer, may_land: false },
        }
    }

    /// What follows the write.
    pub(crate) fn written(outcome: Result<(), Answer>) -> Next {
        let Err(answer) = outcome else { return Next::Served };
        match answer.of_write() {
            Unwritten::Conflict => Next::Conflict,
            Unwritten::Refused => Next::Failed { doing: "write", answer, may_land: false },
            Unwritten::Unknown => Next::Failed { doing: "write", answer, may_land: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edition(version: &str) -> Edition {
        Edition { uid: "u1".to_owned(), resource_version: version.to_owned() }
    }

    fn said(code: u16, reason: &str) -> Answer {
        let body = serde_json::json!({
            "kind": "Status", "reason": reason, "details": {"name": "etl"},
        });
        Answer::of(code, body.to_string().as_bytes(), true)
    }

    fn may_land(next: &Next) -> Option<bool> {
        if let Next::Failed { may_land, .. } = next { Some(*may_land) } else { None }
    }

    #[test]
    fn an_edition_is_read_as_it_was_written_and_a_foreign_version_is_nobodys() {
        assert_eq!(Edition::parse(&edition("7").version()), Some(edition("7")));
        for foreign in ["7", "u1/", "/7", "a/b/c"] {
            assert_eq!(Edition::parse(&Version::new(foreign)), None, "{foreign}");
            assert_eq!(Publication::begin(&Version::new(foreign), true).1, Next::Conflict);
        }
    }

    #[test]
    fn what_is_replaced_is_kept_before_the_write_and_a_failure_to_keep_it_writes_nothing() {
        let (publication, next) = Publication::begin(&edition("7").version(), true);
        assert_eq!(next, Next::Keep);
        assert_eq!(publication.kept(Ok(())), Next::Write(edition("7")));
        for answer in [said(500, "InternalError"), said(403, "Forbidden"), said(409, "Conflict")] {
            assert_eq!(may_land(&publication.kept(Err(answer))), Some(false));
        }
        let (_, next) = Publication::begin(&edition("7").version(), false);
        assert_eq!(next, Next::Write(edition("7")), "a seal replaces no token");
    }

    #[test]
    fn a_creation_serves_nothing_whatever_became_of_it() {
        assert_eq!(Publication::begin(&Version::absent(), false).1, Next::Create);
        assert_eq!(Publication::created(Ok(edition("1"))), Next::Write(edition("1")));
        assert_eq!(Publication::created(Err(said(409, "AlreadyExists"))), Next::Conflict);
        for answer in [said(504, "Timeout"), said(403, "Forbidden"), Answer::Nonsense("")] {
            assert_eq!(may_land(&Publication::created(Err(answer))), Some(false));
        }
    }

    #[test]
    fn a_write_without_an_answer_may_land_and_a_refused_one_may_not() {
        assert_eq!(Publication::written(Ok(())), Next::Served);
        assert_eq!(Publication::written(Err(said(409, "Conflict"))), Next::Conflict);
        assert_eq!(Publication::written(Err(said(404, "NotFound"))), Next::Conflict);
        assert_eq!(may_land(&Publication::written(Err(said(422, "Invalid")))), Some(false));
        assert_eq!(may_land(&Publication::written(Err(said(500, "")))), Some(true));
    }
}

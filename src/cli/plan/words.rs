//! A decision in words.

use jiff::Timestamp;

use crate::names::{CredentialName, TokenId};
use crate::record::Record;
use crate::rotation::condition::place_vacant;
use crate::rotation::decide::{Begin, Decision, Reason, Request, Stage, WaitingFor};
use crate::rotation::schedule::Due;
use crate::text::instant;

/// A decision in words.
pub(super) struct Words {
    /// One word.
    pub(super) decision: &'static str,
    /// What would be done.
    pub(super) action: String,
    /// Why.
    pub(super) reason: String,
    /// The tokens that are revoked in the end, if all goes well.
    pub(super) revokes: Vec<TokenId>,
    /// Orphans that are revoked on the way.
    pub(super) orphans: Vec<TokenId>,
    /// Tokens that live elsewhere and are left alone.
    pub(super) elsewhere: Vec<TokenId>,
    /// What a person can do.
    pub(super) hint: Option<String>,
}

/// `decision` in words. `record` is what the decision was made over.
pub(super) fn words(
    decision: Decision,
    record: Option<&Record>,
    request: Request,
    credential: &CredentialName,
) -> Words {
    let predecessors = record.map(|record| record.previous_token_ids.clone()).unwrap_or_default();
    match decision {
        Decision::List => said("list", "list the account's tokens", unfinished(record)),
        Decision::Refuse(refusal) => Words {
            hint: Some(refusal.hint(credential)),
            ..said("refuse", "nothing, until a person acts", refusal.to_string())
        },
        Decision::Replace { reason, previous, orphans, elsewhere } => Words {
            revokes: previous,
            orphans,
            hint: (!elsewhere.is_empty()).then(|| place_vacant(&elsewhere, credential).1),
            elsewhere,
            ..said("replace", replacing(reason), why(reason))
        },
        Decision::Mirror => Words {
            revokes: predecessors,
            ..said(
                "mirror",
                "bring the mirrors to what the store serves",
                "a mirror serves something else".to_owned(),
            )
        },
        Decision::Deploy => Words {
            revokes: predecessors,
            ..said("deploy", "go on at the deploy hook", unfinished(record))
        },
        Decision::PollGate => Words {
            revokes: predecessors,
            ..said("poll_gate", "go on at the consumers' health gate", unfinished(record))
        },
        Decision::Verify => Words {
            revokes: predecessors,
            ..said("verify", "go on by connecting with the served token", unfinished(record))
        },
        Decision::Seal { orphans } => Words {
            revokes: predecessors,
            orphans,
            ..said(
                "seal",
                "mark the predecessors as retiring, then revoke them",
                unfinished(record),
            )
        },
        Decision::Revoke(ids) => Words {
            revokes: ids,
            ..said("revoke", "revoke what is marked as retiring", unfinished(record))
        },
        Decision::Confirm => said(
            "confirm",
            "try whether the token that was revoked last is refused by now, and rotate if it is",
            "in two rotations running a revoked token went on connecting".to_owned(),
        ),
        Decision::RollBack(id) => Words {
            revokes: record.map(|record| record.token_id).into_iter().collect(),
            ..said("roll_back", &format!("serve token {id} again"), asked(request))
        },
        Decision::Fence { orphans } => Words {
            orphans,
            ..said(
                "touch",
                "write the record unchanged, then revoke the orphans",
                "interrupted rotations left tokens that nobody was ever served".to_owned(),
            )
        },
        Decision::Wait { until, waiting_for } => match waiting_for {
            WaitingFor::Stage(stage) => Words {
                revokes: predecessors,
                ..said(
                    "wait",
                    &format!("wait for {} until {}", waits_for(stage), instant(until)),
                    unfinished(record),
                )
            },
            WaitingFor::SecondList => {
                said("wait", "look again, and try whether the token connects", missing(record))
            }
        },
        Decision::Hold { stage, until } => Words {
            revokes: predecessors,
            ..said(
                "hold",
                &format!("hold; look at {} again at {}", waits_for(stage), instant(until)),
                unfinished(record),
            )
        },
        Decision::Forget(_) => said(
            "forget",
            "write the record without the tokens that lived elsewhere",
            "they have expired or are no longer listed".to_owned(),
        ),
        Decision::Rest { next_due, elsewhere } => Words {
            hint: (!elsewhere.is_empty()).then(|| place_vacant(&elsewhere, credential).1),
            elsewhere,
            ..said("rest", "nothing", resting(next_due))
        },
    }
}

/// A decision that concerns no token.
fn said(decision: &'static str, action: &str, reason: String) -> Words {
    Words {
        decision,
        action: action.to_owned(),
        reason,
        revokes: vec![],
        orphans: vec![],
        elsewhere: vec![],
        hint: None,
    }
}

fn resting(next_due: Option<Timestamp>) -> String {
    next_due.map_or_else(
        || "nothing will make it due: it has no schedule and no expiry".to_owned(),
        |at| format!("not due before {}", instant(at)),
    )
}

fn replacing(reason: Reason) -> &'static str {
    match reason {
        Reason::First => "create and publish its first token",
        Reason::Vacant => {
            "create and publish a token here; keep those that may be in use elsewhere"
        }
        Reason::Due(_) | Reason::Forced | Reason::Lost => "rotate",
        Reason::Compromised => "rotate without waiting for the consumers",
    }
}

fn why(reason: Reason) -> String {
    match reason {
        Reason::First => "nothing is served yet".to_owned(),
        Reason::Vacant => "nothing is served here, and tokens of this credential live: was the secret moved, deleted or lost?".to_owned(),
        Reason::Due(Due::Scheduled(at)) => format!("the schedule asked for it at {}", instant(at)),
        Reason::Due(Due::Expiring(at)) => format!("the served token expires at {}", instant(at)),
        Reason::Forced => "it is asked for".to_owned(),
        Reason::Compromised => "the served token is said to be known to others".to_owned(),
        Reason::Lost => "the served token is not listed and does not connect".to_owned(),
    }
}

fn asked(request: Request) -> String {
    let why =
        if request.begin == Begin::RollBack { "it is asked for" } else { "the rotation failed" };
    why.to_owned()
}

fn unfinished(record: Option<&Record>) -> String {
    match record {
        Some(record) => format!("rotation {} is not finished", record.rotation_id),
        None => "a rotation is not finished".to_owned(),
    }
}

fn missing(record: Option<&Record>) -> String {
    let token = record.map(|record| record.token_id.to_string()).unwrap_or_default();
    format!("the served token {token} is not in the account's list")
}

fn waits_for(stage: Stage) -> &'static str {
    match stage {
        Stage::Mirror => "the mirrors",
        Stage::Deploy => "the deploy hook",
        Stage::Gate => "the consumers' health gate",
        Stage::Verify => "a connection with the served token",
        Stage::EndpointNotChecking => "whether a revoked token is refused",
        Stage::Clock => "clocks that agree",
    }
}

//! Builds observations: a quiet, managed credential, and what is different about it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::names::{PlaceMark, TokenId, TokenName};
use crate::record::{Phase, Record, TokenType};
use crate::rotation::decide::{
    Decision, Observation, Request, SecretState, Subject, Vacancy, decide,
};
use crate::rotation::evidence::{Evidence, Tries};
use crate::rotation::policy::{CatchUp, GatePace, IdentityRule, OnFailure, Policy};
use crate::rotation::schedule::{Calendar, Schedule};
use crate::rotation::time::Time;
use crate::rotation::world::{ListedToken, Version};
use crate::secret::Token;

pub(super) const DAY: i64 = 24 * 3_600;

pub(super) fn start() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// `seconds` after the start.
pub(super) fn at(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

pub(super) fn id(n: u64) -> TokenId {
    TokenId(Uuid::from_u64_pair(0x0000_0000_0000_4000, 0x8000_0000_0000_0000 + n))
}

/// The name that pintail gives to the token `n`.
pub(super) fn name(n: u64) -> TokenName {
    TokenName {
        owner: "prod".parse().unwrap(),
        credential: "etl".parse().unwrap(),
        rotation: Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 + n)
            .to_string()
            .parse()
            .unwrap(),
    }
}

/// A token of ours in a list, created `age` seconds before the start.
pub(super) fn listed(n: u64, age: i64) -> ListedToken {
    ListedToken {
        id: id(n),
        name: Some(name(n).to_string()),
        created_at: at(-age),
        expires_at: Some(at(30 * DAY - age)),
    }
}

/// A token that somebody else made.
pub(super) fn foreign(n: u64) -> ListedToken {
    ListedToken { name: Some("made by hand".to_owned()), ..listed(n, DAY) }
}

/// Tries of which the last `streak` succeeded, the last one `ago` seconds before the start.
pub(super) fn tries(count: u32, streak: u32, ago: i64) -> Tries {
    let failure = (streak == 0 && count > 0).then(|| "no".to_owned());
    let failed = if streak == 0 { count } else { 0 };
    Tries { count, failed, streak, last: (count > 0).then(|| at(-ago)), failure }
}

pub(super) fn version() -> Version {
    Version::new("7")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    Vacant,
    Unmanaged,
    Edited,
    Managed,
}

/// What is observed, and by whom. At first: token 2 is served and listed, made a day ago, without predecessors; the
/// schedule asks, nothing is due, nothing was proved.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    pub(super) subject: Subject,
    pub(super) now: Timestamp,
    /// MotherDuck's clock, where it differs.
    pub(super) other: Option<Timestamp>,
    pub(super) secret: Where,
    pub(super) record: Record,
    pub(super) listing: Option<Vec<ListedToken>>,
    pub(super) mirrored: bool,
    pub(super) is_unproved: bool,
    pub(super) is_untouched: bool,
    pub(super) in_mirrors: Vec<TokenId>,
    pub(super) evidence: Evidence,
    pub(super) request: Request,
}

impl Observed {
    pub(super) fn quiet() -> Self {
        let credential = "etl".parse().unwrap();
        let mut evidence = Evidence::default();
        evidence.observe(&version());
        Self {
            subject: Subject {
                owner: "prod".parse().unwrap(),
                username: "etl_prod".parse().unwrap(),
                place: PlaceMark::of(&["here"]),
                token_type: TokenType::ReadWrite,
                policy: Policy {
                    schedule: Schedule::new(Calendar::ExpiryOnly, Duration::ZERO, &credential),
                    paused: false,
                    ttl: Some(Duration::from_hours(30 * 24)),
                    renew_before: Duration::from_hours(7 * 24),
                    catch_up: CatchUp::Run,
                    on_failure: OnFailure::Hold,
                    orphan_grace: Duration::from_mins(10),
                    gate: GatePace::Polled {
                        interval: Duration::from_secs(10),
                        successes: 3,
                        deadline: Duration::from_mins(15),
                    },
                },
                credential,
                has_deploy_hook: true,
                is_made_by_rule: false,
                settle: Duration::ZERO,
                endpoint: Some(IdentityRule::IfAnswered),
                mirrors: vec![],
            },
            now: start(),
            other: None,
            secret: Where::Managed,
            record: Record {
                token_id: id(2),
                token_name: name(2).to_string(),
                created_at: at(-DAY),
                expires_at: Some(at(29 * DAY)),
                rotation_id: name(2).rotation,
                published_at: at(-DAY),
                token_sha256: String::new(),
                ..Record::sample(&Token::new("t").unwrap())
            },
            listing: Some(vec![listed(2, DAY)]),
            mirrored: false,
            is_unproved: false,
            is_untouched: true,
            in_mirrors: vec![],
            evidence,
            request: Request::SCHEDULE,
        }
    }

    /// Token 2 was published a minute ago in place of token 1; nothing is proved.
    pub(super) fn rotating() -> Self {
        Self::quiet().edit(|observed| {
            observed.record.previous_token_ids = vec![id(1)];
            observed.record.published_at = at(-60);
            observed.listing = None;
        })
    }

    /// All of it proved.
    pub(super) fn proved() -> Self {
        Self::rotating().edit(|observed| {
            let proofs = observed.evidence.proofs_mut();
            proofs.deploy = tries(1, 1, 50);
            proofs.gate = tries(3, 3, 20);
            proofs.verify = tries(1, 1, 10);
        })
    }

    /// Token 1 is to be revoked.
    pub(super) fn retiring() -> Self {
        Self::rotating().edit(|observed| {
            observed.record.phase = Phase::Retiring;
            observed.listing = Some(vec![listed(1, 2 * DAY), listed(2, DAY)]);
        })
    }

    /// Past the gate's deadline, unhealthy in every one of the fair polls, the last one just now.
    pub(super) fn sick() -> Self {
        Self::rotating().edit(|observed| {
            observed.record.published_at = at(-20 * 60);
            let proofs = observed.evidence.proofs_mut();
            proofs.deploy = tries(1, 1, 1_000);
            proofs.gate = tries(90, 0, 5);
        })
    }

    /// Token 1 is served again in place of token 2.
    pub(super) fn rolled_back() -> Self {
        Self::sick().edit(|observed| {
            observed.record.token_id = id(1);
            observed.record.token_name = name(1).to_string();
            observed.record.previous_token_ids = vec![id(2)];
        })
    }

    pub(super) fn edit(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn asked(self, request: Request) -> Self {
        Self { request, ..self }
    }

    pub(super) fn gate(self, gate: GatePace) -> Self {
        self.edit(|observed| observed.subject.policy.gate = gate)
    }

    pub(super) fn on_failure(self, on_failure: OnFailure) -> Self {
        self.edit(|observed| observed.subject.policy.on_failure = on_failure)
    }

    pub(super) fn listing(self, listing: impl IntoIterator<Item = ListedToken>) -> Self {
        Self { listing: Some(listing.into_iter().collect()), ..self }
    }

    pub(super) fn decide(&self) -> Decision {
        let secret = match self.secret {
            Where::Vacant => SecretState::Vacant(Vacancy {
                is_untouched: self.is_untouched,
                in_mirrors: &self.in_mirrors,
            }),
            Where::Unmanaged => SecretState::Unmanaged,
            Where::Edited => SecretState::Edited(&self.record),
            Where::Managed => SecretState::Managed(&self.record),
        };
        decide(
            &self.subject,
            &Observation {
                time: Time { now: self.now, other: self.other },
                secret,
                listing: self.listing.as_deref(),
                mirrored: self.mirrored,
                is_unproved: self.is_unproved,
                evidence: &self.evidence,
                request: self.request,
            },
        )
        .step
    }
}

//! What goes wrong: switches that can be turned while the sandbox runs, faults drawn by chance, and planned ones.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::options::{Options, RetryAfter};

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operation {
    UserCreate,
    UserList,
    UserDelete,
    TokenCreate,
    TokenList,
    TokenRevoke,
    DucklingGet,
    DucklingSet,
    ActiveAccounts,
    DiveEmbedSession,
    /// A REST request to a route that does not exist.
    Unknown,
    /// A Postgres connection.
    Connect,
}

impl Operation {
    /// The operation as the events and the counts call it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::UserCreate => "user_create",
            Self::UserList => "user_list",
            Self::UserDelete => "user_delete",
            Self::TokenCreate => "token_create",
            Self::TokenList => "token_list",
            Self::TokenRevoke => "token_revoke",
            Self::DucklingGet => "duckling_get",
            Self::DucklingSet => "duckling_set",
            Self::ActiveAccounts => "active_accounts",
            Self::DiveEmbedSession => "dive_embed_session",
            Self::Unknown => "unknown",
            Self::Connect => "connect",
        }
    }
}

/// How a planned fault shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    /// Answers with `status` before anything takes effect.
    Fail,
    /// Takes effect, then answers with `status`.
    FailAfter,
    /// Takes effect, then drops the connection without an answer.
    LoseReply,
    /// Drops the connection without an answer, and takes effect only after `delay`.
    Late,
    /// Answers a gateway's HTML page, with `status`, before anything takes effect.
    Html,
    /// Never answers, and never takes effect.
    Hang,
    /// Answers the plain text 404 of a route that does not exist.
    NotFoundText,
    /// Answers an empty list.
    EmptyList,
}

/// One planned fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Planned {
    pub(super) operation: Operation,
    pub(super) how: How,
    /// For `fail`, `fail_after` and `html`: 400 to 599.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// For `late`.
    #[serde(default, with = "text", skip_serializing_if = "Option::is_none")]
    pub(super) delay: Option<Duration>,
    /// How many requests it strikes.
    #[serde(default = "once")]
    pub(super) times: u32,
}

fn once() -> u32 {
    1
}

impl Planned {
    fn problem(&self) -> Option<&'static str> {
        let lists = matches!(
            self.operation,
            Operation::TokenList | Operation::UserList | Operation::ActiveAccounts
        );
        let connects = matches!(self.how, How::Fail | How::Hang | How::LoseReply);
        if self.how == How::EmptyList && !lists {
            Some("empty_list is for token_list, user_list and active_accounts")
        } else if self.operation == Operation::Connect && !connects {
            Some("connect can only fail, hang or lose_reply")
        } else if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            Some("status must be from 400 to 599")
        } else if self.times == 0 {
            Some("times must be at least 1")
        } else {
            None
        }
    }
}

/// The switches in force.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Switches {
    pub(super) fail_rate: f64,
    pub(super) lose_reply_rate: f64,
    #[serde(serialize_with = "text::one")]
    pub(super) latency: Duration,
    #[serde(serialize_with = "text::one")]
    pub(super) revocation_delay: Duration,
    #[serde(serialize_with = "text::one")]
    pub(super) listing_delay: Duration,
    pub(super) keep_expired: bool,
    pub(super) unique_names: bool,
    pub(super) gateway_html: bool,
    pub(super) rate_limit: Option<NonZeroU32>,
    pub(super) retry_after: RetryAfter,
}

/// `POST /_sandbox/faults`: what to change. What is absent stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Change {
    fail_rate: Option<f64>,
    lose_reply_rate: Option<f64>,
    #[serde(with = "text")]
    latency: Option<Duration>,
    #[serde(with = "text")]
    revocation_delay: Option<Duration>,
    #[serde(with = "text")]
    listing_delay: Option<Duration>,
    keep_expired: Option<bool>,
    unique_names: Option<bool>,
    gateway_html: Option<bool>,
    /// 0 lifts the limit.
    rate_limit: Option<u32>,
    retry_after: Option<RetryAfter>,
    /// Added behind what is planned already.
    fail_next: Vec<Planned>,
}

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Served,
    TooMany(RetryAfter),
    /// Drawn by chance.
    Failed {
        status: u16,
    },
    /// Drawn by chance.
    ReplyLost,
    Planned(Planned),
}

/// The switches, the plan, and the counts.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) switches: Switches,
    plan: VecDeque<Planned>,
    chance: fastrand::Rng,
    recent: VecDeque<Instant>,
    counts: BTreeMap<Operation, u64>,
}

impl Faults {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            switches: Switches {
                fail_rate: options.fail_rate,
                lose_reply_rate: options.lose_reply_rate,
                latency: options.latency,
                revocation_delay: options.revocation_delay,
                listing_delay: options.listing_delay,
                keep_expired: options.keep_expired,
                unique_names: options.unique_names,
                gateway_html: options.gateway_html,
                rate_limit: options.rate_limit,
                retry_after: options.retry_after,
            },
            plan: VecDeque::new(),
            chance: options.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
            recent: VecDeque::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Turns switches and plans faults; all or, with the reason, nothing.
    pub(super) fn change(&mut self, change: Change) -> Result<(), &'static str> {
        if [change.fail_rate, change.lose_reply_rate]
            .into_iter()
            .flatten()
            .any(|rate| !(0.0..=1.0).contains(&rate))
        {
            return Err("a rate is a number from 0 to 1");
        }
        if let Some(problem) = change.fail_next.iter().find_map(Planned::problem) {
            return Err(problem);
        }
        let switches = &mut self.switches;
        set(&mut switches.fail_rate, change.fail_rate);
        set(&mut switches.lose_reply_rate, change.lose_reply_rate);
        set(&mut switches.latency, change.latency);
        set(&mut switches.revocation_delay, change.revocation_delay);
        set(&mut switches.listing_delay, change.listing_delay);
        set(&mut switches.keep_expired, change.keep_expired);
        set(&mut switches.unique_names, change.unique_names);
        set(&mut switches.gateway_html, change.gateway_html);
        set(&mut switches.rate_limit, change.rate_limit.map(NonZeroU32::new));
        set(&mut switches.retry_after, change.retry_after);
        self.plan.extend(change.fail_next);
        Ok(())
    }

    /// The faults that have not struck yet.
    pub(super) fn plan(&self) -> &VecDeque<Planned> {
        &self.plan
    }

    /// Drops the faults that have not struck yet.
    pub(super) fn clear_plan(&mut self) {
        self.plan.clear();
    }

    /// Counts a request.
    pub(super) fn count(&mut self, operation: Operation) {
        *self.counts.entry(operation).or_default() += 1;
    }

    /// How many requests there were, by operation.
    pub(super) fn counts(&self) -> &BTreeMap<Operation, u64> {
        &self.counts
    }

    /// Decides what becomes of a REST request.
    pub(super) fn fate(&mut self, operation: Operation, now: Instant) -> Fate {
        if self.is_too_many(now) {
            return Fate::TooMany(self.switches.retry_after);
        }
        if let Some(planned) = self.planned(operation) {
            return Fate::Planned(planned);
        }
        // Both draws are made every time, so that one switch does not change what a seed means to the other.
        let (fails, loses) = (self.chance.f64(), self.chance.f64());
        let status = self.chance.choice([500, 502, 503]).unwrap_or(503);
        if fails < self.switches.fail_rate {
            Fate::Failed { status }
        } else if loses < self.switches.lose_reply_rate {
            Fate::ReplyLost
        } else {
            Fate::Served
        }
    }

    /// Takes the next fault that is planned for `operation`.
    pub(super) fn planned(&mut self, operation: Operation) -> Option<Planned> {
        let index = self.plan.iter().position(|planned| planned.operation == operation)?;
        let planned = self.plan.get_mut(index)?;
        planned.times -= 1;
        let struck = planned.clone();
        if struck.times == 0 {
            self.plan.remove(index);
        }
        Some(struck)
    }

    fn is_too_many(&mut self, now: Instant) -> bool {
        let Some(limit) = self.switches.rate_limit else { return false };
        let second = Duration::from_secs(1);
        self.recent.retain(|instant| now.duration_since(*instant) < second);
        let is_too_many = self.recent.len() >= usize::try_from(limit.get()).unwrap_or(usize::MAX);
        if !is_too_many {
            self.recent.push_back(now);
        }
        is_too_many
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// Durations as people write them.
mod text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn one<S: Serializer>(duration: &Duration, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(&humantime::format_duration(*duration))
    }

    #[expect(clippy::ref_option, reason = "serde's `with` fixes the signature")]
    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => one(duration, out),
            None => out.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(input)?;
        text.map(|text| humantime::parse_duration(&text).map_err(serde::de::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str) -> Change {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_seed_decides_every_fault() {
        let draw = || {
            let options = Options {
                fail_rate: 0.3,
                lose_reply_rate: 0.3,
                seed: Some(7),
                ..Options::default()
            };
            let mut faults = Faults::new(&options);
            (0..50).map(|_| faults.fate(Operation::TokenList, Instant::now())).collect::<Vec<_>>()
        };
        let first = draw();
        assert_eq!(first, draw());
        assert!(first.contains(&Fate::ReplyLost) && first.contains(&Fate::Served));
    }

    #[test]
    fn a_planned_fault_strikes_its_operation_only_and_as_often_as_planned() {
        let mut faults = Faults::new(&Options::default());
        let plan = r#"{"fail_next":[{"operation":"token_create","how":"lose_reply","times":2}]}"#;
        faults.change(change(plan)).unwrap();
        let now = Instant::now();
        assert_eq!(faults.fate(Operation::TokenList, now), Fate::Served);
        for _ in 0..2 {
            assert!(matches!(faults.fate(Operation::TokenCreate, now), Fate::Planned(_)));
        }
        assert_eq!(faults.fate(Operation::TokenCreate, now), Fate::Served);
    }

    #[test]
    fn beyond_the_rate_limit_a_request_must_wait_for_the_second_to_pass() {
        let mut faults = Faults::new(&Options::default());
        faults.change(change(r#"{"rate_limit":2}"#)).unwrap();
        let now = Instant::now();
        let limited = Fate::TooMany(RetryAfter::None);
        assert_eq!(faults.fate(Operation::TokenList, now), Fate::Served);
        assert_eq!(faults.fate(Operation::TokenList, now), Fate::Served);
        assert_eq!(faults.fate(Operation::TokenList, now), limited);
        let later = now + Duration::from_secs(1);
        assert_eq!(faults.fate(Operation::TokenList, later), Fate::Served);
        faults.change(change(r#"{"rate_limit":0}"#)).unwrap();
        assert_eq!(faults.switches.rate_limit, None);
    }

    #[test]
    fn a_change_that_makes_no_sense_changes_nothing() {
        let mut faults = Faults::new(&Options::default());
        for text in [
            r#"{"latency":"1s","fail_rate":2}"#,
            r#"{"latency":"1s","fail_next":[{"operation":"token_create","how":"empty_list"}]}"#,
            r#"{"latency":"1s","fail_next":[{"operation":"connect","how":"html"}]}"#,
            r#"{"latency":"1s","fail_next":[{"operation":"connect","how":"fail","times":0}]}"#,
            r#"{"latency":"1s","fail_next":[{"operation":"token_list","how":"fail","status":200}]}"#,
        ] {
            assert!(faults.change(change(text)).is_err(), "{text}");
        }
        assert_eq!(faults.switches.latency, Duration::ZERO);
        assert!(serde_json::from_str::<Change>(r#"{"fail_rte":0.5}"#).is_err());
    }
}

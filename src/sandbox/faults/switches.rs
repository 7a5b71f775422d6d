//! The switches in force, and how they are turned while the sandbox runs.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;
use super::plan::Planned;
use crate::sandbox::Identity;
use crate::sandbox::options::{Options, OwnTokens, RetryAfter};

/// The switches in force.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each off or on")]
pub(in crate::sandbox) struct Switches {
    pub(in crate::sandbox) fail_rate: f64,
    pub(in crate::sandbox) lose_reply_rate: f64,
    #[serde(serialize_with = "duration::one")]
    pub(in crate::sandbox) latency: Duration,
    #[serde(serialize_with = "duration::one")]
    pub(in crate::sandbox) revocation_delay: Duration,
    #[serde(serialize_with = "duration::one")]
    pub(in crate::sandbox) listing_delay: Duration,
    /// By how many seconds the `Date` of answers is off.
    pub(in crate::sandbox) date_off: i64,
    pub(in crate::sandbox) keep_expired: bool,
    pub(in crate::sandbox) identity: Identity,
    pub(in crate::sandbox) no_password: bool,
    pub(in crate::sandbox) duplicate_names: bool,
    pub(in crate::sandbox) members_may: Vec<OwnTokens>,
    pub(in crate::sandbox) lite_plan: bool,
    pub(in crate::sandbox) gateway_html: bool,
    pub(in crate::sandbox) rate_limit: Option<NonZeroU32>,
    pub(in crate::sandbox) retry_after: RetryAfter,
}

/// `POST /_sandbox/faults`: what to change. What is absent stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::sandbox) struct Change {
    fail_rate: Option<f64>,
    lose_reply_rate: Option<f64>,
    #[serde(with = "duration")]
    latency: Option<Duration>,
    #[serde(with = "duration")]
    revocation_delay: Option<Duration>,
    #[serde(with = "duration")]
    listing_delay: Option<Duration>,
    date_off: Option<i64>,
    keep_expired: Option<bool>,
    identity: Option<Identity>,
    no_password: Option<bool>,
    duplicate_names: Option<bool>,
    /// All that they may do from now on.
    members_may: Option<Vec<OwnTokens>>,
    lite_plan: Option<bool>,
    gateway_html: Option<bool>,
    /// 0 lifts the limit.
    rate_limit: Option<u32>,
    retry_after: Option<RetryAfter>,
    /// Added behind what is planned already.
    fail_next: Vec<Planned>,
}

impl Change {
    /// Why it makes no sense, if it does not.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let mut rates = [self.fail_rate, self.lose_reply_rate].into_iter().flatten();
        if rates.any(|rate| !(0.0..=1.0).contains(&rate)) {
            return Some("a rate is a number from 0 to 1");
        }
        self.fail_next.iter().find_map(Planned::problem)
    }
}

impl Switches {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            fail_rate: options.fail_rate,
            lose_reply_rate: options.lose_reply_rate,
            latency: options.latency,
            revocation_delay: options.revocation_delay,
            listing_delay: options.listing_delay,
            date_off: options.date_off,
            keep_expired: options.keep_expired,
            identity: options.identity,
            no_password: options.no_password,
            duplicate_names: options.duplicate_names,
            members_may: options.members_may.clone(),
            lite_plan: options.lite_plan,
            gateway_html: options.gateway_html,
            rate_limit: options.rate_limit,
            retry_after: options.retry_after,
        }
    }

    /// Turns what is to be turned, and hands back what is to be planned.
    pub(super) fn turn(&mut self, change: Change) -> Vec<Planned> {
        set(&mut self.fail_rate, change.fail_rate);
        set(&mut self.lose_reply_rate, change.lose_reply_rate);
        set(&mut self.latency, change.latency);
        set(&mut self.revocation_delay, change.revocation_delay);
        set(&mut self.listing_delay, change.listing_delay);
        set(&mut self.date_off, change.date_off);
        set(&mut self.keep_expired, change.keep_expired);
        set(&mut self.identity, change.identity);
        set(&mut self.no_password, change.no_password);
        set(&mut self.duplicate_names, change.duplicate_names);
        set(&mut self.members_may, change.members_may);
        set(&mut self.lite_plan, change.lite_plan);
        set(&mut self.gateway_html, change.gateway_html);
        set(&mut self.rate_limit, change.rate_limit.map(NonZeroU32::new));
        set(&mut self.retry_after, change.retry_after);
        change.fail_next
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

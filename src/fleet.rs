//! Fleets: rules that make credentials of accounts. Which accounts belong to a rule is judged apart from all I/O.
//!
//! `fleets/protocol.md` tells what a list, an edit, a crash or a second pintail can do to a fleet, and what it cannot.

mod accounts_file;
mod membership;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use self::accounts_file::{AccountsError, read as read_accounts};
pub use self::membership::{
    Claims, LeavesHeld, Listed, Moment, Outcome, Presence, Roll, Secret, WhyNot, claim,
};
pub use self::rule::{Glob, JoinRate, LeaveLimit, Rule, RuleError, Source};
use crate::names::{AccountName, FleetName};

/// The accounts of each fleet, in lower case.
pub type Members = BTreeMap<FleetName, Vec<AccountName>>;

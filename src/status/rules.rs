//! How the rules stand that make credentials, as people and machines are shown it.

use jiff::Timestamp;
use serde::Serialize;

use crate::names::FleetName;

/// How one rule stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FleetState {
    /// Its name.
    pub name: FleetName,
    /// Where its accounts come from.
    pub accounts: String,
    /// When its list last came complete; never, if absent.
    pub listed_at: Option<Timestamp>,
    /// How many credentials it has made.
    pub members: usize,
    /// How many accounts wait for others to have joined long enough ago.
    pub waiting: usize,
    /// The first of them.
    pub waiting_accounts: Vec<String>,
    /// How many first tokens are made in a time.
    pub joins_at_most: String,
    /// How many accounts wait for their secrets to be readable.
    pub unread: usize,
    /// How many members the latest list does not name.
    pub missing: usize,
    /// The first of them.
    pub missing_accounts: Vec<String>,
    /// How many accounts are meant by its pattern and cannot belong to it.
    pub refused: usize,
    /// The first of them.
    pub refused_accounts: Vec<RefusedAccount>,
    /// What is in its way.
    pub problem: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// An account that cannot belong to a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedAccount {
    /// The account, as it is listed.
    pub account: String,
    /// Why not.
    pub why: String,
}

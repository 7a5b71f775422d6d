//! Who belongs to a rule: from complete lists and what secrets hold to who joins, waits, leaves or is refused. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::rule::{Rule, Source};
use crate::names::{AccountName, CredentialName, FleetName};
use crate::rotation::schedule::signed;

/// What MotherDuck's list says of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, as it is spelled there.
    pub username: String,
    /// Whether it is a service account, where the list says so.
    pub is_service_account: Option<bool>,
    /// Whether it was taken out of the organisation.
    pub is_deprovisioned: bool,
    /// Its roles; none where the list does not say.
    pub roles: Vec<String>,
}

/// Why an account does not belong to a rule that its name speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyNot {
    /// A person.
    Person,
    /// It was taken out of the organisation.
    Deprovisioned,
    /// It has the role Admin, as pintail's own account has.
    Admin,
    /// The list leaves out whether it is a service account, or its roles.
    NotSaid,
    /// The rule excepts it.
    Excepted,
    /// A name that pintail cannot use.
    Name(String),
    /// It is listed more than once, in spellings that differ in case.
    TwoSpellings,
    /// Another rule claims it as well.
    TwoRules(FleetName),
    /// A table of `[credentials]` is for it.
    Table(CredentialName),
    /// What the rule makes of it cannot be.
    Unfit(String),
}

/// What becomes of a member that a list names with an objection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It counts as listed: nobody has said that it is gone.
    Stays,
    /// It counts as not listed.
    Missing,
    /// It goes at once: somebody has configured it otherwise.
    Goes,
}

impl WhyNot {
    /// What becomes of a member of which this is said.
    pub fn presence(&self) -> Presence {
        match self {
            Self::NotSaid | Self::TwoSpellings | Self::TwoRules(_) => Presence::Stays,
            Self::Person | Self::Deprovisioned | Self::Admin | Self::Excepted | Self::Name(_) => {
                Presence::Missing
            }
            Self::Table(_) | Self::Unfit(_) => Presence::Goes,
        }
    }
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person => f.write_str("a person, or no service account"),
            Self::Deprovisioned => f.write_str("deprovisioned"),
            Self::Admin => f.write_str(
                "an account with the role Admin, as pintail's own is: give it a table of [credentials] if it is meant",
            ),
            Self::NotSaid => {
                f.write_str("the list does not say that it is a service account, and which roles it has")
            }
            Self::Excepted => f.write_str("excepted by the rule"),
            Self::Name(why) | Self::Unfit(why) => f.write_str(why),
            Self::TwoSpellings => f.write_str("listed more than once, in spellings that differ in case only"),
            Self::TwoRules(other) => write!(f, "fleet {other} claims it as well: make the patterns disjoint"),
            Self::Table(name) => write!(f, "[credentials.{name}] is for this account, and wins"),
        }
    }
}

/// What complete lists say of each rule's accounts, in lower case; and the names of no use.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Claims {
    /// By rule, the accounts that its list names.
    pub accounts: BTreeMap<FleetName, BTreeMap<AccountName, Option<WhyNot>>>,
    /// By rule, what is no account's name that pintail can use.
    pub useless: BTreeMap<FleetName, Vec<(String, WhyNot)>>,
}

/// Which accounts the lists name for each rule. `users` is MotherDuck's list, and `files` are those of the rules that
/// have one, as far as they came complete; a rule without a list is left out. `table` is the table of `[credentials]`
/// that an account has, and `member` the rule that it belongs to.
pub fn claim(
    rules: &[&Rule],
    users: Option<&[Listed]>,
    files: &BTreeMap<FleetName, Vec<AccountName>>,
    table: impl Fn(&AccountName) -> Option<CredentialName>,
    member: impl Fn(&AccountName) -> Option<FleetName>,
) -> Claims {
    let mut claims = Claims::default();
    for rule in rules {
        match &rule.source {
            Source::MotherDuck { .. } => {
                let Some(users) = users else { continue };
                claims.accounts.entry(rule.name.clone()).or_default();
                for user in users {
                    claims.take_user(rule, user);
                }
            }
            Source::File(_) => {
                let Some(lines) = files.get(&rule.name) else { continue };
                claims.accounts.entry(rule.name.clone()).or_default();
                for account in lines {
                    claims.take(rule, account, None);
                }
            }
        }
    }
    claims.judge_rivals(table, member);
    claims
}

impl Claims {
    fn take_user(&mut self, rule: &Rule, user: &Listed) {
        let Source::MotherDuck { matching, except } = &rule.source else { return };
        if !matching.matches(&user.username) {
            return;
        }
        let is_admin = |role: &String| role.eq_ignore_ascii_case("admin");
        let why = if except.iter().any(|glob| glob.matches(&user.username)) {
            Some(WhyNot::Excepted)
        } else if user.is_service_account == Some(false) {
            Some(WhyNot::Person)
        } else if user.is_deprovisioned {
            Some(WhyNot::Deprovisioned)
        } else if user.roles.iter().any(is_admin) {
            Some(WhyNot::Admin)
        } else if user.is_service_account.is_none() || user.roles.is_empty() {
            Some(WhyNot::NotSaid)
        } else {
            None
        };
        match user.username.parse::<AccountName>() {
            Ok(account) => self.take(rule, &account, why),
            Err(error) => {
                let useless = self.useless.entry(rule.name.clone()).or_default();
                useless.push((user.username.clone(), WhyNot::Name(error.to_string())));
            }
        }
    }

    fn take(&mut self, rule: &Rule, account: &AccountName, why: Option<WhyNot>) {
        let accounts = self.accounts.entry(rule.name.clone()).or_default();
        if let Some(before) = accounts.insert(account.lower(), why) {
            // Of two spellings either may be meant, unless one of them must not be.
            let worst = before.filter(|why| why.presence() != Presence::Stays);
            accounts.insert(account.lower(), worst.or(Some(WhyNot::TwoSpellings)));
        }
    }

    /// A table of an account wins over every rule; of two rules neither gets it, but for one that has it.
    fn judge_rivals(
        &mut self,
        table: impl Fn(&AccountName) -> Option<CredentialName>,
        member: impl Fn(&AccountName) -> Option<FleetName>,
    ) {
        let mut rules: BTreeMap<AccountName, Vec<FleetName>> = BTreeMap::new();
        for (fleet, accounts) in &self.accounts {
            for (account, why) in accounts {
                if why.as_ref().is_none_or(|why| why.presence() == Presence::Stays) {
                    rules.entry(account.clone()).or_default().push(fleet.clone());
                }
            }
        }
        for (fleet, accounts) in &mut self.accounts {
            for (account, why) in accounts {
                if let Some(name) = table(account) {
                    *why = Some(WhyNot::Table(name));
                    continue;
                }
                let rivals = rules.get(account).into_iter().flatten();
                let has = member(account);
                // A rule whose list did not come now may have it.
                let holder = has.clone().filter(|holder| holder != fleet);
                let rival = holder.or_else(|| rivals.into_iter().find(|it| *it != fleet).cloned());
                if let Some(rival) = rival
                    && has.as_ref() != Some(fleet)
                    && why.is_none()
                {
                    *why = Some(WhyNot::TwoRules(rival));
                }
            }
        }
    }
}

/// What a newcomer's secret holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// Nothing: its first token is still to be made.
    Vacant,
    /// A token. Nothing has to be made for it to join.
    Taken {
        /// When pintail made the first token for this place, if it did and the record says so.
        first_token_at: Option<Timestamp>,
    },
    /// A token that somebody else put there: it is refused until it is adopted.
    Unmanaged,
    /// Nobody knows: it could not be read.
    Unread(String),
}

/// When a list was called, by two clocks: the one that people have, and one that nobody sets.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The wall clock.
    pub now: Timestamp,
    /// Since the process started.
    pub elapsed: Duration,
    /// Two lists that an account is missing from are apart by at least this.
    pub apart: Duration,
}

/// The members of one rule, and what is remembered of them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Roll {
    /// Since when each was missing from every list.
    members: BTreeMap<AccountName, Option<Duration>>,
    /// When first tokens were made, or allowed to be.
    firsts: BTreeMap<AccountName, Timestamp>,
}

/// More members are missing than may leave at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeavesHeld {
    /// So many are missing.
    pub missing: usize,
    /// So many may leave at once.
    pub limit: usize,
}

/// What one complete list did to a rule.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// They are members from now on.
    pub joined: Vec<AccountName>,
    /// They are not any more: two lists did not name them.
    pub left: Vec<AccountName>,
    /// They are not any more: the configuration says so.
    pub turned_away: Vec<AccountName>,
    /// They join when others have not joined lately.
    pub waiting: Vec<AccountName>,
    /// They join when their secrets can be read.
    pub unread: Vec<(AccountName, String)>,
    /// Members that this list does not name.
    pub missing: Vec<AccountName>,
    /// Why nobody leaves, and nobody joins.
    pub held: Option<LeavesHeld>,
    /// Accounts that the rule's pattern means, and that cannot belong to it.
    pub refused: Vec<(String, WhyNot)>,
}

impl Roll {
    /// The members.
    pub fn members(&self) -> impl Iterator<Item = &AccountName> {
        self.members.keys()
    }

    /// Whether it is a member.
    pub fn has(&self, account: &AccountName) -> bool {
        self.members.contains_key(account)
    }

    /// The accounts that may join, if their secrets allow it.
    pub fn newcomers<'a>(
        &'a self,
        accounts: &'a BTreeMap<AccountName, Option<WhyNot>>,
    ) -> impl Iterator<Item = &'a AccountName> {
        let may_join = accounts.iter().filter(|(_, why)| why.is_none());
        may_join.map(|(account, _)| account).filter(|account| !self.has(account))
    }

    /// Takes in a complete list that names `accounts`. `secrets` is what was read of the newcomers.
    ///
    /// # Guarantees
    ///
    /// A list without any account changes nothing. A member leaves only after two lists without it, at least
    /// `moment.apart` from each other. Where more than the limit would leave, or all, nobody leaves and nobody joins.
    /// Nobody joins whose secret is vacant while as many first tokens were made lately as the rule allows.
    pub fn call(
        &mut self,
        rule: &Rule,
        accounts: &BTreeMap<AccountName, Option<WhyNot>>,
        secrets: &BTreeMap<AccountName, Secret>,
        moment: Moment,
    ) -> Outcome {
        let mut outcome = Outcome {
            refused: accounts
                .iter()
                .filter_map(|(account, why)| Some((account.to_string(), why.clone()?)))
                .collect(),
            ..Outcome::default()
        };
        self.turn_away(accounts, &mut outcome);
        self.let_go(rule, accounts, moment, &mut outcome);
        let newcomers: Vec<AccountName> = self.newcomers(accounts).cloned().collect();
        if outcome.held.is_some() {
            outcome.waiting = newcomers;
        } else {
            self.let_in(rule, newcomers, secrets, moment.now, &mut outcome);
        }
        outcome
    }

    /// Puts an account out that the rule can make nothing of.
    pub fn put_out(&mut self, account: &AccountName) -> bool {
        self.members.remove(account).is_some()
    }

    fn turn_away(
        &mut self,
        accounts: &BTreeMap<AccountName, Option<WhyNot>>,
        outcome: &mut Outcome,
    ) {
        for (account, why) in accounts {
            let goes = why.as_ref().is_some_and(|why| why.presence() == Presence::Goes);
            if goes && self.members.remove(account).is_some() {
                outcome.turned_away.push(account.clone());
            }
        }
    }

    fn let_go(
        &mut self,
        rule: &Rule,
        accounts: &BTreeMap<AccountName, Option<WhyNot>>,
        moment: Moment,
        outcome: &mut Outcome,
    ) {
        let is_there = |account: &AccountName| match accounts.get(account) {
            Some(Some(why)) => why.presence() == Presence::Stays,
            Some(None) => true,
            None => false,
        };
        let mut ready = vec![];
        for (account, missing_since) in &mut self.members {
            if is_there(account) {
                *missing_since = None;
                continue;
            }
            let since = *missing_since.get_or_insert(moment.elapsed);
            outcome.missing.push(account.clone());
            if moment.elapsed.saturating_sub(since) >= moment.apart && !moment.apart.is_zero() {
                ready.push(account.clone());
            }
        }
        let (members, missing) = (self.members.len(), outcome.missing.len());
        let limit = rule.leaves_at_most.of(members);
        if missing > 0 && (missing > limit || missing == members) {
            outcome.held = Some(LeavesHeld { missing, limit });
            return;
        }
        for account in ready {
            self.members.remove(&account);
            outcome.missing.retain(|missing| *missing != account);
            outcome.left.push(account);
        }
    }

    fn let_in(
        &mut self,
        rule: &Rule,
        newcomers: Vec<AccountName>,
        secrets: &BTreeMap<AccountName, Secret>,
        now: Timestamp,
        outcome: &mut Outcome,
    ) {
        let mut vacant = BTreeSet::new();
        for account in newcomers {
            match secrets.get(&account) {
                Some(secret @ (Secret::Taken { .. } | Secret::Unmanaged)) => {
                    if let Secret::Taken { first_token_at: Some(at) } = secret {
                        self.firsts.insert(account.clone(), *at);
                    }
                    self.members.insert(account.clone(), None);
                    outcome.joined.push(account);
                }
                Some(Secret::Vacant) => {
                    vacant.insert(account);
                }
                Some(Secret::Unread(why)) => outcome.unread.push((account, why.clone())),
                None => outcome.unread.push((account, "its secret was not read".to_owned())),
            }
        }
        let rate = rule.joins_at_most;
        let horizon = now.saturating_sub(signed(rate.per)).unwrap_or(Timestamp::MIN);
        self.firsts.retain(|_, at| *at > horizon);
        // One that was not read may have got its first token a moment ago.
        let lately = self.firsts.len().saturating_add(outcome.unread.len());
        let mut room = rate.count.saturating_sub(lately);
        for account in in_turn(vacant, rate.count, rate.per, now) {
            if room == 0 {
                outcome.waiting.push(account);
                continue;
            }
            room -= 1;
            self.firsts.insert(account.clone(), now);
            self.members.insert(account.clone(), None);
            outcome.joined.push(account);
        }
        outcome.waiting.sort_unstable();
    }
}

/// The same order for every pintail that looks at the same time, so that two of them, or one that is started again and
/// again, make no more first tokens than one. It begins with others each time, so that those that fail hold up nobody.
fn in_turn(
    accounts: BTreeSet<AccountName>,
    count: usize,
    per: Duration,
    now: Timestamp,
) -> Vec<AccountName> {
    let mut accounts: Vec<_> = accounts.into_iter().collect();
    let period = i64::try_from(per.as_secs()).unwrap_or(i64::MAX).max(1);
    let turn = usize::try_from(now.as_second().div_euclid(period)).unwrap_or(0);
    if let Some(start) = turn.wrapping_mul(count.max(1)).checked_rem(accounts.len()) {
        accounts.rotate_left(start);
    }
    accounts
}

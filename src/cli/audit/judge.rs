//! What there is to remark on one token; pure.

use std::time::Duration;

use jiff::Timestamp;

use super::super::arguments::FindingKind;
use super::super::inventory::Inventory;
use super::super::observe::Observed;
use super::{Kind, Token};
use crate::config::{Config, Credential};
use crate::names::TokenName;
use crate::rotation::schedule::signed;
use crate::rotation::world::ListedToken;

/// The token `listed`, which is in the account of all `observations`.
pub(super) fn token(
    config: &Config,
    inventory: &Inventory,
    observations: &[&Observed<'_>],
    listed: &ListedToken,
    all_read: bool,
) -> Token {
    let account = observations.first().map(|observed| &observed.credential.username);
    let now =
        observations.iter().map(|observed| observed.time.now).max().unwrap_or(listed.created_at);
    let kind = account.map_or(Kind::Unknown, |account| {
        Kind::of(inventory.ownership(config, account, listed), all_read)
    });
    let by_name = || {
        let name = TokenName::parse(listed.name.as_deref()?)?;
        (name.owner == config.owner).then_some(name.credential)
    };
    let holder = account.and_then(|account| inventory.holder(account, listed.id).cloned());
    let credential = holder.or_else(by_name);
    let own = observations
        .iter()
        .map(|observed| observed.credential)
        .find(|one| Some(&one.name) == credential.as_ref());
    let limit = match own {
        Some(credential) => oldest(credential),
        None => observations
            .iter()
            .map(|observed| oldest(observed.credential))
            .collect::<Option<Vec<_>>>()
            .and_then(|all| all.into_iter().max()),
    };
    let grace = own.map_or(Duration::ZERO, |own| own.policy.orphan_grace);
    let age = now.duration_since(listed.created_at);
    Token {
        id: listed.id,
        name: listed.name.clone(),
        kind,
        credential,
        created_at: listed.created_at,
        expires_at: listed.expires_at,
        age_days: age.as_hours() / 24,
        findings: exposures(kind, listed, now, limit, grace.saturating_add(config.daemon.sweep)),
        age,
    }
}

/// How old a token of `credential` may become: its `ttl`; without one the longest time between two rotations, with
/// the gate's and `renew_before` for good measure. A policy without either sets no limit.
fn oldest(credential: &Credential) -> Option<Duration> {
    let policy = &credential.policy;
    let until_replaced = || {
        let gap = policy.schedule.longest_gap()?;
        Some(gap.saturating_add(policy.gate.longest()).saturating_add(policy.renew_before))
    };
    credential.ttl.or_else(until_replaced)
}

/// An expired token opens nothing, and draws no remark. Another deployment's is its own business, but for being there.
fn exposures(
    kind: Kind,
    token: &ListedToken,
    now: Timestamp,
    oldest: Option<Duration>,
    orphans_last: Duration,
) -> Vec<FindingKind> {
    if token.expires_at.is_some_and(|at| at <= now) {
        return vec![];
    }
    let age = now.duration_since(token.created_at);
    let is_older = |limit: Duration| age > signed(limit);
    let mut exposures = vec![];
    match kind {
        Kind::Foreign => return vec![FindingKind::Foreign],
        Kind::Unmanaged => exposures.push(FindingKind::Unmanaged),
        Kind::Orphan if is_older(orphans_last) => exposures.push(FindingKind::Orphan),
        Kind::Elsewhere => exposures.push(FindingKind::Elsewhere),
        Kind::Served | Kind::Predecessor | Kind::Orphan | Kind::Unknown => {}
    }
    if token.expires_at.is_none() {
        exposures.push(FindingKind::NeverExpires);
    }
    if oldest.is_some_and(is_older) {
        exposures.push(FindingKind::OlderThanPolicy);
    }
    exposures
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::names::TokenId;

    const DAY: Duration = Duration::from_hours(24);

    fn remarked(kind: Kind, age: Duration, expires_in: Option<i64>) -> Vec<FindingKind> {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let token = ListedToken {
            id: TokenId(Uuid::nil()),
            name: None,
            created_at: now - signed(age),
            expires_at: expires_in.map(|days| now + SignedDuration::from_hours(24 * days)),
        };
        exposures(kind, &token, now, Some(DAY * 45), Duration::from_mins(20))
    }

    #[test]
    fn a_young_token_that_is_managed_and_expires_draws_no_remark() {
        for kind in [Kind::Served, Kind::Predecessor, Kind::Orphan, Kind::Unknown] {
            assert_eq!(remarked(kind, Duration::from_mins(5), Some(30)), [], "{kind:?}");
        }
    }

    #[test]
    fn each_thing_that_is_wrong_is_remarked_on() {
        use FindingKind::{Foreign, NeverExpires, OlderThanPolicy, Orphan, Unmanaged};
        assert_eq!(remarked(Kind::Served, DAY * 46, Some(1)), [OlderThanPolicy]);
        assert_eq!(remarked(Kind::Served, DAY * 46, None), [NeverExpires, OlderThanPolicy]);
        assert_eq!(remarked(Kind::Unmanaged, DAY, None), [Unmanaged, NeverExpires]);
        assert_eq!(remarked(Kind::Orphan, Duration::from_mins(21), Some(1)), [Orphan]);
        assert_eq!(remarked(Kind::Foreign, DAY * 400, None), [Foreign]);
    }

    #[test]
    fn what_has_expired_draws_no_remark() {
        for kind in [Kind::Unmanaged, Kind::Orphan, Kind::Foreign] {
            assert_eq!(remarked(kind, DAY * 400, Some(-1)), [], "{kind:?}");
        }
    }
}

//! The rules' promises, in terms of what lists said and of which first tokens were allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

const SWEEP: Duration = Duration::from_mins(10);

fn account(name: &str) -> AccountName {
    name.parse().unwrap()
}

fn rule(name: &str, matching: &str) -> Rule {
    Rule {
        name: name.parse().unwrap(),
        source: Source::MotherDuck {
            matching: Glob::of_some(matching).unwrap(),
            except: vec!["customer_demo".parse().unwrap()],
        },
        joins_at_most: JoinRate::default(),
        leaves_at_most: LeaveLimit::default(),
    }
}

fn listed(username: &str) -> Listed {
    Listed {
        username: username.to_owned(),
        is_service_account: Some(true),
        is_deprovisioned: false,
        roles: vec!["Member".to_owned()],
    }
}

fn at(minutes: i64) -> Moment {
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    Moment {
        now: start + SignedDuration::from_mins(minutes),
        elapsed: Duration::from_mins(minutes.unsigned_abs()),
        apart: SWEEP,
    }
}

/// What a rule makes of users that nobody else claims.
fn why_not(users: &[Listed]) -> BTreeMap<String, Option<WhyNot>> {
    let rule = rule("customers", "customer_*");
    let claims = claim(&[&rule], Some(users), &BTreeMap::new(), |_| None, |_| None);
    let accounts = claims.accounts[&rule.name].iter();
    let useless = claims.useless.values().flatten();
    accounts
        .map(|(account, why)| (account.to_string(), why.clone()))
        .chain(useless.map(|(name, why)| (name.clone(), Some(why.clone()))))
        .collect()
}

fn accounts(names: &[String]) -> BTreeMap<AccountName, Option<WhyNot>> {
    names.iter().map(|name| (account(name), None)).collect()
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("customer_{number:05}")).collect()
}

fn all(names: &[String], secret: &Secret) -> BTreeMap<AccountName, Secret> {
    names.iter().map(|name| (account(name), secret.clone())).collect()
}

const TAKEN: Secret = Secret::Taken { first_token_at: None };

/// A rule whose members' secrets are all there.
fn established(names: &[String]) -> (Rule, Roll) {
    let (rule, mut roll) = (rule("customers", "customer_*"), Roll::default());
    let outcome = roll.call(&rule, &accounts(names), &all(names, &TAKEN), at(0));
    assert_eq!((outcome.joined.len(), outcome.waiting.len()), (names.len(), 0));
    (rule, roll)
}

#[test]
fn only_a_service_account_joins_that_the_list_calls_one() {
    let users = [
        listed("customer_1"),
        listed("Customer_2"),
        listed("analytics"),
        listed("customer_demo"),
        Listed { is_service_account: Some(false), ..listed("customer_person") },
        Listed { is_service_account: None, ..listed("customer_unsaid") },
        Listed { roles: vec![], ..listed("customer_roles") },
        Listed { roles: vec!["ADMIN".to_owned()], ..listed("customer_admin") },
        Listed { is_deprovisioned: true, ..listed("customer_gone") },
        listed("customer_a-b"),
        listed("customer_x"),
        listed("CUSTOMER_X"),
    ];
    let said = why_not(&users);
    let name = "customer_a-b".parse::<AccountName>().unwrap_err().to_string();
    for (username, why) in [
        ("customer_1", None),
        ("customer_2", None),
        ("customer_demo", Some(WhyNot::Excepted)),
        ("customer_person", Some(WhyNot::Person)),
        ("customer_unsaid", Some(WhyNot::NotSaid)),
        ("customer_roles", Some(WhyNot::NotSaid)),
        ("customer_admin", Some(WhyNot::Admin)),
        ("customer_gone", Some(WhyNot::Deprovisioned)),
        ("customer_a-b", Some(WhyNot::Name(name))),
        ("customer_x", Some(WhyNot::TwoSpellings)),
    ] {
        assert_eq!(said[username], why, "{username}");
    }
    assert_eq!(said.len(), 10, "the rule means nobody else: {said:?}");
}

#[test]
fn a_table_wins_and_of_two_rules_neither_gets_a_new_account() {
    let (one, two) = (rule("one", "customer_*"), rule("two", "*_1"));
    let users = ["customer_1", "customer_2", "big_1"].map(listed);
    let table = |asked: &AccountName| {
        (asked.as_str() == "customer_2").then(|| "big_customer".parse().unwrap())
    };
    let say = |holder: Option<&str>| {
        let member = |asked: &AccountName| {
            holder.filter(|_| asked.as_str() == "customer_1").map(|name| name.parse().unwrap())
        };
        claim(&[&one, &two], Some(&users), &BTreeMap::new(), table, member).accounts
    };
    let claims = say(None);
    let of = |fleet: &Rule, name: &str| claims[&fleet.name][&account(name)].clone();
    assert_eq!(of(&one, "customer_1"), Some(WhyNot::TwoRules(two.name.clone())));
    assert_eq!(of(&two, "customer_1"), Some(WhyNot::TwoRules(one.name.clone())));
    assert_eq!(of(&one, "customer_2"), Some(WhyNot::Table("big_customer".parse().unwrap())));
    assert_eq!(of(&two, "big_1"), None);
    // Whoever has it keeps it.
    let claims = say(Some("two"));
    let of = |fleet: &Rule, name: &str| claims[&fleet.name][&account(name)].clone();
    assert_eq!(of(&one, "customer_1"), Some(WhyNot::TwoRules(two.name.clone())));
    assert_eq!(of(&two, "customer_1"), None);
}

#[test]
fn ten_thousand_new_accounts_get_twenty_first_tokens_an_hour() {
    let (rule, mut roll) = (rule("customers", "customer_*"), Roll::default());
    let names = numbered(0..10_000);
    let mut first = BTreeSet::new();
    for minutes in (0..60).step_by(10) {
        let outcome =
            roll.call(&rule, &accounts(&names), &all(&names, &Secret::Vacant), at(minutes));
        first.extend(outcome.joined);
        assert_eq!(outcome.waiting.len(), 9_980);
    }
    assert_eq!(first.len(), 20);
    let outcome = roll.call(&rule, &accounts(&names), &all(&names, &Secret::Vacant), at(60));
    assert_eq!(outcome.joined.len(), 20);
    assert!(first.is_disjoint(&outcome.joined.into_iter().collect()));
}

#[test]
fn first_tokens_are_counted_by_the_records_after_a_start_and_by_two_pintails_alike() {
    let rule = rule("customers", "customer_*");
    let names = numbered(0..100);
    let list = accounts(&names);
    let mut secrets = all(&names, &Secret::Vacant);
    let before = Roll::default().call(&rule, &list, &secrets, at(0)).joined;
    // Started again before anything was published, or another one: the same accounts.
    assert_eq!(Roll::default().call(&rule, &list, &secrets, at(1)).joined, before);
    for account in before.iter().take(15) {
        let first_token_at = Some(at(2).now);
        secrets.insert(account.clone(), Secret::Taken { first_token_at });
    }
    let mut roll = Roll::default();
    let outcome = roll.call(&rule, &list, &secrets, at(10));
    assert_eq!(outcome.joined.len(), 20, "15 that have one, and 5 that may get one");
    assert_eq!(outcome.waiting.len(), 80);
    // What was rotated since is no first token.
    let secrets = all(&names, &Secret::Taken { first_token_at: Some(at(-600).now) });
    assert_eq!(Roll::default().call(&rule, &list, &secrets, at(10)).joined.len(), 100);
}

#[test]
fn those_that_fail_hold_up_nobody_for_longer_than_their_turn() {
    let rule = rule("customers", "customer_*");
    let names = numbered(0..50);
    let (list, secrets) = (accounts(&names), all(&names, &Secret::Vacant));
    // Started anew each hour, and no first token ever comes about.
    let turns = (0..3).map(|hour| Roll::default().call(&rule, &list, &secrets, at(hour * 60)));
    let tried: BTreeSet<_> = turns.flat_map(|outcome| outcome.joined).collect();
    assert_eq!(tried.len(), 50);
}

#[test]
fn a_secret_that_cannot_be_read_lets_nobody_join_and_counts_as_a_first_token() {
    let (rule, mut roll) = (rule("customers", "customer_*"), Roll::default());
    let names = numbered(0..40);
    let mut secrets = all(&names[..25], &Secret::Unread("the store is sealed".to_owned()));
    secrets.extend(all(&names[25..], &Secret::Vacant));
    let outcome = roll.call(&rule, &accounts(&names), &secrets, at(0));
    assert_eq!((outcome.joined.len(), outcome.unread.len(), outcome.waiting.len()), (0, 25, 15));
    let secrets = BTreeMap::new();
    assert_eq!(roll.call(&rule, &accounts(&names), &secrets, at(1)).joined, []);
}

#[test]
fn an_account_leaves_after_two_lists_without_it_a_sweep_apart() {
    let names = numbered(0..100);
    let (rule, mut roll) = established(&names);
    let without = accounts(&names[1..]);
    let nothing = BTreeMap::new();
    let mut call = |list: &BTreeMap<_, _>, minutes| roll.call(&rule, list, &nothing, at(minutes));
    assert_eq!(call(&without, 10).missing, [account(&names[0])]);
    assert_eq!(call(&without, 15).left, [], "the second list came too soon");
    // It was there again: all begins anew.
    assert_eq!(call(&accounts(&names), 18).missing, []);
    assert_eq!(call(&without, 20).left, []);
    let outcome = call(&without, 30);
    assert_eq!((outcome.left, outcome.missing), (vec![account(&names[0])], vec![]));
}

#[test]
fn neither_half_a_fleet_nor_the_last_of_it_leaves_and_nobody_joins_by_such_a_list() {
    let names = numbered(0..100);
    let (rule, mut roll) = established(&names);
    let mut other_organisation = accounts(&numbered(900..905));
    other_organisation.extend(accounts(&names[..40]));
    let newcomers = all(&numbered(900..905), &Secret::Vacant);
    for minutes in [10, 20, 30, 600] {
        let outcome = roll.call(&rule, &other_organisation, &newcomers, at(minutes));
        assert_eq!(outcome.held, Some(LeavesHeld { missing: 60, limit: 5 }));
        assert_eq!((outcome.left.len(), outcome.joined.len(), outcome.waiting.len()), (0, 0, 5));
    }
    assert_eq!(roll.members().count(), 100);
    let (rule, mut roll) = established(&names[..2]);
    for minutes in [10, 20, 30] {
        let outcome = roll.call(&rule, &BTreeMap::new(), &BTreeMap::new(), at(minutes));
        assert_eq!((outcome.left, roll.members().count()), (vec![], 2));
    }
}

#[test]
fn a_list_that_says_less_than_before_lets_nobody_go() {
    let names = numbered(0..10);
    let (rule, mut roll) = established(&names);
    for why in [WhyNot::NotSaid, WhyNot::TwoSpellings, WhyNot::TwoRules("two".parse().unwrap())] {
        let list = names.iter().map(|name| (account(name), Some(why.clone()))).collect();
        for minutes in [10, 20] {
            assert_eq!(roll.call(&rule, &list, &BTreeMap::new(), at(minutes)).missing, []);
        }
    }
    let mut list = accounts(&names);
    list.insert(account(&names[3]), Some(WhyNot::Table("own".parse().unwrap())));
    let outcome = roll.call(&rule, &list, &BTreeMap::new(), at(30));
    assert_eq!((outcome.turned_away, outcome.left), (vec![account(&names[3])], vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_lists_come_no_law_is_broken(
        lists in prop::collection::vec((0_u32..=0xfff, 1_i64..25, any::<bool>()), 1..40),
        count in 0_usize..4, limit in 0_usize..4,
    ) {
        let rule = Rule {
            joins_at_most: JoinRate { count, per: Duration::from_hours(1) },
            leaves_at_most: LeaveLimit::Count(limit),
            ..rule("customers", "customer_*")
        };
        let names = numbered(0..12);
        let place = |who: &AccountName| {
            names.iter().position(|name| name == who.as_str()).unwrap()
        };
        let mut roll = Roll::default();
        let mut firsts: Vec<(AccountName, i64)> = vec![];
        let mut has_secret = BTreeSet::new();
        // Of each account, the lists that did not name it since it was named last.
        let mut unnamed: BTreeMap<AccountName, Vec<i64>> = BTreeMap::new();
        let mut minutes = 0;
        for (mask, step, is_started_again) in lists {
            minutes += step;
            if is_started_again && step > 20 {
                roll = Roll::default();
                unnamed.clear();
                // Of what was made before a start only the records of the accounts tell that are listed then.
                firsts.retain(|(who, _)| mask & (1 << place(who)) != 0);
            }
            let named: Vec<String> = names.iter().enumerate()
                .filter(|(bit, _)| mask & (1 << bit) != 0)
                .map(|(_, name)| name.clone()).collect();
            for name in &names {
                let times = unnamed.entry(account(name)).or_default();
                if named.contains(name) { times.clear() } else { times.push(minutes) }
            }
            let before: BTreeSet<_> = roll.members().cloned().collect();
            let secrets = named.iter().map(|name| {
                let since = has_secret.iter().find(|(who, _)| *who == account(name));
                let secret = since.map_or(Secret::Vacant, |(_, at_minutes): &(AccountName, i64)| {
                    Secret::Taken { first_token_at: Some(at(*at_minutes).now) }
                });
                (account(name), secret)
            }).collect();
            let outcome = roll.call(&rule, &accounts(&named), &secrets, at(minutes));
            for joined in &outcome.joined {
                prop_assert!(named.contains(&joined.to_string()));
                if secrets[joined] == Secret::Vacant {
                    firsts.push((joined.clone(), minutes));
                    has_secret.insert((joined.clone(), minutes));
                }
            }
            let lately = firsts.iter().filter(|(_, it)| *it > minutes - 60).count();
            prop_assert!(lately <= count, "{lately} first tokens in an hour");
            for left in &outcome.left {
                let times = &unnamed[left];
                prop_assert!(times.len() >= 2 && times[times.len() - 1] - times[0] >= 10);
            }
            prop_assert!(outcome.left.len() <= limit);
            prop_assert!(before.is_empty() || outcome.left.len() < before.len());
        }
    }
}

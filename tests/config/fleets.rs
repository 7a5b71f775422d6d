//! `[fleets.NAME]`: what is taken, what is refused, and what rules make of accounts.

use std::collections::BTreeMap;

use pintail::config::Config;
use pintail::fleet::{Members, Source};

use super::{HEAD, assert_refused, load};

const DEFAULTS: &str =
    "[defaults]\nstore = \"main\"\nevery = \"30d\"\nttl = \"45d\"\ngate = \"none\"\n";
const CUSTOMERS: &str = "[fleets.customers]\naccounts.motherduck = { match = \"Customer_*\" }\n";

fn rules(body: &str) -> Result<Config, pintail::config::ConfigError> {
    load(&format!("{HEAD}{DEFAULTS}{body}"))
}

fn members(fleet: &str, accounts: &[&str]) -> Members {
    let accounts = accounts.iter().map(|name| name.parse().unwrap()).collect();
    BTreeMap::from([(fleet.parse().unwrap(), accounts)])
}

#[test]
fn a_table_may_be_empty_where_the_account_has_the_credentials_name() {
    let config = rules("[credentials.etl_prod]\n").unwrap();
    assert_eq!(config.credentials.values().next().unwrap().username.as_str(), "etl_prod");
    assert_refused(
        rules("[credentials.etl-prod]\n"),
        &["credentials.etl-prod.username: this is required", "no username"],
    );
}

#[test]
fn a_rule_makes_credentials_that_look_as_it_says() {
    let config = rules(&format!(
        "{CUSTOMERS}credential = \"{{username}}_token\"\npath = \"apps/{{username}}\"\nttl = \"60d\"\n"
    ));
    let config = config.unwrap();
    assert!(
        config.credentials.is_empty() && config.warnings.iter().all(|it| !it.contains("no cred"))
    );
    let (config, unfit) = config.enlist(&members("customers", &["customer_7"]), &Members::new());
    assert_eq!(unfit, []);
    let made = config.credentials.values().next().unwrap();
    assert_eq!((made.name.as_str(), made.username.as_str()), ("customer_7_token", "customer_7"));
    assert_eq!(
        (made.path.as_str(), made.fleet.as_ref().unwrap().as_str()),
        ("apps/customer_7", "customers")
    );
    assert_eq!(made.ttl.unwrap().as_secs(), 60 * 86_400);
    // Made again, they take the place of those before.
    let (config, _) = config.enlist(&members("customers", &["customer_8"]), &Members::new());
    assert_eq!(config.credentials.len(), 1);
}

#[test]
fn what_cannot_be_a_rule_is_refused_with_its_key() {
    for (body, parts) in [
        ("[fleets.x]\n", vec!["fleets.x.accounts: this is required", "match"]),
        ("[fleets.x]\naccounts = {}\n", vec!["fleets.x.accounts"]),
        (
            "[fleets.x]\naccounts = { motherduck = { match = \"c_*\" }, file = \"c.txt\" }\n",
            vec!["fleets.x.accounts", "exactly one"],
        ),
        (
            "[fleets.x]\naccounts.motherduck = {}\n",
            vec!["accounts.motherduck.match: this is required"],
        ),
        (
            "[fleets.x]\naccounts.motherduck.match = \"*\"\n",
            vec!["accounts.motherduck.match", "matches every account"],
        ),
        ("[fleets.x]\naccounts.motherduck.match = \"a-*\"\n", vec!["matches no username"]),
        (
            "[fleets.x]\naccounts.motherduck = { match = \"c_*\", except = [\"a b\"] }\n",
            vec!["accounts.motherduck.except"],
        ),
        (
            "[fleets.x]\naccounts.file = \"c.txt\"\njoins_at_most = \"many\"\n",
            vec!["fleets.x.joins_at_most", "20/h"],
        ),
        (
            "[fleets.x]\naccounts.file = \"c.txt\"\nleaves_at_most = \"200%\"\n",
            vec!["fleets.x.leaves_at_most", "5%"],
        ),
        (
            "[fleets.x]\naccounts.file = \"c.txt\"\nusername = \"etl\"\n",
            vec!["fleets.x.username", "by itself"],
        ),
        (
            "[fleets.x]\naccounts.file = \"c.txt\"\ncredential = \"one\"\n",
            vec!["fleets.x.credential", "{username}"],
        ),
        (
            "[fleets.x]\naccounts.file = \"c.txt\"\npath = \"shared\"\n",
            vec!["fleets.x.path", "share a secret"],
        ),
        (
            "[fleets.x]\naccounts.file = \"c.txt\"\nmirrors = [{ store = \"other\", path = \"shared\" }]\n",
            vec!["fleets.x.path", "share a secret"],
        ),
        ("[fleets.x]\naccounts.file = \"c.txt\"\nstore = \"none\"\n", vec!["fleets.x.store"]),
        ("[fleets.x]\naccounts.file = \"c.txt\"\nschedul = \"x\"\n", vec!["fleets.x", "schedule"]),
        ("[fleets.\"a/b\"]\naccounts.file = \"c.txt\"\n", vec!["fleet name"]),
    ] {
        let store = if body.contains("mirrors") {
            "[stores.other.file]\ndir = \"/var/lib/other\"\n"
        } else {
            ""
        };
        assert_refused(rules(&format!("{store}{body}")), &parts);
    }
}

#[test]
fn limits_and_sources_are_taken_as_they_are_written() {
    let config = rules(
        "[fleets.x]\naccounts.file = \"customers.txt\"\njoins_at_most = \"200/d\"\nleaves_at_most = 7\n",
    );
    let config = config.unwrap();
    let rule = &config.fleets.values().next().unwrap().rule;
    assert_eq!(rule.source, Source::File("customers.txt".into()));
    assert_eq!(
        (rule.joins_at_most.to_string().as_str(), rule.leaves_at_most.of(1_000)),
        ("200/d", 7)
    );
}

#[test]
fn who_would_be_in_anothers_way_is_left_out_and_a_table_or_a_member_stays() {
    let config = rules(&format!(
        "{CUSTOMERS}[credentials.customer_1]\nusername = \"big_one\"\n\
         [credentials.other]\nusername = \"other\"\npath = \"motherduck/customer_2\"\n"
    ));
    let config = config.unwrap();
    let names = ["customer_1", "customer_2", "customer_3"];
    let (config, unfit) = config.enlist(&members("customers", &names), &Members::new());
    let made: Vec<_> = config.credentials.keys().map(ToString::to_string).collect();
    assert_eq!(made, ["customer_1", "customer_3", "other"]);
    assert_eq!(config.credentials[&"customer_1".parse().unwrap()].username.as_str(), "big_one");
    let why: Vec<_> = unfit.iter().map(|one| (one.account.as_str(), one.why.as_str())).collect();
    assert!(why[0].0 == "customer_1" && why[0].1.contains("stands in a table"), "{why:?}");
    assert!(
        why[1].0 == "customer_2" && why[1].1.contains("other is kept in the same place"),
        "{why:?}"
    );
}

#[test]
fn no_newcomer_is_in_the_way_of_a_member() {
    let body = "[fleets.a]\naccounts.file = \"a.txt\"\npath = \"x/{username}\"\ncredential = \"a.{username}\"\n\
                [fleets.b]\naccounts.file = \"b.txt\"\npath = \"x/{username}/deep\"\n";
    let config = rules(body).unwrap();
    // The member's secret lies below the directory that the newcomer would get.
    let (config, unfit) = config.enlist(&members("b", &["one"]), &members("a", &["one"]));
    assert_eq!(config.credentials.keys().map(ToString::to_string).collect::<Vec<_>>(), ["one"]);
    assert_eq!(unfit[0].fleet.as_str(), "a");
}

#[test]
fn ten_thousand_members_are_made_in_a_moment() {
    let config = rules(CUSTOMERS).unwrap();
    let names: Vec<String> = (0..10_000).map(|number| format!("customer_{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let begun = std::time::Instant::now();
    let (config, unfit) = config.enlist(&members("customers", &names), &Members::new());
    assert_eq!((config.credentials.len(), unfit.len()), (10_000, 0));
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

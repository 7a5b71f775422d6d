//! What may be declared of accounts, and what is said where credentials contradict one another.

use pintail::account::settings::{DeclaredDucklings, DeclaredPool};

use super::{HEAD, assert_refused, credential, load};

/// Two credentials of one account, spelled in two ways.
fn two(first: &str, second: &str) -> String {
    format!(
        "{HEAD}[defaults]\nstore = \"main\"\nevery = \"30d\"\nttl = \"45d\"\ngate = \"none\"\n\
         [credentials.first]\nusername = \"etl_prod\"\n{first}\n\
         [credentials.second]\nusername = \"ETL_prod\"\n{second}\n"
    )
}

#[test]
fn nothing_is_declared_of_an_account_unless_somebody_says_so() {
    let config = load(&two("", "ducklings = {}\nensure_account = false")).unwrap();
    assert!(config.accounts.is_empty(), "{:?}", config.accounts);
}

#[test]
fn an_account_is_declared_by_its_credentials_together_whatever_the_spelling() {
    let ducklings = "ducklings.read_write = { size = \"jumbo\", cooldown = \"10m\" }\n\
                     ducklings.read_scaling = { size = \"pulse\", flock_size = 0 }";
    let config = load(&two("ensure_account = true", ducklings)).unwrap();
    let account = &config.accounts["etl_prod"];
    assert!(account.ensure && config.accounts.len() == 1);
    let pool = |size: &str, cooldown_seconds| DeclaredPool {
        size: Some(size.to_owned()),
        cooldown_seconds,
    };
    let declared = DeclaredDucklings {
        read_write: pool("jumbo", Some(600)),
        read_scaling: pool("pulse", None),
        flock_size: Some(0),
    };
    assert_eq!(account.ducklings, declared);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn credentials_that_contradict_one_another_are_both_named() {
    let names = ["`second` and `first`", "credentials.second.ensure_account"];
    assert_refused(load(&two("ensure_account = true", "ensure_account = false")), &names);
    let size = |size: &str| format!("ducklings.read_write.size = \"{size}\"");
    let names = ["`second` and `first`", "credentials.second.ducklings"];
    assert_refused(load(&two(&size("jumbo"), &size("mega"))), &names);
}

#[test]
fn values_that_cannot_be_meant_are_refused_with_their_keys() {
    for (body, parts) in [
        ("read_write = { size = \"pulse\", cooldown = \"5m\" }", ["read_write.cooldown", "pulse"]),
        (
            "read_write = { size = \"mega\", cooldown = \"5s\" }",
            ["read_write.cooldown", "1m to 1d"],
        ),
        ("read_scaling = { flock_size = -1 }", ["read_scaling.flock_size", "0 to 64"]),
        ("read_write = { flock_size = 3 }", ["read_write.flock_size", "no such key"]),
        ("read_scaling = { sizes = \"mega\" }", ["read_scaling.sizes", "`size`"]),
        ("read_write = { size = \"\" }", ["read_write.size", "not empty"]),
    ] {
        let body = format!("gate = \"none\"\nttl = \"45d\"\nevery = \"30d\"\nducklings.{body}");
        assert_refused(credential(&body), &parts);
    }
}

#[test]
fn values_that_a_later_motherduck_may_accept_draw_a_warning() {
    let ducklings = "ducklings.read_write = { size = \"tera\", cooldown = \"2d\" }\n\
                     ducklings.read_scaling.flock_size = 100";
    let config = load(&two(ducklings, "")).unwrap();
    let warnings = config.warnings.join("\n");
    for part in ["size that is not known", "cooldown of more than a day", "flock of more than 64"] {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
    assert_eq!(config.accounts["etl_prod"].ducklings.flock_size, Some(100));
}

#[test]
fn own_ducklings_replace_the_default_ones_wholly() {
    let text = two("ducklings.read_write.size = \"mega\"", "username = \"other_prod\"")
        .replace("username = \"ETL_prod\"\n", "")
        .replace(
            "[credentials.first]",
            "ducklings.read_scaling.flock_size = 2\n[credentials.first]",
        );
    let config = load(&text).unwrap();
    assert_eq!(config.accounts["etl_prod"].ducklings.flock_size, None);
    assert_eq!(config.accounts["other_prod"].ducklings.flock_size, Some(2));
}

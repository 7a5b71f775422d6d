//! `token_field` and `token_id_field`: the keys that consumers read, apart from one another and from the record's.

use pintail::config::{Config, ConfigError};

use super::{HEAD, assert_refused, load, load_with, only};

fn text(defaults: &str, own: &str) -> String {
    format!(
        "{HEAD}[defaults]\nstore = \"main\"\n{defaults}\n[credentials.etl]\nusername = \"etl_prod\"\nttl = \"45d\"\n\
         every = \"30d\"\ngate = \"none\"\n{own}"
    )
}

fn etl(defaults: &str, own: &str) -> Result<Config, ConfigError> {
    load(&text(defaults, own))
}

/// The key of the token's ID, in the credential's secret and in its first mirror.
fn id_fields(config: &Config) -> (Option<&str>, Option<&str>) {
    let etl = only(config);
    let mirror = etl.mirrors.first().and_then(|mirror| mirror.token_id_field.as_deref());
    (etl.token_id_field.as_deref(), mirror)
}

#[test]
fn the_key_of_the_tokens_id_may_have_another_name_or_none() {
    let mirror = "mirrors = [{ store = \"main\", path = \"copy\" }]";
    let usual = Some("token_id");
    for (defaults, own, expected) in [
        ("", "", (usual, usual)),
        ("", "token_id_field = \"id\"", (Some("id"), Some("id"))),
        ("", "token_id_field = false", (None, None)),
        ("token_id_field = false", "", (None, None)),
        ("token_id_field = false", "token_id_field = \"token_id\"", (usual, usual)),
    ] {
        let config = etl(defaults, &format!("{own}\n{mirror}")).unwrap();
        assert_eq!(id_fields(&config), expected, "{defaults} {own}");
    }
    for (own, expected) in [("\"id\"", Some("id")), ("false", None), ("\"token_id\"", usual)] {
        let mirror = format!(
            "mirrors = [{{ store = \"main\", path = \"copy\", token_id_field = {own} }}]\ntoken_id_field = \"x\""
        );
        assert_eq!(id_fields(&etl("", &mirror).unwrap()), (Some("x"), expected));
    }
}

#[test]
fn a_variable_switches_it_off() {
    let variables = [("PINTAIL__DEFAULTS__TOKEN_ID_FIELD", "false")];
    let config = load_with(&[&text("", "")], &variables).unwrap();
    assert_eq!(id_fields(&config).0, None);
}

#[test]
fn what_cannot_be_a_key_of_its_own_is_refused() {
    for (own, words) in [
        ("token_id_field = true", ["credentials.etl.token_id_field: ", "or false"]),
        ("token_id_field = \" \"", ["credentials.etl.token_id_field: ", "not empty"]),
        ("token_id_field = 7", ["credentials.etl.token_id_field: ", "or false"]),
        ("token_id_field = \"pintail\"", ["credentials.etl.token_id_field: ", "its record"]),
        ("token_field = \"pintail\"", ["credentials.etl.token_field: ", "its record"]),
        ("token_field = \"token_id\"", ["credentials.etl.token_field: ", "cannot both"]),
        (
            "token_id_field = \"motherduck_token\"",
            ["credentials.etl.token_id_field: ", "cannot both"],
        ),
        (
            "mirrors = [{ store = \"main\", path = \"copy\", token_field = \"token_id\" }]",
            ["credentials.etl.mirrors.0.token_field: ", "cannot both"],
        ),
    ] {
        assert_refused(etl("", own), &words);
    }
    assert!(etl("", "token_field = \"token_id\"\ntoken_id_field = false").is_ok());
    assert!(etl("", "token_field = \"username\"").is_ok());
}

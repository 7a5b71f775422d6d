//! `mirrors` and `format`: where else a credential's token is kept, and that no place is written to twice.

use pintail::config::{Config, ConfigError, Mirror};
use pintail::stores::settings::Format;

use super::{HEAD, assert_refused, load, load_with, only};

const STORES: &str = r#"
[stores.vault.vault]
address = "https://vault"
auth.token_env = "T"
[stores.aws.aws_secrets_manager]
region = "eu-central-1"
[stores.copies.file]
dir = "/srv/copies"
"#;

const ETL: &str = "username = \"etl_prod\"\nttl = \"45d\"\nevery = \"30d\"\ngate = \"none\"";

/// Credential `etl` with the lines `body`, and what else `more` says.
fn etl(body: &str, more: &str) -> Result<Config, ConfigError> {
    load(&format!("{HEAD}{STORES}[credentials.etl]\n{ETL}\n{body}\n{more}"))
}

fn mirror(store: &str, path: &str, format: Format) -> Mirror {
    let (store, path) = (store.to_owned(), path.to_owned());
    Mirror {
        store,
        path,
        token_field: "motherduck_token".to_owned(),
        token_id_field: Some("token_id".to_owned()),
        format,
    }
}

#[test]
fn a_mirror_that_is_only_named_is_as_the_credential() {
    let config = etl(
        "store = \"vault\"\ntoken_field = \"token\"\npath = \"{username}/x\"\nmirrors = [\"aws\", \"copies\"]",
        "",
    )
    .unwrap();
    let etl = only(&config);
    assert_eq!((etl.store.as_str(), etl.path.as_str()), ("vault", "etl_prod/x"));
    let like = |store| Mirror {
        token_field: "token".to_owned(),
        ..mirror(store, "etl_prod/x", Format::Json)
    };
    assert_eq!(etl.mirrors, [like("aws"), like("copies")]);
}

#[test]
fn a_mirror_may_have_its_own_path_field_and_format() {
    let config = etl(
        "store = \"vault\"\nmirrors = [
            { store = \"aws\", path = \"plain/{credential}\", format = \"plain\" },
            { store = \"vault\", path = \"copy/{owner}\", token_field = \"password\" },
        ]",
        "",
    )
    .unwrap();
    let second =
        Mirror { token_field: "password".to_owned(), ..mirror("vault", "copy/prod", Format::Json) };
    assert_eq!(only(&config).mirrors, [mirror("aws", "plain/etl", Format::Plain), second]);
}

#[test]
fn a_plain_secret_is_a_mirror_of_the_secret_with_its_record() {
    let config = etl("store = \"aws\"\nformat = \"plain\"\nmirrors = [\"vault\"]", "").unwrap();
    let etl = only(&config);
    assert_eq!((etl.store.as_str(), etl.path.as_str()), ("aws", "motherduck/etl/pintail"));
    let [plain, vault] = etl.mirrors.as_slice() else { panic!("{:?}", etl.mirrors) };
    assert_eq!(*plain, mirror("aws", "motherduck/etl", Format::Plain));
    assert_eq!(*vault, mirror("vault", "motherduck/etl", Format::Json));
}

#[test]
fn a_named_mirror_in_aws_is_plain_where_the_credential_is() {
    let other = "[stores.west.aws_secrets_manager]\nregion = \"us-west-2\"";
    let body = "store = \"aws\"\nformat = \"plain\"\nmirrors = ";
    let config = etl(&format!("{body}[\"west\"]"), other).unwrap();
    assert_eq!(only(&config).mirrors[1], mirror("west", "motherduck/etl", Format::Plain));
    let config = etl(&format!("{body}[{{ store = \"west\", format = \"json\" }}]"), other).unwrap();
    assert_eq!(only(&config).mirrors[1], mirror("west", "motherduck/etl", Format::Json));
}

#[test]
fn mirrors_and_formats_of_the_defaults_are_replaced_wholly() {
    let text = |own: &str| {
        format!(
            "{HEAD}{STORES}[defaults]\nstore = \"aws\"\nformat = \"plain\"\nmirrors = [\"vault\"]\n\
             [credentials.etl]\n{ETL}\n{own}"
        )
    };
    let config = load(&text("")).unwrap();
    assert_eq!(only(&config).mirrors.len(), 2);
    let config = load(&text("format = \"json\"\nmirrors = []")).unwrap();
    assert_eq!(only(&config).path, "motherduck/etl");
    assert_eq!(only(&config).mirrors, []);
    let variables = [("PINTAIL__CREDENTIALS__ETL__MIRRORS", "[\"copies\"]")];
    let config = load_with(&[&text("format = \"json\"")], &variables).unwrap();
    assert_eq!(only(&config).mirrors, [mirror("copies", "motherduck/etl", Format::Json)]);
    assert_refused(
        load(&text("store = \"main\"")),
        &["credentials.etl.format (set in [defaults]): ", "only a secret of AWS"],
    );
}

#[test]
fn what_only_aws_has_is_refused_elsewhere() {
    for store in ["vault", "main"] {
        assert_refused(
            etl(&format!("store = \"{store}\"\nformat = \"plain\""), ""),
            &["credentials.etl.format: ", "only a secret of AWS Secrets Manager can be plain"],
        );
        assert_refused(
            etl(
                &format!(
                    "store = \"aws\"\nmirrors = [{{ store = \"{store}\", format = \"plain\" }}]"
                ),
                "",
            ),
            &["credentials.etl.mirrors.0.format: ", "only a secret of AWS"],
        );
    }
    assert_refused(
        etl("store = \"aws\"\nformat = \"text\"", ""),
        &["credentials.etl.format: this must be one of json, plain"],
    );
    // The record's name has 8 characters more.
    let long = "a".repeat(505);
    assert_refused(
        etl(&format!("store = \"aws\"\nformat = \"plain\"\npath = \"{long}\""), ""),
        &["credentials.etl.path: AWS Secrets Manager refuses this name"],
    );
}

#[test]
fn every_mirror_that_is_wrong_is_told_with_its_key() {
    assert_refused(
        etl(
            "store = \"vault\"\nmirrors = [\"copis\", { store = \"aws\", path = \"a b\" }, \
             { store = \"copies\", path = \"{nobody}\" }, { store = \"main\", token_field = \"token_id\" }]",
            "",
        ),
        &[
            "credentials.etl.mirrors.0.store: `copis`: there is no such store; did you mean `copies`?",
            "credentials.etl.mirrors.1.path: AWS Secrets Manager refuses this name",
            "credentials.etl.mirrors.2.path: `{nobody}`",
            "credentials.etl.mirrors.3.token_field: ",
        ],
    );
    for (wrong, said) in [
        ("\"aws\"", "credentials.etl.mirrors: "),
        ("[1]", "the name of a store"),
        ("[{ path = \"x\" }]", "store: this is required"),
        ("[{ store = \"aws\", pth = \"x\" }]", "did you mean `path`?"),
    ] {
        assert_refused(etl(&format!("store = \"vault\"\nmirrors = {wrong}"), ""), &[said]);
    }
}

#[test]
fn no_place_is_written_to_twice() {
    let other = |body: &str| format!("[credentials.other]\n{ETL}\n{body}");
    assert_refused(
        etl("store = \"vault\"\nmirrors = [\"vault\"]", ""),
        &[
            "credentials.etl.mirrors: the token is kept there already (motherduck/etl in store vault)",
        ],
    );
    assert_refused(
        etl("store = \"vault\"\nmirrors = [\"aws\", \"aws\"]", ""),
        &["credentials.etl.mirrors: the token is kept there already"],
    );
    let alias = "[stores.alias.aws_secrets_manager]\nregion = \"eu-central-1\"";
    assert_refused(
        etl("store = \"aws\"\nmirrors = [\"alias\"]", alias),
        &["credentials.etl.mirrors: the token is kept there already"],
    );
    let at_etl = other("store = \"aws\"\npath = \"motherduck/etl\"");
    assert_refused(
        etl("store = \"vault\"\nmirrors = [\"aws\"]", &at_etl),
        &["credentials.other.path: etl is kept in the same place (motherduck/etl in store aws)"],
    );
    let mirrored =
        other("store = \"vault\"\nmirrors = [{ store = \"aws\", path = \"motherduck/etl\" }]");
    assert_refused(
        etl("store = \"aws\"", &mirrored),
        &["credentials.other.mirrors: etl is kept in the same place"],
    );
    for path in ["motherduck/etl", "motherduck/etl/pintail"] {
        let at = other(&format!("store = \"aws\"\npath = \"{path}\""));
        assert_refused(
            etl("store = \"aws\"\nformat = \"plain\"", &at),
            &["credentials.other.path: etl is kept in the same place"],
        );
    }
    let plain = other("store = \"aws\"\nformat = \"plain\"\npath = \"motherduck/etl\"");
    assert_refused(
        etl("store = \"aws\"", &plain),
        &["credentials.other.path: etl is kept in the same place"],
    );
    let inside =
        other("store = \"vault\"\nmirrors = [{ store = \"copies\", path = \"motherduck/etl/x\" }]");
    assert_refused(
        etl("store = \"vault\"\nmirrors = [\"copies\"]", &inside),
        &["credentials.other.mirrors: motherduck/etl/x lies inside the directory that etl"],
    );
    etl("store = \"vault\"\nmirrors = [\"aws\", \"copies\"]", &other("store = \"aws\"")).unwrap();
}

//! The admin token in a store: where it may be, and the credential that is kept there.

use pintail::config::{Config, ConfigError};
use pintail::consumers::verify::settings::Proof;
use pintail::motherduck::settings::{AdminToken, StoredToken};

use super::{HEAD, assert_refused, load, only};

/// A configuration with the admin token at `place`, and credential `admin` with the lines `body`.
fn with(place: &str, body: &str) -> Result<Config, ConfigError> {
    let head = HEAD.replace("{ env = \"ADMIN\" }", place);
    load(&format!(
        "{head}[credentials.admin]\nusername = \"ops\"\nstore = \"main\"\nttl = \"45d\"\nevery = \"30d\"\n\
         gate = \"none\"\n{body}"
    ))
}

const PLACE: &str = "{ store = \"main\", path = \"pintail/admin\" }";

#[test]
fn a_credential_in_the_admin_tokens_place_is_the_admin_token() {
    let config = with(PLACE, "path = \"pintail/admin\"\nverify = \"admin\"").unwrap();
    let (store, path) = ("main".to_owned(), "pintail/admin".to_owned());
    let token_field = "motherduck_token".to_owned();
    let place = AdminToken::Stored(StoredToken { store, path, token_field });
    assert_eq!(config.motherduck.admin_token, place);
    assert_eq!(*only(&config).verify, Proof::Admin);
}

#[test]
fn the_admins_proof_and_the_admins_place_belong_together() {
    for place in ["{ env = \"ADMIN\" }", PLACE] {
        assert_refused(
            with(place, "verify = \"admin\"\npath = \"elsewhere\""),
            &["credentials.admin.verify: ", "store = \"main\", path = \"elsewhere\""],
        );
    }
    assert_refused(
        with(PLACE, "path = \"pintail/admin\""),
        &["credentials.admin.verify: motherduck.admin_token is kept in the same place"],
    );
    assert_refused(
        with(PLACE, "path = \"pintail/admin\"\nverify = \"admin\"\ntoken_field = \"password\""),
        &["credentials.admin.token_field: this must be the `field` of motherduck.admin_token"],
    );
    assert_refused(
        with(PLACE, "path = \"pintail/admin\"\nverify = \"admin\"\ntoken_type = \"read_scaling\""),
        &["credentials.admin.token_type: an admin token is of type \"read_write\""],
    );
}

#[test]
fn a_copy_of_a_credential_is_not_the_admin_token() {
    let copied = "path = \"ops\"\nmirrors = [{ store = \"main\", path = \"pintail/admin\" }]";
    assert_refused(
        with(PLACE, copied),
        &["credentials.admin.mirrors: motherduck.admin_token is kept in the same place"],
    );
}

#[test]
fn an_admin_token_in_no_known_place_is_refused() {
    assert_refused(
        with("{ store = \"mian\", path = \"pintail/admin\" }", "path = \"x\""),
        &["motherduck.admin_token.store: `mian`: there is no such store; did you mean `main`?"],
    );
    assert_refused(
        with("{ store = \"main\", path = \"../admin\" }", "path = \"x\""),
        &["motherduck.admin_token.path: "],
    );
}

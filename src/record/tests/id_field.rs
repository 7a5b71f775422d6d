//! The key of the token's ID beside the token: whose it is, and what becomes of it when its name changes.

use serde_json::json;

use super::*;

const RENAMED: Fields<'static> = Fields { token: "motherduck_token", token_id: Some("md_id") };
const OFF: Fields<'static> = Fields { token: "motherduck_token", token_id: None };

fn id() -> Value {
    record(&token()).token_id.to_string().into()
}

fn is_taken(secret: &Value, fields: Fields<'_>) -> bool {
    match decode(object(secret), fields) {
        Ok(_) => false,
        Err(RecordError::Taken { key, part: Part::TokenId }) => {
            assert_eq!(Some(key.as_str()), fields.token_id);
            true
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn without_a_record_a_key_of_its_name_is_the_users() {
    for secret in
        [json!({"token_id": "mine"}), json!({"token_id": null, "motherduck_token": "abc"})]
    {
        assert!(is_taken(&secret, USUAL));
        for fields in [RENAMED, OFF] {
            assert!(!is_taken(&secret, fields));
            let written = written_over(&written_over(&secret, fields), fields);
            assert_eq!(written["token_id"], secret["token_id"]);
            assert_eq!(written.get("md_id"), fields.token_id.map(|_| id()).as_ref());
        }
    }
    let error = decode(object(&json!({"token_id": "mine"})), USUAL).unwrap_err();
    let text = format!("{error}; {}", error.hint());
    assert!(text.contains("`token_id`") && text.contains("`token_id_field`"), "{text}");
}

#[test]
fn with_a_record_it_is_ours_whatever_stands_there() {
    let mut written = written_over(&json!({}), USUAL);
    written["token_id"] = "typed by hand".into();
    assert_eq!(written_over(&written, USUAL)["token_id"], id());
    written.as_object_mut().unwrap().remove("token_id");
    assert_eq!(written_over(&written, USUAL)["token_id"], id());
}

#[test]
fn the_old_key_goes_when_its_name_changes_and_the_new_one_must_be_free() {
    let key = |fields: Fields<'static>| fields.token_id;
    for from in [USUAL, RENAMED, OFF] {
        for to in [USUAL, RENAMED, OFF] {
            let before = written_over(&json!({"dsn": 1}), from);
            assert_eq!(key(from).map(|key| before[key].clone()), key(from).map(|_| id()));
            let after = written_over(&before, to);
            let expected = written_over(&json!({"dsn": 1}), to);
            assert_eq!(after, expected, "{from:?} {to:?}");

            let Some(name) = key(to).filter(|name| Some(*name) != key(from)) else { continue };
            let mut theirs = before.clone();
            theirs[name] = "theirs".into();
            assert!(is_taken(&theirs, to), "{from:?} {to:?}");
            // Somebody renamed the key in the secret, too.
            theirs[name] = id();
            assert_eq!(written_over(&theirs, to), expected, "{from:?} {to:?}");
        }
    }
}

#[test]
fn the_flat_forms_id_stays_beside_the_token_only_where_it_is_wanted() {
    for fields in [USUAL, RENAMED, OFF] {
        let moved = written_over(&flat(&[]), fields);
        assert_eq!(moved, written_over(&json!({}), fields));
    }
    assert!(is_taken(&flat(&[("md_id", json!("theirs"))]), RENAMED));
}

//! The record under its own key, the flat form that it had before, and whose each key is.

use serde_json::json;

use super::*;

/// The error that reading the secret ends with, and what it tells a person.
fn refused(secret: &Value, fields: Fields<'_>) -> (RecordError, String) {
    let error = decode(object(secret), fields).unwrap_err();
    let text = format!("{error}; {}", error.hint());
    assert!(!text.contains("s3cret"), "{text}");
    (error, text)
}

fn taken(key: &str, part: Part) -> RecordError {
    RecordError::Taken { key: key.to_owned(), part }
}

#[test]
fn beside_the_users_keys_stand_the_token_its_id_and_the_record_and_nothing_else() {
    let written = written_over(&json!({"dsn": "md:x", "n": 7}), USUAL);
    let id = record(&token()).token_id.to_string();
    let mut inner = serde_json::to_value(record(&token())).unwrap();
    inner["managed_by"] = "pintail".into();
    let expected = json!({
        "dsn": "md:x", "n": 7, "motherduck_token": "t0ken", "token_id": id, "pintail": inner,
    });
    assert_eq!(written, expected);
    let (content, others) = decode(object(&written), USUAL).unwrap();
    let SecretContent::Managed { record: read, token: text } = content else {
        panic!("{content:?}")
    };
    assert_eq!(*read, record(&token()));
    assert_eq!(text.sha256(), token().sha256());
    assert_eq!(format!("{others:?}"), "UserKeys(2 keys)");
}

#[test]
fn a_persons_keys_may_have_the_names_of_the_records_fields() {
    let theirs = json!({
        "username": "reporting_rw", "owner": "team-data", "created_at": "2019-01-01", "phase": "prod",
        "expires_at": "on request", "managed_by": "terraform", "token_name": null, "rotation_id": [1],
    });
    let mut secret = theirs.clone();
    secret["motherduck_token"] = "made-by-hand".into();
    for before in [&theirs, &secret] {
        let once = written_over(before, USUAL);
        let twice = written_over(&once, USUAL);
        for (key, value) in theirs.as_object().unwrap() {
            assert_eq!((&once[key], &twice[key]), (value, value), "{key}");
        }
        assert!(matches!(decode(object(&twice), USUAL).unwrap().0, SecretContent::Managed { .. }));
    }
}

#[test]
fn a_token_that_the_record_does_not_describe_is_an_edit() {
    let mut written = written_over(&json!({}), USUAL);
    for text in [json!("another"), json!(7), json!("two words"), Value::Null] {
        written["motherduck_token"] = text;
        let (content, _) = decode(object(&written), USUAL).unwrap();
        assert!(matches!(content, SecretContent::Edited { .. }), "{content:?}");
    }
}

#[test]
fn a_token_without_a_record_is_unmanaged_and_an_empty_place_for_one_is_vacant() {
    let secret = json!({"motherduck_token": "abc", "owner": "me"});
    let (content, others) = decode(object(&secret), USUAL).unwrap();
    assert!(matches!(content, SecretContent::Unmanaged { .. }));
    assert_eq!(format!("{others:?}"), "UserKeys(1 keys)");
    for blank in [Value::Null, json!(""), json!(" \n")] {
        let (content, _) = decode(object(&json!({"motherduck_token": blank})), USUAL).unwrap();
        assert!(matches!(content, SecretContent::Vacant), "{content:?}");
    }
}

#[test]
fn what_stands_where_the_token_is_to_stand_and_is_no_token_is_not_overwritten() {
    for value in
        [json!("s3cret of two words"), json!(7), json!({"s3cret": 1}), json!([]), json!(false)]
    {
        let (error, text) = refused(&json!({"motherduck_token": value}), USUAL);
        assert_eq!(error, taken("motherduck_token", Part::Token));
        assert!(text.contains("`motherduck_token`") && text.contains("token_field"), "{text}");
    }
}

#[test]
fn a_key_of_the_users_under_the_records_name_is_refused_with_the_way_out() {
    let mut unmarked = written_over(&json!({}), USUAL)["pintail"].clone();
    unmarked["managed_by"] = "s3cret".into();
    for value in [json!("s3cret"), json!({}), json!({"managed_by": "me"}), Value::Null, unmarked] {
        for secret in
            [json!({"pintail": value}), json!({"pintail": value, "motherduck_token": "abc"})]
        {
            let (error, text) = refused(&secret, USUAL);
            assert_eq!(error, taken("pintail", Part::Record));
            assert!(text.contains("`pintail`") && text.contains("rename"), "{text}");
        }
    }
    let secret = flat(&[("pintail", json!("s3cret"))]);
    assert_eq!(refused(&secret, USUAL).0, taken("pintail", Part::Record));
}

#[test]
fn a_damaged_record_names_its_field_and_shows_no_value() {
    let mut written = written_over(&json!({}), USUAL);
    for (field, value) in
        [("phase", json!("s3cret-pasted-here")), ("token_id", json!(7)), ("owner", json!(null))]
    {
        let sound = written["pintail"][field].take();
        written["pintail"][field] = value.clone();
        for secret in [&written, &flat(&[(field, value)])] {
            let (error, text) = refused(secret, USUAL);
            assert!(matches!(error, RecordError::Damaged { .. }), "{text}");
            assert!(text.contains(&format!("`{field}`")), "{text}");
        }
        written["pintail"][field] = sound;
    }
    let twice = written.to_string().replace(r#""phase":"#, r#""phase":"retiring","phase":"#);
    let error = decode(Object::parse(&twice).unwrap(), USUAL).unwrap_err();
    assert!(error.to_string().ends_with("`phase` stands there twice"), "{error}");
}

#[test]
fn the_flat_form_is_read_and_the_next_write_moves_it() {
    let mut retiring = record(&token());
    retiring.phase = Phase::Retiring;
    let secret = flat(&[("phase", json!("retiring")), ("dsn", json!("md:x")), ("n", json!(7))]);
    let (content, others) = decode(object(&secret), USUAL).unwrap();
    let SecretContent::Managed { record: read, .. } = content else { panic!("{content:?}") };
    assert_eq!(*read, retiring);
    let moved = value(&encode_with_token(&read, &others, USUAL, &token()));
    let keys: Vec<_> = moved.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["dsn", "motherduck_token", "n", "pintail", "token_id"]);
    let (content, _) = decode(object(&moved), USUAL).unwrap();
    assert!(
        matches!(&content, SecretContent::Managed { record, .. } if **record == retiring),
        "{content:?}"
    );
}

#[test]
fn a_secret_with_both_forms_is_refused() {
    let both = flat(&[("pintail", written_over(&json!({}), USUAL)["pintail"].clone())]);
    let (error, text) = refused(&both, USUAL);
    assert_eq!(error, RecordError::Ambiguous);
    assert!(text.contains("`pintail`") && text.contains("`managed_by`"), "{text}");
}

#[test]
fn what_a_newer_version_put_into_the_record_survives_a_rewrite() {
    let mut written = written_over(&json!({}), USUAL);
    written["pintail"]["of_the_future"] = json!({"n": [1.0]});
    let again = written_over(&written, USUAL);
    assert_eq!(again, written);
}

#[test]
fn a_key_of_ours_that_stands_there_twice_is_refused() {
    let written = written_over(&json!({}), USUAL).to_string();
    for key in ["motherduck_token", "token_id", "pintail"] {
        let twice = written.replacen('{', &format!("{{\"{key}\":\"s3cret\","), 1);
        let error = decode(Object::parse(&twice).unwrap(), USUAL).unwrap_err();
        assert_eq!(error, RecordError::Twice { key: key.to_owned() });
    }
}

#[test]
fn a_secret_that_is_only_read_may_use_any_key_for_anything() {
    for secret in [
        json!({"motherduck_token": "t0ken", "pintail": "x", "token_id": 7}),
        written_over(&json!({}), USUAL),
        flat(&[("pintail", json!(1))]),
    ] {
        let content = decode_to_read(object(&secret), USUAL).unwrap();
        let (SecretContent::Unmanaged { token: text } | SecretContent::Managed { token: text, .. }) =
            content
        else {
            panic!("{content:?}")
        };
        assert_eq!(text.sha256(), token().sha256());
    }
}

#[test]
fn what_users_keep_beside_a_token_is_counted_and_never_shown() {
    let secret = object(&json!({"dsn": "s3cret", "n": 7}));
    assert_eq!(format!("{secret:?}"), "Object(2 keys)");
    let (_, others) = decode(secret, USUAL).unwrap();
    assert_eq!(format!("{others:?}"), "UserKeys(2 keys)");
}

#[test]
fn a_pause_is_kept_with_what_a_newer_version_put_into_it() {
    let mut written = written_over(&json!({}), USUAL);
    written["pintail"]["pause"] =
        json!({"since": "2026-11-22T12:00:00Z", "by": "ada", "of_the_future": [1, "x"]});
    let SecretContent::Managed { record, .. } = decode(object(&written), USUAL).unwrap().0 else {
        panic!("not managed")
    };
    assert_eq!(record.pause.as_ref().unwrap().by.as_deref(), Some("ada"));
    let again = value(&encode_with_token(&record, &UserKeys::default(), USUAL, &token()));
    assert_eq!(again["pintail"]["pause"], written["pintail"]["pause"]);
}

#[test]
fn a_record_that_stands_alone_keeps_what_a_newer_version_put_into_it() {
    let mut alone = serde_json::to_value(record(&token())).unwrap();
    alone["of_the_future"] = json!({"n": [1.0]});
    let (read, others) = decode_record(&alone.to_string()).unwrap();
    assert_eq!(read, record(&token()));
    let again: Value = serde_json::from_str(&encode_record(&read, &others)).unwrap();
    assert_eq!(again, alone);
    assert!(decode_record("[]").is_err() && decode_record("{}").is_err());
}

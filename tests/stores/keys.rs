//! What every kind of store promises of the keys that people keep beside a token, in a credential's secret and in a copy.

use pintail::fault::Diagnostic;
use pintail::record::{Object, Phase, RecordError, SecretContent};
use pintail::stores::{Role, SecretRef, StoreError};
use serde_json::{Value, json};

use crate::contract::{Fixture, Made, made, publish, somewhere, text};

/// A credential's secret, and a copy.
fn both() -> [SecretRef; 2] {
    [Role::Primary, Role::Mirror].map(|role| SecretRef { role, ..somewhere() })
}

/// The secret without the token's text, which in files is not among the rest.
async fn rest<F: Fixture>(fixture: &F, at: &SecretRef) -> Value {
    let mut secret: Value = serde_json::from_str(&fixture.text(&at.path).await).unwrap();
    secret.as_object_mut().unwrap().remove(&at.token_field);
    secret
}

/// What stands under the record's key.
fn inner(made: &Made) -> Value {
    let mut record = serde_json::to_value(made.record(Phase::Published, &[])).unwrap();
    record["managed_by"] = "pintail".into();
    record
}

/// A secret in which the record stands field by field beside the token.
fn flat(made: &Made) -> Value {
    let mut secret = inner(made);
    secret["motherduck_token"] = made.token.lend(str::to_owned).into();
    secret
}

pub async fn the_record_stands_under_one_key_beside_the_token_and_its_id<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    for at in both() {
        for key in ["token_id", "md_id"] {
            let at = SecretRef { token_id_field: Some(key.to_owned()), ..at.clone() };
            let made = made();
            publish(&store, &at, &made, Phase::Published, &[]).await;
            let mut expected = json!({"pintail": inner(&made)});
            if key != "token_id" {
                expected["pintail"]["token_id_field"] = key.into();
            }
            expected[key] = made.id.to_string().into();
            assert_eq!(rest(&fixture, &at).await, expected);
        }
        let at = SecretRef { token_id_field: None, ..at };
        publish(&store, &at, &made(), Phase::Published, &[]).await;
        let rest = rest(&fixture, &at).await;
        assert_eq!(rest.as_object().unwrap().keys().collect::<Vec<_>>(), ["pintail"]);
    }
}

pub async fn keys_with_the_names_of_the_records_fields_are_the_users_and_survive<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let theirs = json!({
        "engine": "postgres", "username": "reporting_rw", "owner": "team-data", "phase": "prod",
        "created_at": "2019-01-01", "expires_at": "on request", "managed_by": "terraform",
    });
    for at in both() {
        fixture.write_by_hand(&at.path, &theirs).await;
        let first = made();
        publish(&store, &at, &first, Phase::Published, &[]).await;
        publish(&store, &at, &made(), Phase::Published, &[first.id]).await;
        let rest = rest(&fixture, &at).await;
        for (key, value) in theirs.as_object().unwrap() {
            assert_eq!(&rest[key], value, "{key}");
        }
    }
}

pub async fn a_key_of_the_users_that_would_be_written_over_is_told_by_the_read<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    for (key, value, hint) in [
        ("pintail", json!("s3cret"), "rename"),
        ("pintail", json!({"color": "s3cret"}), "rename"),
        ("token_id", json!("s3cret"), "token_id_field"),
    ] {
        for token in [None, Some("made-by-hand")] {
            for at in both() {
                let mut theirs = json!({"dsn": "md:x"});
                theirs[key] = value.clone();
                if let Some(token) = token {
                    theirs["motherduck_token"] = token.into();
                }
                fixture.write_by_hand(&at.path, &theirs).await;
                let error = store.read(&at).await.unwrap_err();
                assert!(matches!(error, StoreError::KeyTaken { .. }), "{error}");
                let told = text(&error);
                assert!(told.contains(&at.path) && told.contains(&format!("`{key}`")), "{told}");
                assert!(!told.contains("s3cret"), "{told}");
                assert!(error.hint().unwrap().contains(hint), "{error}");
                // Under another name, or with none, there is nothing in the way.
                for name in [Some("md_id".to_owned()), None] {
                    let at = SecretRef { token_id_field: name, ..at.clone() };
                    let read = store.read(&at).await;
                    assert_eq!(read.is_ok(), key == "token_id", "{read:?}");
                }
            }
        }
    }
}

pub async fn the_flat_form_is_read_and_moves_with_the_next_write<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    for at in both() {
        let (first, second) = (made(), made());
        let mut old = flat(&first);
        old["dsn"] = "md:x".into();
        fixture.write_by_hand(&at.path, &old).await;
        let before = fixture.text(&at.path).await;
        let reading = store.read(&at).await.unwrap();
        let SecretContent::Managed { record, token } = &reading.content else {
            panic!("{reading:?}")
        };
        assert_eq!(**record, first.record(Phase::Published, &[]));
        assert_eq!(token.sha256(), first.token.sha256());
        store.ensure_writable(&at, &reading).await.unwrap();
        assert_eq!(fixture.text(&at.path).await, before, "nothing is written to move it");

        publish(&store, &at, &second, Phase::Published, &[first.id]).await;
        let rest = rest(&fixture, &at).await;
        assert_eq!(
            rest.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["dsn", "pintail", "token_id"]
        );
        // The version before it is of the flat form still.
        let (record, token) = store.recall(&at, first.id).await.unwrap().unwrap();
        assert_eq!((record.token_id, token.sha256()), (first.id, first.token.sha256()));
    }
}

pub async fn a_secret_with_both_forms_is_refused<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    for at in both() {
        let (first, second) = (made(), made());
        let mut secret = flat(&first);
        secret["pintail"] = inner(&second);
        fixture.write_by_hand(&at.path, &secret).await;
        let error = store.read(&at).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::RecordAmbiguous { source: RecordError::Ambiguous, .. }),
            "{error}"
        );
        assert!(text(&error).contains(&at.path) && error.hint().unwrap().contains("`pintail`"));
    }
}

/// Numbers and texts that readers of JSON commonly change.
const ODD: &str = r#"{"zeta":1, "account": 123456789012345678901234567890, "ratio": 0.1234567890123456789012345,
  "version": 2.50, "limit": 1e5, "tiny": 1e-400, "list": [1.10, -0,{"b":1.0 ,"a":[ ]}], "text": "\u00e9\/ü<&>", "alpha": null}"#;

pub async fn not_a_byte_of_the_users_values_is_changed_that_the_store_keeps<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let keys = |text: &str| -> Vec<(String, Option<String>)> {
        let object = Object::parse(text).unwrap();
        let names =
            ["zeta", "account", "ratio", "version", "limit", "tiny", "list", "text", "alpha"];
        let value = |name: &str| object.get(name).map(str::to_owned);
        names.map(|name| (name.to_owned(), value(name))).into()
    };
    let order = |text: &str| {
        let at = |(name, _): &(String, _)| text.find(&format!("{name:?}")).unwrap();
        let mut places = keys(text);
        places.sort_by_key(at);
        places
    };
    for at in both() {
        fixture.write_text_by_hand(&at.path, ODD).await;
        let kept = fixture.text(&at.path).await;
        if F::KEEPS_BYTES {
            assert_eq!(kept, ODD);
        }
        let first = made();
        publish(&store, &at, &first, Phase::Published, &[]).await;
        publish(&store, &at, &made(), Phase::Published, &[first.id]).await;
        let written = fixture.text(&at.path).await;
        assert_eq!(order(&written), order(&kept), "{written}");
    }
}

/// Of the stores that keep the very text: others keep doubles.
pub async fn what_no_double_holds_is_an_object_all_the_same<F: Fixture>() {
    let fixture = F::start().await;
    let store = fixture.store().await;
    let theirs = r#"{"limit": 1e400, "limit": -1E+999, "half": "\ud800"}"#;
    for at in both() {
        fixture.write_text_by_hand(&at.path, theirs).await;
        publish(&store, &at, &made(), Phase::Published, &[]).await;
        let written = fixture.text(&at.path).await.replace([' ', '\n'], "");
        let kept = r#"{"limit":1e400,"limit":-1E+999,"half":"\ud800","#;
        assert!(written.starts_with(kept), "{written}");
    }
}

/// The tests about keys for one kind of store.
macro_rules! keys {
    ($fixture:ty) => {
        $crate::keys::keys!(
            $fixture:
            the_record_stands_under_one_key_beside_the_token_and_its_id
            keys_with_the_names_of_the_records_fields_are_the_users_and_survive
            a_key_of_the_users_that_would_be_written_over_is_told_by_the_read
            the_flat_form_is_read_and_moves_with_the_next_write
            a_secret_with_both_forms_is_refused
            not_a_byte_of_the_users_values_is_changed_that_the_store_keeps
        );
    };
    ($fixture:ty: $($test:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                $crate::keys::$test::<$fixture>().await;
            }
        )*
    };
}
pub(crate) use keys;

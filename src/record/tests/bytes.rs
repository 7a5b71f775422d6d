//! What people keep in a secret, byte for byte, over random JSON texts.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::record::object::has_number_beyond_doubles;

fn space() -> impl Strategy<Value = String> {
    "[ \n\t]{0,2}"
}

/// A JSON text in quotes, escaped in all the ways there are, half surrogate pairs included.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z0-9é😀 :,{}\\[\\]]{0,6}",
        Just(r"\n\t\r\b\f".to_owned()),
        Just(r#"\"\\\/"#.to_owned()),
        Just(r"\u00e9\uD83D\uDE00".to_owned()),
        Just(r"\ud800\u0000".to_owned()),
    ];
    vec(piece, 0..3).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?"
}

/// A JSON value as somebody might write it.
fn any_value() -> impl Strategy<Value = String> {
    let word = prop_oneof![Just("null"), Just("true"), Just("false")].prop_map(str::to_owned);
    prop_oneof![word, number(), text()].prop_recursive(3, 20, 4, |inner| {
        let spaced = (space(), inner, space());
        let spaced = spaced.prop_map(|(a, value, b)| format!("{a}{value}{b}")).boxed();
        let list = vec(spaced.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(",")));
        let pair = (space(), text(), space(), spaced)
            .prop_map(|(a, name, b, value)| format!("{a}{name}{b}:{value}"));
        let object = vec(pair, 0..4).prop_map(|pairs| format!("{{{}}}", pairs.join(",")));
        prop_oneof![list, object]
    })
}

/// A key that is none of ours, and its value. Keys come again.
fn theirs() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        prop_oneof![Just("\"username\""), Just("\"phase\""), Just("\"k\""), Just(r#""\u006b""#)]
            .prop_map(str::to_owned),
        text(),
    ];
    (name, any_value())
}

fn line(members: &[String]) -> String {
    members.join(",")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_byte_of_the_users_keys_is_changed_and_they_keep_their_order(
        members in vec((theirs(), space(), space()), 0..8),
        at in 0..9_usize,
        spaces in (space(), space()),
    ) {
        let mut raw: Vec<_> =
            members.iter().map(|((name, value), a, b)| format!("{a}{name}{b}:{a}{value}{b}")).collect();
        let mut kept: Vec<_> =
            members.iter().map(|((name, value), ..)| format!("{name}:{value}")).collect();
        let at = at.min(raw.len());
        raw.insert(at, r#""motherduck_token" : "old""#.to_owned());
        kept.insert(at, r#""motherduck_token":"t0ken""#.to_owned());
        let secret = format!("{}{{{}}}{}", spaces.0, line(&raw), spaces.1);

        let mut secret = Object::parse(&secret).unwrap();
        for _ in 0..2 {
            let (_, others) = decode(secret, USUAL).unwrap();
            secret = encode_with_token(&record(&token()), &others, USUAL, &token());
            let written = secret.to_text();
            let ours = format!("{{{},\"token_id\":\"7f0c2f7e", line(&kept));
            prop_assert!(written.starts_with(&ours), "{} / {}", *written, ours);
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&written).is_ok());

            // For people it has a line for each key, and the same keys and values.
            let mut without = encode(&record(&token()), &others, USUAL);
            let lines = without.to_lines("");
            prop_assert_eq!(&Object::parse(&lines).unwrap(), &without);
            let mut expected = secret.clone();
            for object in [&mut without, &mut expected] {
                object.remove(RECORD_KEY);
                object.remove("motherduck_token");
            }
            prop_assert_eq!(without, expected);
        }
    }

    #[test]
    fn a_number_is_too_large_exactly_when_a_double_cannot_hold_it(
        number in number(),
        texts in (text(), text()),
    ) {
        let is_large = number.parse::<f64>().unwrap().is_infinite();
        let value = format!("[{}, {{{}: {number}}}]", texts.0, texts.1);
        prop_assert_eq!(has_number_beyond_doubles(&value), is_large);
        let quoted = format!("[{}, \"{number}\"]", texts.0);
        prop_assert!(!has_number_beyond_doubles(&quoted));
    }
}

#[test]
fn numbers_that_no_machine_holds_are_kept_and_are_an_object_all_the_same() {
    let secret = r#"{"account": 123456789012345678901234567890, "ratio": 2.50, "limit": 1e400, "list": [1.10, -0]}"#;
    let (content, others) = decode(Object::parse(secret).unwrap(), USUAL).unwrap();
    assert!(matches!(content, SecretContent::Vacant));
    assert_eq!(others.beyond_doubles().as_deref(), Some("limit"));
    let written = encode_with_token(&record(&token()), &others, USUAL, &token()).to_text();
    let kept = r#"{"account":123456789012345678901234567890,"ratio":2.50,"limit":1e400,"list":[1.10, -0],"#;
    assert!(written.starts_with(kept), "{}", *written);
}

#[test]
fn what_is_no_object_is_told_from_one() {
    for text in ["", "null", "[]", "\"{}\"", "7", "{", "{}{}", "{\"a\":}", "{a:1}", "\u{feff}{}"] {
        assert_eq!(Object::parse(text), None, "{text}");
    }
    for text in ["{}", " {\n} ", "{\"a\":1e400}", "{\"\\ud800\":1}", "{\"a\":1,\"a\":2}"] {
        assert!(Object::parse(text).is_some(), "{text}");
    }
}

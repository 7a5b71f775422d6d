//! The record, and how it shares a secret with what people keep there.

use serde_json::Value;

use super::*;

mod bytes;
mod form;
mod hostile;
mod id_field;

fn record(token: &Token) -> Record {
    Record::sample(token)
}

fn token() -> Token {
    Token::new("t0ken").unwrap()
}

/// The keys as they are configured unless somebody says otherwise.
const USUAL: Fields<'static> = Fields { token: "motherduck_token", token_id: Some("token_id") };

fn object(value: &Value) -> Object {
    Object::parse(&value.to_string()).unwrap()
}

fn value(object: &Object) -> Value {
    serde_json::from_str(&object.to_text()).unwrap()
}

/// What stands in the secret once the record is written over what stood there as `before`.
fn written_over(before: &Value, fields: Fields<'_>) -> Value {
    let (_, others) = decode(object(before), fields).unwrap();
    value(&encode_with_token(&record(&token()), &others, fields, &token()))
}

/// A secret in which the record stands field by field beside the token.
fn flat(more: &[(&str, Value)]) -> Value {
    let mut flat = serde_json::to_value(record(&token())).unwrap();
    flat["managed_by"] = "pintail".into();
    flat["motherduck_token"] = "t0ken".into();
    for (key, value) in more {
        flat[*key] = value.clone();
    }
    flat
}

#[test]
fn a_record_is_rolled_back_when_it_serves_a_token_of_an_earlier_rotation() {
    let mut rolled = record(&token());
    assert!(!rolled.is_rolled_back());
    rolled.previous_token_ids = vec!["7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a02".parse().unwrap()];
    assert!(!rolled.is_rolled_back());
    rolled.rotation_id = RotationId::starting_at("2026-11-02T00:00:00Z".parse().unwrap());
    assert!(rolled.is_rolled_back());
}

#[test]
fn a_token_type_is_spelled_as_motherduck_spells_it() {
    for (token_type, text) in
        [(TokenType::ReadWrite, "read_write"), (TokenType::ReadScaling, "read_scaling")]
    {
        assert_eq!(token_type.as_str(), text);
        assert_eq!(serde_json::to_value(token_type).unwrap(), text);
    }
}

/// A deserializer that tells which fields a type asks for, as its error.
struct Asked;

impl<'de> serde::Deserializer<'de> for Asked {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("it asks for no fields"))
    }

    fn deserialize_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom(fields.join(" ")))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[test]
fn every_field_of_a_record_is_known_as_one_and_not_kept_as_if_a_newer_version_had_written_it() {
    let asked = Record::deserialize(Asked).unwrap_err().to_string();
    let mut asked: Vec<_> = asked.split(' ').collect();
    let mut known = super::keys::FIELDS.to_vec();
    known.retain(|field| *field != "managed_by");
    asked.sort_unstable();
    known.sort_unstable();
    assert_eq!(asked, known);
}

#[test]
fn what_a_record_rarely_says_is_written_only_when_it_says_it() {
    let mut odd = record(&token());
    let keys = |record: &Record| serde_json::to_value(record).unwrap().as_object().unwrap().len();
    let usual = keys(&odd);
    odd.elsewhere_token_ids = vec![odd.token_id];
    odd.unconfirmed_revocations = 2;
    assert_eq!(keys(&odd), usual + 2);
    let read: Record = serde_json::from_value(serde_json::to_value(&odd).unwrap()).unwrap();
    assert_eq!(read, odd);
}

//! A secret put together: the token, its ID and the record, among the user's own keys.

use serde::Serialize;

use super::Record;
use super::error::Part;
use super::keys::{Entry, Fields, ID_FIELD, PINTAIL, RECORD_KEY, TOKEN_ID_FIELD, UserKeys};
use super::object::{Member, Object, quoted};
use crate::secret::Token;

/// The record and the user's keys as one JSON object, without the token's text. The record is laid out for people.
pub fn encode(record: &Record, others: &UserKeys, fields: Fields<'_>) -> Object {
    let inner = inner(record, others, fields).to_lines("  ");
    put_together(record, others, fields, None, &Member::new(RECORD_KEY, inner))
}

/// The whole JSON object of a secret, the token's text included.
pub fn encode_with_token(
    record: &Record,
    others: &UserKeys,
    fields: Fields<'_>,
    token: &Token,
) -> Object {
    let inner = inner(record, others, fields).to_text();
    put_together(record, others, fields, Some(token), &Member::new(RECORD_KEY, inner))
}

/// A record that stands alone, as text, with what a newer version put into it.
pub fn encode_record(record: &Record, others: &UserKeys) -> String {
    let text = serde_json::to_string(record).unwrap_or_default();
    let own = Object::parse(&text).unwrap_or_default();
    let whole: Object =
        own.into_members().into_iter().chain(others.unknown.iter().cloned()).collect();
    whole.to_text().to_string()
}

/// What stands under the record's key.
fn inner(record: &Record, others: &UserKeys, fields: Fields<'_>) -> Object {
    #[derive(Serialize)]
    struct Marked<'a> {
        managed_by: &'static str,
        #[serde(flatten)]
        record: &'a Record,
    }
    let marked = serde_json::to_string(&Marked { managed_by: PINTAIL, record });
    let marked = marked.ok().and_then(|text| Object::parse(&text)).unwrap_or_default();
    let id_field = match fields.token_id {
        Some(TOKEN_ID_FIELD) => None,
        Some(name) => Some(Member::new(ID_FIELD, quoted(name))),
        None => Some(Member::new(ID_FIELD, "false".to_owned().into())),
    };
    marked
        .into_members()
        .into_iter()
        .chain(id_field)
        .chain(others.unknown.iter().cloned())
        .collect()
}

fn put_together(
    record: &Record,
    others: &UserKeys,
    fields: Fields<'_>,
    token: Option<&Token>,
    inner: &Member,
) -> Object {
    let ours = |part: Part| match part {
        Part::Token => token.map(|token| Member::new(fields.token, token.lend(quoted))),
        Part::TokenId => {
            let id = record.token_id.to_string();
            fields.token_id.map(|name| Member::new(name, quoted(&id)))
        }
        Part::Record => Some(inner.clone()),
    };
    let has = |part: &Part| {
        others.entries.iter().any(|entry| matches!(entry, Entry::Ours(found) if found == part))
    };
    let added = [Part::Token, Part::TokenId, Part::Record].into_iter().filter(|part| !has(part));
    let kept = others.entries.iter().filter_map(|entry| match entry {
        Entry::Theirs(member) => Some(member.clone()),
        Entry::Ours(part) => ours(*part),
    });
    kept.chain(added.filter_map(ours)).collect()
}

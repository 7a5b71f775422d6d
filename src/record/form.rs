//! How the token, its ID and the record stand in a secret among the user's own keys: taken apart, and put together.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::{Part, RecordError};
use super::object::{Member, Object, has_number_beyond_doubles, quoted};
use super::{Record, Slot};
use crate::secret::Token;

/// The key of the record.
pub const RECORD_KEY: &str = "pintail";
/// The key of the token's ID beside the token, unless another is configured.
pub const TOKEN_ID_FIELD: &str = "token_id";

const MANAGED_BY: &str = "managed_by";
const PINTAIL: &str = "pintail";
/// Where a record says under which key the token's ID stands beside it, if that is not the usual one.
const ID_FIELD: &str = "token_id_field";
/// The fields of a record.
const FIELDS: [&str; 15] = [
    "token_id",
    "token_name",
    "token_type",
    "username",
    "created_at",
    "expires_at",
    "rotation_id",
    "published_at",
    "previous_token_ids",
    "elsewhere_token_ids",
    "unconfirmed_revocations",
    "phase",
    "token_sha256",
    "owner",
    MANAGED_BY,
];

/// The keys that consumers read.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    /// The key of the token's text.
    pub token: &'a str,
    /// The key of its ID, if that is to stand beside it.
    pub token_id: Option<&'a str>,
}

/// What stands in a secret besides what a record says, kept for the next write: the user's own keys, byte for byte and
/// in their order, and what a newer pintail put into the record. They may be secrets: never printed.
#[derive(Default, Clone)]
pub struct UserKeys {
    entries: Vec<Entry>,
    /// Fields of the record that this version does not know.
    unknown: Vec<Member>,
}

#[derive(Clone)]
enum Entry {
    Theirs(Member),
    /// The place of one of ours, so that a rewrite moves nothing.
    Ours(Part),
}

impl fmt::Debug for UserKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKeys({} keys)", self.theirs().count())
    }
}

impl UserKeys {
    fn theirs(&self) -> impl Iterator<Item = &Member> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Theirs(member) => Some(member),
            Entry::Ours(_) => None,
        })
    }

    /// The first of the user's keys that holds a number too large for a double.
    pub fn beyond_doubles(&self) -> Option<String> {
        let mut theirs = self.theirs();
        let found = theirs.find(|member| has_number_beyond_doubles(member.value()))?;
        Some(found.name().unwrap_or_default())
    }
}

/// The JSON object of a secret, taken apart, if it can be written over.
pub fn decode(object: Object, fields: Fields<'_>) -> Result<(Slot, UserKeys), RecordError> {
    let Parts { slot, others, taken } = take_apart(object, fields)?;
    match taken {
        Some(error) => Err(error),
        None => Ok((slot, others)),
    }
}

/// The same for an object that is only read: to whom its other keys belong does not matter.
pub fn decode_to_read(object: Object, fields: Fields<'_>) -> Result<Slot, RecordError> {
    Ok(take_apart(object, fields)?.slot)
}

/// The record and the user's keys as one JSON object, without the token's text. The record is laid out for people.
pub fn encode(record: &Record, others: &UserKeys, fields: Fields<'_>) -> Object {
    let inner = inner(record, others, fields).to_lines("  ");
    put_together(record, others, fields, None, Member::new(RECORD_KEY, inner))
}

/// The whole JSON object of a secret, the token's text included.
pub fn encode_with_token(
    record: &Record,
    others: &UserKeys,
    fields: Fields<'_>,
    token: &Token,
) -> Object {
    let inner = inner(record, others, fields).to_text();
    put_together(record, others, fields, Some(token), Member::new(RECORD_KEY, inner))
}

/// A secret's object, sorted by whose each key is.
struct Parts {
    slot: Slot,
    others: UserKeys,
    /// Why it must not be written over.
    taken: Option<RecordError>,
}

/// A record as it was found.
struct Found {
    record: Record,
    form: Form,
    unknown: Vec<Member>,
}

/// Where a record stands.
enum Form {
    /// Under its own key; the token's ID stands beside it under this one, if any.
    Own { id_field: Option<String> },
    /// Field by field beside the token, as no released version wrote it. The next write moves it.
    Flat,
}

fn take_apart(object: Object, fields: Fields<'_>) -> Result<Parts, RecordError> {
    for key in [fields.token, RECORD_KEY] {
        refuse_twice(&object, key)?;
    }
    let found = find(&object)?;
    let text = object.members().iter().find(|member| member.is_named(fields.token));
    let token = text.and_then(Member::text).and_then(|text| Token::new(&text).ok());
    let mut parts = Parts { slot: Slot::Vacant, others: UserKeys::default(), taken: None };
    let is_no_token = token.is_none() && text.is_some_and(|member| !is_blank(member));
    if found.is_none() && is_no_token {
        parts.take(fields.token, Part::Token);
    }
    for member in object.into_members() {
        parts.sort(member, fields, found.as_ref());
    }
    let Some(Found { record, form, unknown }) = found else {
        parts.slot = token.map_or(Slot::Vacant, |token| Slot::Unmanaged { token });
        return Ok(parts);
    };
    let beside = |entry: &&Entry| matches!(entry, Entry::Ours(Part::TokenId));
    if let (Form::Own { .. }, Some(key)) = (&form, fields.token_id)
        && parts.others.entries.iter().filter(beside).count() > 1
    {
        return Err(RecordError::Twice { key: key.to_owned() });
    }
    parts.others.unknown = unknown;
    let record = Box::new(record);
    parts.slot = match token {
        Some(token) if token.sha256() == record.token_sha256 => Slot::Managed { record, token },
        token => Slot::Edited { record, token },
    };
    Ok(parts)
}

impl Parts {
    /// Keeps a member for the next write, or leaves it out.
    fn sort(&mut self, member: Member, fields: Fields<'_>, found: Option<&Found>) {
        let entry = if member.is_named(fields.token) {
            Some(Entry::Ours(Part::Token))
        } else if member.is_named(RECORD_KEY) {
            if !matches!(found, Some(Found { form: Form::Own { .. }, .. })) {
                self.take(RECORD_KEY, Part::Record);
            }
            Some(Entry::Ours(Part::Record))
        } else {
            let is_the_id = fields.token_id.is_some_and(|key| member.is_named(key));
            let is_ours = found.is_some_and(|found| found.wrote(&member, is_the_id));
            match (is_ours, is_the_id) {
                (true, true) => Some(Entry::Ours(Part::TokenId)),
                (true, false) => None,
                (false, is_the_id) => {
                    if is_the_id {
                        self.take(fields.token_id.unwrap_or_default(), Part::TokenId);
                    }
                    Some(Entry::Theirs(member))
                }
            }
        };
        self.others.entries.extend(entry);
    }

    fn take(&mut self, key: &str, part: Part) {
        self.taken.get_or_insert(RecordError::Taken { key: key.to_owned(), part });
    }
}

impl Found {
    /// Whether pintail wrote this member beside the token, and not the user. `is_the_id` if the token's ID is to stand
    /// under its key from now on.
    fn wrote(&self, member: &Member, is_the_id: bool) -> bool {
        match &self.form {
            Form::Flat => FIELDS.iter().any(|field| member.is_named(field)),
            Form::Own { id_field } => {
                let is_written = id_field.as_deref().is_some_and(|key| member.is_named(key));
                // Of another name only the ID itself is ours: somebody renamed the key in the secret, too.
                is_written || (is_the_id && holds(member, &self.record.token_id.to_string()))
            }
        }
    }
}

/// The record in the object, if there is one.
fn find(object: &Object) -> Result<Option<Found>, RecordError> {
    let own = object.get(RECORD_KEY).and_then(Object::parse).filter(is_managed);
    match (own, is_managed(object)) {
        (Some(_), true) => Err(RecordError::Ambiguous),
        (Some(inner), false) => {
            let id_field = match inner.members().iter().find(|member| member.is_named(ID_FIELD)) {
                None => Some(TOKEN_ID_FIELD.to_owned()),
                Some(member) => member.text().map(|name| name.to_string()),
            };
            let record = read_record(&inner)?;
            let is_unknown = |member: &Member| {
                !member.is_named(ID_FIELD) && !FIELDS.iter().any(|field| member.is_named(field))
            };
            let unknown = inner.into_members().into_iter().filter(is_unknown).collect();
            Ok(Some(Found { record, form: Form::Own { id_field }, unknown }))
        }
        (None, true) => {
            let is_field = |member: &&Member| FIELDS.iter().any(|field| member.is_named(field));
            let fields: Object = object.members().iter().filter(is_field).cloned().collect();
            Ok(Some(Found { record: read_record(&fields)?, form: Form::Flat, unknown: vec![] }))
        }
        (None, false) => Ok(None),
    }
}

/// Whether pintail's mark is on it.
fn is_managed(object: &Object) -> bool {
    object.members().iter().any(|member| member.is_named(MANAGED_BY) && holds(member, PINTAIL))
}

fn holds(member: &Member, text: &str) -> bool {
    member.text().is_some_and(|found| *found == text)
}

/// Whether it is what stands in a secret that somebody has prepared for a token.
fn is_blank(member: &Member) -> bool {
    member.value() == "null" || member.text().is_some_and(|text| text.trim().is_empty())
}

fn refuse_twice(object: &Object, key: &str) -> Result<(), RecordError> {
    if object.members().iter().filter(|member| member.is_named(key)).count() > 1 {
        return Err(RecordError::Twice { key: key.to_owned() });
    }
    Ok(())
}

/// Names the field that is wrong and never its value: a person may have pasted a secret into it.
fn read_record(fields: &Object) -> Result<Record, RecordError> {
    serde_json::from_str(&fields.to_text()).map_err(|_| {
        let named =
            |key: &str| fields.members().iter().filter(|member| member.is_named(key)).count();
        let reason = if let Some(key) = FIELDS.iter().find(|key| named(key) > 1) {
            format!("`{key}` stands there twice")
        } else if let Some(key) = FIELDS.iter().find(|key| is_broken(key, fields.get(key))) {
            format!("`{key}` is missing or not of its form")
        } else {
            "its fields do not fit together".to_owned()
        };
        RecordError::Damaged { reason }
    })
}

/// Whether a record that is sound but for this field would not be one.
fn is_broken(key: &str, value: Option<&str>) -> bool {
    let mut candidate = sample();
    match value.map(serde_json::from_str) {
        Some(Ok(value)) => candidate.insert(key.to_owned(), value),
        Some(Err(_)) => return true,
        None => candidate.remove(key),
    };
    serde_json::from_value::<Record>(Value::Object(candidate)).is_err()
}

/// A well-formed record, to tell which one field of a damaged one is at fault.
fn sample() -> Map<String, Value> {
    let value = serde_json::json!({
        "token_id": "00000000-0000-4000-8000-000000000000",
        "token_name": "",
        "token_type": "read_write",
        "username": "sample",
        "created_at": "2026-01-01T00:00:00Z",
        "rotation_id": "00000000-0000-7000-8000-000000000000",
        "published_at": "2026-01-01T00:00:00Z",
        "previous_token_ids": [],
        "phase": "published",
        "token_sha256": "",
        "owner": "sample",
    });
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
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
    inner: Member,
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

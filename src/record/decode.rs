//! A secret taken apart: the token, the record, and whose each of the other keys is.

use super::damage::read_record;
use super::error::{Part, RecordError};
use super::keys::{
    Entry, FIELDS, Fields, ID_FIELD, MANAGED_BY, PINTAIL, RECORD_KEY, TOKEN_ID_FIELD, UserKeys,
};
use super::object::{Member, Object};
use super::{Record, SecretContent};
use crate::secret::Token;

/// The JSON object of a secret, taken apart, if it can be written over.
pub fn decode(
    object: Object,
    fields: Fields<'_>,
) -> Result<(SecretContent, UserKeys), RecordError> {
    let Parts { content, others, taken } = take_apart(object, fields)?;
    match taken {
        Some(error) => Err(error),
        None => Ok((content, others)),
    }
}

/// The same for an object that is only read: to whom its other keys belong does not matter.
pub fn decode_to_read(object: Object, fields: Fields<'_>) -> Result<SecretContent, RecordError> {
    Ok(take_apart(object, fields)?.content)
}

/// A record that stands alone, as text, and what a newer version put into it: to be written by [`encode_record`].
///
/// [`encode_record`]: super::encode_record
pub fn decode_record(text: &str) -> Result<(Record, UserKeys), RecordError> {
    let not_one = || RecordError::Damaged { reason: "it is no JSON object".to_owned() };
    let object = Object::parse(text).ok_or_else(not_one)?;
    let record = read_record(&object)?;
    let unknown = object.into_members().into_iter().filter(is_unknown).collect();
    Ok((record, UserKeys { entries: vec![], unknown }))
}

fn is_unknown(member: &Member) -> bool {
    !member.is_named(ID_FIELD) && !FIELDS.iter().any(|field| member.is_named(field))
}

/// A secret's object, sorted by whose each key is.
struct Parts {
    content: SecretContent,
    others: UserKeys,
    /// Why it must not be written over.
    taken: Option<RecordError>,
}

/// A record as it was found.
struct ReadRecord {
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
    let mut parts =
        Parts { content: SecretContent::Vacant, others: UserKeys::default(), taken: None };
    let is_no_token = token.is_none() && text.is_some_and(|member| !is_blank(member));
    if found.is_none() && is_no_token {
        parts.take(fields.token, Part::Token);
    }
    for member in object.into_members() {
        parts.sort(member, fields, found.as_ref());
    }
    let Some(ReadRecord { record, form, unknown }) = found else {
        parts.content =
            token.map_or(SecretContent::Vacant, |token| SecretContent::Unmanaged { token });
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
    parts.content = match token {
        Some(token) if token.sha256() == record.token_sha256 => {
            SecretContent::Managed { record, token }
        }
        token => SecretContent::Edited { record, token },
    };
    Ok(parts)
}

impl Parts {
    /// Keeps a member for the next write, or leaves it out.
    fn sort(&mut self, member: Member, fields: Fields<'_>, found: Option<&ReadRecord>) {
        let entry = if member.is_named(fields.token) {
            Some(Entry::Ours(Part::Token))
        } else if member.is_named(RECORD_KEY) {
            if !matches!(found, Some(ReadRecord { form: Form::Own { .. }, .. })) {
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

impl ReadRecord {
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
fn find(object: &Object) -> Result<Option<ReadRecord>, RecordError> {
    let own = object.get(RECORD_KEY).and_then(Object::parse).filter(is_managed);
    match (own, is_managed(object)) {
        (Some(_), true) => Err(RecordError::Ambiguous),
        (Some(inner), false) => {
            let id_field = match inner.members().iter().find(|member| member.is_named(ID_FIELD)) {
                None => Some(TOKEN_ID_FIELD.to_owned()),
                Some(member) => member.text().map(|name| name.to_string()),
            };
            let record = read_record(&inner)?;
            let unknown = inner.into_members().into_iter().filter(is_unknown).collect();
            Ok(Some(ReadRecord { record, form: Form::Own { id_field }, unknown }))
        }
        (None, true) => {
            let is_field = |member: &&Member| FIELDS.iter().any(|field| member.is_named(field));
            let fields: Object = object.members().iter().filter(is_field).cloned().collect();
            Ok(Some(ReadRecord {
                record: read_record(&fields)?,
                form: Form::Flat,
                unknown: vec![],
            }))
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

//! A Secret as pintail reads and writes it: the token and its ID among the data, the record as an annotation.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::publication::Edition;
use crate::kubernetes::Metadata;
use crate::names::TokenId;
use crate::record::{
    Fields, Part, Record, RecordError, SecretContent, UserKeys, decode_record, encode_record,
};
use crate::secret::wiped::{concat, json_text};
use crate::secret::{Token, Wiped};
use crate::stores::settings::KubernetesStore;

/// The record, without the token's text.
const RECORD: &str = "pintail.dev/record";
/// What makes each write distinct: Kubernetes makes no new version of what is the same.
const WRITE: &str = "pintail.dev/write";
/// How many earlier tokens are kept.
const KEPT: usize = 8;

/// A Secret, as far as pintail reads it.
#[derive(Deserialize)]
pub(super) struct Secret {
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default, deserialize_with = "data")]
    data: BTreeMap<String, Wiped>,
    #[serde(default)]
    pub(super) immutable: Option<bool>,
}

fn data<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Wiped>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Secret {
    pub(super) fn edition(&self) -> Edition {
        Edition {
            uid: self.metadata.uid.clone(),
            resource_version: self.metadata.resource_version.clone(),
        }
    }

    /// What stands in it, and what of its record is a newer version's.
    pub(super) fn content(
        &self,
        fields: Fields<'_>,
    ) -> Result<(SecretContent, UserKeys), RecordError> {
        let token = self.text(fields.token).and_then(|text| Token::new(&text).ok());
        let Some(annotation) = self.metadata.annotations.get(RECORD) else {
            let content =
                token.map_or(SecretContent::Vacant, |token| SecretContent::Unmanaged { token });
            return Ok((content, UserKeys::default()));
        };
        let (record, others) = decode_record(annotation)?;
        let record = Box::new(record);
        let content = match token {
            Some(token) if token.sha256() == record.token_sha256 => {
                SecretContent::Managed { record, token }
            }
            token => SecretContent::Edited { record, token },
        };
        Ok((content, others))
    }

    /// What somebody else keeps under a key that pintail would write.
    pub(super) fn taken(&self, fields: Fields<'_>) -> Option<RecordError> {
        let is_ours = self.metadata.annotations.contains_key(RECORD);
        let taken = |key: &str, part| RecordError::Taken { key: key.to_owned(), part };
        let is_token = |text: Zeroizing<String>| Token::new(&text).is_ok();
        if !is_ours
            && self.data.contains_key(fields.token)
            && !self.text(fields.token).is_some_and(is_token)
        {
            return Some(taken(fields.token, Part::Token));
        }
        let field = fields.token_id.filter(|field| self.data.contains_key(*field))?;
        // Another name may have been chosen for it since the record was written.
        let is_id = self.text(field).is_some_and(|text| text.parse::<TokenId>().is_ok());
        (!is_ours || !is_id).then(|| taken(field, Part::TokenId))
    }

    /// An earlier token, if this is the Secret that they are kept in.
    pub(super) fn earlier(&self, id: TokenId) -> Option<(Record, Token)> {
        self.entry(&id.to_string()).filter(|(record, _)| record.token_id == id)
    }

    fn entry(&self, key: &str) -> Option<(Record, Token)> {
        let entry: Entry = serde_json::from_str(&self.text(key)?).ok()?;
        let token = Token::new(&entry.token.0).ok()?;
        Some((entry.record, token))
    }

    /// The keys of the earlier tokens that are too many, the oldest ones.
    pub(super) fn superfluous(&self) -> Vec<String> {
        let ours = self.data.keys().filter(|key| key.parse::<TokenId>().is_ok());
        let mut dated: Vec<_> = ours
            .map(|key| (self.entry(key).map(|(record, _)| record.published_at), key.clone()))
            .collect();
        dated.sort();
        let more = dated.len().saturating_sub(KEPT);
        dated.into_iter().take(more).map(|(_, key)| key).collect()
    }

    fn text(&self, key: &str) -> Option<Zeroizing<String>> {
        let bytes = Zeroizing::new(STANDARD.decode(self.data.get(key)?.0.as_bytes()).ok()?);
        std::str::from_utf8(&bytes).ok().map(|text| concat(&[text]))
    }
}

/// An earlier token, as it is kept.
#[derive(Serialize, Deserialize)]
struct Entry {
    record: Record,
    #[serde(serialize_with = "Wiped::write")]
    token: Wiped,
}

/// Data as they are sent: secrets, wiped when they were.
type Data = BTreeMap<String, Encoded>;

struct Encoded(Wiped);

impl Encoded {
    fn of(text: &str) -> Self {
        Self(STANDARD.encode(text).into())
    }
}

impl Serialize for Encoded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

/// A Secret, or a change of one.
#[derive(Serialize)]
pub(super) struct Change {
    #[serde(flatten)]
    rest: Map<String, Value>,
    data: Data,
}

impl Change {
    fn of<const N: usize>(rest: [(&str, Value); N], data: Data) -> Self {
        Self { rest: rest.map(|(key, value)| (key.to_owned(), value)).into_iter().collect(), data }
    }
}

/// A new Secret without a token.
pub(super) fn empty(settings: &KubernetesStore, name: &str) -> Change {
    made(settings, name, &settings.secret_type, Data::new())
}

/// A new Secret that keeps one earlier token.
pub(super) fn keeper(
    settings: &KubernetesStore,
    name: &str,
    record: &Record,
    token: &Token,
) -> Change {
    made(settings, name, "Opaque", kept(record, token))
}

fn made(settings: &KubernetesStore, name: &str, kind: &str, data: Data) -> Change {
    let metadata = json!({
        "name": name,
        "namespace": settings.namespace,
        "labels": settings.labels,
        "annotations": settings.annotations,
    });
    let rest = [
        ("apiVersion", "v1".into()),
        ("kind", "Secret".into()),
        ("metadata", metadata),
        ("type", kind.into()),
    ];
    Change::of(rest, data)
}

/// The change that makes `token` the one that is served, over `edition` alone.
pub(super) fn publication(
    settings: &KubernetesStore,
    edition: &Edition,
    fields: Fields<'_>,
    (record, others): (&Record, &UserKeys),
    token: &Token,
) -> Change {
    let mut annotations = annotations(settings);
    annotations.insert(RECORD, encode_record(record, others));
    let mut data = Data::new();
    data.insert(fields.token.to_owned(), token.lend(Encoded::of));
    if let Some(field) = fields.token_id {
        data.insert(field.to_owned(), Encoded::of(&record.token_id.to_string()));
    }
    Change::of([("metadata", metadata(settings, edition, &annotations))], data)
}

/// A change that changes nothing but the version.
pub(super) fn change(settings: &KubernetesStore, edition: &Edition) -> Value {
    json!({ "metadata": metadata(settings, edition, &annotations(settings)) })
}

fn metadata(
    settings: &KubernetesStore,
    edition: &Edition,
    annotations: &BTreeMap<&str, String>,
) -> Value {
    json!({
        "uid": edition.uid,
        "resourceVersion": edition.resource_version,
        "labels": settings.labels,
        "annotations": annotations,
    })
}

fn annotations(settings: &KubernetesStore) -> BTreeMap<&str, String> {
    let own = settings.annotations.iter().map(|(name, value)| (name.as_str(), value.clone()));
    own.chain([(WRITE, Uuid::new_v4().to_string())]).collect()
}

/// The change that keeps one more earlier token. It names no version: nobody else's entry is touched.
pub(super) fn keeping(record: &Record, token: &Token) -> Change {
    Change::of([], kept(record, token))
}

fn kept(record: &Record, token: &Token) -> Data {
    let token = token.lend(|text| Wiped(concat(&[text])));
    // Records and texts always can be written.
    let text = json_text(&Entry { record: record.clone(), token }).unwrap_or_default();
    [(record.token_id.to_string(), Encoded::of(&text))].into()
}

/// The change that forgets the earlier tokens under `keys`.
pub(super) fn forgetting(keys: &[String]) -> Value {
    let nulls: Map<_, _> = keys.iter().map(|key| (key.clone(), Value::Null)).collect();
    json!({ "data": nulls })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::settings::Cluster;
    use crate::secret::wiped::json;
    use crate::secret::wiped::remains::Needle;

    #[test]
    fn nothing_remains_of_a_token_that_was_written_to_a_secret_and_read_there() {
        let needle = Needle::draw();
        let token = needle.token();
        let record = Record::sample(&token);
        let settings = KubernetesStore {
            cluster: Cluster::Own,
            namespace: "etl".to_owned(),
            create: true,
            secret_type: "Opaque".to_owned(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        };
        let edition = Edition { uid: "u".to_owned(), resource_version: "1".to_owned() };
        let fields = Fields { token: "token", token_id: None };
        let written = json(&publication(
            &settings,
            &edition,
            fields,
            (&record, &UserKeys::default()),
            &token,
        ))
        .unwrap();
        let secret: Secret = serde_json::from_slice(&written).unwrap();
        assert!(secret.content(fields).is_ok() && secret.text("token").is_some());
        for change in [keeping(&record, &token), keeper(&settings, "etl", &record, &token)] {
            let kept: Secret = serde_json::from_slice(&json(&change).unwrap()).unwrap();
            assert!(kept.earlier(record.token_id).is_some());
        }
        drop((written, secret, token));
        assert!(!needle.is_in_memory());
    }
}

//! What becomes of a credential, told as Events on the workloads that read it.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Targets;
use super::publication::Publication;
use super::restarts::WorkloadName;
use super::workload::Workload;
use crate::kubernetes::{Content, Mode, Object, Place};
use crate::names::TokenId;
use crate::record::Record;

/// An Event's name is its workload's, cut to this, and a mark.
const NAME_CHARACTERS: usize = 200;
const MARK_DIGITS: usize = 16;
/// Kubernetes takes no longer text.
const MESSAGE_CHARACTERS: usize = 1_000;

/// What is told of.
#[derive(Debug, Clone, Copy)]
pub enum WorkloadEvent<'a> {
    /// The token of this record is served, and the workload was restarted for it.
    Served(&'a Record),
    /// The rotation of this record is held, for this reason.
    Held(&'a Record, &'a str),
    /// This token was revoked.
    Revoked(TokenId),
}

impl WorkloadEvent<'_> {
    fn reason(&self) -> &'static str {
        match self {
            Self::Served(_) => "TokenServed",
            Self::Held(..) => "TokenHeld",
            Self::Revoked(_) => "TokenRevoked",
        }
    }

    /// What makes it the same one when it is told again.
    fn subject(&self) -> String {
        match self {
            Self::Served(record) | Self::Held(record, _) => Publication::of(record).to_string(),
            Self::Revoked(id) => id.to_string(),
        }
    }

    fn message(&self, credential: &str) -> String {
        let text = match self {
            Self::Served(record) => format!(
                "token {} of credential {credential} is served; pods are replaced for it",
                record.token_id
            ),
            Self::Held(record, why) => format!(
                "token {} of credential {credential} is served and held, the tokens before it live: {why}",
                record.token_id
            ),
            Self::Revoked(id) => format!("token {id} of credential {credential} was revoked"),
        };
        text.chars().take(MESSAGE_CHARACTERS).collect()
    }
}

impl Targets {
    /// Tells it on every workload, where that is wanted. Nobody waits for it, and nothing depends on it.
    pub(in crate::consumers::gate) async fn tell(&self, told: &WorkloadEvent<'_>) {
        if !self.settings.events {
            return;
        }
        match self.workloads().await {
            Ok(names) => {
                for name in names {
                    self.tell_of(&name, told).await;
                }
            }
            Err(error) => tracing::warn!(error = %error, "event not written"),
        }
    }

    pub(super) async fn tell_of(&self, name: &WorkloadName, told: &WorkloadEvent<'_>) {
        if !self.settings.events {
            return;
        }
        let error = match self.get(name).await {
            Ok((place, workload)) => {
                let event = self.event(name, &place, &workload, told);
                let events = Place::core("events", &name.namespace, None);
                let made: Result<Object, _> =
                    self.shared.cluster.create(&events, &event, Content::Plain, Mode::Real).await;
                match made {
                    Ok(_) => return,
                    // It was told before.
                    Err(answer) if answer.is_presence() => return,
                    Err(answer) => answer.text(),
                }
            }
            Err(error) => error.to_string(),
        };
        tracing::warn!(workload = %name, error, "event not written");
    }

    /// The same each time that the same is told, by its name: so it is there once, and no right to change it is needed.
    fn event(
        &self,
        name: &WorkloadName,
        place: &Place,
        workload: &Workload,
        told: &WorkloadEvent<'_>,
    ) -> Value {
        let uid = &workload.metadata.uid;
        let text =
            format!("{uid}/{}/{}/{}", self.settings.annotation, told.reason(), told.subject());
        let mut mark = hex::encode(Sha256::digest(text.as_bytes()));
        mark.truncate(MARK_DIGITS);
        let start: String = name.name.chars().take(NAME_CHARACTERS).collect();
        let start = start.trim_end_matches(['-', '.']);
        let kind = match told {
            WorkloadEvent::Held(..) => "Warning",
            WorkloadEvent::Served(_) | WorkloadEvent::Revoked(_) => "Normal",
        };
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": format!("{start}.{mark}"), "namespace": name.namespace},
            "involvedObject": {
                "apiVersion": place.api.trim_start_matches("apis/"), "kind": name.kind.as_str(),
                "namespace": name.namespace, "name": name.name, "uid": uid,
            },
            "reason": told.reason(),
            "message": told.message(&self.settings.credential),
            "type": kind,
            "source": {"component": "pintail"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        })
    }
}

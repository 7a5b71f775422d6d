//! A run as the JSON document of OTLP: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.
//!
//! A rotation may be begun by one process and finished by another. So its trace has the rotation's ID, the span around
//! its steps has an ID that follows from it, and whoever ends the rotation sends that span.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::names::{CredentialName, RotationId};
use crate::rotation::run::{Outcome, Report};
use crate::rotation::step_log::{StepOutcome, StepReport};

/// A span within one process.
const INTERNAL: u32 = 1;
const OK: u32 = 1;
const ERROR: u32 = 2;

/// The spans of a run, if it took a step of a rotation.
pub(super) fn document(
    service: &str,
    owner: &str,
    credential: &CredentialName,
    report: &Report,
) -> Option<Value> {
    let rotation = report.seen.rotation_id.or(report.rotation_id)?;
    let has_ended = match report.outcome {
        Outcome::NotDue => return None,
        Outcome::Rotated | Outcome::RolledBack | Outcome::Failed => true,
        Outcome::Held => false,
    };
    let (first, last) = (report.steps.first()?, report.steps.last()?);
    let trace = Trace { rotation, credential };
    let mut spans: Vec<Value> = report.steps.iter().map(|step| trace.step(step, report)).collect();
    if has_ended {
        let began = rotation.started_at().unwrap_or(first.began).min(first.began);
        spans.push(trace.whole(began, end(last), report));
    }
    Some(json!({ "resourceSpans": [{
        "resource": { "attributes": [
            text("service.name", service),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("pintail.owner", owner),
        ]},
        "scopeSpans": [{
            "scope": { "name": "pintail", "version": env!("CARGO_PKG_VERSION") },
            "spans": spans,
        }],
    }]}))
}

struct Trace<'a> {
    rotation: RotationId,
    credential: &'a CredentialName,
}

impl Trace<'_> {
    fn step(&self, step: &StepReport, report: &Report) -> Value {
        let word = step.step.as_str();
        let problem = report.problem.as_ref().filter(|problem| problem.step == Some(step.step));
        let status = match step.outcome {
            StepOutcome::Ok => json!({ "code": OK }),
            StepOutcome::Failed | StepOutcome::Warning => json!({
                "code": ERROR,
                "message": problem.map_or(outcome_word(step.outcome), |problem| &problem.message),
            }),
        };
        let own = text("pintail.step", word);
        let outcome = text("pintail.outcome", outcome_word(step.outcome));
        let id = span_id(&[&self.id(), word, &step.began.as_nanosecond().to_string()]);
        let mut span = self.span(word, &id, (step.began, end(step)), [own, outcome], &status);
        if let Some(fields) = span.as_object_mut() {
            fields.insert("parentSpanId".to_owned(), self.whole_id().into());
        }
        span
    }

    /// The span around all steps.
    fn whole(&self, began: Timestamp, ended: Timestamp, report: &Report) -> Value {
        let (code, outcome) = match report.outcome {
            Outcome::Rotated | Outcome::NotDue => (OK, "rotated"),
            Outcome::RolledBack => (ERROR, "rolled_back"),
            Outcome::Failed => (ERROR, "failed"),
            Outcome::Held => (ERROR, "held"),
        };
        let message = report.problem.as_ref().map_or(outcome, |problem| &problem.message);
        let status = if code == OK {
            json!({ "code": OK })
        } else {
            json!({ "code": code, "message": message })
        };
        let token_id = report.token_id.map(|id| text("pintail.token_id", &id.to_string()));
        let attributes = std::iter::once(text("pintail.outcome", outcome)).chain(token_id);
        self.span("rotation", &self.whole_id(), (began, ended), attributes, &status)
    }

    fn span(
        &self,
        name: &str,
        id: &str,
        (began, ended): (Timestamp, Timestamp),
        more: impl IntoIterator<Item = Value>,
        status: &Value,
    ) -> Value {
        let common = [
            text("pintail.credential", self.credential.as_str()),
            text("pintail.rotation_id", &self.rotation.to_string()),
        ];
        json!({
            "traceId": self.id(),
            "spanId": id,
            "name": name,
            "kind": INTERNAL,
            "startTimeUnixNano": began.as_nanosecond().to_string(),
            "endTimeUnixNano": ended.as_nanosecond().to_string(),
            "attributes": common.into_iter().chain(more).collect::<Vec<_>>(),
            "status": status,
        })
    }

    /// The 128 bits of the rotation's ID.
    fn id(&self) -> String {
        self.rotation.to_string().replace('-', "")
    }

    fn whole_id(&self) -> String {
        span_id(&[&self.id()])
    }
}

/// Eight bytes that follow from `parts`, so that what is sent twice is one span.
fn span_id(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("/"));
    hex::encode(digest).chars().take(16).collect()
}

fn end(step: &StepReport) -> Timestamp {
    step.began.saturating_add(Duration::from_millis(step.duration_ms)).unwrap_or(Timestamp::MAX)
}

fn outcome_word(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Ok => "ok",
        StepOutcome::Failed => "failed",
        StepOutcome::Warning => "warning",
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

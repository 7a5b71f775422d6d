//! What is sent of a run, and that nobody waits for it.

use jiff::Timestamp;
use serde_json::Value;

use super::settings;
use super::*;
use crate::http::settings::Proxy;
use crate::names::RotationId;
use crate::rotation::condition::{Reason, Tokens};
use crate::rotation::run::{LastSeen, Outcome, Problem};
use crate::rotation::step_log::{Step, StepOutcome, StepReport};

fn report(outcome: Outcome, steps: &[(Step, StepOutcome)], rotation: RotationId) -> Report {
    let began = Timestamp::from_second(1_800_000_000).unwrap();
    let steps =
        steps.iter().map(|&(step, outcome)| StepReport { step, outcome, duration_ms: 250, began });
    Report {
        outcome,
        rotation_id: None,
        token_id: None,
        previous_token_id: None,
        expires_at: None,
        revoked: vec![],
        steps: steps.collect(),
        problem: None,
        tokens: Tokens::default(),
        again_at: None,
        seen: LastSeen { rotation_id: Some(rotation), ..LastSeen::default() },
    }
}

fn spans(report: &Report) -> Vec<Value> {
    let document = document("pintail", "prod", &"etl".parse().unwrap(), report).unwrap();
    document["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
}

fn rotation() -> RotationId {
    RotationId::starting_at(Timestamp::from_second(1_799_999_990).unwrap())
}

#[test]
fn a_rotation_that_two_processes_share_is_one_trace_under_one_span() {
    let rotation = rotation();
    let held = report(
        Outcome::Held,
        &[(Step::Create, StepOutcome::Ok), (Step::Gate, StepOutcome::Failed)],
        rotation,
    );
    let held = spans(&held);
    assert_eq!(held.len(), 2, "the span around the steps is not over");
    let done = report(Outcome::Rotated, &[(Step::Gate, StepOutcome::Ok)], rotation);
    let done = spans(&done);
    let whole = &done[1];
    assert_eq!(whole["name"], "rotation");
    assert_eq!(whole["traceId"], rotation.to_string().replace('-', ""));
    assert_eq!(whole["startTimeUnixNano"], "1799999990000000000");
    assert_eq!(whole["endTimeUnixNano"], "1800000000250000000");
    for step in held.iter().chain(&done[..1]) {
        assert_eq!(step["traceId"], whole["traceId"]);
        assert_eq!(step["parentSpanId"], whole["spanId"]);
        assert_ne!(step["spanId"], whole["spanId"]);
    }
    assert_eq!(held[1]["status"]["code"], 2);
    assert_eq!(done[0]["status"]["code"], 1);
}

#[test]
fn a_failure_is_told_at_its_step_and_at_the_whole() {
    let mut failed = report(Outcome::Failed, &[(Step::Create, StepOutcome::Failed)], rotation());
    failed.problem = Some(Problem {
        step: Some(Step::Create),
        kind: FaultKind::Permanent,
        message: "no such account".to_owned(),
        reason: Reason::TokenNotCreated,
        hint: None,
    });
    let spans = spans(&failed);
    assert_eq!(spans[0]["status"]["message"], "no such account");
    assert_eq!((&spans[1]["name"], &spans[1]["status"]["code"]), (&"rotation".into(), &2.into()));
}

#[test]
fn a_run_without_a_rotation_is_not_sent() {
    let idle = report(Outcome::NotDue, &[(Step::Verify, StepOutcome::Ok)], rotation());
    assert!(document("pintail", "prod", &"etl".parse().unwrap(), &idle).is_none());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_collector_that_does_not_answer() {
    // It accepts connections and never says a word.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let (post, mut letters) = mpsc::channel(2);
    let settings = settings::Telemetry {
        traces_url: url.parse().unwrap(),
        service_name: "pintail".to_owned(),
        headers_from: None,
        ca_file: None,
        proxy: Proxy::None,
    };
    let client = HttpClients::default().with_extra_roots(None, &Proxy::None).unwrap();
    let mut carrier = Exporter { client, settings, headers: HeaderMap::new(), failing: false };
    tokio::spawn(async move { carrier.carry(&mut letters).await });
    let telemetry =
        Telemetry { post: Some(post), service: "pintail".to_owned(), owner: "prod".to_owned() };
    let done = report(Outcome::Rotated, &[(Step::Gate, StepOutcome::Ok)], rotation());
    for _ in 0..10 {
        telemetry.tell(&"etl".parse().unwrap(), &done);
    }
    let before = tokio::time::Instant::now();
    telemetry.flush().await;
    assert_eq!(before.elapsed().as_secs(), PARTING.as_secs());
}

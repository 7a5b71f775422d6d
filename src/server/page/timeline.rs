//! The latest rotations with their steps, each drawn along its own time.

use jiff::Timestamp;
use maud::{Markup, html};

use super::words::{brief, origin_name, outcome_name, relative};
use crate::rotation::step_log::StepOutcome;
use crate::status::{Rotation, Snapshot, StepRecord};

/// How many rotations are shown.
const SHOWN: usize = 30;
/// The width of the drawing, in its own units.
const WIDTH: u64 = 1_000;
/// A step that took no time worth mentioning is still seen.
const LEAST: u64 = 6;

/// The section.
pub(super) fn section(snapshot: &Snapshot) -> Markup {
    html! {
        section #timeline data-part aria-labelledby="timeline-title" {
            h2 #timeline-title { "Recent rotations" }
            @if snapshot.rotations.is_empty() {
                p.quiet { "None since the daemon started." }
            } @else {
                ol.rotations {
                    @for one in snapshot.rotations.iter().take(SHOWN) { (rotation(one, snapshot.at)) }
                }
            }
        }
    }
}

fn rotation(one: &Rotation, now: Timestamp) -> Markup {
    let (outcome, kind) = outcome_name(one.outcome);
    let key = format!("{}/{}", one.credential, one.began);
    html! {
        li {
            details data-key=(key) {
                summary {
                    span.what { b { (one.credential) } " " span.badge.(kind) { (outcome) } }
                    span.quiet {
                        (origin_name(one.trigger)) ", " (relative(one.began, now)) ", took " (brief(length(one)))
                        @if one.runs > 1 { ", in " (one.runs) " runs" }
                    }
                    (drawing(one))
                }
                @if let Some(problem) = &one.problem { p { (problem) } }
                ol.steps {
                    @for stage in &one.steps {
                        li.(word(stage.outcome)) {
                            b { (stage.step.as_str()) } " " (brief(stage.duration_ms))
                            @if stage.outcome != StepOutcome::Ok { " " span.badge.(word(stage.outcome)) { (word(stage.outcome)) } }
                        }
                    }
                }
                @if let Some(id) = one.rotation_id { p.quiet { "rotation " code { (id) } } }
            }
        }
    }
}

/// Until the end of the last step, in milliseconds.
fn length(one: &Rotation) -> u64 {
    one.steps
        .iter()
        .map(|stage| offset(one, stage).saturating_add(stage.duration_ms))
        .max()
        .unwrap_or(0)
}

fn offset(one: &Rotation, stage: &StepRecord) -> u64 {
    u64::try_from(stage.began.duration_since(one.began).as_millis()).unwrap_or(0)
}

fn drawing(one: &Rotation) -> Markup {
    let whole = length(one).max(1);
    let place = |milliseconds: u64| milliseconds.saturating_mul(WIDTH - LEAST) / whole;
    html! {
        svg.steps viewBox="0 0 1000 16" preserveAspectRatio="none" role="img" aria-label="its steps along its time" {
            rect.trough y="7" width="1000" height="2" {}
            @for stage in &one.steps {
                rect.(word(stage.outcome)) .(stage.step.as_str()) x=(place(offset(one, stage)))
                    width=(place(stage.duration_ms).max(LEAST)) height="16" {
                    title { (stage.step.as_str()) " " (brief(stage.duration_ms)) }
                }
            }
        }
    }
}

fn word(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Ok => "ok",
        StepOutcome::Failed => "failed",
        StepOutcome::Warning => "warning",
    }
}

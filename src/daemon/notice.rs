//! Telling people how a credential stands: when it changes, and once a day while it lasts; not at each look.

use jiff::{SignedDuration, Timestamp};

use crate::names::CredentialName;
use crate::rotation::condition::{Condition, Reason, State};
use crate::rotation::run::{Outcome, Report};
use crate::rotation::step_log::Step;

/// What lasts is told again after this.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// What people were told last of a credential that does not stand well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Notice {
    what: (State, Option<Reason>, Option<Step>),
    at: Timestamp,
}

impl Notice {
    /// Whether a rotation is held, as people know.
    pub(super) fn is_of_a_hold(&self) -> bool {
        self.what.0 == State::Held
    }

    /// Whether it need not be told again. A clock that was set back must not silence anything for as long.
    fn still_tells(&self, what: (State, Option<Reason>, Option<Step>), now: Timestamp) -> bool {
        self.what == what && self.at <= now && now.duration_since(self.at) < AGAIN
    }
}

/// Logs what changed since `told`, or lasts since it was told a day ago, and notes it there.
pub(super) fn tell(
    name: &CredentialName,
    report: &Report,
    condition: &Condition,
    (now, look_in): (Timestamp, SignedDuration),
    told: &mut Option<Notice>,
) {
    let rotation_id = report.seen.rotation_id.or(report.rotation_id).map(tracing::field::display);
    let token_id = report.token_id.map(tracing::field::display);
    let retry_in_ms = look_in.as_millis();
    let Condition { state, reason, step, .. } = *condition;
    let what = (state, reason, step);
    let before = *told;
    if !condition.needs_attention() {
        *told = None;
        match (report.outcome, before) {
            (Outcome::Rotated, _) => {
                tracing::info!(credential = %name, rotation_id, token_id, "credential rotated");
            }
            (_, Some(_)) => {
                tracing::info!(credential = %name, rotation_id, token_id, "credential recovered");
            }
            (_, None) => {
                tracing::debug!(credential = %name, look_in_ms = retry_in_ms, "credential at rest");
            }
        }
        return;
    }
    let (reason, step) = (reason.map(Reason::as_str), step.map(Step::as_str));
    let (error, hint) = (condition.message.as_deref(), condition.hint.as_deref());
    if before.is_some_and(|before| before.still_tells(what, now)) {
        tracing::debug!(credential = %name, rotation_id, reason, step, error, retry_in_ms, "nothing changed");
        return;
    }
    *told = Some(Notice { what, at: now });
    match state {
        State::Failing => {
            tracing::warn!(credential = %name, rotation_id, reason, step, error, hint, retry_in_ms, "credential failed");
        }
        State::Held => {
            tracing::error!(credential = %name, rotation_id, token_id, reason, step, error, hint, retry_in_ms, "credential held");
        }
        State::Blocked => {
            tracing::error!(credential = %name, rotation_id, reason, step, error, hint, retry_in_ms, "credential blocked");
        }
        State::RolledBack => {
            tracing::error!(credential = %name, rotation_id, token_id, reason, error, hint, "credential rolled back");
        }
        State::Rotating | State::Due | State::Unknown | State::Paused | State::Fresh => {
            tracing::warn!(credential = %name, reason, error, hint, "credential needs attention");
        }
    }
}

/// Logs a panic, without its text, which may say anything.
pub(super) fn tell_panic(
    name: &CredentialName,
    (now, look_in): (Timestamp, SignedDuration),
    told: &mut Option<Notice>,
) {
    let what = (State::Failing, Some(Reason::Panicked), None);
    if !told.is_some_and(|told| told.still_tells(what, now)) {
        *told = Some(Notice { what, at: now });
        let retry_in_ms = look_in.as_millis();
        tracing::error!(credential = %name, retry_in_ms, "run panicked");
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::fault::FaultKind;
    use crate::rotation::condition::{Severity, Tokens};
    use crate::rotation::run::{LastSeen, Problem};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn report(outcome: Outcome, problem: Option<FaultKind>, again_at: Option<Timestamp>) -> Report {
        Report {
            outcome,
            rotation_id: None,
            token_id: None,
            previous_token_id: None,
            expires_at: None,
            revoked: vec![],
            steps: vec![],
            problem: problem.map(|kind| Problem {
                step: Some(Step::Gate),
                kind,
                message: "no answer".to_owned(),
                reason: Reason::GateNotPassed,
                hint: None,
            }),
            tokens: Tokens::default(),
            again_at,
            seen: LastSeen::default(),
        }
    }

    /// How a run leaves what it reports of.
    fn condition(report: &Report) -> Condition {
        let reason = report.problem.as_ref().map(|problem| problem.reason);
        Condition {
            state: report.state(),
            reason,
            severity: reason.map_or(Severity::Normal, Reason::severity),
            step: report.problem.as_ref().and_then(|problem| problem.step),
            since: None,
            message: None,
            hint: None,
            next_rotation: None,
            waits_for_window: false,
            next_look: None,
            pause: None,
            predecessors: vec![],
            orphans: None,
            elsewhere: vec![],
        }
    }

    /// The levels and messages that `reports` draw, one an hour.
    fn told(reports: &[Report]) -> Vec<String> {
        let hours = (0..).map(|hour| Timestamp::from_second(1_800_000_000 + hour * 3_600).unwrap());
        told_at(&hours.zip(reports).collect::<Vec<_>>())
    }

    fn told_at(reports: &[(Timestamp, &Report)]) -> Vec<String> {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut told = None;
            for (now, report) in reports {
                let name = "etl".parse().unwrap();
                let times = (*now, SignedDuration::from_secs(5));
                tell(&name, report, &condition(report), times, &mut told);
            }
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn people_are_told_of_a_change_and_not_of_each_look() {
        let held = || report(Outcome::Held, Some(FaultKind::Transient), Some(Timestamp::MAX));
        let failing = || report(Outcome::Failed, Some(FaultKind::Transient), None);
        let lines = told(&[
            report(Outcome::NotDue, None, None),
            failing(),
            failing(),
            failing(),
            held(),
            held(),
            report(Outcome::NotDue, None, None),
            report(Outcome::NotDue, None, None),
            held(),
            report(Outcome::Rotated, None, None),
            report(Outcome::Rotated, None, None),
        ]);
        let expected = [
            "WARN credential failed",
            "ERROR credential held",
            "INFO credential recovered",
            "ERROR credential held",
            "INFO credential rotated",
            "INFO credential rotated",
        ];
        assert_eq!(lines.len(), expected.len(), "{lines:#?}");
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.starts_with(expected), "{line}");
        }
        assert!(lines[0].contains("retry_in_ms=5000") && lines[0].contains("step=\"gate\""));
        assert!(lines[0].contains("reason=\"GateNotPassed\""));
    }

    #[test]
    fn what_lasts_is_told_again_once_a_day_and_a_clock_that_is_set_back_silences_nothing() {
        let held = report(Outcome::Held, Some(FaultKind::Transient), Some(Timestamp::MAX));
        let told = |hours: &[i64]| {
            let at = |hour: &i64| Timestamp::from_second(1_800_000_000 + hour * 3_600).unwrap();
            told_at(&hours.iter().map(|hour| (at(hour), &held)).collect::<Vec<_>>()).len()
        };
        assert_eq!(told(&[0, 1, 12, 23]), 1);
        assert_eq!(told(&[0, 1, 23, 24, 25, 47, 48, 96]), 4);
        assert_eq!(told(&[1_000, 10, 11, 34]), 3);
    }

    #[test]
    fn only_what_may_pass_by_itself_is_a_warning() {
        let refused = report(Outcome::Failed, Some(FaultKind::Permanent), None);
        assert_eq!(refused.state(), State::Blocked);
        let unreachable = report(Outcome::Held, Some(FaultKind::Transient), None);
        assert_eq!(unreachable.state(), State::Failing);
        assert!(told(&[refused])[0].starts_with("ERROR credential blocked"));
        assert!(told(&[unreachable])[0].starts_with("WARN credential failed"));
        let rolled_back = report(Outcome::RolledBack, None, None);
        assert!(told(&[rolled_back])[0].starts_with("ERROR credential rolled back"));
    }
}

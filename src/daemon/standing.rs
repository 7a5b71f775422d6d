//! Telling people how a credential stands: once when it changes, not at each look.

use jiff::SignedDuration;

use crate::fleet::Standing;
use crate::names::CredentialName;
use crate::rotation::drive::{Outcome, Report};
use crate::rotation::journal::Step;

/// What people were told last of a credential that does not stand well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Of a hold.
    Held(Option<Step>),
    /// Of a failure.
    Failing(Option<Step>),
    /// That they must act.
    Stuck(Option<Step>),
    /// Of a fault in pintail itself.
    Panicked,
}

/// Logs what changed since `told`, and notes it there.
pub(super) fn tell(
    name: &CredentialName,
    report: &Report,
    standing: Standing,
    look_in: SignedDuration,
    told: &mut Option<Told>,
) {
    let rotation_id = report.seen.rotation_id.or(report.rotation_id).map(tracing::field::display);
    let token_id = report.token_id.map(tracing::field::display);
    let retry_in_ms = look_in.as_millis();
    let step = report.problem.as_ref().and_then(|problem| problem.step);
    let error = report.problem.as_ref().map(|problem| problem.message.as_str());
    let hint = report.problem.as_ref().and_then(|problem| problem.hint.as_deref());
    let now = match standing {
        Standing::Settled(_) => None,
        Standing::Held(_) => Some(Told::Held(step)),
        Standing::Failing => Some(Told::Failing(step)),
        Standing::Stuck => Some(Told::Stuck(step)),
    };
    let before = std::mem::replace(told, now);
    let step = step.map(Step::as_str);
    match (now, report.outcome) {
        (None, Outcome::Rotated) => {
            tracing::info!(credential = %name, rotation_id, token_id, "credential rotated");
        }
        (None, Outcome::RolledBack) => {
            tracing::error!(credential = %name, rotation_id, token_id, "credential rolled back");
        }
        (None, Outcome::NotDue | Outcome::Failed | Outcome::Held) if before.is_some() => {
            tracing::info!(credential = %name, rotation_id, token_id, "credential recovered");
        }
        (None, Outcome::NotDue | Outcome::Failed | Outcome::Held) => {
            tracing::debug!(credential = %name, look_in_ms = retry_in_ms, "credential at rest");
        }
        (Some(_), _) if before == now => {
            tracing::debug!(credential = %name, rotation_id, step, error, retry_in_ms, "nothing changed");
        }
        (Some(Told::Failing(_)), _) => {
            tracing::warn!(credential = %name, rotation_id, step, error, hint, retry_in_ms, "credential failed");
        }
        (Some(Told::Held(_)), _) => {
            tracing::error!(credential = %name, rotation_id, token_id, step, error, hint, retry_in_ms, "credential held");
        }
        (Some(Told::Stuck(_) | Told::Panicked), _) => {
            tracing::error!(credential = %name, rotation_id, step, error, hint, retry_in_ms, "credential needs a person");
        }
    }
}

/// Logs a panic, without its text, which may say anything.
pub(super) fn tell_panic(name: &CredentialName, look_in: SignedDuration, told: &mut Option<Told>) {
    if told.replace(Told::Panicked) != Some(Told::Panicked) {
        let retry_in_ms = look_in.as_millis();
        tracing::error!(credential = %name, retry_in_ms, "run panicked");
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use jiff::Timestamp;

    use super::*;
    use crate::fault::FaultKind;
    use crate::fleet::standing;
    use crate::rotation::drive::{LastSeen, Problem};

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
                reason: None,
                hint: None,
            }),
            again_at,
            seen: LastSeen::default(),
        }
    }

    /// The levels and messages that `reports` draw, one after the other.
    fn told(reports: &[Report]) -> Vec<String> {
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
            for report in reports {
                let name = "etl".parse().unwrap();
                tell(&name, report, standing(report), SignedDuration::from_secs(5), &mut told);
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
    }

    #[test]
    fn only_what_may_pass_by_itself_is_a_warning() {
        let refused = report(Outcome::Failed, Some(FaultKind::Permanent), None);
        assert_eq!(standing(&refused), Standing::Stuck);
        let unreachable = report(Outcome::Held, Some(FaultKind::Transient), None);
        assert_eq!(standing(&unreachable), Standing::Failing);
        assert!(told(&[refused])[0].starts_with("ERROR credential needs a person"));
        assert!(told(&[unreachable])[0].starts_with("WARN credential failed"));
        let rolled_back = report(Outcome::RolledBack, None, None);
        assert!(told(&[rolled_back])[0].starts_with("ERROR credential rolled back"));
    }
}

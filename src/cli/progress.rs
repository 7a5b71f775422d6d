//! Progress of a one-shot run: on a terminal, a line for each step that is done, and what is being waited for.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::Output;
use crate::rotation::step_log::{Progress, Step, StepOutcome};

/// Where the progress of several credentials is shown.
pub(super) struct Screen {
    bars: MultiProgress,
}

impl Screen {
    /// Standard error if it is a terminal and people read the output; nowhere otherwise.
    pub(super) fn new(output: Output) -> Self {
        let people = match output {
            Output::Text => std::io::stderr().is_terminal(),
            Output::Json => false,
        };
        let target =
            if people { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target) }
    }

    /// A place for one credential.
    pub(super) fn place(&self, name: &str) -> Place {
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Place { bar, name: name.to_owned() }
    }
}

/// One credential's place on the screen.
pub(super) struct Place {
    bar: ProgressBar,
    name: String,
}

impl Place {
    /// Shows what happens.
    pub(super) fn show(&self, progress: Progress) {
        match progress {
            Progress::Saw(_) => {}
            Progress::Began(step) => self.bar.set_message(doing(step)),
            Progress::Ended(step, outcome, problem) => {
                let problem = problem.map(|text| format!(": {text}")).unwrap_or_default();
                let line = format!("{}: {} {}{problem}", self.name, step.as_str(), word(outcome));
                self.bar.println(line);
            }
            Progress::Waiting(step, until) => {
                let seconds = until.duration_since(Timestamp::now()).as_secs().max(0);
                self.bar.set_message(format!("{}, again in {seconds} s", doing(step)));
            }
        }
    }

    /// Takes the place away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// How a step went, in a word.
pub(super) fn word(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Ok => "ok",
        StepOutcome::Failed => "failed",
        StepOutcome::Warning => "warning",
    }
}

/// What happens in a step, for people.
pub(super) fn doing(step: Step) -> &'static str {
    match step {
        Step::Create => "creating a token",
        Step::Preflight => "connecting with the new token",
        Step::Publish => "publishing it",
        Step::Mirror => "writing it into the mirrors",
        Step::Deploy => "telling the clients to reload",
        Step::Gate => "waiting for healthy consumers",
        Step::Verify => "connecting with the published token",
        Step::Seal => "marking the old token as retiring",
        Step::Revoke => "revoking the old token",
        Step::Confirm => "waiting until the old token is refused",
    }
}

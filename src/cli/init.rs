//! `pintail init`: a configuration with comments, and what runs it, from answers, flags and what can be found.

mod ask;
mod choices;
mod configuration;
mod files;
mod manifests;
mod playground;
mod surroundings;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use self::choices::Choices;
use self::files::NewFile;
use self::surroundings::Surroundings;
use super::answer::{self, Answer};
use super::arguments::Manager;
use super::check::{self, Findings};
use super::error::CliError;
use super::{CheckDepth, ExitCode, Init, Output, muster};
use crate::config::{self, Config, Files};
use crate::engine::Purpose;
use crate::fault::chain;

/// The configuration's file, unless `--config` names one.
const DEFAULT_FILE: &str = "pintail.toml";

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    /// What was found on this machine, and so was taken.
    found: Vec<String>,
    files: Vec<PathBuf>,
    #[serde(flatten)]
    check: Option<Findings>,
    next: Vec<String>,
}

impl Answer for Made {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for found in &self.found {
            writeln!(out, "found    {found}")?;
        }
        for file in &self.files {
            writeln!(out, "written  {}", file.display())?;
        }
        if let Some(findings) = &self.check {
            writeln!(out, "\nWhat `pintail check` says of it:")?;
            findings.write_text(out)?;
        }
        writeln!(out, "\nNext:")?;
        self.next.iter().try_for_each(|command| writeln!(out, "  {command}"))
    }
}

/// Makes what `wanted` asks for. `named` are the files of `--config`.
pub(super) async fn init(
    wanted: &Init,
    named: &[PathBuf],
    output: Output,
) -> anyhow::Result<ExitCode> {
    if let Some(directory) = &wanted.sandbox {
        let (files, next) = playground::make(directory)?;
        answer::tell(&Made { found: vec![], files, check: None, next }, output);
        return Ok(ExitCode::Settled);
    }
    let file = match named {
        [] => PathBuf::from(DEFAULT_FILE),
        [file] => file.clone(),
        [..] => {
            let hint = Some("give --config once: the file that is to be written".to_owned());
            return Err(CliError::usage("init writes one configuration", hint).into());
        }
    };
    let surroundings = Surroundings::find(|name| std::env::var(name).ok());
    let choices = Choices::settle(wanted, &surroundings)?;
    let text = configuration::text(&choices);
    ensure_it_loads(&text, &file)?;
    let mut all = vec![NewFile::of(&file, text)];
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    all.extend(manifests::all(&choices, folder, &file));
    files::write(&all)?;

    let (findings, code) = observe(&choices, &file).await;
    let made = Made {
        found: choices.found(&surroundings),
        files: all.into_iter().map(|one| one.path).collect(),
        check: Some(findings),
        next: manifests::next(&choices, &file),
    };
    answer::tell(&made, output);
    Ok(code)
}

/// Before anything is written: the configuration as it would stand must be sound.
fn ensure_it_loads(text: &str, file: &Path) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::of(&error, ExitCode::Failed, None);
    let mut trial =
        tempfile::Builder::new().prefix("pintail-").suffix(".toml").tempfile().map_err(failed)?;
    trial.write_all(text.as_bytes()).map_err(failed)?;
    let config = Config::load(&[trial.path().to_owned()], std::iter::empty());
    config.map(|_| ()).map_err(|error| {
        // The trial is gone when this is read.
        let named = file.display().to_string();
        let trial = trial.path().display().to_string();
        let hint =
            Some("nothing was written: give another value, or write the file by hand".to_owned());
        CliError::usage(chain(&error).replace(&trial, &named), hint)
    })
}

/// What `check` says of the new configuration. It stands all the same, so that nothing here is wrong usage.
async fn observe(choices: &Choices, file: &Path) -> (Findings, ExitCode) {
    let files = Files::new(vec![file.to_owned()], config::environment());
    let base = match files.load() {
        Ok(config) => Arc::new(config),
        // The environment's variables have their say now.
        Err(error) => {
            return (Findings::failed("configuration", &error, error.hint()), ExitCode::Failed);
        }
    };
    // What a pod finds mounted is not here. There, `check` is one of the next commands.
    if choices.manager == Some(Manager::Kubernetes) {
        return (check::soundness(&base), ExitCode::Settled);
    }
    let (findings, _) = check::examine(base.clone(), &files, CheckDepth::ConfigurationAlone).await;
    if findings.has_error() {
        return (findings, ExitCode::Failed);
    }
    let mustered = match muster::for_names(base, &[], Purpose::Look).await {
        Ok(mustered) => mustered,
        Err(error) => {
            return (Findings::failed("fleets", &error, error.hint.clone()), ExitCode::Failed);
        }
    };
    let depth = CheckDepth::Everything;
    let (findings, code) = check::examine(mustered.config.clone(), &files, depth).await;
    let code = match mustered.end(code) {
        ExitCode::Settled => ExitCode::Settled,
        ExitCode::Failed | ExitCode::Usage | ExitCode::Held => ExitCode::Failed,
    };
    (findings, code)
}

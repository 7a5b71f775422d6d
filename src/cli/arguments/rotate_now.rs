//! The arguments of `rotate-now`, checked as a whole: each combination is refused, or means exactly what it says.
//!
//! Clap's own rules are not relied upon for this. It drops a `requires` once one of the two arguments conflicts with a
//! third that is there, and a command line would mean more than it says.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgGroup, ArgMatches, Args, FromArgMatches};
use url::Url;

use super::duration;
use super::filters::Filters;
use super::pattern::Pattern;
use crate::http::settings::Proxy;
use crate::names::CredentialName;

/// The flags as clap reads them, before they are checked.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["names", "all", "due", "accounts", "states", "stores", "fleets"]).required(true).multiple(true))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags as clap reads them; `checked` makes enums"
)]
struct Flags {
    /// The credentials to rotate, by names or patterns such as 'etl_*'.
    #[arg(value_name = "NAME")]
    names: Vec<Pattern>,
    /// Rotate all credentials that are not paused; with --compromised, those too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filters: Filters,
    /// Rotate only what is due: of the named credentials, or of all. This is for a CronJob or a systemd timer.
    #[arg(long)]
    due: bool,
    /// Show what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Stop waiting after this time, such as 20m. What is in progress stays safe, and is continued by the next run.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// Write metrics into this file when done, for node_exporter's textfile collector: the same that the daemon serves.
    ///
    /// The file is replaced whole, and is written after failures too. Not with --dry-run.
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
    /// Push metrics to a Prometheus Pushgateway when done, such as http://pushgateway:9091: the same that the daemon serves.
    ///
    /// The group is job `pintail` and this host as the instance, unless the URL names one: …/metrics/job/NAME/…. Not
    /// with --dry-run.
    #[arg(long, value_name = "URL")]
    metrics_push: Option<String>,
    /// How the push gets out: the URL of a proxy, such as `http://proxy.example.com:3128`, or `environment` for what
    /// HTTPS_PROXY, HTTP_PROXY and NO_PROXY say. Without it, it goes directly.
    #[arg(long, value_name = "PROXY", requires = "metrics_push", default_value = "none")]
    metrics_push_proxy: String,
    /// The token has leaked: do not wait for the consumers' health gate, and revoke the old token as soon as the new
    /// one is published and verified. Consumers that have not read the new one by then lose their access.
    ///
    /// Needs --reason. Not with --due: what has leaked is replaced whether or not it is due.
    #[arg(long)]
    compromised: bool,
    /// Why, in a few words, for the log and the audit log. It changes nothing of what is done.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// Nobody reads the secret's former place any more: a token that may still be served there is revoked like any
    /// other that was replaced.
    ///
    /// For a secret that was moved, lost or restored from a backup. The credentials must be named, if by patterns; not
    /// with --all or --due.
    #[arg(long)]
    give_up_old_place: bool,
}

/// `rotate-now`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotateNow {
    /// Which credentials are meant.
    pub scope: Scope,
    /// Which of these.
    pub filters: Filters,
    /// What makes them rotate.
    pub urgency: Urgency,
    /// Why, in a person's words, for the log and the audit log; it decides nothing.
    pub reason: Option<String>,
    /// What becomes of a place that the configuration no longer names.
    pub old_place: OldPlace,
    /// Whether anything is changed.
    pub mode: Mode,
    /// How long it waits at most.
    pub timeout: Option<Duration>,
    /// Where metrics are written when it is done.
    pub metrics_file: Option<PathBuf>,
    /// Where metrics are pushed when it is done.
    pub metrics_push: Option<Url>,
    /// How the push gets out.
    pub metrics_push_proxy: Proxy,
}

/// Which credentials are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All that are configured.
    All,
    /// These, at least one.
    Named(Vec<CredentialName>),
    /// Those that one of these matches, at least one.
    Matching(Vec<Pattern>),
}

/// What makes credentials rotate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Only the schedule, or a near expiry.
    IfDue,
    /// They are rotated in any case.
    Forced,
    /// They are rotated without waiting for the consumers.
    Compromised,
}

/// What becomes of tokens that may still be served in a place that the configuration no longer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldPlace {
    /// They live, since consumers may read there.
    Kept,
    /// A person says that nobody reads there any more.
    GivenUp,
}

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is done.
    Act,
    /// It is shown.
    DryRun,
}

impl Flags {
    /// The one meaning of these flags, or why they have none.
    fn checked(self) -> Result<RotateNow, &'static str> {
        let (is_named, is_all) = (!self.names.is_empty(), self.all);
        let is_filtered = !self.filters.is_empty();
        match (is_named, is_all, self.due || is_filtered) {
            (true, true, _) => return Err("--all and names exclude each other"),
            (false, false, false) => {
                return Err("name credentials, filter them, or say --all or --due");
            }
            (true, false, _) | (false, true, _) | (false, false, true) => {}
        }
        let urgency = match (self.due, self.compromised) {
            (true, true) => {
                return Err("--due and --compromised exclude each other: what has leaked is \
                            replaced whether or not it is due");
            }
            (true, false) => Urgency::IfDue,
            (false, true) if self.reason.is_none() => return Err("--compromised needs --reason"),
            (false, true) => Urgency::Compromised,
            (false, false) => Urgency::Forced,
        };
        let is_unnamed = self.due || is_all || !is_named;
        let old_place = match (self.give_up_old_place, is_unnamed) {
            (true, true) => {
                return Err("--give-up-old-place is for credentials that are named: not with \
                            --all or --due");
            }
            (true, false) => OldPlace::GivenUp,
            (false, _) => OldPlace::Kept,
        };
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Act };
        if self.dry_run && (self.metrics_file.is_some() || self.metrics_push.is_some()) {
            return Err("--dry-run does nothing that --metrics-file or --metrics-push could tell");
        }
        Ok(RotateNow {
            scope: scope(self.names),
            filters: self.filters,
            urgency,
            reason: self.reason,
            old_place,
            mode,
            timeout: self.timeout,
            metrics_file: self.metrics_file,
            metrics_push: self.metrics_push.as_deref().map(gateway).transpose()?,
            metrics_push_proxy: proxy(&self.metrics_push_proxy)?,
        })
    }
}

fn scope(patterns: Vec<Pattern>) -> Scope {
    if patterns.is_empty() {
        return Scope::All;
    }
    let names: Option<Vec<_>> = patterns.iter().map(|pattern| pattern.name().cloned()).collect();
    names.map_or(Scope::Matching(patterns), Scope::Named)
}

impl FromArgMatches for RotateNow {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Flags::from_arg_matches(matches)?.checked().map_err(refusal)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for RotateNow {
    fn augment_args(command: clap::Command) -> clap::Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Flags::augment_args_for_update(command)
    }
}

/// With the usage of this command; clap would add that of the whole program.
fn refusal(why: &'static str) -> clap::Error {
    let mut command = Flags::augment_args(clap::Command::new("pintail rotate-now"));
    clap::Error::raw(ErrorKind::ArgumentConflict, why).format(&mut command)
}

/// Not by clap, which would quote what may hold a password.
fn proxy(text: &str) -> Result<Proxy, &'static str> {
    text.parse().map_err(|_| {
        "--metrics-push-proxy takes the URL of a proxy without a password, such as `http://proxy.example.com:3128`, or \
         `environment`, which reads HTTPS_PROXY, or `none`"
    })
}

/// Likewise.
fn gateway(text: &str) -> Result<Url, &'static str> {
    let url: Url =
        text.parse().map_err(|_| "--metrics-push takes a URL, such as http://pushgateway:9091")?;
    let is_web = matches!(url.scheme(), "http" | "https");
    let is_plain = url.username().is_empty() && url.password().is_none();
    if is_web && is_plain && url.query().is_none() && url.fragment().is_none() {
        Ok(url)
    } else {
        Err(
            "--metrics-push takes a URL that begins with http:// or https://, without a password and a query",
        )
    }
}

pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("give the reason in a few words, on one line".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;

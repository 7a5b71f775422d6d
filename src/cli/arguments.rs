//! The arguments, as clap reads them. A wrong command line ends with exit code 2.

mod account;
mod adopt;
mod audit;
mod audit_log;
mod dive;
mod duckling;
mod filters;
mod fleet;
mod generated;
mod import;
mod init;
mod notify;
mod pattern;
mod pause;
mod rotate_now;
mod sandbox;
mod schedule;
mod token;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use self::account::{Account, DeleteAccount, EnsureAccount, ListAccounts};
pub use self::adopt::{Adopt, AdoptSource};
pub use self::audit::{Audit, FindingKind};
pub use self::audit_log::{AuditLog, VerifyAuditLog};
pub use self::dive::{Dive, EmbedSession};
pub use self::duckling::{Duckling, DucklingChange, SetDucklings};
pub use self::filters::Filters;
pub use self::fleet::{Fleet, Fleets, TestPattern};
pub use self::generated::{Completions, Man};
pub use self::import::{Import, TOKEN_FIELD};
pub use self::init::{GateChoice, Init, Manager, StoreKind};
pub use self::notify::{Notify, TestSinks};
pub use self::pattern::Pattern;
pub use self::pause::{Pause, Resume};
pub use self::rotate_now::{Mode, OldPlace, RotateNow, Scope, Urgency};
pub use self::sandbox::Sandbox;
pub use self::schedule::Schedule;
pub use self::token::{CreateToken, RevokeToken, Token};

use super::ExitCode;
use crate::names::CredentialName;

const DEFAULT_CONFIG: &str = "/etc/pintail/pintail.toml";

/// Keeps MotherDuck service-account tokens fresh, and never leaves a client without one that works.
///
/// A rotation creates a replacement, proves that it works, publishes it where the consumers read it, waits until they
/// are healthy with it, and only then revokes the old token. `pintail demo` shows that in a few seconds.
#[derive(Debug, Clone, Parser)]
#[command(name = "pintail", version, after_help = exit_codes())]
pub struct Arguments {
    /// A configuration file, or a directory of *.toml files; may be repeated, and later ones win.
    ///
    /// A directory's files are read in the order of their names; a credential belongs in one of them.
    /// Without it, $PINTAIL_CONFIG or else /etc/pintail/pintail.toml is read. Variables such as
    /// PINTAIL__DAEMON__CONCURRENCY override single keys of the files.
    #[arg(long, value_name = "FILE", global = true, action = ArgAction::Append)]
    pub config: Vec<PathBuf>,
    /// How results are written to standard output.
    #[arg(long, value_name = "FORMAT", global = true, default_value = "text")]
    pub output: Output,
    /// How logs are written to standard error.
    #[arg(long, value_name = "FORMAT", global = true, default_value = "text")]
    pub log_format: LogFormat,
    /// Log more: -v tells what is asked of whom, -vv everything. No level ever shows a token.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// The files to read; `variable` is the content of `$PINTAIL_CONFIG`.
    pub fn config_files(&self, variable: Option<OsString>) -> Vec<PathBuf> {
        if !self.config.is_empty() {
            return self.config.clone();
        }
        let named = variable.filter(|name| !name.is_empty()).map(PathBuf::from);
        vec![named.unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG))]
    }
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Write a configuration: it asks, or takes flags, and finds what it can by itself.
    ///
    /// The file is the one that --config names, or else pintail.toml here; nothing is ever overwritten. It ends with 0
    /// once its files are written and `check` finds nothing wrong with them, and with 1 if it does. `init --sandbox DIR`
    /// makes a playground instead, which needs no account at MotherDuck.
    Init(Init),
    /// Run the daemon: rotate every credential when it is due.
    ///
    /// How it stands is shown at http://127.0.0.1:9187/, or where `server.listen` says.
    Run,
    /// Rotate credentials now, through every step, and exit.
    ///
    /// An interrupted rotation is continued where it stopped, also one that another pintail began. A manual rotation never takes the
    /// place of a scheduled one.
    RotateNow(RotateNow),
    /// Show what would be done now, and the next scheduled rotations; change nothing.
    Plan(Names),
    /// Show the next scheduled runs, in the schedule's time zone and in UTC; contact nobody.
    ///
    /// The configuration alone tells them: windows and splay included, and across changes of the clock. What a token's
    /// expiry asks for is in `pintail plan`.
    Schedule(Schedule),
    /// Show each credential's token, its age and expiry, and what stands in the way.
    Status(Names),
    /// Show every token of every account, and what there is to remark on it; change nothing.
    ///
    /// Whose each token is (served, predecessor, orphan, unmanaged, or another deployment's), its age and its expiry,
    /// and the service accounts that no credential covers. Ends with 0 if there is nothing to remark, with 3 if
    /// something needs a person, and with 1 if something could not be looked at.
    Audit(Audit),
    /// Check the configuration, the admin token, the stores and the hooks; change nothing.
    Check(Check),
    /// Take over hand-made tokens and their secrets, without rotating them.
    Adopt(Adopt),
    /// Write tables and a list of adoptions from the hand-made secrets that there are; change nothing.
    ///
    /// Each token is tried at the Postgres endpoint, which says whose account it opens, and wakes a Duckling. Tokens
    /// that do not connect, and those of people, are named and left out; then the exit code is 1.
    Import(Import),
    /// Tell whose the token on standard input is, whether a credential serves it, and what would replace it.
    ///
    /// Its text is compared with all secrets and is sent to the Postgres endpoint, which wakes a Duckling; it is shown
    /// nowhere.
    Identify,
    /// Serve the predecessor again, while it lives and is not yet marked as retiring.
    RollBack(RollBack),
    /// Pause credentials by hand: nothing is begun for them, by any pintail, until they are resumed.
    ///
    /// The pause stands in the credential's secret, beside the token, so that every pintail of this owner obeys, without
    /// a change of anybody's configuration. A rotation that is under way is finished. `pintail rotate-now NAME` works
    /// all the same. A paused token is not replaced before it expires: pintail warns of that.
    Pause(Pause),
    /// End pauses that were set by hand.
    ///
    /// What the configuration says (`paused = true`) stays as it is.
    Resume(Resume),
    /// Show what the rules do that make credentials of accounts, before they do it.
    #[command(subcommand)]
    Fleet(Fleet),
    /// Manage service accounts by hand.
    #[command(subcommand)]
    Account(Account),
    /// Manage an account's tokens by hand; credentials that pintail rotates need none of this.
    #[command(subcommand)]
    Token(Token),
    /// See and change how an account's Ducklings are configured.
    #[command(subcommand)]
    Duckling(Duckling),
    /// Try the configured notifications.
    #[command(subcommand)]
    Notify(Notify),
    /// Embed dives.
    #[command(subcommand)]
    Dive(Dive),
    /// Find out whether the audit log is as it was written.
    #[command(subcommand)]
    AuditLog(AuditLog),
    /// Run a stand-in for MotherDuck, its REST API and its Postgres endpoint, on this machine.
    Sandbox(Sandbox),
    /// Show whole rotations of three accounts, step by step, with nothing but this program.
    Demo,
    /// Write the completions for a shell to standard output.
    Completions(Completions),
    /// Write the manual page to standard output, or the pages of all commands into a directory.
    Man(Man),
    /// Write the JSON schema of the configuration, for editors and checkers, to standard output.
    Schema,
}

/// Credentials by names and filters.
#[derive(Debug, Clone, Default, Args)]
pub struct Names {
    /// The credentials, by names or patterns such as 'etl_*'; all of them if none is named.
    #[arg(value_name = "NAME")]
    pub names: Vec<Pattern>,
    /// Which of them.
    #[command(flatten)]
    pub filters: Filters,
}

/// `check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// Check the configuration alone, and contact nobody.
    #[arg(long)]
    offline: bool,
    /// Connect with each served token, too: whether it works, and whose it is. Each connection wakes a Duckling.
    #[arg(long, conflicts_with = "offline")]
    connect: bool,
}

impl Check {
    /// How far the check goes.
    pub fn depth(&self) -> CheckDepth {
        match (self.offline, self.connect) {
            (true, _) => CheckDepth::ConfigurationAlone,
            (false, true) => CheckDepth::Connections,
            (false, false) => CheckDepth::Everything,
        }
    }
}

/// How far a check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckDepth {
    /// Nobody is contacted.
    ConfigurationAlone,
    /// MotherDuck and the stores are asked, read-only.
    Everything,
    /// And a connection is made with each served token.
    Connections,
}

/// `roll-back`.
#[derive(Debug, Clone, Args)]
pub struct RollBack {
    /// The credential.
    pub name: CredentialName,
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err("it must be longer than nothing".to_owned()),
        Err(_) => Err("use a duration with units, such as 20m or \"1h 30m\"".to_owned()),
    }
}

fn exit_codes() -> String {
    let codes = [ExitCode::Settled, ExitCode::Failed, ExitCode::Usage, ExitCode::Held];
    let lines = codes.map(|code| format!("  {}  {}", code.code(), code.meaning()));
    format!("Exit codes:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests;

//! The command line: what can be asked for, and how the program's end is to be read.

mod account;
mod adopt;
mod answer;
mod arguments;
mod audit;
mod audit_log;
#[cfg(test)]
mod bench;
mod by_hand;
mod check;
mod completions;
mod confirm;
mod demo;
mod dive;
mod duckling;
mod entry;
mod error;
mod fleet;
mod identify;
mod import;
mod init;
mod inventory;
mod journald;
mod log;
mod man;
mod muster;
mod notify;
mod observe;
mod operation;
mod output;
mod pause;
mod plan;
mod progress;
mod roll_back;
mod rotate_now;
mod run;
mod sandbox;
mod schedule;
mod schema;
mod selection;
mod show_secret;
mod status;
mod table;
mod token;
mod whose;

pub use self::arguments::{
    Account, Adopt, Arguments, Audit, AuditLog, Check, CheckDepth, Command, Completions,
    CreateToken, DeleteAccount, Dive, Duckling, DucklingChange, EmbedSession, EnsureAccount,
    Filters, Fleet, Fleets, Init, ListAccounts, LogFormat, Man, Mode, Names, Notify, OldPlace,
    Output, Pattern, RevokeToken, RollBack, RotateNow, Sandbox, Schedule, Scope, SetDucklings,
    TestPattern, TestSinks, Token, Urgency, VerifyAuditLog,
};
pub use self::entry::main;

/// How the program ended. Scripts rely on these numbers; `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitCode {
    /// All that was asked for is settled: rotated, or not due.
    Settled,
    /// A credential failed before anything was served; its old token is untouched.
    Failed,
    /// Wrong usage or configuration; nothing was contacted.
    Usage,
    /// Held or rolled back: safe, but an operator is needed.
    Held,
}

impl ExitCode {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Settled => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Held => 3,
        }
    }

    /// What it means, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Settled => "all that was asked for is settled: rotated, or not due",
            Self::Failed => {
                "a credential failed before anything was served; its old token is untouched"
            }
            Self::Usage => "wrong usage or configuration; nothing was contacted",
            Self::Held => "held or rolled back: safe, but an operator is needed",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

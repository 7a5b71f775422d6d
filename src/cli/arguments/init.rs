//! The arguments of `init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::names::{AccountName, Owner};

/// `init`.
#[derive(Debug, Clone, Default, Args)]
pub struct Init {
    /// Where consumers read their tokens.
    #[arg(long, value_name = "STORE")]
    pub store: Option<StoreKind>,
    /// A service account whose token is to be kept fresh; may be repeated.
    #[arg(long = "account", value_name = "USERNAME")]
    pub accounts: Vec<AccountName>,
    /// All service accounts of this pattern, such as 'customer_*', in place of --account.
    #[arg(long, value_name = "PATTERN", conflicts_with = "accounts", value_parser = pattern)]
    pub fleet: Option<String>,
    /// How it is found out that the consumers are healthy with a new token, before the old one is revoked.
    ///
    /// http=URL (asked until it answers 2xx; {credential} and {token_id} are filled in), command='PROGRAM ARGUMENT…',
    /// kubernetes=KIND/NAME (restarted, and waited for until no pod of before is left), wait=DURATION, or none.
    #[arg(long, value_name = "GATE")]
    pub gate: Option<GateChoice>,
    /// The name of this deployment, which is part of every token's name; by default the machine's.
    #[arg(long, value_name = "NAME")]
    pub owner: Option<Owner>,
    /// The file that holds, or will hold, MotherDuck's admin token. Only its place is written down.
    #[arg(long, value_name = "FILE")]
    pub admin_token: Option<PathBuf>,
    /// Write the units or the manifests that run it, too.
    #[arg(long, value_name = "MANAGER")]
    pub with: Option<Manager>,
    /// Ask nothing: take what was found, or else the default.
    #[arg(long)]
    pub yes: bool,
    /// Make a playground in this directory instead: a configuration, a store, consumers, and a script that starts the
    /// stand-in for MotherDuck. Nothing is started.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["store", "accounts", "fleet", "gate", "owner", "admin_token", "with", "yes"])]
    pub sandbox: Option<PathBuf>,
}

/// Where consumers read their tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// Files of this machine.
    File,
    /// HashiCorp Vault or OpenBao.
    Vault,
    /// AWS Secrets Manager.
    Aws,
    /// Secrets of Kubernetes.
    Kubernetes,
}

/// What runs pintail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Manager {
    /// Units for systemd.
    Systemd,
    /// Manifests for kustomize.
    Kubernetes,
}

/// How it is found out that the consumers are healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateChoice {
    /// A request.
    Http(String),
    /// A program and its arguments.
    Command(Vec<String>),
    /// A workload, restarted and waited for.
    Kubernetes {
        /// `Deployment`, `StatefulSet`, `DaemonSet` or `CronJob`.
        kind: String,
        /// Its name.
        name: String,
    },
    /// A fixed time.
    Wait(String),
    /// Nothing is asked.
    Unasked,
}

impl std::str::FromStr for GateChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "use http=URL, command='PROGRAM ARGUMENT…', kubernetes=KIND/NAME, wait=DURATION or none"
                .to_owned()
        };
        if text == "none" {
            return Ok(Self::Unasked);
        }
        let (kind, value) = text.split_once('=').ok_or_else(wrong)?;
        let value = value.trim();
        match kind.trim() {
            _ if value.is_empty() => Err(wrong()),
            "http" => Ok(Self::Http(value.to_owned())),
            "command" => Ok(Self::Command(value.split_whitespace().map(str::to_owned).collect())),
            "kubernetes" => {
                let (kind, name) = value.split_once('/').ok_or_else(wrong)?;
                Ok(Self::Kubernetes { kind: kind.to_owned(), name: name.to_owned() })
            }
            "wait" => Ok(Self::Wait(value.to_owned())),
            _ => Err(wrong()),
        }
    }
}

/// A pattern of usernames. Whether a fleet takes it is for the configuration's own check to say.
fn pattern(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("give a pattern of usernames, such as 'customer_*'".to_owned()),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_of_a_known_kind_and_says_what_it_needs() {
        let command = GateChoice::Command(vec!["/bin/check".to_owned(), "etl".to_owned()]);
        let workload =
            GateChoice::Kubernetes { kind: "Deployment".to_owned(), name: "reader".to_owned() };
        for (text, gate) in [
            ("none", GateChoice::Unasked),
            ("wait=2h", GateChoice::Wait("2h".to_owned())),
            ("http=http://a/x?b=c", GateChoice::Http("http://a/x?b=c".to_owned())),
            ("command=/bin/check etl", command),
            ("kubernetes=Deployment/reader", workload),
        ] {
            assert_eq!(text.parse(), Ok(gate), "{text}");
        }
        for text in ["", "wait", "wait=", "http= ", "kubernetes=reader", "sleep=1h", "None"] {
            assert!(text.parse::<GateChoice>().is_err(), "{text}");
        }
    }
}

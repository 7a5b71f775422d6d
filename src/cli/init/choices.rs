//! What a new configuration is to say: from flags, from what was found, and from answers.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::super::Init;
use super::super::arguments::{GateChoice, Manager, StoreKind};
use super::super::error::CliError;
use super::ask::Answers;
use super::surroundings::Surroundings;
use crate::names::{AccountName, Owner};

/// The gate of those who did not choose one: long, since it knows nothing of the consumers.
const DEFAULT_GATE: &str = "wait=2h";

/// All that is to be said.
#[derive(Debug, Clone)]
pub(super) struct Choices {
    pub(super) owner: Owner,
    pub(super) admin_token: PathBuf,
    pub(super) store: Store,
    pub(super) accounts: Accounts,
    pub(super) gate: GateChoice,
    pub(super) manager: Option<Manager>,
}

/// The store, with what was found of it.
#[derive(Debug, Clone)]
pub(super) enum Store {
    File,
    Vault {
        address: Option<String>,
        namespace: Option<String>,
        ca_file: Option<String>,
        /// Whether pintail logs in as a pod.
        is_pod: bool,
    },
    Aws {
        region: Option<String>,
    },
    Kubernetes {
        namespace: Option<String>,
        reach: Reach,
    },
}

/// How the API server of Kubernetes is reached.
#[derive(Debug, Clone)]
pub(super) enum Reach {
    /// By what is mounted into the pod.
    Pod,
    /// By a kubeconfig, as far as it is known.
    Kubeconfig(Option<PathBuf>),
}

impl Store {
    /// Of which kind it is.
    pub(super) fn kind(&self) -> StoreKind {
        match self {
            Self::File => StoreKind::File,
            Self::Vault { .. } => StoreKind::Vault,
            Self::Aws { .. } => StoreKind::Aws,
            Self::Kubernetes { .. } => StoreKind::Kubernetes,
        }
    }
}

/// Whose tokens are kept fresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Accounts {
    /// These.
    Named(Vec<AccountName>),
    /// All of a pattern.
    Fleet(String),
}

impl Choices {
    /// Settles everything, before anything is written.
    pub(super) fn settle(wanted: &Init, around: &Surroundings) -> Result<Self, CliError> {
        let answers = Answers::of(wanted.yes);
        let kind = answers.or_ask(
            wanted.store,
            "--store",
            "Where do consumers read their tokens: file, vault, aws or kubernetes",
            Some(word(around.store())),
            |text| StoreKind::from_str(text, true),
        )?;
        if kind == StoreKind::File && wanted.with == Some(Manager::Kubernetes) {
            let hint = "choose --store kubernetes, vault or aws".to_owned();
            let message = "what a pod writes into its own files dies with it";
            return Err(CliError::usage(message, Some(hint)));
        }
        if kind == StoreKind::Kubernetes && wanted.with == Some(Manager::Systemd) {
            let hint = "choose --with kubernetes, or write the units by hand".to_owned();
            let message = "with Secrets of Kubernetes, pintail runs in the cluster";
            return Err(CliError::usage(message, Some(hint)));
        }
        let given = match (&wanted.fleet, wanted.accounts.as_slice()) {
            (Some(pattern), _) => Some(Accounts::Fleet(pattern.clone())),
            (None, []) => None,
            (None, accounts) => Some(Accounts::Named(accounts.to_vec())),
        };
        let question =
            "Whose tokens: usernames of service accounts, or a pattern such as customer_*";
        let accounts =
            answers.or_ask(given, "--account or --fleet", question, None, read_accounts)?;
        let question = "How are consumers known to be healthy with a new token: http=URL, command=…, \
                        kubernetes=Deployment/NAME, wait=DURATION, none";
        let gate = answers.or_ask(
            wanted.gate.clone(),
            "--gate",
            question,
            Some(DEFAULT_GATE),
            str::parse,
        )?;
        let owner = match &wanted.owner {
            Some(owner) => owner.clone(),
            None => default_owner(around.machine.as_deref(), wanted.with)?,
        };
        let is_pod = around.pod.is_some() || wanted.with == Some(Manager::Kubernetes);
        Ok(Self {
            owner,
            admin_token: admin_token(wanted, is_pod)?,
            store: store(kind, around, is_pod),
            accounts,
            gate,
            manager: wanted.with,
        })
    }

    /// What was found on this machine and stands in the configuration.
    pub(super) fn found(&self, around: &Surroundings) -> Vec<String> {
        let mut all = vec![];
        match self.store.kind() {
            StoreKind::Vault => {
                let found = around.vault.as_ref();
                all.extend(found.map(|one| format!("{} = {}", one.variable, one.value)));
            }
            StoreKind::Aws => {
                let found = around.aws_region.as_ref();
                all.extend(found.map(|one| format!("{} = {}", one.variable, one.value)));
            }
            StoreKind::Kubernetes => {
                let found = around.pod.as_ref();
                all.extend(found.map(|namespace| format!("this pod's namespace: {namespace}")));
            }
            StoreKind::File => {}
        }
        all
    }
}

fn word(kind: StoreKind) -> &'static str {
    match kind {
        StoreKind::File => "file",
        StoreKind::Vault => "vault",
        StoreKind::Aws => "aws",
        StoreKind::Kubernetes => "kubernetes",
    }
}

fn store(kind: StoreKind, around: &Surroundings, is_pod: bool) -> Store {
    match kind {
        StoreKind::File => Store::File,
        StoreKind::Vault => Store::Vault {
            address: around.vault.as_ref().map(|found| found.value.clone()),
            namespace: around.vault_namespace.clone(),
            ca_file: around.vault_ca_file.clone(),
            is_pod,
        },
        StoreKind::Aws => {
            Store::Aws { region: around.aws_region.as_ref().map(|found| found.value.clone()) }
        }
        StoreKind::Kubernetes => Store::Kubernetes {
            namespace: around.pod.clone(),
            reach: if is_pod { Reach::Pod } else { Reach::Kubeconfig(around.kubeconfig.clone()) },
        },
    }
}

fn read_accounts(text: &str) -> Result<Accounts, String> {
    let words: Vec<_> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [] => Err("give at least one username".to_owned()),
        [pattern] if pattern.contains(['*', '?']) => Ok(Accounts::Fleet((*pattern).to_owned())),
        names => {
            let names = names.iter().map(|name| name.parse::<AccountName>());
            let names = names.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
            Ok(Accounts::Named(names))
        }
    }
}

/// The machine's name, for what runs on it; in a cluster that is a pod's, which changes.
fn default_owner(machine: Option<&str>, manager: Option<Manager>) -> Result<Owner, CliError> {
    let machine = machine.filter(|_| manager != Some(Manager::Kubernetes));
    let short = machine.and_then(|name| name.split('.').next()).unwrap_or("prod");
    let owner = short.parse().or_else(|_| "prod".parse());
    owner.map_err(|error| CliError::of(&error, super::ExitCode::Usage, None))
}

fn admin_token(wanted: &Init, is_pod: bool) -> Result<PathBuf, CliError> {
    let default = if is_pod {
        "/run/secrets/motherduck/admin-token"
    } else {
        "/etc/pintail/motherduck-admin-token"
    };
    let file = wanted.admin_token.as_deref().unwrap_or_else(|| Path::new(default));
    std::path::absolute(file)
        .map_err(|error| CliError::usage(format!("{}: {error}", file.display()), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_accounts_or_a_pattern_of_them() {
        let named = Accounts::Named(vec!["etl_prod".parse().unwrap(), "ops".parse().unwrap()]);
        assert_eq!(read_accounts("etl_prod, ops"), Ok(named));
        assert_eq!(read_accounts("customer_*"), Ok(Accounts::Fleet("customer_*".to_owned())));
        for wrong in ["", " , ", "with-hyphen", "etl_prod customer_*"] {
            assert!(read_accounts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_deployment_has_the_name_of_its_machine_unless_it_is_a_pod_or_has_no_name() {
        let owner = |machine, manager| default_owner(machine, manager).unwrap().to_string();
        assert_eq!(owner(Some("warehouse-1.example.com"), None), "warehouse-1");
        assert_eq!(owner(Some("-odd"), None), "prod");
        assert_eq!(owner(None, None), "prod");
        assert_eq!(owner(Some("laptop"), Some(Manager::Kubernetes)), "prod");
    }
}

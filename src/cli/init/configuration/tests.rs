//! Every text that `init` can write is a configuration that loads.

use super::*;
use crate::config::Config;

fn choices(
    store: Store,
    accounts: &Accounts,
    gate: GateChoice,
    manager: Option<Manager>,
) -> Choices {
    Choices {
        owner: "prod".parse().unwrap(),
        admin_token: "/etc/pintail/motherduck \"admin\" token".into(),
        store,
        accounts: accounts.clone(),
        gate,
        manager,
    }
}

fn loaded(text: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pintail.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&[file], std::iter::empty());
    config.unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn every_combination_of_choices_loads_without_a_warning() {
    let vault = |address: Option<&str>, is_pod| Store::Vault {
        address: address.map(str::to_owned),
        namespace: address.map(|_| "team".to_owned()),
        ca_file: address.map(|_| "/etc/ca.pem".to_owned()),
        is_pod,
    };
    let stores = [
        Store::File,
        vault(None, false),
        vault(Some("https://bao.example.com:8200"), false),
        vault(None, true),
        Store::Aws { region: None },
        Store::Aws { region: Some("eu-west-1".to_owned()) },
        Store::Kubernetes { namespace: None, reach: Reach::Pod },
        Store::Kubernetes { namespace: Some("data".to_owned()), reach: Reach::Pod },
    ];
    let tables = Accounts::Named(vec!["etl_prod".parse().unwrap(), "dashboards".parse().unwrap()]);
    let fleets =
        [tables, Accounts::Fleet("customer_*".to_owned()), Accounts::Fleet("*_etl".to_owned())];
    let gates = [
        "none",
        "wait=2h",
        "http=https://etl.example.com/healthz",
        "http=https://etl.example.com/healthz/{credential}/{token_id}",
        "command=/usr/bin/systemctl is-active etl.service",
    ];
    for store in &stores {
        for accounts in &fleets {
            for gate in gates {
                for manager in [None, Some(Manager::Systemd), Some(Manager::Kubernetes)] {
                    let gate = gate.parse().unwrap();
                    let text = text(&choices(store.clone(), accounts, gate, manager));
                    let config = loaded(&text);
                    assert_eq!(config.warnings, Vec::<String>::new(), "{text}");
                    let expected = match accounts {
                        Accounts::Named(names) => names.len(),
                        Accounts::Fleet(_) => 0,
                    };
                    assert_eq!(config.credentials.len(), expected, "{text}");
                    assert_eq!(config.has_fleets(), expected == 0, "{text}");
                }
            }
        }
    }
}

#[test]
fn a_workload_is_restarted_and_waited_for() {
    let store = Store::Kubernetes { namespace: Some("etl".to_owned()), reach: Reach::Pod };
    let accounts = Accounts::Named(vec!["etl_prod".parse().unwrap()]);
    let gate = "kubernetes=Deployment/reader".parse().unwrap();
    let config = loaded(&text(&choices(store, &accounts, gate, Some(Manager::Kubernetes))));
    let credential = config.credentials.values().next().unwrap();
    assert!(credential.deploy.is_some());
}

#[test]
fn what_nobody_knows_is_marked_for_change_and_what_was_found_is_not() {
    let accounts = Accounts::Named(vec!["etl_prod".parse().unwrap()]);
    let of = |region: Option<&str>| {
        let store = Store::Aws { region: region.map(str::to_owned) };
        text(&choices(store, &accounts, GateChoice::Unasked, None))
    };
    assert!(of(None).contains("<--"));
    assert!(!of(Some("eu-west-1")).contains("<--"));
    assert!(of(Some("eu-west-1")).contains("region = \"eu-west-1\""));
}

//! `[kubernetes]`, its stores, and the restart of workloads with the gate that waits for their pods.

use std::time::Duration;

use pintail::config::{Config, ConfigError};
use pintail::consumers::gate::settings::{Gate, Hook};
use pintail::kubernetes::settings::Cluster;
use pintail::stores::settings::StoreSettings;

use super::{HEAD, assert_refused, load, only};

const STORE: &str = "[stores.k8s.kubernetes]\nnamespace = \"etl\"\n";
const ETL: &str =
    "[credentials.etl_prod]\nusername = \"etl_prod\"\nttl = \"45d\"\nevery = \"30d\"\n";

/// Credential `etl_prod` with the lines `body`, and what `stores` says.
fn etl(stores: &str, body: &str) -> Result<Config, ConfigError> {
    load(&format!("{HEAD}{stores}{ETL}{body}\n"))
}

#[test]
fn a_store_without_more_than_a_namespace_is_in_the_cluster_of_the_pod() {
    let config = etl(STORE, "store = \"k8s\"\ngate = \"none\"").unwrap();
    let StoreSettings::Kubernetes(store) = &config.stores["k8s"] else { panic!() };
    assert_eq!(store.cluster, Cluster::Own);
    assert_eq!((store.namespace.as_str(), store.create), ("etl", true));
    assert_eq!(store.secret_type, "Opaque");
    assert_eq!(only(&config).path, "motherduck-etl-prod");
}

#[test]
fn a_mirror_has_a_name_that_kubernetes_takes() {
    let config = etl(STORE, "store = \"main\"\nmirrors = [\"k8s\"]\ngate = \"none\"").unwrap();
    assert_eq!(only(&config).path, "motherduck/etl_prod");
    assert_eq!(only(&config).mirrors[0].path, "motherduck-etl-prod");
}

#[test]
fn a_cluster_is_named_in_one_way() {
    let loaded = |lines: &str| load(&format!("{HEAD}[kubernetes]\n{lines}\n{STORE}"));
    let with = |lines: &str| {
        let config = loaded(lines).unwrap();
        let StoreSettings::Kubernetes(store) = &config.stores["k8s"] else { panic!() };
        store.cluster.clone()
    };
    let named = with("api_url = \"https://10.0.0.1:6443\"\nca_file = \"/ca\"\ntoken_file = \"/t\"");
    assert!(matches!(named, Cluster::Named { .. }));
    let file = with("kubeconfig = \"/etc/kubeconfig\"\ncontext = \"prod\"");
    assert!(matches!(file, Cluster::Kubeconfig { context: Some(_), .. }));
    for (lines, words) in [
        ("api_url = \"https://x\"\nkubeconfig = \"/x\"", "leave `api_url` away"),
        ("kubeconfig = \"/x\"\ntoken_file = \"/t\"", "leave `ca_file`, `token_file`"),
        ("context = \"prod\"", "needs `kubeconfig`"),
        ("token_file = \"/t\"", "need `api_url`"),
        ("api_url = \"http://10.0.0.1\"", "must begin with https://"),
        ("api_url = \"https://x\"\nclient_cert_file = \"/c\"", "belong together"),
    ] {
        assert_refused(loaded(lines), &["kubernetes", words]);
    }
}

#[test]
fn what_kubernetes_refuses_is_refused_beforehand() {
    for (stores, body, key, words) in [
        ("[stores.k8s.kubernetes]\nnamespace = \"Etl\"\n", "", "namespace", "must be a namespace"),
        (STORE, "path = \"a/b\"", "path", "name of a Secret"),
        (STORE, "path = \"{credential}\"", "path", "name of a Secret"),
        (STORE, "token_field = \"a/b\"", "token_field", "refuses this key"),
        (STORE, "token_field = \"id\"\n", "", ""),
        (STORE, "token_id_field = \"a/b\"", "token_id_field", "refuses this key"),
        (
            "[stores.k8s.kubernetes]\nnamespace = \"etl\"\nlabels = { \"a b\" = \"x\" }\n",
            "",
            "labels",
            "refuses this name",
        ),
        (
            "[stores.k8s.kubernetes]\nnamespace = \"etl\"\nlabels = { a = \"-\" }\n",
            "",
            "labels",
            "label's value",
        ),
        (
            "[stores.k8s.kubernetes]\nnamespace = \"etl\"\nannotations = { \"pintail.dev/record\" = \"x\" }\n",
            "",
            "annotations",
            "pintail's own",
        ),
    ] {
        let loaded = etl(stores, &format!("store = \"k8s\"\ngate = \"none\"\n{body}"));
        if words.is_empty() {
            loaded.unwrap();
        } else {
            assert_refused(loaded, &[key, words]);
        }
    }
}

const TARGET: &str = "targets = [{ kind = \"Deployment\", name = \"reader\" }]";

#[test]
fn a_restart_takes_its_namespace_from_where_the_token_is_kept_and_its_annotation_from_the_credential()
 {
    let body =
        format!("store = \"k8s\"\ndeploy.kubernetes = {{ {TARGET} }}\ngate.kubernetes = {{}}");
    let config = etl(STORE, &body).unwrap();
    let Some(Hook::Kubernetes(restart)) = only(&config).deploy.as_deref() else { panic!() };
    assert_eq!(restart.targets[0].namespace, "etl");
    assert_eq!(restart.settle, Duration::from_secs(90));
    assert!(restart.annotation.starts_with("pintail.dev/"), "{}", restart.annotation);
    assert_eq!(restart.annotation.len(), "pintail.dev/".len() + 16);
    let Gate::Kubernetes(gate) = &*only(&config).gate else { panic!() };
    assert_eq!(gate.restart, **restart);
    let other = body.replace("etl_prod", "etl_read");
    let other = load(&format!("{HEAD}{STORE}{}{other}", ETL.replace(".etl_prod]", ".etl_read]")));
    let other = other.unwrap();
    let Some(Hook::Kubernetes(other)) = only(&other).deploy.as_deref() else { panic!() };
    assert_ne!(other.annotation, restart.annotation);
}

#[test]
fn nothing_restarts_unless_something_says_that_its_secret_is_new() {
    let elsewhere = "targets = [{ kind = \"Deployment\", name = \"reader\", namespace = \"web\" }]";
    let deploy = |more: &str| format!("deploy.kubernetes = {{ {elsewhere}{more} }}\n");
    let gate = "gate.kubernetes = {}";
    let nothing_says =
        ["deploy.kubernetes", "nothing says that the Secret in namespace web is new"];
    for store in ["main", "k8s"] {
        let body = format!("store = \"{store}\"\n{}{gate}", deploy(""));
        assert_refused(etl(STORE, &body), &nothing_says);
        // By another controller, or by the pods' own word.
        let body = format!(
            "store = \"{store}\"\n{}{gate}",
            deploy(", after_secret = { namespace = \"web\", name = \"x\" }")
        );
        etl(STORE, &body).unwrap();
        let asked = "gate.kubernetes.pods.http = { port = 80, path = \"/token/{token_id}\" }";
        etl(STORE, &format!("store = \"{store}\"\n{}{asked}", deploy(""))).unwrap();
        // Jobs are not asked.
        let jobs = deploy("").replace("Deployment", "CronJob");
        assert_refused(etl(STORE, &format!("store = \"{store}\"\n{jobs}{asked}")), &nothing_says);
    }
    // By a mirror in that namespace.
    let stores = format!("{STORE}[stores.web.kubernetes]\nnamespace = \"web\"\n");
    etl(&stores, &format!("store = \"main\"\nmirrors = [\"web\"]\n{}{gate}", deploy(""))).unwrap();
}

#[test]
fn a_restart_and_its_gate_are_refused_where_they_cannot_work() {
    let deploy = format!("deploy.kubernetes = {{ {TARGET} }}");
    for (body, parts) in [
        ("gate.kubernetes = {}".to_owned(), ["gate.kubernetes", "name them there"]),
        (
            "deploy.kubernetes = { targets = [] }\ngate = \"none\"".to_owned(),
            ["targets", "at least one workload"],
        ),
        (
            "deploy.kubernetes = { targets = [{ name = \"reader\" }] }\ngate = \"none\"".to_owned(),
            ["targets", "a target is"],
        ),
        (
            "deploy.kubernetes = { targets = [{ kind = \"ReplicaSet\", name = \"x\" }] }\ngate = \"none\"".to_owned(),
            ["targets", "must be one of"],
        ),
        (
            format!("{deploy}\ngate.kubernetes = {{ deadline = \"1m\" }}"),
            ["settle", "after the gate's deadline"],
        ),
        (
            format!("{deploy}\ngate.kubernetes.pods.http = {{ port = 80, path = \"token\" }}"),
            ["pods.http.path", "begins with `/`"],
        ),
        (
            format!("{deploy}\ngate.kubernetes.pods.http = {{ port = 0, path = \"/\" }}"),
            ["pods.http.port", "from 1 to 65535"],
        ),
    ] {
        assert_refused(etl(STORE, &format!("store = \"k8s\"\n{body}")), &parts);
    }
}

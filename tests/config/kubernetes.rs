//! `[kubernetes]`, its stores, and the restart of workloads with the gate that waits for their pods.

use pintail::config::{Cluster, Config, ConfigError, StoreSettings};

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
    assert_eq!((store.secret_type.as_str(), store.token_id_field.as_str()), ("Opaque", "token_id"));
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
        (
            "[stores.k8s.kubernetes]\nnamespace = \"etl\"\ntoken_id_field = \"motherduck_token\"\n",
            "",
            "token_field",
            "choose another one",
        ),
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

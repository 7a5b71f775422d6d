//! The units and manifests that run pintail, as `deploy/` ships them, and which commands come next.

use std::fmt::Write;
use std::path::Path;

use super::super::arguments::{GateChoice, Manager, StoreKind};
use super::choices::{Accounts, Choices, Store};
use super::configuration::NAMESPACE;
use super::files::NewFile;
use crate::names::AccountName;

/// A file of `deploy/`, by its name here.
macro_rules! shipped {
    ($($name:literal: $path:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../deploy/", $path)))),+]
    };
}

type Shipped = &'static [(&'static str, &'static str)];

const UNITS: Shipped = shipped!("pintail.service": "systemd/pintail.service");
const RELOAD_UNITS: Shipped = shipped!(
    "pintail-reload@.path": "systemd/pintail-reload@.path",
    "pintail-reload@.service": "systemd/pintail-reload@.service",
);
const BASE: Shipped = shipped!(
    "base/kustomization.yaml": "kubernetes/base/kustomization.yaml",
    "base/namespace.yaml": "kubernetes/base/namespace.yaml",
    "base/service-account.yaml": "kubernetes/base/service-account.yaml",
    "base/deployment.yaml": "kubernetes/base/deployment.yaml",
    "base/service.yaml": "kubernetes/base/service.yaml",
    "base/disruption-budget.yaml": "kubernetes/base/disruption-budget.yaml",
    "base/network-policy.yaml": "kubernetes/base/network-policy.yaml",
);
const ACCESS: Shipped = shipped!(
    "kubernetes-access/kustomization.yaml": "kubernetes/components/kubernetes-access/kustomization.yaml",
    "kubernetes-access/pod.yaml": "kubernetes/components/kubernetes-access/pod.yaml",
    "kubernetes-access/job.yaml": "kubernetes/components/kubernetes-access/job.yaml",
    "kubernetes-access/egress.yaml": "kubernetes/components/kubernetes-access/egress.yaml",
);
const VAULT: Shipped = shipped!(
    "vault/pod.yaml": "kubernetes/overlays/vault-kubernetes-auth/pod.yaml",
    "vault/egress.yaml": "kubernetes/overlays/vault-kubernetes-auth/egress.yaml",
);
const IRSA: &str = r#"  # EKS sees the annotation and gives the pods AWS_ROLE_ARN and a token for STS; deploy/aws/policy.json is what the
  # role needs.
  - patch: |
      apiVersion: v1
      kind: ServiceAccount
      metadata:
        name: pintail
        annotations:
          eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/pintail # <-- change this
          eks.amazonaws.com/sts-regional-endpoints: "true"
"#;

/// All of them, to stand in `folder` beside `configuration`.
pub(super) fn all(choices: &Choices, folder: &Path, configuration: &Path) -> Vec<NewFile> {
    let new = |files: Shipped| {
        let files = files.iter().map(|(name, text)| NewFile::of(&folder.join(name), *text));
        files.collect::<Vec<_>>()
    };
    match choices.manager {
        None => vec![],
        Some(Manager::Systemd) => {
            let mut all = new(UNITS);
            if choices.store.kind() == StoreKind::File {
                all.extend(new(RELOAD_UNITS));
            }
            all
        }
        Some(Manager::Kubernetes) => {
            let mut all = new(BASE);
            let text = kustomization(choices, configuration);
            all.push(NewFile::of(&folder.join("kustomization.yaml"), text));
            if choices.store.kind() == StoreKind::Vault {
                all.extend(new(VAULT));
            }
            if needs_access(choices) {
                all.extend(new(ACCESS));
                all.push(NewFile::of(&folder.join("role.yaml"), role(choices)));
            }
            all
        }
    }
}

/// Whether pintail itself asks Kubernetes for something.
fn needs_access(choices: &Choices) -> bool {
    choices.store.kind() == StoreKind::Kubernetes
        || matches!(choices.gate, GateChoice::Kubernetes { .. })
}

fn kustomization(choices: &Choices, configuration: &Path) -> String {
    let file = configuration.file_name().unwrap_or_default().to_string_lossy();
    let access = needs_access(choices);
    let mut text = String::from(
        "# pintail as a daemon, with the configuration beside this file. Look at it first: kubectl kustomize .\n\
         apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - base\n",
    );
    if access {
        text.push_str("  - role.yaml\ncomponents:\n  - kubernetes-access\n");
    }
    text.push_str(
        "images:\n  - name: pintail\n    newName: registry.example.com/pintail # <-- change this, and the digest\n    \
         digest: sha256:0000000000000000000000000000000000000000000000000000000000000000\n\
         # Its name carries a digest of its content, so that a change rolls out.\n\
         configMapGenerator:\n  - name: pintail\n    namespace: pintail\n",
    );
    // Writing into a text cannot fail.
    let _ = writeln!(text, "    files: [\"pintail.toml={file}\"]");
    match choices.store {
        Store::Vault { .. } => text.push_str(
            "patches:\n  - target: { kind: Deployment, name: pintail }\n    path: vault/pod.yaml\n  \
             - target: { kind: NetworkPolicy, name: pintail }\n    path: vault/egress.yaml\n",
        ),
        Store::Aws { .. } => {
            text.push_str("patches:\n");
            text.push_str(IRSA);
        }
        Store::File | Store::Kubernetes { .. } => {}
    }
    text
}

/// The Secrets of these accounts, and those of the tokens of before.
fn secrets(names: &[AccountName]) -> Vec<String> {
    let secret = |name: &AccountName| format!("motherduck-{}", name.canonical().replace('_', "-"));
    names.iter().map(secret).flat_map(|one| [one.clone(), format!("{one}-previous")]).collect()
}

/// What pintail may do in the consumers' namespace, and nothing more.
fn role(choices: &Choices) -> String {
    let (namespace, mark) = match namespace(choices) {
        Some(namespace) => (namespace, ""),
        None => (NAMESPACE, " # <-- change this"),
    };
    let mut rules = String::new();
    if choices.store.kind() == StoreKind::Kubernetes {
        rules.push_str("  # The token, and the tokens of before for roll-backs.\n");
        rules.push_str("  - apiGroups: [\"\"]\n    resources: [secrets]\n");
        let rights = match &choices.accounts {
            Accounts::Named(names) => format!(
                "    resourceNames: [{}]\n    verbs: [get, patch]\n",
                secrets(names).join(", ")
            ),
            // Members come and go.
            Accounts::Fleet(_) => "    verbs: [get, patch, create]\n".to_owned(),
        };
        rules.push_str(&rights);
    }
    if let GateChoice::Kubernetes { kind, name } = &choices.gate {
        let (group, pods) = if kind == "CronJob" {
            ("batch", "  - apiGroups: [batch]\n    resources: [jobs]\n    verbs: [list]\n")
        } else {
            ("apps", "")
        };
        let resource = format!("{}s", kind.to_ascii_lowercase());
        let _ = write!(
            rules,
            "  - apiGroups: [{group}]\n    resources: [{resource}]\n    resourceNames: [{name}]\n    \
             verbs: [get, patch]\n{pods}  - apiGroups: [\"\"]\n    resources: [pods]\n    verbs: [list]\n"
        );
    }
    format!(
        "# All that pintail may do in the namespace of the consumers.\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: pintail\n  namespace: {namespace}{mark}\n\
         rules:\n{rules}---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: pintail\n  \
         namespace: {namespace}{mark}\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: pintail\n\
         subjects:\n  - kind: ServiceAccount\n    name: pintail\n    namespace: pintail\n"
    )
}

/// The consumers' namespace, as far as it is known.
fn namespace(choices: &Choices) -> Option<&str> {
    match &choices.store {
        Store::Kubernetes { namespace, .. } => namespace.as_deref(),
        Store::File | Store::Vault { .. } | Store::Aws { .. } => None,
    }
}

/// The commands that come next.
pub(super) fn next(choices: &Choices, configuration: &Path) -> Vec<String> {
    let file = shown(configuration);
    let admin = shown(&choices.admin_token);
    let folder = configuration.parent().unwrap_or_else(|| Path::new(""));
    let paste = format!(
        "install -D --mode=0600 /dev/stdin {admin}   # paste MotherDuck's admin token, end with Ctrl-D"
    );
    let paste = (!choices.admin_token.exists()).then_some(paste);
    match choices.manager {
        None => {
            let mut all = Vec::from_iter(paste);
            all.push(format!("pintail --config {file} check"));
            all.push(format!("pintail --config {file} rotate-now --due   # or, for good: run"));
            all
        }
        Some(Manager::Systemd) => {
            let names: &[&str] = match choices.store.kind() {
                StoreKind::File => &["pintail*.service", "pintail*.path"],
                StoreKind::Vault | StoreKind::Aws | StoreKind::Kubernetes => &["pintail.service"],
            };
            let units: Vec<_> = names.iter().map(|name| shown(&folder.join(name))).collect();
            let units = units.join(" ");
            let mut all = vec![format!(
                "install -D --mode=0644 {file} /etc/pintail/pintail.toml && install --mode=0644 -t /etc/systemd/system {units}"
            )];
            all.extend(paste);
            all.push(
                "systemctl daemon-reload && systemctl enable --now pintail.service".to_owned(),
            );
            all
        }
        Some(Manager::Kubernetes) => {
            let folder = if folder.as_os_str().is_empty() { ".".to_owned() } else { shown(folder) };
            let mut all = vec![
                "kubectl create namespace pintail && kubectl --namespace pintail create secret generic pintail-motherduck --from-file=admin-token".to_owned(),
            ];
            if let (StoreKind::Kubernetes, Accounts::Named(names)) =
                (choices.store.kind(), &choices.accounts)
            {
                let namespace = namespace(choices).unwrap_or(NAMESPACE);
                let secrets = secrets(names).join(" ");
                all.push(format!(
                    "for secret in {secrets}; do kubectl --namespace {namespace} create secret generic $secret; done"
                ));
            }
            all.push(format!(
                "kubectl apply --kustomize {folder}   # when what is marked with <-- was changed"
            ));
            all.push(
                "kubectl --namespace pintail exec deployment/pintail -- /usr/bin/pintail check"
                    .to_owned(),
            );
            all
        }
    }
}

/// A path as a shell reads it.
pub(super) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@*".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

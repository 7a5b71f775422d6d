//! What can be found out without asking anybody: the variables that other tools read, and whether this is a pod.

use std::path::{Path, PathBuf};

use super::super::arguments::StoreKind;

/// Where a pod finds its own namespace and token.
const POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What was found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub(super) vault: Option<Found>,
    pub(super) vault_namespace: Option<String>,
    pub(super) vault_ca_file: Option<String>,
    pub(super) aws_region: Option<Found>,
    /// The namespace that this pod is in.
    pub(super) pod: Option<String>,
    pub(super) kubeconfig: Option<PathBuf>,
    /// The machine's name.
    pub(super) machine: Option<String>,
}

/// A value, and the variable that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) variable: &'static str,
    pub(super) value: String,
}

impl Surroundings {
    /// Looks round. `variable` looks one up.
    pub(super) fn find(variable: impl Fn(&str) -> Option<String>) -> Self {
        Self::find_in(variable, Path::new(POD), Path::new("/proc/sys/kernel/hostname"))
    }

    fn find_in(variable: impl Fn(&str) -> Option<String>, pod: &Path, machine: &Path) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let first = |names: &[&'static str]| {
            let mut all = names.iter().filter_map(|name| Some((*name, set(name)?)));
            all.next().map(|(variable, value)| Found { variable, value })
        };
        let read = |file: &Path| {
            let text = std::fs::read_to_string(file).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let value = |names| first(names).map(|found| found.value);
        let is_pod = set("KUBERNETES_SERVICE_HOST").is_some();
        let kubeconfig = set("KUBECONFIG").map(PathBuf::from).or_else(|| {
            let usual = PathBuf::from(set("HOME")?).join(".kube/config");
            usual.exists().then_some(usual)
        });
        Self {
            vault: first(&["BAO_ADDR", "VAULT_ADDR"]),
            vault_namespace: value(&["BAO_NAMESPACE", "VAULT_NAMESPACE"]),
            vault_ca_file: value(&["BAO_CACERT", "VAULT_CACERT"]),
            aws_region: first(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
            pod: read(&pod.join("namespace")).filter(|_| is_pod),
            kubeconfig,
            machine: read(machine),
        }
    }

    /// The store that suits what was found.
    pub(super) fn store(&self) -> StoreKind {
        if self.vault.is_some() {
            StoreKind::Vault
        } else if self.pod.is_some() {
            StoreKind::Kubernetes
        } else if self.aws_region.is_some() {
            StoreKind::Aws
        } else {
            StoreKind::File
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)], pod: &Path) -> Surroundings {
        let look = |name: &str| {
            let mut all = variables.iter();
            all.find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned())
        };
        Surroundings::find_in(look, pod, Path::new("/nowhere"))
    }

    #[test]
    fn variables_of_other_tools_say_which_store_there_is() {
        let nowhere = Path::new("/nowhere");
        assert_eq!(find(&[], nowhere), Surroundings::default());
        assert_eq!(find(&[], nowhere).store(), StoreKind::File);
        assert_eq!(find(&[("VAULT_ADDR", " ")], nowhere).store(), StoreKind::File);

        let both = find(&[("VAULT_ADDR", "https://v"), ("BAO_ADDR", "https://b")], nowhere);
        assert_eq!(both.vault.as_ref().map(|found| found.value.as_str()), Some("https://b"));
        assert_eq!(both.store(), StoreKind::Vault);

        let aws = find(&[("AWS_DEFAULT_REGION", "eu-west-1")], nowhere);
        assert_eq!(aws.store(), StoreKind::Aws);
    }

    #[test]
    fn a_pod_is_one_by_its_variable_and_its_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("namespace"), "etl\n").unwrap();
        assert_eq!(find(&[], dir.path()).pod, None);
        let pod = find(&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")], dir.path());
        assert_eq!(pod.pod.as_deref(), Some("etl"));
        assert_eq!(pod.store(), StoreKind::Kubernetes);
    }
}

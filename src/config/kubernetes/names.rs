//! What Kubernetes takes for the names of things.

use crate::config::findings::{Findings, Key};

/// What pintail keeps for itself among labels and annotations.
const OURS: &str = "pintail.dev/";
/// The longest name of a Secret, less what pintail puts behind it for the one with earlier tokens.
const LONGEST_NAME: usize = 253 - "-previous".len();

/// What is wrong with a key of a Secret's data.
pub(in crate::config) const DATA_KEY: &str =
    "Kubernetes refuses this key: use up to 253 of a-z, A-Z, 0-9, '_', '-' and '.'";

/// Whether a Secret's data may have this key.
pub(in crate::config) fn is_data_key(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=253).contains(&text.len())
        && text.chars().all(plain)
        && !text.starts_with("..")
        && text != "."
}

/// A namespace's name.
pub(in crate::config) fn namespace(text: &str, key: &Key<'_>, findings: &mut Findings) {
    if !is_dns_label(text) {
        findings.problem(
            key,
            "this must be a namespace: up to 63 of a-z, 0-9 and '-', with a letter or a digit at both ends",
        );
    }
}

/// Whether Kubernetes takes this as the name of a Secret or a workload.
pub(in crate::config) fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME && text.split('.').all(is_dns_label)
}

/// The name that a credential's Secret has by default: what is no letter, digit or `.` of a name becomes a `-`.
pub(in crate::config) fn default_name(credential: &str) -> String {
    let name = format!("motherduck-{}", credential.to_ascii_lowercase().replace('_', "-"));
    name.trim_end_matches(['-', '.']).to_owned()
}

fn is_dns_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 63
        && text.starts_with(plain)
        && text.ends_with(plain)
        && text.chars().all(|c| plain(c) || c == '-')
}

fn is_label_value(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    text.is_empty()
        || (text.len() <= 63
            && text.starts_with(plain)
            && text.ends_with(plain)
            && text.chars().all(|c| plain(c) || matches!(c, '_' | '-' | '.')))
}

/// A label: its name, and its value.
pub(in crate::config) fn label(name: &str, value: &str, key: &Key<'_>, findings: &mut Findings) {
    qualified(name, key, findings);
    if !is_label_value(value) {
        findings.problem(
            key,
            "a label's value is empty, or up to 63 of a-z, A-Z, 0-9, '_', '-' and '.', with a letter or a digit \
             at both ends",
        );
    }
}

/// The name of a label or an annotation: `[PREFIX/]NAME`.
pub(in crate::config) fn qualified(text: &str, key: &Key<'_>, findings: &mut Findings) {
    if text.starts_with(OURS) {
        findings.problem(key, "names that begin with `pintail.dev/` are pintail's own");
        return;
    }
    let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(a, b)| (Some(a), b));
    let prefix_is_sound =
        prefix.is_none_or(|text| text.len() <= 253 && text.split('.').all(is_dns_label));
    if name.is_empty() || !is_label_value(name) || !prefix_is_sound {
        findings
            .problem(key, "Kubernetes refuses this name: it must be `name` or `dns.prefix/name`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_kubernetes_takes() {
        for good in ["a", "motherduck-etl", "a.b-c.d", "0"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "A", "a_b", "a/b", "-a", "a-", "a..b", "a.-b", &"a".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(is_data_key("token_id") && is_data_key(".x"));
        assert!(
            !is_data_key("..x") && !is_data_key("a/b") && !is_data_key("") && !is_data_key(".")
        );
    }

    #[test]
    fn every_credential_has_a_name_that_kubernetes_takes() {
        for credential in ["etl_prod", "ETL.Prod", "a_", "x-1"] {
            let name = default_name(credential);
            assert!(is_name(&name), "{name}");
        }
    }
}

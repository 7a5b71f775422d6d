//! The text of a new configuration: short, with a comment for whatever a person should know.

use std::fmt::Write;
use std::path::Path;

use super::super::arguments::{GateChoice, Manager};
use super::choices::{Accounts, Choices, Reach, Store};

/// What stands behind whatever a person must still fill in.
const CHANGE: &str = "   # <-- change this";
/// The consumers' namespace, while nobody has said which.
pub(super) const NAMESPACE: &str = "etl";

/// The whole file.
pub(super) fn text(choices: &Choices) -> String {
    let sections = [head(choices), store(choices), defaults(choices), accounts(&choices.accounts)];
    sections.join("\n")
}

fn head(choices: &Choices) -> String {
    format!(
        r"# pintail's configuration, written by `pintail init`. After a change: pintail --config FILE check
# A running daemon takes a changed file over by itself, and refuses a wrong one. `pintail schema` knows every key.

# The name of this deployment. It is part of every token's name, so that two deployments never touch one another's.
owner = {owner}

[motherduck]
# A read/write token of a user with the Admin role. The configuration names its place and never holds it.
admin_token = {{ file = {admin} }}
",
        owner = quoted(choices.owner.as_str()),
        admin = quoted_path(&choices.admin_token),
    )
}

fn store(choices: &Choices) -> String {
    let mut text = String::new();
    match &choices.store {
        Store::File => text.push_str(
            r#"# A directory for each credential, in the layout of mounted Kubernetes secrets: `token` is the bare text.
[stores.main.file]
dir = "/var/lib/pintail/secrets"
# group = "motherduck"         # may read the secrets; without it, only pintail's own user
"#,
        ),
        Store::Vault { address, namespace, ca_file, is_pod } => {
            vault(&mut text, address.as_deref(), namespace.as_deref(), ca_file.as_deref(), *is_pod);
        }
        Store::Aws { region } => {
            text.push_str(
                "# Credentials come from the SDK's own chain: an instance's, a task's or a pod's role.\n\
                 [stores.main.aws_secrets_manager]\n",
            );
            line(&mut text, "region", region.as_deref(), "eu-central-1");
            text.push_str(
                "# Tags of secrets that pintail creates; the shipped policy asks for the first.\n\
                 tags = { managed-by = \"pintail\" }\n",
            );
        }
        Store::Kubernetes { namespace, reach } => {
            if let Reach::Kubeconfig(kubeconfig) = reach {
                text.push_str("# The way to the cluster from outside; a pod needs none of this.\n[kubernetes]\n");
                let file = kubeconfig.as_deref().map(Path::to_string_lossy);
                line(&mut text, "kubeconfig", file.as_deref(), "/etc/pintail/kubeconfig");
                text.push('\n');
            }
            text.push_str("[stores.main.kubernetes]\n");
            line(&mut text, "namespace", namespace.as_deref(), NAMESPACE);
            let is_fixed = matches!(choices.accounts, Accounts::Named(_));
            if choices.manager == Some(Manager::Kubernetes) && is_fixed {
                text.push_str(
                    "create = false                 # the Secrets are made beforehand, as the Role says\n",
                );
            }
        }
    }
    text
}

fn vault(
    text: &mut String,
    address: Option<&str>,
    namespace: Option<&str>,
    ca_file: Option<&str>,
    is_pod: bool,
) {
    text.push_str("# HashiCorp Vault or OpenBao, KV version 2.\n[stores.main.vault]\n");
    line(text, "address", address, "https://vault.example.com:8200");
    text.push_str("mount = \"secret\"\n");
    if let Some(namespace) = namespace {
        line(text, "namespace", Some(namespace), "");
    }
    if is_pod {
        text.push_str(
            "ca_file = \"/run/secrets/vault/ca.crt\"\n\
             # By the pod's own service account, with a token that only Vault accepts.\n\
             auth = { kubernetes = { role = \"pintail\", token_file = \"/run/secrets/vault/token\" } }\n",
        );
        return;
    }
    if let Some(file) = ca_file {
        line(text, "ca_file", Some(file), "");
    }
    text.push_str(
        "# Or: { kubernetes = { role = … } }, { jwt = { role = …, token_file = … } }, { token_file = … }\n\
         auth = { approle = { role_id = \"00000000-0000-0000-0000-000000000000\", secret_id_file = \
         \"/etc/pintail/vault-secret-id\" } }",
    );
    text.push_str(CHANGE);
    text.push('\n');
}

fn defaults(choices: &Choices) -> String {
    let path = match (&choices.store, &choices.accounts) {
        (Store::File, Accounts::Named(_)) => Some("{credential}"),
        (Store::File, Accounts::Fleet(_)) => Some("{username}"),
        (Store::Vault { .. } | Store::Aws { .. }, Accounts::Named(_)) => {
            Some("motherduck/{credential}")
        }
        (Store::Vault { .. } | Store::Aws { .. }, Accounts::Fleet(_)) => {
            Some("motherduck/{username}")
        }
        // The Secret motherduck-NAME.
        (Store::Kubernetes { .. }, _) => None,
    };
    let rhythm = match &choices.accounts {
        Accounts::Named(_) => {
            r#"schedule = "0 3 * * SUN"       # Sundays at 03:00 UTC; `timezone` changes that. Or: every = "7d"
splay = "30m"                  # a fixed share of this, by name, so that not all are rotated at once
"#
        }
        Accounts::Fleet(_) => {
            r#"every = "14d"
splay = "7d"                   # a fixed share of this, by name, so that not all are rotated at once
"#
        }
    };
    let mut text = String::from(
        "# What the credentials have in common. Each of these keys may also stand under a credential.\n\
         [defaults]\nstore = \"main\"\n",
    );
    if let Some(path) = path {
        line(&mut text, "path", Some(path), "");
    }
    text.push_str(rhythm);
    text.push_str(
        r#"ttl = "45d"                    # how long a token lives if nobody comes to replace it
renew_before = "7d"            # whatever the schedule says, a token is replaced this long before its end

# The old token is revoked only when the consumers are healthy with the new one. If they are not by the deadline, both
# tokens stay valid and a person has to act.
"#,
    );
    text.push_str(&gate(&choices.gate));
    text
}

fn gate(gate: &GateChoice) -> String {
    match gate {
        GateChoice::Http(url) => {
            // A consumer that still works with the old token is healthy, too.
            let better = if url.contains("{token_id}") {
                ""
            } else {
                "# Better still, a URL with {token_id}: the consumer answers 200 only for the token that it is connected with.\n"
            };
            let url = quoted(url);
            format!(
                "{better}gate.http = {{ url = {url}, interval = \"10s\", successes = 3, deadline = \"15m\" }}\n"
            )
        }
        GateChoice::Command(words) => {
            let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            let words = words.join(", ");
            format!(
                "gate.command = {{ command = [{words}], interval = \"10s\", successes = 3, deadline = \"15m\" }}\n"
            )
        }
        GateChoice::Kubernetes { kind, name } => {
            let (kind, name) = (quoted(kind), quoted(name));
            format!(
                "deploy.kubernetes = {{ targets = [{{ kind = {kind}, name = {name} }}] }}\n\
                 gate.kubernetes = {{ deadline = \"30m\" }}\n"
            )
        }
        GateChoice::Wait(time) => {
            let time = quoted(time);
            format!(
                "# A fixed time knows nothing of the consumers: let it be longer than the slowest takes to reconnect, or ask\n\
                 # them with gate.http, gate.command or gate.kubernetes.\ngate.wait = {time}\n"
            )
        }
        GateChoice::Unasked => {
            "# Nothing is asked: the old token is revoked as soon as the new one is served and proved.\n\
             gate = \"none\"\n"
                .to_owned()
        }
    }
}

fn accounts(accounts: &Accounts) -> String {
    match accounts {
        Accounts::Named(names) => {
            let tables = names.iter().map(|name| {
                format!("[credentials.{name}]\nusername = {}\n", quoted(name.as_str()))
            });
            tables.collect::<Vec<_>>().join("\n")
        }
        Accounts::Fleet(pattern) => format!(
            "# A credential for every service account of this pattern; see `pintail fleet plan`.\n\
             [fleets.{name}]\n\
             accounts.motherduck = {{ match = {pattern} }}\n\
             joins_at_most = \"20/h\"         # a mistaken pattern makes no more first tokens than these\n\
             leaves_at_most = \"5%\"          # a wrong list lets no more members go at once\n",
            name = fleet_name(pattern),
            pattern = quoted(pattern),
        ),
    }
}

/// What is left of a pattern without its wildcards.
fn fleet_name(pattern: &str) -> String {
    let plain: String =
        pattern.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect();
    let plain = plain.trim_matches('_');
    if plain.is_empty() { "all".to_owned() } else { plain.to_owned() }
}

/// `key = "value"`, or an example that must be changed.
fn line(text: &mut String, key: &str, value: Option<&str>, example: &str) {
    let mark = if value.is_some() { "" } else { CHANGE };
    let value = quoted(value.unwrap_or(example));
    // Writing into a text cannot fail.
    let _ = writeln!(text, "{key} = {value}{mark}");
}

/// A basic string of TOML, which JSON's strings are.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The same of a path.
pub(super) fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

#[cfg(test)]
mod tests;

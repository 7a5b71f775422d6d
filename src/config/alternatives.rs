//! Keys that exclude one another: a later source that chooses one of them takes back what an earlier one chose.

use figment::value::{Dict, Value};

/// Of each of these at most one stands in a table. Plain merging would leave both, and a variable could then not
/// turn `{ file = … }` into `{ env = … }`.
const ALTERNATIVES: [&[&str]; 5] = [
    &["file", "env", "store", "vault", "aws_secrets_manager", "kubernetes"],
    &["token_file", "token_env", "approle", "kubernetes", "jwt"],
    &["http", "command", "kubernetes", "wait", "none", "postgres"],
    &["schedule", "every"],
    &["slack", "webhook"],
];

/// Tables whose keys are names that people chose, `file` and `env` perhaps among them.
const NAMED: [&str; 7] =
    ["stores", "credentials", "notifications", "headers", "tags", "labels", "annotations"];

/// Drops from `earlier` what `later` decides otherwise.
pub(super) fn drop_overridden(earlier: &mut Dict, later: &Dict) {
    for alternatives in ALTERNATIVES {
        if alternatives.iter().any(|key| later.contains_key(*key)) {
            earlier
                .retain(|key, _| later.contains_key(key) || !alternatives.contains(&key.as_str()));
        }
    }
    descend(earlier, later);
}

fn descend(earlier: &mut Dict, later: &Dict) {
    for (key, value) in later {
        let (Some(Value::Dict(_, earlier)), Value::Dict(_, later)) = (earlier.get_mut(key), value)
        else {
            continue;
        };
        if NAMED.contains(&key.as_str()) {
            descend(earlier, later);
        } else {
            drop_overridden(earlier, later);
        }
    }
}

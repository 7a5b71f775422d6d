//! Which credentials a command works on, and what it works with; a wrong name or file ends it before any contact.

use std::sync::Arc;

use super::error::CliError;
use super::{ExitCode, Filters, Names, Pattern};
use crate::config::Config;
use crate::engine::Engine;
use crate::motherduck::settings::AdminToken;
use crate::names::CredentialName;
use crate::secret::SecretSource;

/// Below this similarity a suggestion would puzzle more than help.
const NEAR: f64 = 0.8;
/// The most names that a hint lists.
const MOST: usize = 5;

/// The named credentials, each once and in the order of the configuration; all of them if none is named.
pub fn configured(
    config: &Config,
    names: &[CredentialName],
) -> Result<Vec<CredentialName>, CliError> {
    if names.is_empty() {
        return Ok(config.credentials.keys().cloned().collect());
    }
    let unknown: Vec<_> =
        names.iter().filter(|name| !config.credentials.contains_key(*name)).collect();
    if !unknown.is_empty() {
        return Err(absent(config, &unknown));
    }
    Ok(config.credentials.keys().filter(|name| names.contains(name)).cloned().collect())
}

/// The credentials that a name or a pattern means, each once and in the order of the configuration. One that means
/// nothing ends it: it was written for something.
pub fn matching(config: &Config, patterns: &[Pattern]) -> Result<Vec<CredentialName>, CliError> {
    let names: Vec<_> = patterns.iter().filter_map(Pattern::name).cloned().collect();
    let known = config.credentials.keys();
    if !names.is_empty() {
        configured(config, &names)?;
    }
    let is_met = |pattern: &&Pattern| known.clone().any(|name| pattern.matches(name));
    if let Some(vain) = patterns.iter().find(|pattern| !is_met(pattern)) {
        let message = format!("no credential matches `{}`", vain.as_str());
        return Err(CliError::usage(message, Some(hint(config, &[]))));
    }
    let is_meant = |name: &&CredentialName| patterns.iter().any(|one| one.matches(name));
    Ok(known.filter(is_meant).cloned().collect())
}

/// The credentials that names and filters choose, as far as the configuration tells.
pub fn static_choice(config: &Config, which: &Names) -> Result<Vec<CredentialName>, CliError> {
    let names = if which.names.is_empty() {
        configured(config, &[])?
    } else {
        matching(config, &which.names)?
    };
    filtered(config, names, &which.filters)
}

/// Those of `names` that pass the filters, their states aside.
pub fn filtered(
    config: &Config,
    names: Vec<CredentialName>,
    filters: &Filters,
) -> Result<Vec<CredentialName>, CliError> {
    if let Some(name) = filters.stores.iter().find(|name| !config.stores.contains_key(*name)) {
        let known = config.stores.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        let hint = format!("configured are {}", known.join(", "));
        return Err(CliError::usage(format!("there is no store `{name}`"), Some(hint)));
    }
    if let Some(name) = filters.fleets.iter().find(|name| !config.fleets.contains_key(*name)) {
        let hint = "a rule stands under [fleets.NAME]".to_owned();
        return Err(CliError::usage(format!("there is no fleet `{name}`"), Some(hint)));
    }
    let passes = |name: &CredentialName| {
        config.credentials.get(name).is_some_and(|credential| filters.pass(credential))
    };
    Ok(names.into_iter().filter(passes).collect())
}

/// The credentials that names and filters choose. Where a state is asked for, stores and MotherDuck are.
pub async fn chosen(config: &Arc<Config>, which: &Names) -> Result<Vec<CredentialName>, CliError> {
    let names = static_choice(config, which)?;
    in_states(config, names, &which.filters).await
}

/// Those of `names` that are in a state that is asked for, if one is.
pub async fn in_states(
    config: &Arc<Config>,
    names: Vec<CredentialName>,
    filters: &Filters,
) -> Result<Vec<CredentialName>, CliError> {
    if filters.states.is_empty() {
        return Ok(names);
    }
    let engine = open(config.clone()).await?;
    Ok(super::status::in_states(&engine, &names, &filters.states).await)
}

fn absent(config: &Config, unknown: &[&CredentialName]) -> CliError {
    let quoted: Vec<_> = unknown.iter().map(|name| format!("`{name}`")).collect();
    let message = match quoted.as_slice() {
        [one] => format!("there is no credential {one} in the configuration"),
        several => format!("there are no credentials {} in the configuration", several.join(", ")),
    };
    CliError::usage(message, Some(hint(config, unknown)))
}

/// Names that may have been meant; otherwise the first few that there are.
fn hint(config: &Config, unknown: &[&CredentialName]) -> String {
    let similarity = |known: &CredentialName| {
        let to = |word: &&CredentialName| strsim::jaro_winkler(word.as_str(), known.as_str());
        unknown.iter().map(to).fold(0.0, f64::max)
    };
    let mut near: Vec<_> = config
        .credentials
        .keys()
        .map(|known| (similarity(known), known))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .collect();
    near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let list = |names: Vec<&CredentialName>| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    if !near.is_empty() {
        let near = near.into_iter().take(MOST).map(|(_, known)| known).collect();
        return format!("did you mean {}?", list(near));
    }
    let known: Vec<_> = config.credentials.keys().take(MOST).collect();
    let more = config.credentials.len().saturating_sub(known.len());
    match (known.is_empty(), more) {
        (true, _) => "no credential is configured".to_owned(),
        (false, 0) => format!("configured are {}", list(known)),
        (false, more) => format!("configured are {} and {more} more", list(known)),
    }
}

/// Finds out whether the admin token can be read: nothing is contacted without one.
pub fn ensure_admin_token(config: &Config) -> Result<(), CliError> {
    let source = match &config.motherduck.admin_token {
        AdminToken::Secret(source) => source,
        // Whoever needs it reads it from there, and says what is wrong.
        AdminToken::Stored(_) => return Ok(()),
    };
    let hint = Some(admin_token_hint(source));
    source.read_token().map(drop).map_err(|error| CliError::of(&error, ExitCode::Usage, hint))
}

/// What to do where there is no admin token at `source`.
pub fn admin_token_hint(source: &SecretSource) -> String {
    format!("put the token of a MotherDuck admin into {source}, as its only text")
}

/// Makes the adapters, once the admin token was seen to be readable.
pub async fn open(config: Arc<Config>) -> Result<Engine, CliError> {
    ensure_admin_token(&config)?;
    Engine::open(config).await.map_err(|fault| CliError::fault(fault, ExitCode::Usage))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::{Bench, TWO};

    #[tokio::test]
    async fn patterns_choose_each_credential_once_and_one_that_chooses_none_is_a_slip() {
        let bench = Bench::new(TWO).await;
        let chosen = |words: &[&str]| {
            let patterns: Vec<Pattern> = words.iter().map(|word| word.parse().unwrap()).collect();
            matching(&bench.config, &patterns)
        };
        let names = |words: &[&str]| {
            let names = chosen(words).unwrap();
            names.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(&["*"]), ["etl", "reader"]);
        assert_eq!(names(&["r*", "reader"]), ["reader"]);
        assert_eq!(names(&["reader", "e?l"]), ["etl", "reader"]);
        for words in [["x*", "*"], ["*", "etl_2"]] {
            let refusal = chosen(&words).unwrap_err();
            assert_eq!(refusal.code, ExitCode::Usage);
            assert!(refusal.hint.unwrap().contains("`etl`"), "{}", refusal.message);
        }
    }
}

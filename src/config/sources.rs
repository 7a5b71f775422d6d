//! Where settings come from: files, then variables, merged by figment, each value remembering its source.

use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::alternatives;
use super::error::ConfigError;

mod standard;

/// Two underscores, since Kubernetes sets `PINTAIL_SERVICE_HOST` for a Service that is called pintail.
const PREFIX: &str = "PINTAIL__";

/// The merged settings of all sources.
pub(super) struct Sources {
    figment: Figment,
    root: Dict,
}

impl Sources {
    /// Reads the files and the variables; of two that set one key, the later wins, and variables come last.
    pub(super) fn read(
        files: &[PathBuf],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut sources =
            files.iter().map(|path| read_file(path)).collect::<Result<Vec<_>, _>>()?;
        let environment: Vec<_> = environment.into_iter().collect();
        sources.splice(0..0, standard::sources(&environment));
        let mut variables: Vec<_> =
            environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        variables.sort_unstable();
        sources.extend(variables.iter().map(|(name, text)| read_variable(name, text)));
        let mut figment = Figment::new();
        let mut sources = sources.into_iter();
        while let Some(mut source) = sources.next() {
            for later in sources.as_slice() {
                alternatives::give_way(&mut source.settings, &later.settings);
            }
            figment = figment.merge(source);
        }
        // Providers that only hand out what they hold cannot fail.
        let root = figment
            .data()
            .ok()
            .and_then(|mut profiles| profiles.remove(&Profile::Default))
            .unwrap_or_default();
        Ok(Self { figment, root })
    }

    /// The top-level keys.
    pub(super) fn root(&self) -> &Dict {
        &self.root
    }

    /// The source of the value at `key`, or of its nearest parent that is there.
    pub(super) fn of(&self, key: &[String]) -> Option<String> {
        let mut dict = Some(&self.root);
        let mut nearest = None;
        for part in key {
            let Some(value) = dict.and_then(|dict| dict.get(part)) else { break };
            nearest = Some(value.tag());
            dict = value.as_dict();
        }
        self.figment.get_metadata(nearest?).map(|metadata| metadata.name.clone().into_owned())
    }

    /// Whether there is a value at `key`.
    pub(super) fn has(&self, key: &[&str]) -> bool {
        let Some((last, parents)) = key.split_last() else { return false };
        parents
            .iter()
            .try_fold(&self.root, |dict, part| dict.get(*part).and_then(Value::as_dict))
            .is_some_and(|dict| dict.contains_key(*last))
    }
}

/// Settings that were read already, under the name that people know their source by.
struct Source {
    name: String,
    settings: Dict,
}

impl Provider for Source {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.settings.clone()))
    }
}

/// figment's own file provider ignores a missing file, and shows the faulty line of a broken one.
fn read_file(path: &Path) -> Result<Source, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::ReadFile { path: path.to_owned(), source })?;
    let settings = Toml::from_str::<Dict>(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ConfigError::Syntax {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            problem: error.message().replace('\n', ", "),
        }
    })?;
    Ok(Source { name: format!("config file {}", path.display()), settings })
}

/// figment's own provider guesses types, so that an owner called `0123` would become a number. Here a text stays a
/// text (numbers are read from texts), but for tables and lists, which are written as in TOML.
fn read_variable(name: &str, text: &str) -> Source {
    let value = if text.starts_with(['{', '[']) {
        Toml::from_str::<Dict>(&format!("value = {text}"))
            .ok()
            .and_then(|mut dict| dict.remove("value"))
    } else {
        None
    };
    let value = value.unwrap_or_else(|| Value::from(text));
    let key = name.strip_prefix(PREFIX).unwrap_or_default().to_lowercase();
    let mut parts: Vec<&str> = key.split("__").collect();
    let top = parts.remove(0);
    let nested = parts
        .into_iter()
        .rev()
        .fold(value, |inner, part| Value::from(Dict::from([(part.to_owned(), inner)])));
    Source {
        name: format!("environment variable {name}"),
        settings: Dict::from([(top.to_owned(), nested)]),
    }
}

//! Where settings come from: files, then variables, merged by figment, and which of them a value comes from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use secrecy::zeroize::Zeroizing;

use super::alternatives;
use super::error::ConfigError;
use super::files::Group;

mod kubernetes;
mod standard;

/// Two underscores, since Kubernetes sets `PINTAIL_SERVICE_HOST` for a Service that is called pintail.
const PREFIX: &str = "PINTAIL__";

/// The merged settings of all sources.
pub(super) struct Sources {
    root: Dict,
    /// Each for itself, the later ones over the earlier ones, to tell where a value comes from.
    parts: Vec<Source>,
    doubles: Vec<Double>,
    /// Variables that were passed over.
    warnings: Vec<String>,
    /// The variable that names a proxy for https, if there is one.
    proxy: Option<String>,
}

/// A credential that stands in two files of one directory.
pub(super) struct Double {
    /// Its name.
    pub(super) credential: String,
    /// The two files.
    pub(super) files: (PathBuf, PathBuf),
}

impl Sources {
    /// Reads the files and the variables; of two that set one key, the later wins, and variables come last. `read` gives
    /// a file's text, and is told what it was named by.
    pub(super) fn read(
        paths: &[PathBuf],
        environment: impl IntoIterator<Item = (String, String)>,
        read: impl Fn(&Path, &Group) -> std::io::Result<Arc<Zeroizing<String>>>,
    ) -> Result<Self, ConfigError> {
        let environment: Vec<_> = environment.into_iter().collect();
        let proxy = proxy(&environment);
        let (mut parts, mut warnings) = standard::sources(&environment);
        let mut layers: Vec<Dict> = parts.iter().map(|part| part.settings.clone()).collect();
        let mut doubles = vec![];
        for path in paths {
            let group = Group::of(path)?;
            let mut defined: HashMap<String, PathBuf> = HashMap::new();
            let mut layer = Dict::new();
            for file in &group.files {
                let failed = |source| ConfigError::ReadFile { path: file.clone(), source };
                let text = read(file, &group).map_err(failed)?;
                let source = parse(file, &text)?;
                if group.is_directory {
                    for credential in source.credentials() {
                        if let Some(first) = defined.insert(credential.clone(), file.clone()) {
                            let files = (first, file.clone());
                            doubles.push(Double { credential: credential.clone(), files });
                        }
                    }
                }
                alternatives::drop_overridden(&mut layer, &source.settings);
                merge(&mut layer, &source.settings);
                parts.push(source);
            }
            layers.push(layer);
        }
        let mut variables: Vec<_> =
            environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        variables.sort_unstable();
        for (name, text) in &variables {
            if kubernetes::is_of_a_service(name, text) {
                warnings.push(format!(
                    "environment variable {name} is passed over: it is of a Kubernetes Service, not a setting"
                ));
                continue;
            }
            let source = read_variable(name, text);
            layers.push(source.settings.clone());
            parts.push(source);
        }
        Ok(Self { root: settle(layers), parts, doubles, warnings, proxy })
    }

    /// The top-level keys.
    pub(super) fn root(&self) -> &Dict {
        &self.root
    }

    /// The credentials that stand in two files of one directory.
    pub(super) fn doubles(&self) -> &[Double] {
        &self.doubles
    }

    /// What there is to say of variables that were passed over.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The variable that names a proxy for https, if there is one.
    pub(super) fn proxy_variable(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// The source of the value at `key`, or of its nearest parent that is there.
    pub(super) fn of(&self, key: &[String]) -> Option<String> {
        let depth = |part: &Source| {
            let mut dict = Some(&part.settings);
            let is_there = |part: &&String| {
                let value = dict.and_then(|dict| dict.get(part.as_str()));
                dict = value.and_then(Value::as_dict);
                value.is_some()
            };
            key.iter().take_while(is_there).count()
        };
        // Of several that reach as deep, the last, which is the one that counts.
        let (depth, nearest) =
            self.parts.iter().map(|part| (depth(part), part)).max_by_key(|one| one.0)?;
        (depth > 0).then(|| nearest.name.clone())
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

fn proxy(environment: &[(String, String)]) -> Option<String> {
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let is_set = |wanted: &&str| {
        environment.iter().any(|(name, value)| name == wanted && !value.trim().is_empty())
    };
    names.into_iter().find(is_set).map(str::to_owned)
}

/// The layers, the later ones over the earlier ones.
fn settle(layers: Vec<Dict>) -> Dict {
    let mut figment = Figment::new();
    let mut layers = layers.into_iter();
    while let Some(mut layer) = layers.next() {
        for later in layers.as_slice() {
            alternatives::drop_overridden(&mut layer, later);
        }
        figment = figment.merge(Layer(layer));
    }
    // Providers that only hand out what they hold cannot fail.
    let data = figment.data().ok();
    data.and_then(|mut profiles| profiles.remove(&Profile::Default)).unwrap_or_default()
}

/// Settings that were read already. Where each comes from is told by the sources.
struct Layer(Dict);

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::default()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

/// Puts `later` over `earlier`, table by table: the files of one directory. figment would copy all that it has at each
/// merge, and a big fleet has thousands of files.
fn merge(earlier: &mut Dict, later: &Dict) {
    for (key, value) in later {
        match (earlier.get_mut(key), value) {
            (Some(Value::Dict(_, earlier)), Value::Dict(_, later)) => merge(earlier, later),
            (Some(earlier), _) => *earlier = value.clone(),
            (None, _) => {
                earlier.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Settings that were read already, under the name that people know their source by.
struct Source {
    name: String,
    settings: Dict,
}

impl Source {
    fn credentials(&self) -> impl Iterator<Item = &String> {
        let section = self.settings.get("credentials").and_then(Value::as_dict);
        section.into_iter().flat_map(Dict::keys)
    }
}

/// figment's own file provider ignores a missing file, and shows the faulty line of a broken one.
fn parse(path: &Path, text: &str) -> Result<Source, ConfigError> {
    let settings = Toml::from_str::<Dict>(text).map_err(|error| {
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

//! What every object has, and where it is found.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// What every object says of itself, as far as pintail reads it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    pub(crate) generation: i64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) owner_references: Vec<OwnerReference>,
    pub(crate) deletion_timestamp: Option<String>,
}

/// Who an object belongs to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OwnerReference {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) controller: bool,
}

impl Metadata {
    /// Whoever keeps the object as he sees fit.
    pub(crate) fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Whether it is on its way out.
    pub(crate) fn is_going(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

/// An object of which nothing but its metadata matters.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Object {
    #[serde(default)]
    pub(crate) metadata: Metadata,
}

/// One page of a list.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct List<T> {
    #[serde(default)]
    pub(crate) metadata: ListMetadata,
    /// Absent and `null` both mean none, where a server writes its lists so.
    #[serde(
        default = "none",
        deserialize_with = "items",
        bound(deserialize = "T: Deserialize<'de>")
    )]
    pub(crate) items: Vec<T>,
}

/// Where a list goes on.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ListMetadata {
    #[serde(rename = "continue", default)]
    pub(crate) next: String,
}

fn none<T>() -> Vec<T> {
    vec![]
}

fn items<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// Where an object, or all objects of a kind in a namespace, are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The API's group and version as a path: `api/v1`, `apis/apps/v1`.
    pub(crate) api: &'static str,
    /// The namespace; none for what belongs to the whole cluster.
    pub(crate) namespace: Option<String>,
    /// The kind's plural.
    pub(crate) resource: &'static str,
    /// The object; none for all of them.
    pub(crate) name: Option<String>,
}

impl Place {
    /// Objects of the core API.
    pub(crate) fn core(resource: &'static str, namespace: &str, name: Option<&str>) -> Self {
        Self::of("api/v1", resource, namespace, name)
    }

    /// Objects of an API's group in a namespace.
    pub(crate) fn of(
        api: &'static str,
        resource: &'static str,
        namespace: &str,
        name: Option<&str>,
    ) -> Self {
        let (namespace, name) = (Some(namespace.to_owned()), name.map(str::to_owned));
        Self { api, namespace, resource, name }
    }

    /// The one of this name.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// The parts of its URL's path.
    pub(super) fn parts(&self) -> Vec<&str> {
        let mut parts: Vec<&str> = self.api.split('/').collect();
        if let Some(namespace) = &self.namespace {
            parts.extend(["namespaces", namespace]);
        }
        parts.push(self.resource);
        parts.extend(self.name.as_deref());
        parts
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resource)?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_its_parts_and_told_in_words() {
        let place = Place::of("apis/apps/v1", "deployments", "etl", Some("reader"));
        assert_eq!(place.parts().join("/"), "apis/apps/v1/namespaces/etl/deployments/reader");
        assert_eq!(place.to_string(), "deployments reader in namespace etl");
        let all = Place::core("pods", "etl", None);
        assert_eq!(all.parts().join("/"), "api/v1/namespaces/etl/pods");
    }

    #[test]
    fn a_list_without_items_is_empty() {
        for text in [r#"{"items": null}"#, "{}", r#"{"items": []}"#] {
            let list: List<Object> = serde_json::from_str(text).unwrap();
            assert!(list.items.is_empty());
        }
    }
}

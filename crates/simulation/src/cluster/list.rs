//! Lists, whole or in pages. All pages show what there was when the first was read.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::Cluster;
use super::kind::Kind;
use super::refusal::Refusal;
use super::route::Query;
use super::selector::Selector;
use super::shown;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    api_version: &'a str,
    items: Option<Vec<Cow<'a, Value>>>,
    kind: Cow<'a, str>,
    metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_item_count: Option<usize>,
}

impl Cluster {
    pub(super) fn list(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        query: &Query<'_>,
        only_metadata: bool,
    ) -> Result<Vec<u8>, Refusal> {
        let selector = Selector::of(
            query.label_selector.as_deref(),
            query.field_selector.as_deref(),
        )?;
        let begun = query.continue_token.as_deref().map(open).transpose()?;
        let version = begun.map_or(self.store.version(), |(version, _)| version);
        let objects = match begun {
            None => {
                let objects = self.store.all(kind, namespace);
                objects
                    .map(|(key, it)| (Cow::Borrowed(key), Arc::clone(it)))
                    .collect()
            }
            Some((version, last)) => {
                let mut objects = self.store.all_at(version, kind, namespace)?;
                objects.retain(|(key, _)| key.as_str() > last);
                objects
                    .into_iter()
                    .map(|(key, it)| (Cow::Owned(key), it))
                    .collect::<Vec<_>>()
            }
        };
        let mut objects = objects;
        objects.retain(|(_, object)| selector.matches(object));
        let size = query.limit.unwrap_or(usize::MAX);
        let left = objects.len().saturating_sub(size);
        objects.truncate(size);
        let next = objects.last().filter(|_| left > 0);
        let next = next.map(|(key, _)| format!("{version}:{key}"));
        let items = objects.iter();
        let items: Vec<_> = items
            .map(|(_, object)| item(kind, object, only_metadata))
            .collect();
        let page = List {
            api_version: if only_metadata {
                "meta.k8s.io/v1"
            } else {
                kind.api_version()
            },
            // No metadata are null, no objects an empty list.
            items: (!only_metadata || !items.is_empty()).then_some(items),
            kind: if only_metadata {
                "PartialObjectMetadataList".into()
            } else {
                format!("{}List", kind.name()).into()
            },
            metadata: Metadata {
                resource_version: version.to_string(),
                remaining_item_count: (left > 0 && selector.is_everything()).then_some(left),
                // Where built-in kinds leave it out, custom ones say that it is empty.
                next: next.or_else(|| (kind.is_custom() && !only_metadata).then(String::new)),
            },
        };
        serde_json::to_vec(&page).map_err(|error| Refusal::unforeseen(error.to_string()))
    }
}

/// The objects of built-in kinds do not repeat in a list what the list says of all of them.
fn item(kind: Kind, object: &Value, only_metadata: bool) -> Cow<'_, Value> {
    if only_metadata {
        return Cow::Owned(shown::only_metadata(object));
    }
    if kind.is_custom() {
        return Cow::Borrowed(object);
    }
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        members.remove("kind");
        members.remove("apiVersion");
    }
    Cow::Owned(object)
}

/// The version that a list shows, and the key of the last object shown.
fn open(token: &str) -> Result<(u64, &str), Refusal> {
    let parts = token.split_once(':');
    let parts = parts.and_then(|(version, last)| Some((version.parse().ok()?, last)));
    parts.ok_or_else(|| Refusal::bad_request("invalid continue token: continue key is not valid"))
}

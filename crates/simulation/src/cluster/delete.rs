//! Deletions, which finalizers hold up.

use std::sync::Arc;

use serde_json::Value;

use super::Cluster;
use super::draft::Draft;
use super::managers::Managers;
use super::refusal::{Refusal, deleted};
use super::write::{Target, Writer};

/// What must hold for a deletion.
#[derive(Debug, Clone, Default)]
pub(super) struct Preconditions {
    pub(super) uid: Option<String>,
    pub(super) resource_version: Option<String>,
}

impl Cluster {
    pub(super) fn delete(
        &mut self,
        target: Target<'_>,
        preconditions: &Preconditions,
        writer: &Writer,
    ) -> Result<Arc<Value>, Refusal> {
        let Target { kind, name, .. } = target;
        let stored = self.store.get(kind, target.key()).cloned();
        let stored = stored.ok_or_else(|| Refusal::not_found(kind, name))?;
        let metadata = &stored.object["metadata"];
        for (wanted, member) in [
            (&preconditions.uid, "uid"),
            (&preconditions.resource_version, "resourceVersion"),
        ] {
            if wanted
                .as_deref()
                .is_some_and(|wanted| metadata[member] != wanted)
            {
                let why = format!("the {member} in the precondition does not match that in record");
                return Err(Refusal::conflict(kind, name, &why));
            }
        }
        if metadata.get("deletionTimestamp").is_some() {
            return Ok(stored.object);
        }
        let uid = metadata["uid"].clone();
        let mut draft = Draft::of(Value::clone(&stored.object)).map_err(Refusal::unforeseen)?;
        if draft.finalizers().is_empty() && kind.is_namespaced() {
            if !writer.dry_run {
                self.store.remove(kind, target.key());
            }
            return Ok(Arc::new(deleted(kind, name, &uid)));
        }
        draft.set("deletionTimestamp", writer.time());
        if kind.is_namespaced() {
            draft.set("deletionGracePeriodSeconds", 0);
        }
        draft.advance();
        self.forms
            .shape(kind, &mut draft)
            .map_err(Refusal::unforeseen)?;
        let object = draft.whole();
        if writer.dry_run {
            return Ok(Arc::new(object));
        }
        let managers = Managers::clone(&stored.managers);
        Ok(self
            .store
            .put(kind, target.key(), object, managers, stored.is_bare))
    }
}

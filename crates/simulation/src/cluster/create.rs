//! Creations: what the API server sets in a new object, and where there can be none.

use std::sync::Arc;

use serde_json::Value;

use super::Cluster;
use super::draft::Draft;
use super::kind::Kind;
use super::managers::Managers;
use super::refusal::{Cause, Refusal};
use super::route::Part;
use super::store::key;
use super::write::{Target, Writer};

impl Cluster {
    pub(super) fn create(
        &mut self,
        kind: Kind,
        namespace: &str,
        object: Value,
        writer: &Writer,
    ) -> Result<Arc<Value>, Refusal> {
        let mut draft = self.drafted(kind, object)?;
        if draft.text("namespace").is_some_and(|it| it != namespace) {
            return Err(Refusal::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        if draft.text("resourceVersion").is_some() {
            return Err(Refusal::unforeseen(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        self.admit(kind, namespace, &draft)?;
        if draft.text("name").is_none()
            && let Some(prefix) = draft.text("generateName")
        {
            let name = format!("{prefix}{}", self.ids.suffix());
            draft.set("name", name);
        }
        let name = draft.text("name").unwrap_or_default().to_owned();
        let target = Target {
            kind,
            namespace,
            name: &name,
            part: Part::Main,
        };
        for member in [
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "managedFields",
            "generation",
        ] {
            draft.metadata.remove(member);
        }
        if kind.is_namespaced() {
            draft.set("namespace", namespace);
        }
        draft.set("uid", self.ids.uid());
        draft.set("creationTimestamp", writer.time());
        if kind.has_status() {
            draft.set("generation", 1);
            draft.members.remove("status");
        }
        let mut causes = names(&draft);
        causes.extend(self.forms.check(kind, &draft, &Value::Null));
        if !causes.is_empty() {
            return Err(target.invalid(&causes));
        }
        if self.store.get(kind, target.key()).is_some() {
            return Err(Refusal::already_exists(kind, &name));
        }
        let nothing = (&Managers::default(), &Value::Null);
        let (mut object, managers) = self.signed(target, nothing, draft.whole(), writer);
        // What stands there by default nobody has set.
        if let Value::Object(members) = &mut object {
            self.forms.fill(kind, members);
        }
        if writer.dry_run {
            return Ok(Arc::new(object));
        }
        let is_bare = kind.has_status() && object.get("status").is_some();
        Ok(self
            .store
            .put(kind, target.key(), object, managers, is_bare))
    }

    /// Nothing comes into a namespace that is not there, or that is being deleted.
    fn admit(&self, kind: Kind, namespace: &str, draft: &Draft) -> Result<(), Refusal> {
        if !kind.is_namespaced() {
            return Ok(());
        }
        let found = self.store.get(Kind::Namespace, key("", namespace));
        let found = found.ok_or_else(|| Refusal::not_found(Kind::Namespace, namespace))?;
        if found.object["metadata"].get("deletionTimestamp").is_some() {
            let name = draft.text("name").or_else(|| draft.text("generateName"));
            return Err(Refusal::terminating(
                kind,
                name.unwrap_or_default(),
                namespace,
            ));
        }
        Ok(())
    }
}

/// What is wrong with the names in an object's metadata.
fn names(draft: &Draft) -> Vec<Cause> {
    let mut causes = Vec::new();
    match draft.text("name") {
        None => causes.push(Cause::required("metadata.name")),
        Some(name) if !is_subdomain(name) => {
            let message = format!("\"{name}\": must be a lowercase RFC 1123 subdomain");
            causes.push(Cause::invalid("metadata.name", message));
        }
        Some(_) => {}
    }
    causes
}

fn is_subdomain(name: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
        !label.is_empty()
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

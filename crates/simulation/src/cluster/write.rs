//! Updates: what of an object a client may change, and what the API server changes with it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Cluster;
use super::draft::Draft;
use super::kind::Kind;
use super::managers::Managers;
use super::refusal::{Cause, Refusal};
use super::route::Part;
use super::store::{Stored, key};

/// Which object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) kind: Kind,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) part: Part,
}

impl Target<'_> {
    pub(super) fn key(&self) -> String {
        key(self.namespace, self.name)
    }

    pub(super) fn invalid(&self, causes: &[Cause]) -> Refusal {
        Refusal::invalid(self.kind, self.name, causes)
    }
}

/// Who writes, when, and whether in earnest.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) manager: String,
    pub(super) dry_run: bool,
    pub(super) now: Timestamp,
}

impl Writer {
    pub(super) fn time(&self) -> String {
        format!("{:.0}", self.now)
    }
}

impl Cluster {
    /// A PUT.
    pub(super) fn replace(
        &mut self,
        target: Target<'_>,
        object: Value,
        writer: &Writer,
    ) -> Result<Arc<Value>, Refusal> {
        let Target { kind, name, .. } = target;
        let draft = self.drafted(kind, object)?;
        if draft.text("name").is_some_and(|it| it != name) {
            return Err(Refusal::bad_request(
                "the name of the object does not match the name on the URL",
            ));
        }
        let Some(stored) = self.store.get(kind, target.key()).cloned() else {
            if !kind.put_creates() {
                return Err(Refusal::not_found(kind, name));
            }
            if draft.text("uid").is_some() {
                return Err(Refusal::conflict(
                    kind,
                    name,
                    "Precondition failed: there is no such UID",
                ));
            }
            return self.create(kind, target.namespace, draft.whole(), writer);
        };
        let uid = draft.text("uid");
        if uid.is_some() && uid != stored.object["metadata"]["uid"].as_str() {
            return Err(Refusal::conflict(
                kind,
                name,
                "Precondition failed: UID in precondition",
            ));
        }
        self.update(target, &stored, draft, writer)
    }

    /// Makes of an object what a patch made of it.
    pub(super) fn patched(
        &mut self,
        target: Target<'_>,
        stored: &Stored,
        object: Value,
        writer: &Writer,
    ) -> Result<Arc<Value>, Refusal> {
        // Only a body is a bad request: what a patch leads to is invalid.
        let invalid = |message: String| target.invalid(&[Cause::invalid("patch", message)]);
        let mut draft = Draft::of(object).map_err(invalid)?;
        self.forms.shape(target.kind, &mut draft).map_err(invalid)?;
        self.update(target, stored, draft, writer)
    }

    fn update(
        &mut self,
        target: Target<'_>,
        stored: &Stored,
        mut draft: Draft,
        writer: &Writer,
    ) -> Result<Arc<Value>, Refusal> {
        let Target {
            kind, name, part, ..
        } = target;
        let old = &stored.object;
        require_version(target, old, draft.text("resourceVersion"))?;
        draft.keep("resourceVersion", old);
        match part {
            Part::Main => keep_what_is_not_main(&mut draft, kind, old),
            Part::Status => keep_what_is_not_status(&mut draft, old),
        }
        let mut causes = immutable(&draft, old);
        causes.extend(new_finalizers(&draft, old));
        causes.extend(self.forms.check(kind, &draft, old));
        if !causes.is_empty() {
            return Err(target.invalid(&causes));
        }
        let is_over =
            draft.is_being_deleted() && draft.finalizers().is_empty() && kind.is_namespaced();
        let spec_changed = draft
            .members
            .iter()
            .any(|(member, value)| member != "status" && old.get(member) != Some(value));
        if part == Part::Main && spec_changed {
            draft.advance();
        }
        let object = draft.whole();
        if object == **old && !stored.is_bare && !is_over {
            return Ok(Arc::clone(old));
        }
        let before = (&*stored.managers, &**old);
        let (object, managers) = self.signed(target, before, object, writer);
        if is_over {
            if !writer.dry_run {
                self.store.remove(kind, target.key());
            }
            return Ok(Arc::new(object));
        }
        if writer.dry_run {
            return Ok(Arc::new(object));
        }
        debug_assert_eq!(object["metadata"]["name"], name);
        Ok(self.store.put(kind, target.key(), object, managers, false))
    }

    /// A body, taken apart and in the form of its kind.
    pub(super) fn drafted(&self, kind: Kind, object: Value) -> Result<Draft, Refusal> {
        let refused = |why| {
            let (version, kind) = (kind.version(), kind.name());
            Refusal::bad_request(format!(
                "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
            ))
        };
        let mut draft = Draft::of(object).map_err(refused)?;
        self.forms.shape(kind, &mut draft).map_err(refused)?;
        Ok(draft)
    }

    /// The object with its managers, now that this writer has made it of an older one.
    pub(super) fn signed(
        &self,
        target: Target<'_>,
        (managers, old): (&Managers, &Value),
        mut object: Value,
        writer: &Writer,
    ) -> (Value, Managers) {
        let Target { kind, part, .. } = target;
        let change = (old, &object);
        let form = (kind, self.forms.schema(kind));
        let managers = managers.after(change, form, &writer.manager, part, &writer.time());
        if let Some(metadata) = object["metadata"].as_object_mut() {
            if managers.is_empty() {
                metadata.remove("managedFields");
            } else {
                metadata.insert(
                    "managedFields".to_owned(),
                    managers.shown(kind, self.shows_fields),
                );
            }
        }
        (object, managers)
    }
}

/// The object that is written must be the one that is there.
fn require_version(target: Target<'_>, old: &Value, given: Option<&str>) -> Result<(), Refusal> {
    let Target { kind, name, .. } = target;
    let Some(given) = given else {
        if kind.updates_unconditionally() {
            return Ok(());
        }
        let message = "0: must be specified for an update";
        return Err(target.invalid(&[Cause::invalid("metadata.resourceVersion", message)]));
    };
    let Ok(_) = given.parse::<u64>() else {
        return Err(Refusal::unforeseen(format!(
            "parsing \"{given}\": invalid syntax"
        )));
    };
    if old["metadata"]["resourceVersion"] == given {
        Ok(())
    } else {
        Err(Refusal::modified(kind, name))
    }
}

/// The main part has no say in these.
fn keep_what_is_not_main(draft: &mut Draft, kind: Kind, old: &Value) {
    for member in [
        "managedFields",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        draft.keep(member, old);
    }
    for member in ["uid", "namespace", "name"] {
        if draft.text(member).is_none() {
            draft.keep(member, old);
        }
    }
    if kind.has_status() {
        restore(&mut draft.members, "status", old);
    }
}

/// The status has no say in anything else.
fn keep_what_is_not_status(draft: &mut Draft, old: &Value) {
    draft
        .members
        .retain(|name, _| old.get(name).is_some() || name == "status");
    for name in old.as_object().into_iter().flat_map(Map::keys) {
        if !matches!(name.as_str(), "metadata" | "status") {
            restore(&mut draft.members, name, old);
        }
    }
    if let Value::Object(metadata) = &old["metadata"]
        && draft.metadata != *metadata
    {
        draft.metadata.clone_from(metadata);
    }
}

/// Makes a member what it was.
fn restore(members: &mut Map<String, Value>, name: &str, old: &Value) {
    match old.get(name) {
        Some(value) if members.get(name) == Some(value) => {}
        Some(value) => drop(members.insert(name.to_owned(), value.clone())),
        None => drop(members.remove(name)),
    }
}

/// What no update may change.
fn immutable(draft: &Draft, old: &Value) -> Vec<Cause> {
    let members = ["name", "namespace", "uid"].into_iter();
    let changed = members.filter(|member| {
        draft.text(member) != old["metadata"].get(*member).and_then(Value::as_str)
    });
    changed
        .map(|member| Cause::invalid(&format!("metadata.{member}"), "field is immutable"))
        .collect()
}

/// Finalizers that an object must not get any more.
fn new_finalizers(draft: &Draft, old: &Value) -> Option<Cause> {
    let before = old["metadata"]["finalizers"].as_array();
    let is_new = |it: &&Value| !before.is_some_and(|before| before.contains(it));
    let found: Vec<_> = draft.finalizers().iter().filter(is_new).collect();
    (draft.is_being_deleted() && !found.is_empty()).then(|| {
        let message = "no new finalizers can be added if the object is being deleted";
        Cause::forbidden(
            "metadata.finalizers",
            format!("{message}, found new finalizers {}", json!(found)),
        )
    })
}

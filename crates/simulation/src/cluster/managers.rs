//! `metadata.managedFields`: who set which field, as Kubernetes keeps it for updates (nobody here applies).

use std::sync::Arc;

use serde_json::{Value, json};

use super::difference::Difference;
use super::fields::Fields;
use super::kind::Kind;
use super::route::Part;
use super::schema::Schema;

/// Who wrote to an object through one of its parts, and which fields are his.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Manager {
    name: Arc<str>,
    part: Part,
    time: Arc<str>,
    fields: Arc<Fields>,
}

/// All who wrote to an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Managers(Vec<Manager>);

impl Managers {
    /// Those of an object after `name` has made `new` of `old` through `part`.
    pub(super) fn after(
        &self,
        (old, new): (&Value, &Value),
        (kind, schema): (Kind, Option<&Schema>),
        name: &str,
        part: Part,
        time: &str,
    ) -> Self {
        let Difference { set, removed } = Difference::between(kind, schema, old, new);
        let is_own = |it: &Manager| *it.name == *name && it.part == part;
        let mut managers = self.clone();
        for manager in &mut managers.0 {
            let lost = if is_own(manager) {
                &Fields::default()
            } else {
                &set
            };
            for lost in [lost, &removed] {
                if manager.fields.meets(lost) {
                    Arc::make_mut(&mut manager.fields).subtract(lost);
                }
            }
        }
        if !set.is_empty() {
            let index = managers.0.iter().position(is_own).unwrap_or_else(|| {
                managers.0.push(Manager {
                    name: name.into(),
                    part,
                    time: "".into(),
                    fields: Arc::default(),
                });
                managers.0.len() - 1
            });
            let manager = &mut managers.0[index];
            if !manager.fields.covers(&set) {
                Arc::make_mut(&mut manager.fields).add(&set);
            }
            manager.time = time.into();
        }
        managers.0.retain(|manager| !manager.fields.is_empty());
        managers.0.sort_by(|a, b| a.order().cmp(&b.order()));
        managers
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the metadata shows them; `whole`: with their fields, which nobody reads and which are half of an object's size.
    pub(super) fn shown(&self, kind: Kind, whole: bool) -> Value {
        let managers = self.0.iter();
        managers.map(|manager| manager.shown(kind, whole)).collect()
    }
}

impl Manager {
    fn order(&self) -> (&str, &str, Part) {
        (&self.time, &self.name, self.part)
    }

    fn shown(&self, kind: Kind, whole: bool) -> Value {
        let mut shown = json!({
            "apiVersion": kind.api_version(),
            "manager": *self.name,
            "operation": "Update",
            "time": *self.time,
        });
        if whole {
            shown["fieldsType"] = json!("FieldsV1");
            shown["fieldsV1"] = self.fields.shown();
        }
        if self.part == Part::Status {
            shown["subresource"] = json!("status");
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the states one after the other, and gives who has what in the end, and since when.
    fn written(states: &[(&str, Part, Value)]) -> Value {
        let conditions =
            json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]});
        let part = json!({"properties": {"conditions": conditions}});
        let schema = Schema::of(&json!({"properties": {"status": part}}));
        let mut managers = Managers::default();
        let mut old = json!({});
        for (time, (name, part, new)) in states.iter().enumerate() {
            let time = time.to_string();
            managers = managers.after(
                (&old, new),
                (Kind::ChatRoom, Some(&schema)),
                name,
                *part,
                &time,
            );
            old = new.clone();
        }
        let shown = managers.0.iter();
        shown
            .map(|it| {
                json!([
                    *it.name,
                    it.part == Part::Status,
                    *it.time,
                    it.fields.shown()
                ])
            })
            .collect()
    }

    #[test]
    fn a_field_belongs_to_whoever_changed_it_last_and_who_has_none_is_forgotten() {
        let (main, status) = (Part::Main, Part::Status);
        let room = |metadata: Value, spec: Value, status: Value| json!({"metadata": metadata, "spec": spec, "status": status});
        let created = json!({"metadata": {"name": "a"}, "spec": {}});
        let fresh = room(json!({}), json!({}), json!({"observedGeneration": -1}));
        let finalized = |list: Value| room(json!({"finalizers": list}), json!({}), json!({}));
        let labelled = |value| room(json!({"labels": {"k": value}}), json!({}), json!({}));
        let condition = |value| {
            let conditions = json!([{"type": "Ready", "status": value}]);
            room(json!({}), json!({}), json!({"conditions": conditions}))
        };
        for (what, states, wanted) in [
            (
                "an empty spec is a field",
                vec![("kubectl", main, created.clone())],
                json!([["kubectl", false, "0", {"f:spec": {}}]]),
            ),
            (
                "a spec with fields is one besides them",
                vec![("kubectl", main, json!({"spec": {"name": "a"}}))],
                json!([["kubectl", false, "0", {"f:spec": {".": {}, "f:name": {}}}]]),
            ),
            (
                "a write that changes nothing is none",
                vec![("a", main, created.clone()), ("b", main, created.clone())],
                json!([["a", false, "0", {"f:spec": {}}]]),
            ),
            (
                "finalizers are a set",
                vec![
                    ("a", main, finalized(json!(["x"]))),
                    ("b", main, finalized(json!(["x", "y"]))),
                    ("c", main, finalized(json!(["y"]))),
                ],
                json!([
                    ["a", false, "0", {"f:metadata": {"f:finalizers": {}}, "f:spec": {}, "f:status": {}}],
                    ["b", false, "1", {"f:metadata": {"f:finalizers": {"v:\"y\"": {}}}}],
                ]),
            ),
            (
                "what is overwritten changes hands",
                vec![("a", main, labelled("1")), ("b", main, labelled("2"))],
                json!([
                    ["a", false, "0", {"f:metadata": {"f:labels": {}}, "f:spec": {}, "f:status": {}}],
                    ["b", false, "1", {"f:metadata": {"f:labels": {"f:k": {}}}}],
                ]),
            ),
            (
                "conditions are told apart by their type",
                vec![
                    ("a", main, fresh.clone()),
                    ("b", status, condition("False")),
                    ("b", status, condition("True")),
                ],
                json!([
                    ["a", false, "0", {"f:spec": {}, "f:status": {}}],
                    ["b", true, "2", {"f:status": {"f:conditions": {
                        ".": {}, "k:{\"type\":\"Ready\"}": {".": {}, "f:status": {}, "f:type": {}},
                    }}}],
                ]),
            ),
            (
                "who has nothing left is forgotten",
                vec![
                    ("a", status, room(json!({}), json!({}), json!({"arn": "x"}))),
                    ("b", main, json!({})),
                ],
                json!([]),
            ),
        ] {
            let found = written(&states);
            assert_eq!(found, wanted, "{what}");
        }
    }
}

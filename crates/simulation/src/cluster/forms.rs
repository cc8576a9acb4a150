//! The form of each kind: what an object holds besides its metadata, whatever a client sends.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::draft::Draft;
use super::kind::Kind;
use super::refusal::Cause;
use super::rules;
use super::schema::{At, Schema};

/// Members of a Lease's spec; those that hold a time first.
const LEASE: [&str; 7] = [
    "acquireTime",
    "renewTime",
    "holderIdentity",
    "leaseDurationSeconds",
    "leaseTransitions",
    "preferredHolder",
    "strategy",
];
/// How many of [`LEASE`] hold a time.
const LEASE_TIMES: usize = 2;
/// Members of an Event.
const EVENT: [&str; 9] = [
    "action",
    "eventTime",
    "note",
    "reason",
    "regarding",
    "related",
    "reportingController",
    "reportingInstance",
    "type",
];

/// The forms of all kinds.
#[derive(Debug, Clone)]
pub(super) struct Forms {
    chat_room: Schema,
}

impl Forms {
    /// `schema`: that of the ChatRoom, as its CRD holds it.
    pub(super) fn new(schema: &Value) -> Self {
        Self {
            chat_room: Schema::of(schema),
        }
    }

    /// Brings an object into its form.
    ///
    /// # Errors
    /// What cannot be brought into it.
    pub(super) fn shape(&self, kind: Kind, draft: &mut Draft) -> Result<(), String> {
        let own = [("kind", kind.name()), ("apiVersion", kind.api_version())];
        for (member, value) in own {
            match draft.members.get(member).and_then(Value::as_str) {
                None | Some("") => {}
                Some(given) if given == value => {}
                Some(given) => return Err(format!("{member} {given} is not {value}")),
            }
        }
        match kind {
            Kind::ChatRoom => {
                self.chat_room.prune_members(&mut draft.members);
                self.chat_room.fill(&mut draft.members);
            }
            Kind::Event => shape_event(&mut draft.members)?,
            Kind::Lease => shape_lease(&mut draft.members)?,
            Kind::Namespace => shape_namespace(draft),
        }
        for (member, value) in own {
            draft.members.insert(member.to_owned(), json!(value));
        }
        Ok(())
    }

    /// The schema of a kind; built-in kinds have none.
    pub(super) fn schema(&self, kind: Kind) -> Option<&Schema> {
        (kind == Kind::ChatRoom).then_some(&self.chat_room)
    }

    /// Puts in what a kind has by default.
    pub(super) fn fill(&self, kind: Kind, members: &mut Map<String, Value>) {
        if let Some(schema) = self.schema(kind) {
            schema.fill(members);
        }
    }

    /// What is wrong with an object that is in its form. What was there before is not looked at again.
    pub(super) fn check(&self, kind: Kind, draft: &Draft, old: &Value) -> Vec<Cause> {
        let mut causes = Vec::new();
        let members = &draft.members;
        match kind {
            Kind::ChatRoom => self.check_chat_room(draft, old, &mut causes),
            Kind::Event => {
                let namespace = draft.text("namespace").unwrap_or_default();
                let regarding = members.get("regarding").map(|it| &it["namespace"]);
                if regarding.and_then(Value::as_str) != Some(namespace) {
                    let message = "does not match event.namespace";
                    causes.push(Cause::invalid("involvedObject.namespace", message));
                }
                if !members.contains_key("eventTime") {
                    causes.push(Cause::required("eventTime"));
                }
                let type_ = members.get("type").and_then(Value::as_str);
                if !matches!(type_, Some("Normal" | "Warning")) {
                    causes.push(Cause::invalid("type", "has invalid value"));
                }
            }
            Kind::Lease | Kind::Namespace => {}
        }
        causes
    }
}

impl Forms {
    fn check_chat_room(&self, draft: &Draft, old: &Value, causes: &mut Vec<Cause>) {
        let Draft { members, .. } = draft;
        self.chat_room.require(&At::Root, members, causes);
        let changed = |name: &str| old.get(name) != members.get(name);
        let changed: Vec<_> = members.iter().filter(|(name, _)| changed(name)).collect();
        for (name, value) in &changed {
            if let Some(schema) = self.chat_room.property(name) {
                schema.check(&At::Member(&At::Root, name), value, causes);
            }
        }
        if causes.is_empty() && !changed.is_empty() && self.chat_room.has_rules {
            rules::check(draft.text("name").unwrap_or_default(), members, causes);
        }
    }
}

fn shape_lease(members: &mut Map<String, Value>) -> Result<(), String> {
    members.retain(|name, _| matches!(name.as_str(), "apiVersion" | "kind" | "spec"));
    let spec = members.entry("spec").or_insert_with(|| json!({}));
    if spec.is_null() {
        *spec = json!({});
    }
    let spec = spec.as_object_mut().ok_or("spec: an object is expected")?;
    spec.retain(|name, value| LEASE.contains(&name.as_str()) && !value.is_null());
    for name in &LEASE[..LEASE_TIMES] {
        if let Some(value) = spec.get_mut(*name) {
            *value = in_microseconds(value)?;
        }
    }
    Ok(())
}

fn shape_event(members: &mut Map<String, Value>) -> Result<(), String> {
    members.retain(|name, value| {
        let known = matches!(name.as_str(), "apiVersion" | "kind" | "series");
        (known || EVENT.contains(&name.as_str())) && !value.is_null() && *value != ""
    });
    if let Some(time) = members.get_mut("eventTime") {
        *time = in_microseconds(time)?;
    }
    // Structs that are always there.
    for name in ["deprecatedSource", "regarding"] {
        members.entry(name).or_insert_with(|| json!({}));
    }
    for name in ["deprecatedFirstTimestamp", "deprecatedLastTimestamp"] {
        members.entry(name).or_insert(Value::Null);
    }
    Ok(())
}

fn shape_namespace(draft: &mut Draft) {
    let phase = if draft.is_being_deleted() {
        "Terminating"
    } else {
        "Active"
    };
    draft
        .members
        .insert("spec".to_owned(), json!({"finalizers": ["kubernetes"]}));
    draft
        .members
        .insert("status".to_owned(), json!({"phase": phase}));
    let name = draft.text("name").unwrap_or_default().to_owned();
    let labels = draft.metadata.entry("labels").or_insert_with(|| json!({}));
    labels["kubernetes.io/metadata.name"] = json!(name);
}

/// As Kubernetes writes a MicroTime.
fn in_microseconds(time: &Value) -> Result<Value, String> {
    let text = time.as_str().unwrap_or_default();
    let parsed: Result<Timestamp, _> = text.parse();
    let parsed = parsed.map_err(|_| format!("{time} is not a time"))?;
    Ok(json!(format!("{parsed:.6}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms() -> Forms {
        Forms::new(&json!({
            "required": ["spec"],
            "properties": {
                "spec": {"type": "object", "properties": {"name": {"type": "string"}}},
                "status": {"default": {"observedGeneration": -1}, "x-kubernetes-preserve-unknown-fields": true},
            },
        }))
    }

    fn shaped(kind: Kind, object: Value) -> Result<Value, String> {
        let mut draft = Draft::of(object)?;
        forms().shape(kind, &mut draft)?;
        Ok(draft.whole())
    }

    #[test]
    fn each_kind_has_its_form_whatever_a_client_sends() {
        for (kind, given, wanted) in [
            (
                Kind::ChatRoom,
                json!({"spec": {"name": "a", "junk": 1}, "junk": 1}),
                json!({"spec": {"name": "a"}, "status": {"observedGeneration": -1}}),
            ),
            (
                Kind::Lease,
                json!({"spec": {"holderIdentity": "", "leaseTransitions": null, "renewTime": "2026-01-02T03:04:05Z", "junk": 1}}),
                json!({"spec": {"holderIdentity": "", "renewTime": "2026-01-02T03:04:05.000000Z"}}),
            ),
            (
                Kind::Namespace,
                json!({"metadata": {"name": "live"}}),
                json!({
                    "metadata": {"name": "live", "labels": {"kubernetes.io/metadata.name": "live"}},
                    "spec": {"finalizers": ["kubernetes"]},
                    "status": {"phase": "Active"},
                }),
            ),
        ] {
            let mut wanted = wanted;
            wanted["apiVersion"] = json!(kind.api_version());
            wanted["kind"] = json!(kind.name());
            if wanted.get("metadata").is_none() {
                wanted["metadata"] = json!({});
            }
            assert_eq!(shaped(kind, given), Ok(wanted));
        }
        let other = shaped(Kind::Lease, json!({"kind": "Event"}));
        assert_eq!(other, Err("kind Event is not Lease".to_owned()));
        assert!(shaped(Kind::Lease, json!({"spec": {"renewTime": "noon"}})).is_err());
    }
}

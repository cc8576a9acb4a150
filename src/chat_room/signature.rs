//! How operators sign what they write, and tell each other apart: by their lease.

use ivschat_core::api::names::OPERATOR;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::DynamicObject;

use crate::kit::LeaseSettings;

/// The field manager of every write to an object: one for all replicas that share a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature(String);

impl Signature {
    /// `None`: without a lease nothing tells operators from each other.
    pub fn new(lease: Option<&LeaseSettings>) -> Self {
        /// The longest name of a field manager that Kubernetes accepts.
        const LONGEST: usize = 128;
        let Some(LeaseSettings {
            namespace, name, ..
        }) = lease
        else {
            return Self(OPERATOR.to_owned());
        };
        let mut signature = format!("{OPERATOR}/{namespace}/{name}");
        // Names in Kubernetes are ASCII. If a text is not, this removes a whole character.
        while signature.len() > LONGEST {
            signature.pop();
        }
        Self(signature)
    }

    /// The field manager's name.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Strips an object's `managedFields` to the names and times of other operators that wrote its status: anybody can call a field
    /// manager like them. Nothing else of them is read, and they are half of an object's size.
    pub(super) fn keep_others(&self, object: &mut DynamicObject) {
        let fields = object.metadata.managed_fields.take();
        let others = fields.unwrap_or_default().into_iter().filter_map(|entry| {
            let manager = entry.manager?;
            let operator = manager.split('/').next() == Some(OPERATOR);
            let status = entry
                .fields_v1
                .is_some_and(|fields| !fields.0["f:status"].is_null());
            (operator && status && manager != self.0).then(|| ManagedFieldsEntry {
                manager: Some(manager),
                time: entry.time,
                ..ManagedFieldsEntry::default()
            })
        });
        let others: Vec<_> = others.collect();
        object.metadata.managed_fields = (!others.is_empty()).then_some(others);
    }
}

/// Which writes of other operators to an object are known.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// When the last one came, or the earliest time if never. `None`: not looked at yet.
    last: Option<Timestamp>,
}

impl Others {
    /// Takes in when another operator last wrote to the object. True: it has written since this was told before.
    pub(super) fn wrote(&mut self, last: Option<Timestamp>) -> bool {
        let last = last.unwrap_or(Timestamp::MIN);
        self.last.replace(last).is_some_and(|known| last > known)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, Time};
    use kube::api::ApiResource;

    use ivschat_core::api::ChatRoom;
    use ivschat_core::room::seen::Other;

    use super::*;

    fn lease(namespace: &str, name: &str) -> LeaseSettings {
        LeaseSettings {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            duration: std::time::Duration::from_secs(15),
            candidate: "pod".to_owned(),
        }
    }

    #[test]
    fn replicas_share_a_signature_that_kubernetes_takes_and_other_leases_have_others() {
        let signature = |lease: Option<&LeaseSettings>| Signature::new(lease).0;
        assert_eq!(signature(None), "ivschat-operator");
        assert_eq!(
            signature(Some(&lease("ops", "a"))),
            "ivschat-operator/ops/a"
        );
        let long = signature(Some(&lease(&"n".repeat(63), &"l".repeat(253))));
        assert_eq!(long.len(), 128);
    }

    #[test]
    fn of_managed_fields_only_the_names_and_times_of_operators_that_wrote_the_status_are_kept() {
        let time = |seconds| Time(Timestamp::from_second(seconds).unwrap());
        let entry = |manager: &str, seconds| ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            time: Some(time(seconds)),
            fields_v1: Some(FieldsV1(serde_json::json!({"f:status": {}}))),
            ..ManagedFieldsEntry::default()
        };
        let applied = ManagedFieldsEntry {
            fields_v1: Some(FieldsV1(serde_json::json!({"f:spec": {}}))),
            ..entry("ivschat-operator/pipeline", 9)
        };
        let mut object = DynamicObject::new("lobby", &ApiResource::erase::<ChatRoom>(&()));
        object.metadata.managed_fields = Some(vec![
            entry("kubectl", 9),
            entry("ivschat-operator-lookalike", 9),
            entry("ivschat-operator/ops/mine", 9),
            entry("ivschat-operator/ops/other", 3),
            entry("ivschat-operator", 2),
            applied,
        ]);
        Signature::new(Some(&lease("ops", "mine"))).keep_others(&mut object);
        let kept = object.metadata.managed_fields.as_deref();
        assert_eq!(kept.unwrap().len(), 2);
        assert!(kept.unwrap().iter().all(|it| it.fields_v1.is_none()));
        let last = Other {
            at: time(3).0,
            signature: "ivschat-operator/ops/other".to_owned(),
        };
        assert_eq!(Other::last(kept), Some(last));
        Signature::new(Some(&lease("ops", "other"))).keep_others(&mut object);
        Signature::new(None).keep_others(&mut object);
        assert_eq!(object.metadata.managed_fields, None);
    }

    #[test]
    fn what_another_wrote_before_the_first_look_is_a_handover_and_what_comes_later_is_told_once() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let mut taken_over = Others::default();
        for (last, told) in [
            (at(1), false),
            (at(1), false),
            (at(2), true),
            (at(2), false),
            (None, false),
        ] {
            assert_eq!(taken_over.wrote(last), told, "{last:?}");
        }
        let mut new = Others::default();
        assert!(!new.wrote(None) && new.wrote(at(1)));
    }
}

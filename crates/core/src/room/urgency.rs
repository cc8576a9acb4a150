//! How urgent a pass over an object is. It follows from the object and from what is known of it, never from how the object came:
//! a list that is read again is no edit.

use crate::api::ConditionType;
use crate::lanes::Lane;

use super::seen::Seen;
use super::status::holds;

/// What a process knows of the passes over an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// [`Seen::asked`] of the object that the last pass worked on.
    pub asked: u64,
    /// That pass left the object as it is now, and nothing more to do than to look again at times.
    pub settled: bool,
}

/// The lane of the next pass. `tried`: the last pass of this process, if there was one.
pub fn lane(seen: &Seen, tried: Option<Tried>) -> Lane {
    match tried {
        Some(tried) => of(tried.asked != seen.asked(), tried.settled),
        None => of(is_new(seen), is_settled(seen)),
    }
}

fn of(asked: bool, settled: bool) -> Lane {
    match (asked, settled) {
        (true, _) => Lane::Asked,
        (false, false) => Lane::Retry,
        (false, true) => Lane::Look,
    }
}

/// Whether people have asked for something since a pass of any process told of one.
fn is_new(seen: &Seen) -> bool {
    let status = &seen.status;
    status.observed_generation != Some(seen.generation)
        || seen.deleted_at.is_some()
        || (seen.reconcile_at.is_some() && seen.reconcile_at != status.last_handled_reconcile_at)
}

fn is_settled(seen: &Seen) -> bool {
    [ConditionType::Ready, ConditionType::Synced]
        .into_iter()
        .all(|kind| holds(&seen.status, kind))
}

#[cfg(test)]
mod tests {
    use kube::core::{ApiResource, DynamicObject};
    use serde_json::{Value, json};

    use super::*;
    use crate::api::ChatRoom;
    use crate::api::names::RECONCILE_AT_ANNOTATION;

    fn condition(kind: &str, status: &str) -> Value {
        let since = "2026-01-02T03:04:05Z";
        json!({"type": kind, "status": status, "reason": "Some", "message": "", "lastTransitionTime": since})
    }

    fn object(status: &Value) -> DynamicObject {
        let mut object = DynamicObject::new("lobby", &ApiResource::erase::<ChatRoom>(&()));
        object.metadata.generation = Some(2);
        object.data = json!({"spec": {}, "status": status});
        object
    }

    fn status(ready: &str, synced: &str) -> Value {
        let conditions = [condition("Ready", ready), condition("Synced", synced)];
        json!({"observedGeneration": 2, "lastHandledReconcileAt": "1", "conditions": conditions})
    }

    #[test]
    fn after_a_start_the_object_tells_how_urgent_its_pass_is() {
        let mut edited = object(&status("True", "True"));
        edited.metadata.generation = Some(3);
        let mut deleted = object(&status("True", "True"));
        deleted.metadata.deletion_timestamp =
            Some(serde_json::from_value(json!("2026-01-02T03:04:05Z")).unwrap());
        let requested = |at: &str| {
            let mut object = object(&status("True", "True"));
            let annotation = (RECONCILE_AT_ANNOTATION.to_owned(), at.to_owned());
            object.metadata.annotations = Some([annotation].into());
            object
        };
        for (object, expected) in [
            (object(&json!({"observedGeneration": -1})), Lane::Asked),
            (object(&json!(null)), Lane::Asked),
            (edited, Lane::Asked),
            (deleted, Lane::Asked),
            (requested("2"), Lane::Asked),
            (requested("1"), Lane::Look),
            (object(&status("True", "True")), Lane::Look),
            (object(&status("False", "True")), Lane::Retry),
            (object(&status("True", "False")), Lane::Retry),
        ] {
            let seen = Seen::read(&object);
            assert_eq!(lane(&seen, None), expected, "{object:?}");
        }
    }

    #[test]
    fn what_was_asked_for_is_asked_for_once_and_a_list_read_again_asks_for_nothing() {
        let seen = Seen::read(&object(&json!(null)));
        let tried = |asked, settled| Some(Tried { asked, settled });
        assert_eq!(lane(&seen, tried(seen.asked(), true)), Lane::Look);
        assert_eq!(lane(&seen, tried(seen.asked(), false)), Lane::Retry);
        assert_eq!(lane(&seen, tried(seen.asked() ^ 1, true)), Lane::Asked);
    }
}

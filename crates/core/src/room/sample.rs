//! What the tests of several files begin with.

use jiff::SignedDuration;
use kube::core::{ApiResource, DynamicObject};
use serde_json::json;

use crate::api::names::FINALIZER;
use crate::api::{ChatRoom, DeletionPolicy};

use super::case::Policies;
use super::seen::Seen;
use super::{ActualRoom, Identity, Owner, RoomArn, Tags};

/// The ChatRoom of [`identity`], without any field, held by the operator.
pub(super) fn seen() -> Seen {
    let mut object = DynamicObject::new("lobby", &ApiResource::erase::<ChatRoom>(&()));
    object.metadata.namespace = Some("live".to_owned());
    object.metadata.uid = Some("uid-1".to_owned());
    object.metadata.generation = Some(1);
    object.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
    object.data = json!({"spec": {}});
    Seen::read(&object)
}

/// A grace of 100 seconds, a lag of up to 80, clocks 10 seconds apart, rooms in us-west-2, lists that count for 20 minutes.
pub(super) fn policies() -> Policies {
    Policies {
        cluster: "prod".parse().unwrap(),
        former_clusters: Vec::new(),
        default_tags: Tags::new(),
        ignored_tags: Vec::new(),
        default_deletion_policy: DeletionPolicy::Delete,
        max_deletions_per_minute: None,
        regions: vec!["us-west-2".to_owned()],
        grace: SignedDuration::from_secs(100),
        lag_bound: SignedDuration::from_secs(80),
        skew: SignedDuration::from_secs(10),
        verify_interval: SignedDuration::from_hours(24),
        lists_count_for: SignedDuration::from_secs(1200),
    }
}

/// The ChatRoom `lobby` in the namespace `live` of the cluster `prod`, with the uid `uid-1`.
pub(super) fn identity() -> Identity {
    Identity {
        owner: Owner {
            cluster: "prod".parse().unwrap(),
            namespace: "live".to_owned(),
            name: "lobby".to_owned(),
        },
        uid: "uid-1".to_owned(),
        former: Vec::new(),
    }
}

/// The ARN of a room in us-west-2, by the beginning of its id.
pub(super) fn arn(id: &str) -> RoomArn {
    let arn = format!("arn:aws:ivschat:us-west-2:123456789012:room/{id:x<12}");
    arn.parse().unwrap()
}

pub(super) fn tags(pairs: &[(&str, &str)]) -> Tags {
    let owned = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    owned.collect()
}

/// The room that a ChatRoom without any field describes, with these tags.
pub(super) fn room(arn: &RoomArn, tags: Tags) -> ActualRoom {
    ActualRoom {
        arn: arn.clone(),
        name: "lobby".to_owned(),
        maximum_message_length: 500,
        maximum_message_rate_per_second: 10,
        message_review_handler: None,
        logging_configuration_identifiers: Vec::new(),
        tags,
        create_time: None,
        update_time: None,
    }
}

//! What the tests of several files begin with.

use super::{Identity, ObservedRoom, Owner, RoomArn, Tags};

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
pub(super) fn room(arn: &RoomArn, tags: Tags) -> ObservedRoom {
    ObservedRoom {
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

//! What holds once faults have ended for long enough.

use ivschat_core::api::names::{CREATION_TAG, OWNER_TAG, RESERVED_TAG_PREFIX};
use ivschat_emulator::world::{Room, World};
use jiff::Timestamp;
use serde_json::Value;

use super::{Named, Oracle, Oracles, Violation, all_rooms};
use crate::cluster::{Cluster, Kind};
use crate::setting::CLUSTER;

/// Whether everything is as it has to be.
pub(crate) fn settled(
    oracles: &Oracles,
    cluster: &Cluster,
    world: &World,
) -> Result<(), Violation> {
    let rooms = all_rooms(world);
    let objects: Vec<_> = cluster.all(Kind::ChatRoom).collect();
    for object in &objects {
        object_is_settled(oracles, object, &rooms)
            .map_err(|what| Violation::new(Oracle::Convergence, what))?;
    }
    for room in &rooms {
        let Some(owner) = room.tags.get(OWNER_TAG) else {
            continue;
        };
        let known = objects
            .iter()
            .any(|object| Named::of(object).owner == *owner);
        let excused = oracles.is_left(room, owner);
        if owner.starts_with(&format!("{CLUSTER}/")) && !known && !excused {
            let what = format!(
                "room {} of {owner} is left, and no object knows of it",
                room.arn
            );
            return Err(Violation::new(Oracle::Convergence, what));
        }
    }
    Ok(())
}

impl Oracles {
    /// Whether it is a user's doing that a room of an object that is gone is still there.
    pub(super) fn is_left(&self, room: &Room, owner: &str) -> bool {
        if self.unseen.contains(&room.arn) {
            return true;
        }
        let left = |life: &super::Life| life.stripped || life.excuse.is_some();
        match room.tags.get(CREATION_TAG) {
            Some(uid) => self.lives.get(uid).is_some_and(left),
            // Somebody took the tag off that names the object.
            None => self
                .lives
                .values()
                .any(|life| life.owner == owner && left(life)),
        }
    }
}

/// Whether no object is being deleted any more.
pub(crate) fn deletions(cluster: &Cluster) -> Result<(), Violation> {
    let deleted =
        |object: &&std::sync::Arc<Value>| object["metadata"]["deletionTimestamp"].is_string();
    match cluster.all(Kind::ChatRoom).find(deleted) {
        None => Ok(()),
        Some(object) => {
            let what = format!(
                "{} is still being deleted: {}",
                Named::of(object).object,
                conditions(object)
            );
            Err(Violation::new(Oracle::Deletion, what))
        }
    }
}

fn object_is_settled(oracles: &Oracles, object: &Value, rooms: &[Room]) -> Result<(), String> {
    let named = Named::of(object);
    let name = &named.object;
    if object["metadata"]["deletionTimestamp"].is_string() {
        return Err(format!(
            "{name} is still being deleted: {}",
            conditions(object)
        ));
    }
    let status = &object["status"];
    let arn = status["arn"].as_str();
    let recorded = rooms.iter().find(|room| Some(room.arn.as_str()) == arn);
    let ready = condition(object, "Ready");
    let is_ready = ready["status"] == "True"
        && ready["observedGeneration"] == object["metadata"]["generation"];
    let own: Vec<&Room> = rooms.iter().filter(|room| named.owns(room)).collect();
    if let Some(stranger) = recorded.filter(|room| !named.owns(room)) {
        // Somebody took the tags off, or put others on, or restored a status that names a room of before: the operator says so, and
        // touches nothing.
        let lost = ["OwnershipLost", "Foreign", "ConsentMissing"].map(Value::from);
        if own.is_empty() && lost.contains(&ready["reason"]) {
            return Ok(());
        }
        return Err(format!(
            "{name} names room {}, which is not its own: {}",
            stranger.arn,
            conditions(object)
        ));
    }
    let Some(room) = recorded else {
        return Err(format!("{name} has no room: {}", conditions(object)));
    };
    // Only a person can tell what to do with a room that no longer says for whom it was made.
    let touched = oracles.lives.get(&named.uid);
    let touched = touched.is_some_and(|life| life.touched.is_some());
    let created = object["metadata"]["creationTimestamp"].as_str();
    let created: Option<Timestamp> = created.and_then(|time| time.parse().ok());
    // Nor which of two to keep, if the one in the status was there before the object.
    let is_elder = created.is_some_and(|created| room.create_time < created);
    let left = |other: &&&Room| {
        let foreign = other.tags.get(CREATION_TAG) != Some(&named.uid);
        let copied = is_elder && oracles.copies.contains_key(&other.arn);
        copied || foreign && (touched || oracles.is_left(other, &named.owner))
    };
    let mut others = own.iter().filter(|other| other.arn != room.arn);
    if let Some(other) = others.find(|other| !left(other)) {
        return Err(format!(
            "{name} has another room beside {}: {}",
            room.arn, other.arn
        ));
    }
    match (differs(&named, object, room), is_ready) {
        (None, true) => Ok(()),
        (None, false) => Err(format!(
            "{name} is not Ready, and its room is as specified: {}",
            conditions(object)
        )),
        (Some(field), true) => Err(format!("{name} is Ready, and {field} of its room differs")),
        (Some(field), false) => Err(format!(
            "{field} of the room of {name} differs: {}",
            conditions(object)
        )),
    }
}

/// The first thing about a room that is not as specified.
fn differs(named: &Named, object: &Value, room: &Room) -> Option<&'static str> {
    let spec = &object["spec"];
    let number = |member: &str, default: i64| spec[member].as_i64().unwrap_or(default);
    let name = spec["name"]
        .as_str()
        .or(object["metadata"]["name"].as_str());
    let wanted = spec["tags"].as_object();
    let wanted = wanted
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let found = room
        .tags
        .iter()
        .filter(|(key, _)| !key.starts_with(RESERVED_TAG_PREFIX));
    let found = found.map(|(key, value)| (key.as_str(), Some(value.as_str())));
    if name != Some(room.name.as_str()) {
        Some("the name")
    } else if number("maximumMessageLength", 500) != i64::from(room.maximum_message_length) {
        Some("maximumMessageLength")
    } else if number("maximumMessageRatePerSecond", 10)
        != i64::from(room.maximum_message_rate_per_second)
    {
        Some("maximumMessageRatePerSecond")
    } else if !named.asked_for(room) {
        Some("a tag of the operator's")
    } else if !wanted.eq(found) {
        Some("a tag")
    } else {
        None
    }
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    const NONE: &Value = &Value::Null;
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.find(|it| it["type"] == kind).unwrap_or(NONE)
}

fn conditions(object: &Value) -> String {
    let ready = condition(object, "Ready");
    format!(
        "Ready {} {}: {}",
        ready["status"], ready["reason"], ready["message"]
    )
}

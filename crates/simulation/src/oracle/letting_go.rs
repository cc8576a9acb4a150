//! No room of an object's own is left when its finalizer goes, and none can still come.

use ivschat_core::api::names::{CREATION_TAG, FINALIZER};
use ivschat_core::room::Tags;
use ivschat_emulator::world::{Room, World};
use serde_json::Value;

use crate::time::{Time, stamp};

use super::{Named, Oracle, Oracles, all_rooms};

impl Oracles {
    /// An operator wrote to an object: `before` it was like this, `after` it is like that; `None`: gone. `outstanding`: the tags of
    /// each CreateRoom that can still take effect.
    pub(crate) fn patched(
        &mut self,
        before: &Value,
        after: Option<&Value>,
        world: &World,
        outstanding: &[Tags],
        now: Time,
    ) {
        let holds = |object: &Value| {
            let finalizers = object["metadata"]["finalizers"].as_array();
            finalizers.is_some_and(|all| all.iter().any(|it| it == FINALIZER))
        };
        let lets_go = holds(before) && !after.is_some_and(holds);
        let deleted = before["metadata"]["deletionTimestamp"].is_string();
        let spec = &before["spec"];
        let stays = spec["deletionPolicy"] == "Retain" || spec["managementPolicy"] == "Observe";
        if !lets_go || !deleted {
            return;
        }
        let named = Named::of(before);
        let (grace, list_age, tags_move) = (self.grace, self.list_age, self.tags_move);
        let mut rooms = all_rooms(world);
        rooms.retain(|room| named.owns(room));
        // The list that proves the object to have no other room may be older than a copy that somebody has made.
        for room in &rooms {
            if self
                .copies
                .get(&room.arn)
                .is_some_and(|made| now < *made + list_age)
            {
                self.unseen.insert(room.arn.clone());
            }
        }
        if stays {
            return;
        }
        rooms.retain(|room| !self.unseen.contains(&room.arn));
        // Nor is a room looked for elsewhere that an earlier object left: a user took the finalizer off, or its process froze.
        let region = before["status"]["region"].as_str().unwrap_or_default();
        rooms.retain(|room| {
            let elsewhere = room.arn.split(':').nth(3) != Some(region);
            let own = room.tags.get(CREATION_TAG) == Some(&named.uid);
            own || !elsewhere || !self.is_left(room, &named.owner)
        });
        let life = self.life(&named.uid);
        // Reads may still show the tags as they were. Where tags move no room to the front of a list, that holds for all that rests on the
        // last list of the whole region.
        let shown_after = if tags_move { grace } else { list_age };
        let touched = life.touched.is_some_and(|at| now < at + shown_after);
        if touched || life.is_forgotten() {
            return;
        }
        // A room that a process made after it had frozen may not show yet.
        let excused = life.is_excused();
        let old = |room: &Room| stamp(now.saturating_sub(grace)) >= room.create_time;
        let object = &named.object;
        if let Some(room) = rooms.iter().find(|room| !excused || old(room)) {
            let what = format!(
                "the finalizer of {object} goes, and room {} is left",
                room.arn
            );
            self.broken(Oracle::LettingGo, what);
        } else if !excused
            && outstanding
                .iter()
                .any(|tags| tags.get(CREATION_TAG) == Some(&named.uid))
        {
            let what = format!(
                "the finalizer of {object} goes while a CreateRoom for it can still take effect"
            );
            self.broken(Oracle::LettingGo, what);
        }
    }
}

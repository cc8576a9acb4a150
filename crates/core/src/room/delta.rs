//! What lists show: what has changed, and what sweeps over every region are for.

use std::collections::BTreeSet;

use super::RoomArn;
use super::orphans::{ObjectName, Owned, Watched};

/// What the readings of one region show otherwise than those before. What this process has updated is told once, too, and what it has
/// tagged where that moves `updateTime`; what it has made or deleted is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rooms that are new, or shown otherwise than before.
    pub changed: BTreeSet<RoomArn>,
    /// Rooms that a whole reading does not show any more.
    pub gone: BTreeSet<RoomArn>,
}

impl Changes {
    /// Notes that a room is new, or shown otherwise than before.
    pub(super) fn tell(&mut self, arn: &RoomArn) {
        self.gone.remove(arn);
        self.changed.insert(arn.clone());
    }
}

/// What a sweep over every region found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// Objects with more than one room.
    pub twins: Owned,
    /// Rooms whose object was not there.
    pub orphans: Owned,
}

impl Delta {
    /// What these rooms, each with its owner tag, show together. `exists`: whether there is such an object.
    pub fn of(
        owned: Vec<(String, RoomArn)>,
        watched: &Watched<'_>,
        exists: impl Fn(&ObjectName) -> bool,
    ) -> Self {
        let (known, orphans): (Owned, Owned) =
            (watched.sort(owned).into_iter()).partition(|(object, _)| exists(object));
        let mut twins = known;
        twins.retain(|_, rooms| rooms.len() > 1);
        Self { twins, orphans }
    }

    /// How many rooms there are beyond the one of each object.
    pub fn surplus(&self) -> usize {
        self.twins.values().map(|rooms| rooms.len() - 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::ClusterId;
    use crate::room::sample::arn;

    #[test]
    fn rooms_of_one_object_are_twins_in_whatever_regions_they_are_and_those_of_none_are_orphans() {
        let cluster: ClusterId = "prod".parse().unwrap();
        let watched = Watched {
            cluster: &cluster,
            former: &[],
            namespaces: &[],
        };
        let owned = [
            ("prod/live/lobby", "a"),
            ("prod/live/hall", "b"),
            ("prod/live/lobby", "c"),
            ("prod/live/left", "d"),
            ("prod/live/left", "e"),
            ("other/live/left", "f"),
        ];
        let owned = owned.map(|(owner, id)| (owner.to_owned(), arn(id)));
        let exists = |(_, name): &ObjectName| name != "left";
        let delta = Delta::of(owned.to_vec(), &watched, exists);
        let named = |name: &str, ids: &[&str]| {
            let object = ("live".to_owned(), name.to_owned());
            Owned::from([(object, ids.iter().map(|id| arn(id)).collect())])
        };
        let expected = Delta {
            twins: named("lobby", &["a", "c"]),
            orphans: named("left", &["d", "e"]),
        };
        assert_eq!(delta, expected);
        assert_eq!(delta.surplus(), 1);
    }
}

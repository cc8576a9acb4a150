//! What a sweep over every region found, compared with what was known before.

use std::collections::BTreeSet;

use super::RoomArn;
use super::orphans::{ObjectName, Owned, Watched};

/// What the readings of one region show since they were last asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The rooms that carry an owner tag, with its value.
    pub owned: Vec<(String, RoomArn)>,
    /// Rooms that are new, or shown otherwise than before. What this process has updated or tagged shows up once, too; what it has
    /// made, released or deleted does not.
    pub changed: BTreeSet<RoomArn>,
    /// Rooms that somebody else has deleted.
    pub gone: BTreeSet<RoomArn>,
}

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// See [`Listing::changed`].
    pub changed: BTreeSet<RoomArn>,
    /// See [`Listing::gone`].
    pub gone: BTreeSet<RoomArn>,
    /// Objects with more than one room.
    pub twins: Owned,
    /// Rooms whose object was not there.
    pub orphans: Owned,
}

impl Delta {
    /// What the readings of these regions show together. `exists`: whether there is such an object.
    pub fn of(
        listings: Vec<Listing>,
        watched: &Watched<'_>,
        exists: impl Fn(&ObjectName) -> bool,
    ) -> Self {
        let mut delta = Self::default();
        let mut owned = Vec::new();
        for listing in listings {
            owned.extend(listing.owned);
            delta.changed.extend(listing.changed);
            delta.gone.extend(listing.gone);
        }
        let (known, orphans): (Owned, Owned) =
            (watched.sort(owned).into_iter()).partition(|(object, _)| exists(object));
        delta.twins = known;
        delta.twins.retain(|_, rooms| rooms.len() > 1);
        delta.orphans = orphans;
        delta
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
        let owned = |rooms: &[(&str, &str)]| {
            let room = |(owner, id): &(&str, &str)| ((*owner).to_owned(), arn(id));
            rooms.iter().map(room).collect()
        };
        let arns = |ids: &[&str]| ids.iter().map(|id| arn(id)).collect();
        let home = Listing {
            owned: owned(&[("prod/live/lobby", "a"), ("prod/live/hall", "b")]),
            changed: arns(&["a"]),
            gone: arns(&["x"]),
        };
        let abroad = Listing {
            owned: owned(&[
                ("prod/live/lobby", "c"),
                ("prod/live/left", "d"),
                ("prod/live/left", "e"),
                ("other/live/left", "f"),
            ]),
            changed: arns(&["c"]),
            gone: arns(&[]),
        };
        let exists = |(_, name): &ObjectName| name != "left";
        let delta = Delta::of(vec![home, abroad], &watched, exists);
        let named = |name: &str, ids: &[&str]| {
            let object = ("live".to_owned(), name.to_owned());
            Owned::from([(object, ids.iter().map(|id| arn(id)).collect())])
        };
        let expected = Delta {
            changed: arns(&["a", "c"]),
            gone: arns(&["x"]),
            twins: named("lobby", &["a", "c"]),
            orphans: named("left", &["d", "e"]),
        };
        assert_eq!(delta, expected);
        assert_eq!(delta.surplus(), 1);
    }
}

//! Rooms that say whose they are, while there is no such object.

use std::collections::{BTreeMap, BTreeSet};

use super::{ClusterId, Owner, RoomArn};

/// A ChatRoom by namespace and name.
pub type ObjectName = (String, String);

/// The rooms of this cluster's ChatRooms, by their owner tags.
pub type Owned = BTreeMap<ObjectName, Vec<RoomArn>>;

/// Which owner tags are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// The cluster's id.
    pub cluster: &'a ClusterId,
    /// Ids that it had before.
    pub former: &'a [ClusterId],
    /// The namespaces that are looked at; empty: all.
    pub namespaces: &'a [String],
}

impl Watched<'_> {
    /// Sorts rooms by the objects that their owner tags name, and leaves out those of others.
    pub fn sort(&self, rooms: impl IntoIterator<Item = (String, RoomArn)>) -> Owned {
        let mut owned = Owned::new();
        for (tag, arn) in rooms {
            let Some(Owner {
                cluster,
                namespace,
                name,
            }) = Owner::parse(&tag)
            else {
                continue;
            };
            let here = self.namespaces.is_empty() || self.namespaces.contains(&namespace);
            let ours = cluster == *self.cluster || self.former.contains(&cluster);
            if ours && here {
                owned.entry((namespace, name)).or_default().push(arn);
            }
        }
        owned
    }
}

/// What sweeps remember of rooms without an object.
#[derive(Debug, Default)]
pub struct Orphans {
    /// Rooms that had no object in the last sweep. A room whose object is on its way is in here once, but not twice.
    suspects: BTreeSet<RoomArn>,
    reported: BTreeSet<RoomArn>,
}

impl Orphans {
    /// Whether it has to be known which objects there are, those of other classes included.
    pub fn need_names(&self, without_object: &Owned) -> bool {
        let mut rooms = without_object.values().flatten();
        rooms.any(|arn| self.suspects.contains(arn))
    }

    /// Takes in a sweep, and gives the rooms to be reported, with the names that they bear. `without_object`: rooms whose object
    /// this operator does not know. `unlisted`: regions that could not be listed. `names`: every object there is; `None`: nobody
    /// can tell now.
    pub fn sweep(
        &mut self,
        without_object: Owned,
        unlisted: &BTreeSet<String>,
        names: Option<&BTreeSet<ObjectName>>,
    ) -> Vec<(ObjectName, RoomArn)> {
        let unseen = |arn: &&RoomArn| unlisted.contains(arn.region());
        let mut suspects: BTreeSet<_> = self.suspects.iter().filter(unseen).cloned().collect();
        let mut news = Vec::new();
        for (object, rooms) in without_object {
            let exists = names.map(|names| names.contains(&object));
            for arn in rooms {
                let orphan = exists == Some(false) && self.suspects.contains(&arn);
                if orphan && self.reported.insert(arn.clone()) {
                    news.push((object.clone(), arn.clone()));
                }
                if exists == Some(true) {
                    self.reported.remove(&arn);
                }
                suspects.insert(arn);
            }
        }
        self.reported.retain(|arn| suspects.contains(arn));
        self.suspects = suspects;
        news
    }

    /// How many orphans there are.
    pub fn count(&self) -> usize {
        self.reported.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::sample::arn;

    fn object(name: &str) -> ObjectName {
        ("live".to_owned(), name.to_owned())
    }

    /// Rooms of us-west-2 without an object, by the names that they bear.
    fn rooms(of: &[&str]) -> Owned {
        let owned = of.iter().map(|name| (object(name), vec![arn(name)]));
        owned.collect()
    }

    fn names(of: &[&str]) -> BTreeSet<ObjectName> {
        of.iter().map(|name| object(name)).collect()
    }

    #[test]
    fn rooms_of_other_clusters_and_namespaces_and_of_nobody_are_left_out() {
        let (cluster, former) = ("prod".parse().unwrap(), ["old".parse().unwrap()]);
        let namespaces = ["live".to_owned()];
        let watched = Watched {
            cluster: &cluster,
            former: &former,
            namespaces: &namespaces,
        };
        let tags = [
            "prod/live/a",
            "old/live/b",
            "dev/live/c",
            "prod/other/d",
            "nobody",
        ];
        let listed = tags.map(|tag| (tag.to_owned(), arn("x")));
        let sorted: Vec<_> = watched.sort(listed.clone()).into_keys().collect();
        assert_eq!(sorted, [object("a"), object("b")]);
        let everywhere = Watched {
            namespaces: &[],
            ..watched
        };
        assert_eq!(everywhere.sort(listed).len(), 3);
    }

    #[test]
    fn a_room_is_an_orphan_in_the_second_sweep_in_which_it_has_no_object_and_told_once() {
        let (mut orphans, nowhere) = (Orphans::default(), BTreeSet::new());
        assert!(!orphans.need_names(&rooms(&["a"])));
        assert_eq!(orphans.sweep(rooms(&["a", "other"]), &nowhere, None), []);
        assert!(orphans.need_names(&rooms(&["a"])) && !orphans.need_names(&rooms(&["b"])));
        // Nobody can tell now.
        assert_eq!(orphans.sweep(rooms(&["a", "other"]), &nowhere, None), []);
        let known = names(&["other"]);
        let told = orphans.sweep(rooms(&["a", "other"]), &nowhere, Some(&known));
        assert_eq!(told, [(object("a"), arn("a"))]);
        assert_eq!(orphans.sweep(rooms(&["a"]), &nowhere, Some(&known)), []);
        assert_eq!(orphans.count(), 1);
        // Its object has come, and gone again.
        assert_eq!(orphans.sweep(rooms(&[]), &nowhere, None), []);
        assert_eq!(orphans.count(), 0);
        for told in [0, 1] {
            let again = orphans.sweep(rooms(&["a"]), &nowhere, Some(&names(&[])));
            assert_eq!(again.len(), told);
        }
    }

    #[test]
    fn an_orphan_stays_one_while_its_region_cannot_be_listed_and_is_none_once_its_object_exists() {
        let (mut orphans, nowhere) = (Orphans::default(), BTreeSet::new());
        for _ in 0..2 {
            orphans.sweep(rooms(&["a"]), &nowhere, Some(&names(&[])));
        }
        let unlisted = BTreeSet::from(["us-west-2".to_owned()]);
        assert_eq!(orphans.sweep(rooms(&[]), &unlisted, None), []);
        assert_eq!(orphans.count(), 1);
        // Of another class.
        orphans.sweep(rooms(&["a"]), &nowhere, Some(&names(&["a"])));
        assert_eq!(orphans.count(), 0);
    }
}

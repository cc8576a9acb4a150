//! What people do: to objects, to rooms, and to statuses that they lose or restore.

use ivschat_core::api::names::{
    CLASS_LABEL, CREATION_TAG, OWNER_TAG, PAUSED_ANNOTATION, RECONCILE_AT_ANNOTATION,
};
use ivschat_emulator::world::{Answer, Call, CreateRoom, Room, Scope, Tags, UpdateRoom};
use serde_json::{Value, json};

use crate::cluster::Kind;
use crate::oracle::Named;
use crate::setting::{CLASS, LEASE, LEASE_NAMESPACE, NAMESPACES, REGIONS};
use crate::simulation::Simulation;
use crate::time::{TICK, stamp};

/// Something that a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Creates an object.
    Create,
    /// Edits a spec.
    Edit,
    /// Takes `spec.region` off.
    DropRegion,
    /// Deletes an object.
    Delete,
    /// Takes the status off.
    LoseStatus,
    /// Puts an earlier status in the place of the present one.
    RestoreStatus,
    /// Takes the finalizer off.
    Strip,
    /// Asks for a pass.
    Ask,
    /// Stops changes, or lets them go on.
    Pause,
    /// Changes a member of a room.
    ChangeRoom,
    /// Changes the last room of a region while that is being listed.
    ChangeListed,
    /// Takes a tag of the operator's off a room.
    TakeTag,
    /// Puts another owner on a room.
    TakeRoom,
    /// Deletes a room.
    DeleteRoom,
    /// Makes a room with the name and the tags of another.
    CopyRoom,
    /// Deletes the operators' lease.
    DeleteLease,
    /// Makes, changes or deletes a room that has nothing to do with any object.
    Others,
}

impl Act {
    /// All of them, as often as they are to be drawn.
    const DRAWN: [Self; 27] = [
        Self::Create,
        Self::Create,
        Self::Create,
        Self::Edit,
        Self::Edit,
        Self::Edit,
        Self::DropRegion,
        Self::Delete,
        Self::Delete,
        Self::Delete,
        Self::LoseStatus,
        Self::LoseStatus,
        Self::RestoreStatus,
        Self::Strip,
        Self::Ask,
        Self::Pause,
        Self::ChangeRoom,
        Self::ChangeListed,
        Self::TakeTag,
        Self::TakeRoom,
        Self::DeleteRoom,
        Self::CopyRoom,
        Self::DeleteLease,
        Self::Others,
        Self::Others,
        Self::Others,
        Self::Others,
    ];

    /// Draws one.
    pub(crate) fn draw(random: &mut fastrand::Rng) -> Self {
        Self::DRAWN[random.usize(..Self::DRAWN.len())]
    }
}

/// The most objects at a time.
const MOST: usize = 6;

impl Simulation {
    /// Does it, if that is possible now.
    pub(crate) fn act(&mut self, act: Act, random: &mut fastrand::Rng) -> bool {
        let done = match act {
            Act::Create => self.create_object(random),
            Act::Edit => self.edit(random, "edits", |spec, random| match random.u8(..3) {
                0 => spec["maximumMessageLength"] = json!(random.i32(100..=103)),
                1 => spec["maximumMessageRatePerSecond"] = json!(random.i32(5..=7)),
                _ => spec["tags"] = json!({"team": random.alphabetic().to_string()}),
            }),
            Act::DropRegion => self.edit(random, "takes the region off", |spec, _| {
                if let Some(spec) = spec.as_object_mut() {
                    spec.remove("region");
                }
            }),
            Act::Delete => self.on_object(random, "deletes", |it, named, _| {
                let (namespace, name) = split(&named.object);
                it.cluster
                    .remove(Kind::ChatRoom, namespace, name, stamp(it.now))
                    .is_ok()
            }),
            Act::LoseStatus => self.on_object(random, "takes the status off", |it, named, _| {
                it.put_status(named, Value::Null)
            }),
            Act::RestoreStatus => self.on_object(
                random,
                "restores an earlier status of",
                |it, named, random| {
                    let earlier = it.statuses.get(&named.object).filter(|all| !all.is_empty());
                    let earlier = earlier.map(|all| all[random.usize(..all.len())].clone());
                    earlier.is_some_and(|status| it.put_status(named, status))
                },
            ),
            Act::Strip => self.on_object(random, "takes the finalizer off", |it, named, _| {
                it.oracles.user_stripped(named);
                let (namespace, name) = split(&named.object);
                it.cluster
                    .strip_finalizers(Kind::ChatRoom, namespace, name, stamp(it.now))
                    .is_ok()
            }),
            Act::Ask => self.annotate(
                random,
                "asks for a pass over",
                RECONCILE_AT_ANNOTATION,
                |_, now| json!(now),
            ),
            Act::Pause => self.annotate(
                random,
                "pauses or resumes",
                PAUSED_ANNOTATION,
                |before, _| {
                    if before.is_null() {
                        json!("true")
                    } else {
                        Value::Null
                    }
                },
            ),
            Act::ChangeListed => self.change_last(random),
            Act::ChangeRoom | Act::TakeTag | Act::TakeRoom | Act::DeleteRoom => {
                self.touch_room(act, random)
            }
            Act::CopyRoom => self.copy_room(random),
            Act::DeleteLease => self.delete_lease(),
            Act::Others => self.others(random),
        };
        self.collect_events();
        // No two rooms change at the same moment: with pages this small no list could end.
        self.now += TICK;
        done
    }

    fn create_object(&mut self, random: &mut fastrand::Rng) -> bool {
        if self.cluster.all(Kind::ChatRoom).count() >= MOST {
            return false;
        }
        let namespace = NAMESPACES[random.usize(..NAMESPACES.len())];
        let name = format!("room-{}", random.u8(..4));
        let mut spec = json!({});
        if random.u8(..3) == 0 {
            spec["region"] = json!(REGIONS[random.usize(..REGIONS.len())]);
        }
        if random.u8(..6) == 0 {
            spec["deletionPolicy"] = json!("Retain");
        }
        if random.bool() {
            spec["tags"] = json!({"team": "live"});
        }
        let object =
            json!({"metadata": {"name": name, "labels": {CLASS_LABEL: CLASS}}, "spec": spec});
        let done = self
            .cluster
            .add(Kind::ChatRoom, namespace, object, stamp(self.now))
            .is_ok();
        if done {
            self.tell(|| format!("a user creates {namespace}/{name} with {spec}"));
        }
        done
    }

    /// Every object that there is.
    fn objects(&self) -> Vec<Named> {
        let all = self.cluster.all(Kind::ChatRoom);
        all.map(|object| Named::of(object)).collect()
    }

    /// Does something to an object that is drawn.
    fn on_object(
        &mut self,
        random: &mut fastrand::Rng,
        what: &str,
        act: impl FnOnce(&mut Self, &Named, &mut fastrand::Rng) -> bool,
    ) -> bool {
        let Some(named) = random.choice(self.objects()) else {
            return false;
        };
        self.oracles.user_changed(&named.uid, self.now);
        let done = act(self, &named, random);
        if done {
            self.tell(|| format!("a user {what} {}", named.object));
        }
        done
    }

    fn edit(
        &mut self,
        random: &mut fastrand::Rng,
        what: &str,
        edit: impl FnOnce(&mut Value, &mut fastrand::Rng),
    ) -> bool {
        self.on_object(random, what, |it, named, random| {
            let (namespace, name) = split(&named.object);
            let change = |object: &mut Value| edit(&mut object["spec"], random);
            it.cluster
                .edit(Kind::ChatRoom, namespace, name, stamp(it.now), change)
                .is_ok()
        })
    }

    fn annotate(
        &mut self,
        random: &mut fastrand::Rng,
        what: &str,
        key: &str,
        value: impl FnOnce(&Value, String) -> Value,
    ) -> bool {
        self.on_object(random, what, |it, named, _| {
            let (namespace, name) = split(&named.object);
            let now = stamp(it.now);
            let change = |object: &mut Value| {
                let annotations = &mut object["metadata"]["annotations"];
                let value = value(&annotations[key], now.to_string());
                annotations[key] = value.clone();
                if let Some(annotations) = annotations.as_object_mut().filter(|_| value.is_null()) {
                    annotations.remove(key);
                }
            };
            it.cluster
                .edit(Kind::ChatRoom, namespace, name, now, change)
                .is_ok()
        })
    }

    /// Lets every object that is paused go on.
    pub(crate) fn resume_all(&mut self) {
        for named in self.objects() {
            let (namespace, name) = split(&named.object);
            let resume = |object: &mut Value| {
                if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
                    annotations.remove(PAUSED_ANNOTATION);
                }
            };
            // Refused where the object cannot be changed: then it is not paused for long.
            let _ = self
                .cluster
                .edit(Kind::ChatRoom, namespace, name, stamp(self.now), resume);
        }
        self.collect_events();
    }

    /// Takes the status off every object.
    pub(crate) fn lose_every_status(&mut self) {
        for named in self.objects() {
            if self.put_status(&named, Value::Null) {
                self.tell(|| format!("the status of {} is lost", named.object));
            }
        }
        self.collect_events();
    }

    fn put_status(&mut self, named: &Named, status: Value) -> bool {
        self.oracles.user_wrote_status(&named.uid);
        let (namespace, name) = split(&named.object);
        self.cluster
            .put_status(namespace, name, status, stamp(self.now))
            .is_ok()
    }

    /// Makes a lease that nobody holds.
    pub(crate) fn give_lease_back(&mut self) {
        let lease = json!({"metadata": {"name": LEASE}, "spec": {"holderIdentity": ""}});
        let now = stamp(self.now);
        // There is none yet.
        let _ = self.cluster.add(Kind::Lease, LEASE_NAMESPACE, lease, now);
    }

    fn delete_lease(&mut self) -> bool {
        let (namespace, name, now) = (LEASE_NAMESPACE, LEASE, stamp(self.now));
        let there = self.cluster.get(Kind::Lease, namespace, name).is_some();
        let done = self.cluster.remove(Kind::Lease, namespace, name, now);
        let done = there && done.is_ok();
        if done {
            self.tell(|| "somebody deletes the lease".to_owned());
            self.oracles
                .leaderless(self.now + self.setting.lease.saturating_mul(2));
        }
        done
    }

    // --- rooms ----------------------------------------------------------------------------------------------------------

    fn touch_room(&mut self, act: Act, random: &mut fastrand::Rng) -> bool {
        let rooms = crate::oracle::all_rooms(&self.world);
        let ours = rooms
            .into_iter()
            .filter(|room| room.tags.contains_key(CREATION_TAG));
        let Some(room) = random.choice(ours.collect::<Vec<_>>()) else {
            return false;
        };
        let identifier = room.arn.clone();
        let uid = room.tags.get(CREATION_TAG).cloned().unwrap_or_default();
        if matches!(act, Act::TakeTag | Act::TakeRoom) {
            self.oracles.user_touched(&uid, self.now);
        }
        let (what, call) = match act {
            Act::ChangeRoom => ("changes", changed(identifier, random)),
            Act::TakeTag => {
                let key = if random.bool() {
                    OWNER_TAG
                } else {
                    CREATION_TAG
                };
                let tag_keys = vec![key.to_owned()];
                (
                    "takes a tag of the operator's off",
                    Call::UntagResource {
                        resource_arn: identifier,
                        tag_keys,
                    },
                )
            }
            Act::TakeRoom => {
                let tags = Tags::from([(OWNER_TAG.to_owned(), "elsewhere/blue/room".to_owned())]);
                (
                    "puts another owner on",
                    Call::TagResource {
                        resource_arn: identifier,
                        tags,
                    },
                )
            }
            _ => ("deletes", Call::DeleteRoom { identifier }),
        };
        self.in_aws(&room, what, call)
    }

    /// Makes another room like that of an object that there is.
    fn copy_room(&mut self, random: &mut fastrand::Rng) -> bool {
        let objects = self.objects();
        let rooms = crate::oracle::all_rooms(&self.world).into_iter();
        let owned = rooms.filter(|room| objects.iter().any(|named| named.asked_for(room)));
        let Some(room) = random.choice(owned.collect::<Vec<_>>()) else {
            return false;
        };
        let region = room.arn.split(':').nth(3).unwrap_or_default();
        let call = Call::CreateRoom(CreateRoom {
            name: Some(room.name.clone()),
            tags: Some(room.tags.clone()),
            ..CreateRoom::default()
        });
        let scope = Scope::in_region(region);
        let Ok(Answer::Room(copy)) = self.world.call(&scope, call, stamp(self.now)) else {
            return false;
        };
        self.oracles.user_copied(&copy.arn, self.now);
        self.tell(|| format!("somebody copies room {} to {}", room.arn, copy.arn));
        true
    }

    /// The region whose pages somebody goes through.
    pub(crate) fn listed(&self) -> Option<String> {
        let requests = self.network.requests();
        let mut under_way = requests.under_way.values();
        under_way.find_map(|request| match &request.call {
            crate::network::Call::Aws(call) => match &**call {
                ivschat_aws::Request::List {
                    region,
                    token: Some(_),
                } => Some(region.clone()),
                _ => None,
            },
            crate::network::Call::Kubernetes(_) => None,
        })
    }

    /// Changes the room of ours that is last in a list that somebody reads.
    fn change_last(&mut self, random: &mut fastrand::Rng) -> bool {
        let Some(region) = self.listed() else {
            return false;
        };
        let rooms = self.world.rooms(&Scope::in_region(&region)).into_iter();
        let mut ours = rooms.filter(|room| room.tags.contains_key(CREATION_TAG));
        match ours.next_back() {
            Some(room) => {
                let call = changed(room.arn.clone(), random);
                self.in_aws(&room, "changes", call)
            }
            None => false,
        }
    }

    /// Rooms of other systems, so that lists have several pages and change while they are read.
    fn others(&mut self, random: &mut fastrand::Rng) -> bool {
        let region = REGIONS[random.usize(..REGIONS.len())];
        let scope = Scope::in_region(region);
        let rooms = self.world.rooms(&scope).into_iter();
        let others = rooms.filter(|room| {
            !room.tags.contains_key(CREATION_TAG) && !room.tags.contains_key(OWNER_TAG)
        });
        match random.choice(others.collect::<Vec<_>>()) {
            Some(room) if random.u8(..4) > 0 => {
                let identifier = room.arn.clone();
                if random.bool() {
                    return self.in_aws(&room, "deletes", Call::DeleteRoom { identifier });
                }
                let maximum_message_length = Some(random.i32(300..=303));
                let update = UpdateRoom {
                    identifier,
                    maximum_message_length,
                    ..UpdateRoom::default()
                };
                self.in_aws(&room, "changes", Call::UpdateRoom(update))
            }
            _ => {
                let call = Call::CreateRoom(CreateRoom::default());
                let made = self.world.call(&scope, call, stamp(self.now)).is_ok();
                self.tell(|| format!("another system makes a room in {region}"));
                made
            }
        }
    }

    fn in_aws(&mut self, room: &Room, what: &str, call: Call) -> bool {
        let region = room.arn.split(':').nth(3).unwrap_or_default();
        let done = self
            .world
            .call(&Scope::in_region(region), call, stamp(self.now))
            .is_ok();
        if done {
            self.tell(|| format!("somebody {what} room {}", room.arn));
        }
        done
    }
}

fn split(object: &str) -> (&str, &str) {
    object.split_once('/').unwrap_or_default()
}

/// A change of one of a room's members.
fn changed(identifier: String, random: &mut fastrand::Rng) -> Call {
    Call::UpdateRoom(UpdateRoom {
        identifier,
        maximum_message_length: Some(random.i32(200..=203)),
        ..UpdateRoom::default()
    })
}

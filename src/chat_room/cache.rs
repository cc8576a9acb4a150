//! Every ChatRoom as the watch delivered it last.
//!
//! A replica holds all of them, and reads one only when its pass begins. So each is [packed](Packer). Ten
//! thousand of them take a few megabytes instead of a hundred.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ivschat_core::pack::{Packed, Packer};
use ivschat_core::room::RoomArn;
use kube::api::DynamicObject;
use kube::runtime::watcher::Event;
use serde_json::Value;

use crate::kit::Name;

/// Every ChatRoom as the watch delivered it last. Clones share it.
#[derive(Clone, Default)]
pub struct Cache(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<Name, Box<Kept>>,
    /// How many objects name each region as that of their room.
    regions: BTreeMap<Arc<str>, usize>,
    /// For objects that have no room yet, and for those that have one: these are like each other.
    packers: [Packer; 2],
}

struct Kept {
    object: Packed,
    /// Which packer it is packed by.
    packer: usize,
    /// `status.region`.
    region: Option<Arc<str>>,
    /// Marks of the ARNs in `status.arn` and `spec.adopt.arn`; 0: none.
    rooms: [u32; 2],
}

impl Cache {
    /// Takes in what the watch delivers. Gives the `metadata.uid` of an object that is gone.
    pub fn take(&self, event: &Event<DynamicObject>) -> Option<String> {
        match event {
            Event::Apply(object) | Event::InitApply(object) => {
                self.state().keep(object);
                None
            }
            Event::Delete(object) => self.state().remove(&Name::of(object)),
            Event::Init | Event::InitDone => None,
        }
    }

    /// An object, if it is there.
    pub fn get(&self, name: &Name) -> Option<DynamicObject> {
        let state = self.state();
        state.unpack(state.objects.get(name)?)
    }

    /// Whether an object is there.
    pub fn holds(&self, name: &Name) -> bool {
        self.state().objects.contains_key(name)
    }

    /// The name of an object, with the text of the one that is kept.
    pub fn name_of(&self, object: &DynamicObject) -> Name {
        let name = Name::of(object);
        let state = self.state();
        let known = state.objects.get_key_value(&name);
        known.map_or(name, |(known, _)| known.clone())
    }

    /// The name of every object.
    pub fn names(&self) -> Vec<Name> {
        self.state().objects.keys().cloned().collect()
    }

    /// Every value of `status.region`, whatever it is.
    pub fn regions(&self) -> Vec<Arc<str>> {
        self.state().regions.keys().cloned().collect()
    }

    /// Every object whose status names one of these rooms, or whose spec asks for one.
    pub fn naming(&self, rooms: &BTreeSet<&RoomArn>) -> Vec<(Name, DynamicObject)> {
        let marks: BTreeSet<u32> = rooms.iter().map(|arn| mark(arn.as_str())).collect();
        let marked = |kept: &Kept| kept.rooms.iter().any(|mark| marks.contains(mark));
        let names = |object: &DynamicObject| {
            let mut arns = arns(object).into_iter().flatten();
            arns.any(|arn| arn.parse().is_ok_and(|arn: RoomArn| rooms.contains(&arn)))
        };
        let state = self.state();
        let marked = state.objects.iter().filter(|(_, kept)| marked(kept));
        let objects = marked.filter_map(|(name, kept)| Some((name.clone(), state.unpack(kept)?)));
        objects.filter(|(_, object)| names(object)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, object: &DynamicObject) {
        let name = Name::of(object);
        let packer = usize::from(object.data["status"]["arn"].is_string());
        let region = object.data["status"]["region"].as_str();
        let region = region.map(|region| self.count(region));
        let kept = Kept {
            object: self.packers[packer].pack(object),
            packer,
            region,
            rooms: arns(object).map(|arn| arn.map_or(0, mark)),
        };
        if let Some(former) = self.objects.insert(name, Box::new(kept)) {
            self.discount(former.region);
        }
    }

    fn remove(&mut self, name: &Name) -> Option<String> {
        let former = self.objects.remove(name)?;
        let uid = self.unpack(&former).and_then(|object| object.metadata.uid);
        self.discount(former.region);
        uid
    }

    fn unpack(&self, kept: &Kept) -> Option<DynamicObject> {
        self.packers[kept.packer].unpack(&kept.object)
    }

    fn count(&mut self, region: &str) -> Arc<str> {
        let known = self.regions.get_key_value(region);
        let region = known.map_or_else(|| region.into(), |(known, _)| Arc::clone(known));
        *self.regions.entry(Arc::clone(&region)).or_default() += 1;
        region
    }

    fn discount(&mut self, region: Option<Arc<str>>) {
        if let Some(region) = region
            && let Some(count) = self.regions.get_mut(&region)
        {
            *count -= 1;
            if *count == 0 {
                self.regions.remove(&region);
            }
        }
    }
}

/// What the status names, and what the spec asks for.
fn arns(object: &DynamicObject) -> [Option<&str>; 2] {
    let named = |pointer| object.data.pointer(pointer).and_then(Value::as_str);
    [named("/status/arn"), named("/spec/adopt/arn")]
}

/// Stands for an ARN. Two may have the same; never 0.
fn mark(arn: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    arn.hash(&mut hasher);
    let [.., a, b, c, d] = hasher.finish().to_ne_bytes();
    u32::from_ne_bytes([a, b, c, d]).max(1)
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt;
    use serde_json::json;

    use super::*;
    use crate::chat_room::resource;

    fn arn(number: u32) -> String {
        format!("arn:aws:ivschat:us-west-2:123456789012:room/{number:012}")
    }

    /// A ChatRoom as most are.
    fn object(number: u32) -> DynamicObject {
        let mut object = DynamicObject::new(&format!("room-{number}"), &resource());
        object.types = None;
        object.metadata.namespace = Some("live".to_owned());
        object.metadata.uid = Some(format!("8f14e45f-ceea-467f-9575-{number:012}"));
        let condition = |kind: &str, status: &str| {
            json!({
                "type": kind,
                "status": status,
                "reason": "Available",
                "message": "The room exists and is as specified",
                "lastTransitionTime": "2026-11-29T10:00:00Z",
                "observedGeneration": 1,
            })
        };
        object.data = json!({
            "spec": {"maximumMessageLength": 200, "tags": {"team": "live", "show": format!("number {number}")}},
            "status": {
                "arn": arn(number),
                "region": "us-west-2",
                "conditions": [condition("Ready", "True"), condition("Synced", "True"), condition("Stalled", "False")],
            },
        });
        object
    }

    fn texts(values: &[Arc<str>]) -> Vec<&str> {
        values.iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn an_object_is_given_as_it_was_delivered_last() {
        let cache = Cache::default();
        let one = object(1);
        let name = Name::of(&one);
        assert_eq!(cache.get(&name), None);
        cache.take(&Event::InitApply(one.clone()));
        cache.take(&Event::Apply(object(2)));
        assert_eq!(cache.get(&name), Some(one.clone()));
        let mut edited = one.clone();
        // Nothing in it is as in the dictionary.
        edited.data =
            json!({"spec": ["é", 1.5, null, {"a": {"b": -7}}], "status": {"region": "eu-west-1"}});
        cache.take(&Event::Apply(edited.clone()));
        assert_eq!(cache.get(&name), Some(edited));
        assert_eq!(texts(&cache.regions()), ["eu-west-1", "us-west-2"]);
        assert_eq!(cache.names(), [name.clone(), Name::new("live", "room-2")]);
        assert_eq!(cache.take(&Event::Delete(one.clone())), one.uid());
        assert_eq!(cache.take(&Event::Delete(one)), None);
        assert!(!cache.holds(&name) && cache.get(&name).is_none());
        assert_eq!(texts(&cache.regions()), ["us-west-2"]);
    }

    #[test]
    fn objects_are_found_by_the_room_that_they_have_or_ask_for() {
        let cache = Cache::default();
        for number in 0..100 {
            cache.take(&Event::Apply(object(number)));
        }
        let mut adopts = object(100);
        adopts.data = json!({"spec": {"adopt": {"arn": arn(7)}}});
        cache.take(&Event::Apply(adopts));
        let seven: RoomArn = arn(7).parse().unwrap();
        let found = cache.naming(&BTreeSet::from([&seven]));
        let names = found.into_iter().map(|(name, _)| name.to_string());
        assert_eq!(names.collect::<Vec<_>>(), ["live/room-100", "live/room-7"]);
        let none: RoomArn = arn(1000).parse().unwrap();
        assert_eq!(cache.naming(&BTreeSet::from([&none])), []);
    }

    #[test]
    fn ten_thousand_objects_take_a_few_megabytes() {
        let cache = Cache::default();
        for number in 0..10_000 {
            cache.take(&Event::Apply(object(number)));
        }
        let state = cache.state();
        let packed: usize = state.objects.values().map(|kept| kept.object.size()).sum();
        assert!(packed < 10_000 * 160, "{packed}");
        assert!(size_of::<Kept>() <= 48);
    }
}

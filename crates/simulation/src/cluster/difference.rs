//! How two states of an object differ, field by field as managers have them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fields::Fields;
use super::kind::Kind;
use super::schema::{Listed, Schema};

/// Where in an object a value stands, as far as that tells how it is divided.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Metadata,
    /// A list whose items are told apart by themselves.
    Set,
    /// A list whose items are told apart by one of their members.
    By(&'a str),
    /// An object that belongs to one manager as a whole.
    Whole,
    /// Where this schema holds.
    Within(&'a Schema),
    Elsewhere,
}

impl<'a> Place<'a> {
    fn of(schema: &'a Schema) -> Self {
        match &schema.listed {
            Some(Listed::Set) => Self::Set,
            Some(Listed::By(member)) => Self::By(member),
            None => Self::Within(schema),
        }
    }

    fn below(self, name: &str) -> Self {
        match (self, name) {
            (Self::Metadata, "finalizers") => Self::Set,
            (Self::Metadata, "ownerReferences") => Self::By("uid"),
            (Self::Within(schema), name) => schema.below(name).map_or(Self::Elsewhere, Self::of),
            _ => Self::Elsewhere,
        }
    }

    /// What tells an item from others; `None` where lists belong to one manager as a whole.
    fn element(self, item: &Value) -> Option<String> {
        match self {
            Self::Set => Some(format!("v:{item}")),
            Self::By(member) => Some(format!("k:{{\"{member}\":{}}}", item[member])),
            _ => None,
        }
    }

    /// Whether the parts of a value have managers of their own.
    fn divides(self, value: &Value) -> bool {
        match value {
            Value::Object(_) => !matches!(self, Self::Whole),
            Value::Array(_) => matches!(self, Self::Set | Self::By(_)),
            _ => false,
        }
    }
}

/// How two states of a value differ.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// What is new or has another value.
    pub(super) set: Fields,
    pub(super) removed: Fields,
}

impl Difference {
    /// `schema`: that of the kind, if it has one.
    pub(super) fn between(kind: Kind, schema: Option<&Schema>, old: &Value, new: &Value) -> Self {
        let root = schema.map_or(Place::Elsewhere, Place::Within);
        let mut difference = Self::default();
        let nothing = Value::Object(Map::new());
        for member in names(old, new) {
            let (mut old, new) = (old.get(member), new.get(member));
            let below = match member {
                "apiVersion" | "kind" => continue,
                // The API server sets these itself.
                "spec" | "status" if kind == Kind::Namespace => continue,
                "metadata" => Self::of_metadata(old, new),
                "regarding" | "related" if kind == Kind::Event => Self::of(Place::Whole, old, new),
                _ => {
                    // A member of a built-in kind is a struct, which is always there.
                    if !kind.is_custom() && new.is_some_and(Value::is_object) {
                        old = old.or(Some(&nothing));
                    }
                    Self::of(root.below(member), old, new)
                }
            };
            difference.put_member(member, below);
        }
        difference
    }

    /// Who wrote the fields that the API server sets itself is not kept.
    fn of_metadata(old: Option<&Value>, new: Option<&Value>) -> Self {
        let mut difference = Self::default();
        for member in [
            "annotations",
            "finalizers",
            "generateName",
            "labels",
            "ownerReferences",
        ] {
            let below = Self::of(
                Place::Metadata.below(member),
                old.and_then(|it| it.get(member)),
                new.and_then(|it| it.get(member)),
            );
            difference.put_member(member, below);
        }
        difference
    }

    fn of(place: Place<'_>, old: Option<&Value>, new: Option<&Value>) -> Self {
        let mut difference = Self::default();
        // Null is as good as nothing.
        let (old, new) = (
            old.filter(|it| !it.is_null()),
            new.filter(|it| !it.is_null()),
        );
        if old == new {
            return difference;
        }
        let divides = |value: &Value| place.divides(value);
        let stays_divided = old.is_some_and(divides) && new.is_some_and(divides);
        difference.set.is_member = new.is_some() && !stays_divided;
        difference.removed.is_member = old.is_some() && !stays_divided && new.is_none_or(divides);
        if !matches!(place, Place::Whole) {
            difference.take_members(place, old, new);
        }
        difference.take_items(place, old, new);
        difference
    }

    fn take_members(&mut self, place: Place<'_>, old: Option<&Value>, new: Option<&Value>) {
        let (old, new) = (members(old), members(new));
        for (name, value) in old.into_iter().flatten() {
            let now = new.and_then(|new| new.get(name));
            if now != Some(value) {
                self.put_member(name, Self::of(place.below(name), Some(value), now));
            }
        }
        for (name, value) in new.into_iter().flatten() {
            if !old.is_some_and(|old| old.contains_key(name)) {
                self.put_member(name, Self::of(place.below(name), None, Some(value)));
            }
        }
    }

    fn take_items(&mut self, place: Place<'_>, old: Option<&Value>, new: Option<&Value>) {
        let (old, new) = (elements(place, old), elements(place, new));
        for element in old
            .keys()
            .chain(new.keys().filter(|it| !old.contains_key(*it)))
        {
            let Self { set, removed } = Self::of(
                Place::Elsewhere,
                old.get(element).copied(),
                new.get(element).copied(),
            );
            put(&mut self.set.items, element, set);
            put(&mut self.removed.items, element, removed);
        }
    }

    fn put_member(&mut self, name: &str, Self { set, removed }: Self) {
        put(&mut self.set.members, name, set);
        put(&mut self.removed.members, name, removed);
    }
}

fn put(below: &mut BTreeMap<String, Fields>, name: &str, fields: Fields) {
    if !fields.is_empty() {
        below.insert(name.to_owned(), fields);
    }
}

/// The items of a list, by what tells them apart.
fn elements<'a>(place: Place<'_>, list: Option<&'a Value>) -> BTreeMap<String, &'a Value> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| Some((place.element(item)?, item)))
        .collect()
}

fn members(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

/// The members of either, each once.
fn names<'a>(old: &'a Value, new: &'a Value) -> impl Iterator<Item = &'a str> {
    let names = |value: &'a Value| members(Some(value)).into_iter().flat_map(Map::keys);
    let added = names(new).filter(|name| old.get(name.as_str()).is_none());
    names(old).chain(added).map(String::as_str)
}

//! Sets of fields, in which `metadata.managedFields` says whose is what.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A set of fields, as a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Whether the field itself is in the set, besides those below it.
    pub(super) is_member: bool,
    /// By the name of a member.
    pub(super) members: BTreeMap<String, Fields>,
    /// By what tells an item of a list from others, as `fieldsV1` writes it.
    pub(super) items: BTreeMap<String, Fields>,
}

impl Fields {
    pub(super) fn is_empty(&self) -> bool {
        !self.is_member && self.members.is_empty() && self.items.is_empty()
    }

    fn below(&self) -> [&BTreeMap<String, Self>; 2] {
        [&self.members, &self.items]
    }

    fn below_mut(&mut self) -> [&mut BTreeMap<String, Self>; 2] {
        [&mut self.members, &mut self.items]
    }

    /// The fields below both.
    fn shared<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (Option<&'a Self>, &'a Self)> {
        let pairs = self.below().into_iter().zip(other.below());
        pairs.flat_map(|(own, others)| {
            let others = others.iter();
            others.map(move |(name, fields)| (own.get(name), fields))
        })
    }

    /// Whether a field is in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let below =
            |(own, fields): (Option<&Self>, &Self)| own.is_some_and(|own| own.meets(fields));
        (self.is_member && other.is_member) || self.shared(other).any(below)
    }

    /// Whether all of `other` is in it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let below =
            |(own, fields): (Option<&Self>, &Self)| own.is_some_and(|own| own.covers(fields));
        (self.is_member || !other.is_member) && self.shared(other).all(below)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.is_member |= other.is_member;
        for (own, others) in self.below_mut().into_iter().zip(other.below()) {
            for (name, fields) in others {
                own.entry(name.clone()).or_default().add(fields);
            }
        }
    }

    /// Takes out what is in `other`.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.is_member &= !other.is_member;
        for (own, others) in self.below_mut().into_iter().zip(other.below()) {
            for (name, fields) in others {
                if let Some(left) = own.get_mut(name) {
                    left.subtract(fields);
                    if left.is_empty() {
                        own.remove(name);
                    }
                }
            }
        }
    }

    /// In the notation of `fieldsV1`.
    pub(super) fn shown(&self) -> Value {
        let members = self.members.iter();
        let members = members.map(|(name, fields)| (format!("f:{name}"), fields.shown()));
        let items = self.items.iter();
        let items = items.map(|(element, fields)| (element.clone(), fields.shown()));
        let mut shown: Map<_, _> = members.chain(items).collect();
        if self.is_member && !shown.is_empty() {
            shown.insert(".".to_owned(), json!({}));
        }
        Value::Object(shown)
    }
}

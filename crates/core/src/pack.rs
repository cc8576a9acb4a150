//! Keeps many texts that are like each other in little memory.

use std::marker::PhantomData;

use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest text that serves as dictionary.
const LONGEST: usize = 4096;

/// Packs values. The end of the first one serves as dictionary of the others: what it has in common with them is kept once.
#[derive(Debug, Clone, Default)]
pub struct Packer {
    dictionary: Box<[u8]>,
}

/// A value as compressed JSON, which the packer that made it can read.
#[derive(Debug, Clone)]
pub struct Packed(Box<[u8]>);

impl Packer {
    /// Packs a value.
    pub fn pack(&mut self, value: &impl Serialize) -> Packed {
        // Only maps whose keys are no strings cannot be written as JSON.
        let json = serde_json::to_vec(value).unwrap_or_default();
        if self.dictionary.is_empty() {
            self.dictionary = json[json.len().saturating_sub(LONGEST)..].into();
        }
        Packed(compress_prepend_size_with_dict(&json, &self.dictionary).into())
    }

    /// A value that it has packed; `None`: another packer has, or it is of another type.
    pub fn unpack<T: DeserializeOwned>(&self, packed: &Packed) -> Option<T> {
        let json = decompress_size_prepended_with_dict(&packed.0, &self.dictionary);
        serde_json::from_slice(&json.ok()?).ok()
    }
}

impl Packed {
    /// How many bytes it takes.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

/// Many values, packed. They are given back one by one.
#[derive(Debug, Clone)]
pub struct Bundle<T> {
    packer: Packer,
    values: Vec<Packed>,
    of: PhantomData<fn() -> T>,
}

impl<T> Default for Bundle<T> {
    fn default() -> Self {
        Self {
            packer: Packer::default(),
            values: Vec::new(),
            of: PhantomData,
        }
    }
}

impl<T: Serialize> Extend<T> for Bundle<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        for value in values {
            let packed = self.packer.pack(&value);
            self.values.push(packed);
        }
    }
}

impl<T: Serialize> FromIterator<T> for Bundle<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut bundle = Self::default();
        bundle.extend(values);
        bundle
    }
}

impl<T: DeserializeOwned> Bundle<T> {
    /// The values, in the order in which they came.
    ///
    /// # Panics
    /// If one cannot be read: none may be missing without notice.
    #[allow(
        clippy::expect_used,
        reason = "a crash is better than a value that is missing"
    )]
    pub fn unpack(self) -> impl Iterator<Item = T> {
        let Self { packer, values, .. } = self;
        let unpacked = move |value| packer.unpack(&value).expect("a packed value can be read");
        values.into_iter().map(unpacked)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_value_comes_back_whatever_the_dictionary_is(
            values in prop::collection::vec(prop::collection::btree_map(".*", ".*", 0..5), 1..10),
        ) {
            let bundle: Bundle<BTreeMap<String, String>> = values.iter().cloned().collect();
            prop_assert_eq!(bundle.unpack().collect::<Vec<_>>(), values);
        }
    }

    #[test]
    fn values_that_are_like_the_first_take_little() {
        let mut packer = Packer::default();
        let value = |number: u32| {
            vec![
                "a text that each of them has in common".repeat(10),
                number.to_string(),
            ]
        };
        packer.pack(&value(0));
        let second = packer.pack(&value(1));
        assert!(second.size() < 30, "{}", second.size());
        assert_eq!(packer.unpack(&second), Some(value(1)));
    }
}

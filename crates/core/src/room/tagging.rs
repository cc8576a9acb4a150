//! Which of a room's tags the operator may change.

use std::fmt;
use std::str::FromStr;

use crate::api::TagPolicy;
use crate::api::names::{RESERVED_TAG_PREFIX, is_system_tag};

use super::Tags;

/// A pattern of tag keys: an exact key, or the beginning of keys followed by `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPattern(String);

/// The text cannot be a pattern of tag keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pattern of tag keys is a key, or the beginning of keys and a *, and leaves {RESERVED_TAG_PREFIX} alone; found {0:?}"
)]
pub struct InvalidKeyPattern(pub String);

impl KeyPattern {
    /// Whether the pattern matches the key.
    pub fn matches(&self, key: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => key.starts_with(prefix),
            None => key == self.0,
        }
    }
}

impl FromStr for KeyPattern {
    type Err = InvalidKeyPattern;

    /// Refuses a pattern that matches the operator's own tags: the operator would no longer see its proof.
    fn from_str(text: &str) -> Result<Self, InvalidKeyPattern> {
        let stem = text.strip_suffix('*').unwrap_or(text);
        let reserved = stem.starts_with(RESERVED_TAG_PREFIX)
            || (stem.len() < text.len() && RESERVED_TAG_PREFIX.starts_with(stem));
        if text.is_empty() || stem.contains('*') || reserved {
            Err(InvalidKeyPattern(text.to_owned()))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Decides which tags the operator removes from a room.
#[derive(Debug, Clone, Copy, Default)]
pub struct TagScope<'a> {
    /// What to do with tags that the spec does not list.
    pub policy: TagPolicy,
    /// Keys that the object has put on the room.
    pub applied: &'a [String],
    /// Keys that the operator leaves alone.
    pub ignored: &'a [KeyPattern],
}

impl TagScope<'_> {
    /// Whether the operator removes this tag if nobody wants it.
    pub fn removes(&self, key: &str) -> bool {
        if is_system_tag(key) {
            return false;
        }
        // The operator's own tags that no longer mean anything, such as a used consent.
        key.starts_with(RESERVED_TAG_PREFIX)
            || (!self.ignores(key)
                && match self.policy {
                    TagPolicy::Exclusive => true,
                    TagPolicy::Additive => self.applied.iter().any(|applied| applied == key),
                })
    }

    fn ignores(&self, key: &str) -> bool {
        self.ignored.iter().any(|pattern| pattern.matches(key))
    }
}

/// The tags that count against a room's limit.
pub(super) fn counted(tags: &Tags) -> usize {
    tags.keys().filter(|key| !is_system_tag(key)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_key_or_the_beginning_of_keys_and_never_the_operators_own() {
        let pattern: KeyPattern = "cost-*".parse().unwrap();
        assert!(pattern.matches("cost-center") && !pattern.matches("cost"));
        let exact: KeyPattern = "team".parse().unwrap();
        assert!(exact.matches("team") && !exact.matches("teams"));
        assert_eq!(
            (pattern.to_string(), exact.to_string()),
            ("cost-*".to_owned(), "team".to_owned())
        );
        // The operator's keys begin like this, but no pattern here matches them.
        assert!("i".parse::<KeyPattern>().is_ok());
        for bad in [
            "",
            "*",
            "i*",
            "ivschat-operator.io/*",
            "ivschat-operator.io/owner",
            "a*b",
            "**",
        ] {
            assert_eq!(
                bad.parse::<KeyPattern>(),
                Err(InvalidKeyPattern(bad.to_owned()))
            );
        }
    }

    #[test]
    fn what_is_removed_depends_on_policy_and_patterns_and_never_includes_tags_of_aws() {
        let applied = ["mine".to_owned(), "cost-mine".to_owned()];
        let ignored = ["cost-*".parse().unwrap()];
        let scope = |policy| TagScope {
            policy,
            applied: &applied,
            ignored: &ignored,
        };
        let cases = [
            ("mine", true, true),
            ("theirs", true, false),
            ("cost-center", false, false),
            ("cost-mine", false, false),
            ("aws:stack", false, false),
            ("AWS:stack", false, false),
            ("Aws:mine", false, false),
            ("awsome:", true, false),
            ("ivschat-operator.io/adoptable-by", true, true),
        ];
        for (key, exclusive, additive) in cases {
            assert_eq!(scope(TagPolicy::Exclusive).removes(key), exclusive, "{key}");
            assert_eq!(scope(TagPolicy::Additive).removes(key), additive, "{key}");
        }
    }
}

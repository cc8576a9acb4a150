//! Whose a room is. The proof stands on the room itself: `status.arn` proves nothing, a user can forge it.

use std::fmt;
use std::str::FromStr;

use crate::api::names::{CREATION_TAG, OWNER_TAG};

use super::Tags;

/// Tells this cluster's rooms from another's: 1 to 63 characters that may stand in a tag, no `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterId(String);

/// The text cannot be a cluster id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a cluster id has 1 to 63 of a-z A-Z 0-9 - _ . : = + @, found {0:?}")]
pub struct InvalidClusterId(pub String);

impl FromStr for ClusterId {
    type Err = InvalidClusterId;

    fn from_str(text: &str) -> Result<Self, InvalidClusterId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:=+@".contains(c);
        if (1..=63).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidClusterId(text.to_owned()))
        }
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A ChatRoom among all clusters: the owner tag's value is `{cluster}/{namespace}/{name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The cluster the ChatRoom is in.
    pub cluster: ClusterId,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.cluster, self.namespace, self.name)
    }
}

/// What a room must show to be this ChatRoom's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The ChatRoom by name.
    pub owner: Owner,
    /// Its `metadata.uid`.
    pub uid: String,
}

/// What a room's tags prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The room is this ChatRoom's.
    Ours,
    /// The room names another owner, or another creation and no owner: whose, as its tag says.
    Foreign(String),
    /// The room names nobody.
    Missing,
}

impl Identity {
    /// Decides from a room's tags whether it is this ChatRoom's: by the owner tag, and only where that tag is absent by
    /// the creation tag.
    pub fn prove(&self, tags: &Tags) -> Proof {
        match (tags.get(OWNER_TAG), tags.get(CREATION_TAG)) {
            (Some(owner), _) if *owner == self.owner.to_string() => Proof::Ours,
            (Some(owner), _) => Proof::Foreign(owner.clone()),
            (None, Some(uid)) if *uid == self.uid => Proof::Ours,
            (None, Some(uid)) => Proof::Foreign(format!("the object with uid {uid}")),
            (None, None) => Proof::Missing,
        }
    }

    /// The two tags that make a room this ChatRoom's.
    pub fn tags(&self) -> Tags {
        Tags::from([
            (OWNER_TAG.to_owned(), self.owner.to_string()),
            (CREATION_TAG.to_owned(), self.uid.clone()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        let cluster = "prod".parse().unwrap();
        let owner = Owner {
            cluster,
            namespace: "live".to_owned(),
            name: "lobby".to_owned(),
        };
        Identity {
            owner,
            uid: "uid-1".to_owned(),
        }
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_owner_tag_decides_and_the_creation_tag_only_where_it_is_absent() {
        let cases = [
            (tags(&[(OWNER_TAG, "prod/live/lobby")]), Proof::Ours),
            (
                tags(&[(OWNER_TAG, "prod/live/lobby"), (CREATION_TAG, "uid-0")]),
                Proof::Ours,
            ),
            (tags(&[(CREATION_TAG, "uid-1")]), Proof::Ours),
            (
                tags(&[(OWNER_TAG, "prod/live/other"), (CREATION_TAG, "uid-1")]),
                Proof::Foreign("prod/live/other".to_owned()),
            ),
            (tags(&[(OWNER_TAG, "")]), Proof::Foreign(String::new())),
            (
                tags(&[(CREATION_TAG, "uid-2")]),
                Proof::Foreign("the object with uid uid-2".to_owned()),
            ),
            (tags(&[("team", "live")]), Proof::Missing),
        ];
        for (tags, proof) in cases {
            assert_eq!(identity().prove(&tags), proof, "{tags:?}");
        }
    }

    #[test]
    fn its_own_tags_prove_it() {
        assert_eq!(identity().prove(&identity().tags()), Proof::Ours);
    }

    #[test]
    fn a_cluster_id_never_holds_what_would_blur_the_owner_tag() {
        for bad in ["", "a/b", "a b", "ü", &"a".repeat(64)] {
            assert_eq!(
                bad.parse::<ClusterId>(),
                Err(InvalidClusterId(bad.to_owned()))
            );
        }
        assert!(
            "0f3c9a52-7d1e-4c55-9f0e-1b2a3c4d5e6f"
                .parse::<ClusterId>()
                .is_ok()
        );
        assert!("a".repeat(63).parse::<ClusterId>().is_ok());
    }
}

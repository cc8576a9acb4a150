//! Who owns a room. The proof is on the room itself: `status.arn` proves nothing, because users can forge it.

use std::fmt;
use std::str::FromStr;

use crate::api::names::{CONSENT_TAG, CREATION_TAG, OWNER_TAG};

use super::Tags;

/// The name that tells this cluster's rooms from another's: 1 to 63 characters that a tag may contain, without `/`.
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

/// A ChatRoom in any cluster, as the owner tag names it: `{cluster}/{namespace}/{name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The cluster the ChatRoom is in.
    pub cluster: ClusterId,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Owner {
    /// Reads the value of an owner tag; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (cluster, object) = text.split_once('/')?;
        let (namespace, name) = object.split_once('/')?;
        let (cluster, whole) = (
            cluster.parse().ok()?,
            !name.is_empty() && !name.contains('/'),
        );
        (whole && !namespace.is_empty()).then(|| Self {
            cluster,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }
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
    /// Ids that the cluster had before: an owner tag with one of them counts, and is brought up to date.
    pub former: Vec<ClusterId>,
}

/// What a room's tags prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The room is this ChatRoom's.
    Ours,
    /// The room names another owner, or no owner and another object as its creator. Holds what the tag names.
    Foreign(String),
    /// The room carries neither tag.
    Missing,
}

impl Identity {
    /// Decides from a room's tags whether it is this ChatRoom's. The owner tag decides; if it is absent, the creation tag
    /// does.
    pub fn prove(&self, tags: &Tags) -> Proof {
        match (tags.get(OWNER_TAG), tags.get(CREATION_TAG)) {
            (Some(owner), _) if self.owners().any(|ours| ours == *owner) => Proof::Ours,
            (Some(owner), _) => Proof::Foreign(owner.clone()),
            (None, Some(uid)) if *uid == self.uid => Proof::Ours,
            (None, Some(uid)) => Proof::Foreign(format!("the object with uid {uid}")),
            (None, None) => Proof::Missing,
        }
    }

    /// The values of the owner tag that prove a room this ChatRoom's.
    pub fn owners(&self) -> impl Iterator<Item = String> {
        let Owner {
            namespace, name, ..
        } = &self.owner;
        let former = self.former.iter();
        std::iter::once(self.owner.to_string())
            .chain(former.map(move |cluster| format!("{cluster}/{namespace}/{name}")))
    }

    /// Whether a room without an owner consents to be adopted by this ChatRoom. The consent is the ChatRoom's full name, or
    /// its beginning up to a `/`: every ChatRoom of the namespace or of the cluster. (A tag's value cannot contain a `*`.)
    pub fn may_adopt(&self, tags: &Tags) -> bool {
        let owner = self.owner.to_string();
        let consents =
            |to: &String| *to == owner || (to.ends_with('/') && owner.starts_with(to.as_str()));
        !tags.contains_key(OWNER_TAG) && tags.get(CONSENT_TAG).is_some_and(consents)
    }

    /// Whether a ChatRoom of this name has released the room: it belongs to nobody, and consents to this name alone.
    pub fn retained(&self, tags: &Tags) -> bool {
        !tags.contains_key(OWNER_TAG)
            && !tags.contains_key(CREATION_TAG)
            && tags.get(CONSENT_TAG) == Some(&self.owner.to_string())
    }

    /// Whether the room's creation tag names this object: the object asked for the room, or has bound it since.
    pub fn created(&self, tags: &Tags) -> bool {
        tags.get(CREATION_TAG) == Some(&self.uid)
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
    use crate::room::sample::{self, tags};

    fn identity() -> Identity {
        Identity {
            former: vec!["old".parse().unwrap()],
            ..sample::identity()
        }
    }

    #[test]
    fn the_owner_tag_decides_and_the_creation_tag_only_where_it_is_absent() {
        let cases = [
            (tags(&[(OWNER_TAG, "prod/live/lobby")]), Proof::Ours),
            (
                tags(&[(OWNER_TAG, "prod/live/lobby"), (CREATION_TAG, "uid-0")]),
                Proof::Ours,
            ),
            (tags(&[(OWNER_TAG, "old/live/lobby")]), Proof::Ours),
            (
                tags(&[(OWNER_TAG, "old/live/other")]),
                Proof::Foreign("old/live/other".to_owned()),
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
    fn a_room_of_nobody_is_adopted_by_those_it_consents_to() {
        let cases = [
            ("prod/live/lobby", true),
            ("prod/live/", true),
            ("prod/", true),
            ("prod/live/lob", false),
            ("prod/live", false),
            ("prod", false),
            ("prod/live/other", false),
            ("prod/live-too/", false),
            ("prod/live/lobby/", false),
            ("old/live/lobby", false),
            ("/", false),
            ("", false),
        ];
        for (consent, adopted) in cases {
            let consenting = tags(&[(CONSENT_TAG, consent)]);
            assert_eq!(identity().may_adopt(&consenting), adopted, "{consent:?}");
            assert_eq!(
                identity().retained(&consenting),
                consent == "prod/live/lobby",
                "{consent:?}"
            );
            let owned = tags(&[(CONSENT_TAG, consent), (OWNER_TAG, "other/live/lobby")]);
            assert!(!identity().may_adopt(&owned), "{consent:?}");
        }
        assert!(!identity().may_adopt(&tags(&[("team", "live")])));
    }

    #[test]
    fn its_own_tags_prove_it() {
        assert_eq!(identity().prove(&identity().tags()), Proof::Ours);
    }

    #[test]
    fn an_owner_reads_back_as_it_was_written_and_nothing_else_does() {
        let owner = identity().owner;
        assert_eq!(Owner::parse(&owner.to_string()), Some(owner));
        for bad in [
            "",
            "prod",
            "prod/live",
            "prod/live/",
            "prod//lobby",
            "/live/lobby",
            "prod/live/lobby/x",
        ] {
            assert_eq!(Owner::parse(bad), None, "{bad:?}");
        }
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

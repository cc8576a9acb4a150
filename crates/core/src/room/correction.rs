//! Compares the wanted room with the room that exists, and plans the calls that remove the difference.

use std::collections::BTreeSet;
use std::fmt;

use crate::api::FallbackResult;
use crate::api::limits::ROOM_TAGS_MAX;
use crate::api::names::{CONSENT_TAG, CREATION_TAG, OWNER_TAG, RESERVED_TAG_PREFIX};

use super::desired::Handler;
use super::tagging::counted;
use super::{
    ActualRoom, DesiredRoom, Failure, FailureClass, Identity, Owner, Proof, RoomArn, TagScope, Tags,
};

/// What a pass has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Correction {
    /// The room is as specified.
    None,
    /// There is no room.
    Create(NewRoom),
    /// The room differs.
    Change(Change),
}

/// The input of CreateRoom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoom {
    /// The room, without the operator's own tags.
    pub room: DesiredRoom,
    /// All tags, the operator's own included.
    pub tags: Tags,
}

/// The calls that bring a room to the wanted state, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// At most one of each kind; never empty.
    pub steps: Vec<Edit>,
    /// What they change, for people.
    pub differences: Vec<Difference>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// TagResource with these tags.
    Tag(Tags),
    /// UntagResource with these keys.
    Untag(Vec<String>),
    /// UpdateRoom with these members.
    Update(RoomUpdate),
}

impl Edit {
    /// What becomes of a room's tags.
    pub fn apply(&self, tags: &mut Tags) {
        match self {
            Self::Tag(new) => tags.extend(new.clone()),
            Self::Untag(keys) => tags.retain(|key, _| !keys.contains(key)),
            Self::Update(_) => {}
        }
    }
}

/// The input of UpdateRoom: only the members that differ. The API leaves an absent member as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "members are AWS's own")]
pub struct RoomUpdate {
    pub name: Option<String>,
    pub maximum_message_length: Option<i32>,
    pub maximum_message_rate_per_second: Option<i32>,
    pub message_review_handler: Option<HandlerUpdate>,
    pub logging_configuration_identifiers: Option<Vec<String>>,
}

/// How to change the review handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlerUpdate {
    /// Attach this one. Both members are sent, because AWS does not document whether an omitted one stays.
    Attach(Handler),
    /// Detach it: sent as `uri: ""`.
    Detach,
}

/// A field that is not as wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field's name under `spec`, e.g. `tags[team]`.
    pub field: String,
    /// The wanted value; empty if there should be none.
    pub wanted: String,
    /// The found value; empty if there is none.
    pub found: String,
}

/// What AWS has otherwise than the spec says, after it was asked to change that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Otherwise {
    /// It keeps this, as its answers tell.
    pub kept: Vec<Difference>,
    /// It shows this as before: it keeps it, or a read is behind.
    pub behind: Vec<Difference>,
}

impl Difference {
    /// Whether it is about a tag. Calls about tags answer nothing.
    pub fn is_about_a_tag(&self) -> bool {
        self.kind() == "tags"
    }

    /// Every field that can differ; all tags together are one field.
    pub const FIELDS: [&str; 6] = [
        "name",
        "maximumMessageLength",
        "maximumMessageRatePerSecond",
        "messageReviewHandler",
        "loggingConfigurationIdentifiers",
        "tags",
    ];

    /// Which of [`FIELDS`](Self::FIELDS) it is.
    pub fn kind(&self) -> &'static str {
        let kind = |field: &&str| self.field.split('[').next() == Some(*field);
        Self::FIELDS.into_iter().find(kind).unwrap_or("other")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &str| {
            if value.is_empty() {
                "nothing".to_owned()
            } else {
                value.to_owned()
            }
        };
        write!(
            f,
            "{}: {} → {}",
            self.field,
            shown(&self.found),
            shown(&self.wanted)
        )
    }
}

/// Compares the wanted room with `actual`: what GetRoom answered in this pass, or `None` for a room that is proven
/// absent.
///
/// # Errors
/// `Foreign` or `OwnershipLost` if the room does not prove to be this ChatRoom's: nothing may be done to it. `TagQuota` if
/// the tags that stay leave no space for the wanted ones.
pub fn correct(
    desired: &DesiredRoom,
    actual: Option<&ActualRoom>,
    identity: &Identity,
    scope: TagScope<'_>,
) -> Result<Correction, Failure> {
    let mut tags = desired.tags.clone();
    tags.extend(identity.tags());
    let Some(actual) = actual else {
        return Ok(Correction::Create(NewRoom {
            room: desired.clone(),
            tags,
        }));
    };
    require_proof(&actual.arn, &actual.tags, identity)?;
    let mut differences = Vec::new();
    let mut steps = tag_steps(&tags, actual, scope, &mut differences)?;
    // Last, because its answer shows the room with every change of this pass.
    steps.extend(update_step(desired, actual, &mut differences));
    Ok(if steps.is_empty() {
        Correction::None
    } else {
        Correction::Change(Change { steps, differences })
    })
}

/// How a room that is only actual differs from the spec. The operator's own tags do not count.
pub fn drift(desired: &DesiredRoom, actual: &ActualRoom, scope: TagScope<'_>) -> Vec<Difference> {
    let mut differences = tag_differences(&desired.tags, &actual.tags, |key| {
        !key.starts_with(RESERVED_TAG_PREFIX) && scope.removes(key)
    });
    update_step(desired, actual, &mut differences);
    differences
}

/// AWS keeps these values, where it was asked for the wanted ones.
pub fn keeps_otherwise(differences: &[Difference]) -> Failure {
    let told = differences.iter().map(|it| {
        let Difference {
            field,
            wanted,
            found,
        } = it;
        format!("{field} as {found:?}, where the spec says {wanted:?}")
    });
    let told: Vec<String> = told.collect();
    let message = format!(
        "AWS keeps {}. If that stays after a correction, write into the spec what AWS keeps",
        told.join("; ")
    );
    Failure::new(FailureClass::Invalid, message)
}

/// The call that takes over a room which [consents](Identity::may_adopt).
///
/// # Errors
/// `TagQuota` if it has no space for the operator's tags.
pub fn adopt(actual: &ActualRoom, identity: &Identity) -> Result<Edit, Failure> {
    let ours = identity.tags();
    require_space(actual, &actual.tags, &ours)?;
    Ok(Edit::Tag(ours))
}

/// The calls that release a room: it stays as it is, without the operator's tags, and consents to an object of the same
/// name.
pub fn release(tags: &Tags, identity: &Identity) -> Vec<Edit> {
    let untag = |keys: &[&str]| {
        // All of them, although one may not be shown: a read may be behind a tag that was just put back.
        let any = keys.iter().any(|key| tags.contains_key(*key));
        any.then(|| Edit::Untag(keys.iter().map(ToString::to_string).collect()))
    };
    let owner = identity.owner.to_string();
    let consent = Tags::from([(CONSENT_TAG.to_owned(), owner.clone())]);
    let consents = tags.get(CONSENT_TAG) == Some(&owner);
    let fits = tags.contains_key(CONSENT_TAG) || counted(tags) < ROOM_TAGS_MAX;
    let steps = match (consents, fits) {
        (true, _) => [untag(&[OWNER_TAG, CREATION_TAG]), None, None],
        // The proof goes last, so that the next pass continues a release that was interrupted.
        (false, true) => [
            Some(Edit::Tag(consent)),
            untag(&[OWNER_TAG, CREATION_TAG]),
            None,
        ],
        (false, false) if tags.contains_key(OWNER_TAG) && tags.contains_key(CREATION_TAG) => [
            untag(&[CREATION_TAG]),
            Some(Edit::Tag(consent)),
            untag(&[OWNER_TAG]),
        ],
        // The room is full and carries only one tag of the proof, which makes way for the consent.
        (false, false) => [
            untag(&[OWNER_TAG, CREATION_TAG]),
            Some(Edit::Tag(consent)),
            None,
        ],
    };
    steps.into_iter().flatten().collect()
}

/// Refuses a room that does not prove to be this ChatRoom's.
///
/// # Errors
/// `Foreign` or `OwnershipLost`; the message says what a person can do.
pub fn require_proof(arn: &RoomArn, tags: &Tags, identity: &Identity) -> Result<(), Failure> {
    match identity.prove(tags) {
        Proof::Ours => Ok(()),
        Proof::Foreign(owner) => Err(Failure::new(
            FailureClass::Foreign,
            format!(
                "Room {arn} belongs to {owner}, not to {}: nothing is changed on it. {}",
                identity.owner,
                remedy(&owner, &identity.owner)
            ),
        )),
        Proof::Missing => Err(Failure::new(
            FailureClass::OwnershipLost,
            format!(
                "Room {arn} no longer carries the operator's tags, so nothing is changed on it. To give it back: aws ivschat \
                 tag-resource --region {} --resource-arn {arn} --tags {OWNER_TAG}={}",
                arn.region(),
                identity.owner
            ),
        )),
    }
}

/// What a person can do about a room of another owner. If only the cluster differs, this cluster's id was probably changed.
fn remedy(theirs: &str, ours: &Owner) -> String {
    let former = Owner::parse(theirs).filter(|it| {
        (&it.namespace, &it.name) == (&ours.namespace, &ours.name) && it.cluster != ours.cluster
    });
    match former {
        Some(Owner { cluster, .. }) => format!(
            "If {cluster} was this cluster's id before, start the operator with --former-cluster-id {cluster}; if another cluster \
             has this ChatRoom too, remove the status here"
        ),
        None => format!(
            "If the object was copied, remove its status; if the room should be this object's, change its tag {OWNER_TAG}"
        ),
    }
}

/// Refuses to adopt or observe a room that does not consent to it.
///
/// # Errors
/// `Foreign` if the room has an owner, else `ConsentMissing`; the message says what a person can do.
pub fn require_consent(room: &ActualRoom, identity: &Identity) -> Result<(), Failure> {
    let (arn, owner) = (&room.arn, &identity.owner);
    if identity.may_adopt(&room.tags) {
        return Ok(());
    }
    if let Some(other) = room.tags.get(OWNER_TAG) {
        let message = format!(
            "Room {arn} belongs to {other}: it can only be adopted once that object has let it go (deletionPolicy: Retain, \
             then delete it), or, where it no longer exists, once the tag {OWNER_TAG} is taken off the room"
        );
        return Err(Failure::new(FailureClass::Foreign, message));
    }
    let message = format!(
        "Room {arn} does not consent to be adopted by this object. To consent: aws ivschat tag-resource --region {} \
         --resource-arn {arn} --tags {CONSENT_TAG}={owner}",
        arn.region()
    );
    Err(Failure::new(FailureClass::ConsentMissing, message))
}

/// At most one TagResource and one UntagResource. Tagging goes first, so that no wanted tag is missing in between, unless
/// the room would then carry too many tags.
fn tag_steps(
    wanted: &Tags,
    actual: &ActualRoom,
    scope: TagScope<'_>,
    differences: &mut Vec<Difference>,
) -> Result<Vec<Edit>, Failure> {
    let found = &actual.tags;
    let (surplus, staying): (Tags, Tags) = found
        .clone()
        .into_iter()
        .partition(|(key, _)| !wanted.contains_key(key) && scope.removes(key));
    require_space(actual, &staying, wanted)?;
    differences.extend(tag_differences(wanted, found, |key| scope.removes(key)));

    let changed: Tags = wanted
        .clone()
        .into_iter()
        .filter(|(key, value)| found.get(key) != Some(value))
        .collect();
    let new = changed
        .keys()
        .filter(|key| !found.contains_key(*key))
        .count();
    let untag_first = counted(found) + new > ROOM_TAGS_MAX;
    let tag = (!changed.is_empty()).then_some(Edit::Tag(changed));
    let untag = (!surplus.is_empty()).then(|| Edit::Untag(surplus.into_keys().collect()));
    let order = if untag_first {
        [untag, tag]
    } else {
        [tag, untag]
    };
    Ok(order.into_iter().flatten().collect())
}

fn tag_differences(wanted: &Tags, found: &Tags, removed: impl Fn(&str) -> bool) -> Vec<Difference> {
    let changed = wanted
        .keys()
        .filter(|key| found.get(*key) != wanted.get(*key));
    let surplus = found
        .keys()
        .filter(|key| !wanted.contains_key(*key) && removed(key));
    let value = |tags: &Tags, key: &String| tags.get(key).cloned().unwrap_or_default();
    let difference = |key: &String| Difference {
        field: format!("tags[{key}]"),
        wanted: value(wanted, key),
        found: value(found, key),
    };
    changed.chain(surplus).map(difference).collect()
}

/// Refuses to add tags if the tags that stay leave no space for them.
fn require_space(actual: &ActualRoom, staying: &Tags, wanted: &Tags) -> Result<(), Failure> {
    let mut all = staying.clone();
    all.extend(wanted.clone());
    if counted(&all) <= ROOM_TAGS_MAX {
        return Ok(());
    }
    let others = counted(&all) - wanted.len();
    let message = format!(
        "Room {} keeps {others} tags that are not this object's, which leaves no room for its {} (those of the operator \
         included): a room carries at most {ROOM_TAGS_MAX}. Remove tags from the room or the spec",
        actual.arn,
        wanted.len(),
    );
    Err(Failure::new(FailureClass::TagQuota, message))
}

fn update_step(
    desired: &DesiredRoom,
    actual: &ActualRoom,
    differences: &mut Vec<Difference>,
) -> Option<Edit> {
    let mut note = |field: &str, wanted: String, found: String| {
        differences.push(Difference {
            field: field.to_owned(),
            wanted,
            found,
        });
    };
    let mut update = RoomUpdate::default();
    if desired.name != actual.name {
        note("name", desired.name.clone(), actual.name.clone());
        update.name = Some(desired.name.clone());
    }
    if desired.maximum_message_length != actual.maximum_message_length {
        let (wanted, found) = (
            desired.maximum_message_length,
            actual.maximum_message_length,
        );
        note(
            "maximumMessageLength",
            wanted.to_string(),
            found.to_string(),
        );
        update.maximum_message_length = Some(wanted);
    }
    if desired.maximum_message_rate_per_second != actual.maximum_message_rate_per_second {
        let (wanted, found) = (
            desired.maximum_message_rate_per_second,
            actual.maximum_message_rate_per_second,
        );
        note(
            "maximumMessageRatePerSecond",
            wanted.to_string(),
            found.to_string(),
        );
        update.maximum_message_rate_per_second = Some(wanted);
    }
    if desired.message_review_handler != actual.message_review_handler {
        let (wanted, found) = (
            &desired.message_review_handler,
            &actual.message_review_handler,
        );
        note(
            "messageReviewHandler",
            handler_text(wanted.as_ref()),
            handler_text(found.as_ref()),
        );
        update.message_review_handler = Some(
            wanted
                .clone()
                .map_or(HandlerUpdate::Detach, HandlerUpdate::Attach),
        );
    }
    // AWS may keep them in another order.
    if set(&desired.logging_configuration_identifiers)
        != set(&actual.logging_configuration_identifiers)
    {
        let (wanted, found) = (
            &desired.logging_configuration_identifiers,
            &actual.logging_configuration_identifiers,
        );
        note(
            "loggingConfigurationIdentifiers",
            wanted.join(" "),
            found.join(" "),
        );
        update.logging_configuration_identifiers = Some(wanted.clone());
    }
    (update != RoomUpdate::default()).then_some(Edit::Update(update))
}

fn set(texts: &[String]) -> BTreeSet<&String> {
    texts.iter().collect()
}

fn handler_text(handler: Option<&Handler>) -> String {
    let result = |handler: &Handler| match handler.fallback_result {
        FallbackResult::Allow => "ALLOW",
        FallbackResult::Deny => "DENY",
    };
    handler
        .map(|handler| format!("{} ({})", handler.uri, result(handler)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;

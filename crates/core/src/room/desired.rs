//! What a spec asks for. Every rule is checked once, here; later steps cannot fail on it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::api::limits;
use crate::api::names::{RESERVED_TAG_PREFIX, SYSTEM_TAG_PREFIX, is_system_tag};
use crate::api::{ChatRoomSpec, FallbackResult, ManagementPolicy, MessageReviewHandler};

use super::{KeyPattern, RoomArn, Tags};

/// A room that AWS can be asked for: it is within every limit, and the API's defaults are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredRoom {
    /// The region it must be in.
    pub region: String,
    /// Its name.
    pub name: String,
    /// In code points.
    pub maximum_message_length: i32,
    /// Messages per second.
    pub maximum_message_rate_per_second: i32,
    /// The review handler, if any.
    pub message_review_handler: Option<Handler>,
    /// In the user's order.
    pub logging_configuration_identifiers: Vec<String>,
    /// The user's tags and the operator's default tags, without the operator's own two.
    pub tags: Tags,
}

/// A message review handler that is attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handler {
    /// ARN of the Lambda function.
    pub uri: String,
    /// What happens to a message when it fails.
    pub fallback_result: FallbackResult,
}

/// What a spec is read with: the object's name, the region if it is fixed already, and the operator's settings.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// The region of an object that names none.
    pub default_region: &'a str,
    /// The region in which the room was first asked for. It is fixed since then.
    pub fixed_region: Option<&'a str>,
    /// Tags of every room, unless the spec gives the key another value.
    pub default_tags: &'a Tags,
    /// Patterns of tags that no spec may set.
    pub ignored_tags: &'a [KeyPattern],
}

/// A rule that the spec breaks: which field, which limit, which value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, e.g. `spec.name`.
    pub field: String,
    /// What it must be.
    pub limit: String,
    /// What it is.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; found {}", self.field, self.limit, self.found)
    }
}

/// Every rule that the spec breaks; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ". " };
            write!(f, "{separator}{violation}")?;
        }
        Ok(())
    }
}

impl TryFrom<(&ChatRoomSpec, Origin<'_>)> for DesiredRoom {
    type Error = Violations;

    fn try_from((spec, origin): (&ChatRoomSpec, Origin<'_>)) -> Result<Self, Violations> {
        let mut check = Check::default();
        let adopt = check.adopt(spec);
        let adopted = adopt.as_ref().map(|arn| ("spec.adopt.arn", arn.region()));
        let asked = spec.region.as_deref().map(|it| ("spec.region", it));
        let region = check.region(asked.or(adopted), origin);
        let room = Self {
            name: check.name(spec.name.as_deref(), origin.name),
            maximum_message_length: check.range(
                "spec.maximumMessageLength",
                spec.maximum_message_length,
                limits::MESSAGE_LENGTH,
                limits::MESSAGE_LENGTH_DEFAULT,
            ),
            maximum_message_rate_per_second: check.range(
                "spec.maximumMessageRatePerSecond",
                spec.maximum_message_rate_per_second,
                limits::MESSAGE_RATE,
                limits::MESSAGE_RATE_DEFAULT,
            ),
            message_review_handler: check.handler(spec.message_review_handler.as_ref(), &region),
            logging_configuration_identifiers: check.logging(
                spec.logging_configuration_identifiers
                    .as_deref()
                    .unwrap_or_default(),
                &region,
            ),
            tags: check.tags(spec.tags.as_ref().unwrap_or(&Tags::new()), origin),
            region,
        };
        if check.violations.is_empty() {
            Ok(room)
        } else {
            Err(Violations(check.violations))
        }
    }
}

/// Collects all violations, so that one message names them all.
#[derive(Default)]
struct Check {
    violations: Vec<Violation>,
}

impl Check {
    fn require(
        &mut self,
        holds: bool,
        field: impl Into<String>,
        limit: impl Into<String>,
        found: impl fmt::Display,
    ) {
        if !holds {
            self.violations.push(Violation {
                field: field.into(),
                limit: limit.into(),
                found: found.to_string(),
            });
        }
    }

    /// `wanted`: the field that asks for a region, and the region.
    fn region(&mut self, wanted: Option<(&str, &str)>, origin: Origin<'_>) -> String {
        if let Some((field, region)) = wanted {
            let fits = is_region(region);
            self.require(
                fits,
                field,
                "must be an AWS region like us-west-2",
                quoted(region),
            );
            if let Some(fixed) = origin.fixed_region {
                let limit = format!(
                    "the region is fixed to {fixed} since the room was asked for; create another ChatRoom instead"
                );
                self.require(region == fixed, field, limit, quoted(region));
            }
        }
        origin
            .fixed_region
            .or(wanted.map(|(_, region)| region))
            .unwrap_or(origin.default_region)
            .to_owned()
    }

    fn adopt(&mut self, spec: &ChatRoomSpec) -> Option<RoomArn> {
        let arn = spec.adopt.as_ref()?.arn.as_str();
        let observed = spec.management_policy == Some(ManagementPolicy::Observe);
        self.require(
            spec.deletion_policy.is_some() || observed,
            "spec.deletionPolicy",
            "must be given with adopt",
            "none",
        );
        let adopt: Option<RoomArn> = arn.parse().ok();
        let limit = "must be the ARN of an IVS Chat room (arn:aws:ivschat:REGION:ACCOUNT:room/ID)";
        self.require(adopt.is_some(), "spec.adopt.arn", limit, quoted(arn));
        let here = match (&adopt, &spec.region) {
            (Some(adopt), Some(region)) => adopt.region() == region,
            _ => true,
        };
        self.require(
            here,
            "spec.adopt.arn",
            "the room must be in spec.region",
            quoted(arn),
        );
        adopt
    }

    fn name(&mut self, wanted: Option<&str>, object: &str) -> String {
        let max = limits::OBJECT_NAME_MAX;
        self.require(
            object.chars().count() <= max,
            "metadata.name",
            format!("a ChatRoom's name has at most {max} characters"),
            format!("{} characters", object.chars().count()),
        );
        if let Some(name) = wanted {
            let length = name.chars().count();
            let fits = (1..=limits::NAME_MAX).contains(&length);
            let limit = format!(
                "1 to {} characters; leave it out to use metadata.name",
                limits::NAME_MAX
            );
            self.require(
                fits,
                "spec.name",
                limit,
                format!("{} ({length} characters)", quoted(name)),
            );
            let allowed = name.is_empty() || NAME.is_match(name);
            self.require(
                allowed,
                "spec.name",
                "only a-z A-Z 0-9 - _ are allowed",
                quoted(name),
            );
        } else {
            let limit =
                "cannot be the room's name (only a-z A-Z 0-9 - _ are allowed): set spec.name";
            self.require(
                NAME.is_match(object),
                "metadata.name",
                limit,
                quoted(object),
            );
        }
        wanted.unwrap_or(object).to_owned()
    }

    fn range(
        &mut self,
        field: &str,
        wanted: Option<i32>,
        (min, max): (i32, i32),
        default: i32,
    ) -> i32 {
        let value = wanted.unwrap_or(default);
        self.require(
            (min..=max).contains(&value),
            field,
            format!("must be {min} to {max}"),
            value,
        );
        value
    }

    fn handler(&mut self, wanted: Option<&MessageReviewHandler>, region: &str) -> Option<Handler> {
        const FIELD: &str = "spec.messageReviewHandler.uri";
        let MessageReviewHandler {
            uri,
            fallback_result,
        } = wanted?;
        let length = uri.chars().count();
        let limit = format!("at most {} characters", limits::HANDLER_URI_MAX);
        self.require(
            length <= limits::HANDLER_URI_MAX,
            FIELD,
            limit,
            format!("{length} characters"),
        );
        if HANDLER_URI.is_match(uri) {
            let local = uri.split(':').nth(3) == Some(region);
            self.require(
                local,
                FIELD,
                format!("the function must be in the room's region {region}"),
                quoted(uri),
            );
        } else {
            let limit = "must be the ARN of a Lambda function (arn:aws:lambda:REGION:ACCOUNT:function:NAME); \
                         remove the block to detach";
            self.require(false, FIELD, limit, quoted(uri));
        }
        Some(Handler {
            uri: uri.clone(),
            fallback_result: fallback_result.unwrap_or_default(),
        })
    }

    fn logging(&mut self, wanted: &[String], region: &str) -> Vec<String> {
        const FIELD: &str = "spec.loggingConfigurationIdentifiers";
        let max = limits::LOGGING_MAX;
        self.require(
            wanted.len() <= max,
            FIELD,
            format!("at most {max} ARNs"),
            wanted.len(),
        );
        let mut seen = BTreeMap::new();
        for (index, arn) in wanted.iter().enumerate() {
            let field = format!("{FIELD}[{index}]");
            let length = arn.chars().count();
            let limit = format!("at most {} characters", limits::LOGGING_ARN_MAX);
            self.require(
                length <= limits::LOGGING_ARN_MAX,
                field.clone(),
                limit,
                format!("{length} characters"),
            );
            let first = *seen.entry(arn).or_insert(index);
            if first < index {
                let limit = format!("must differ from {FIELD}[{first}]");
                self.require(false, field.clone(), limit, quoted(arn));
            }
            if LOGGING_ARN.is_match(arn) {
                let local = arn.split(':').nth(3) == Some(region);
                let limit =
                    format!("the logging configuration must be in the room's region {region}");
                self.require(local, field, limit, quoted(arn));
            } else {
                self.require(
                    false,
                    field,
                    "must be the ARN of an IVS Chat logging configuration",
                    quoted(arn),
                );
            }
        }
        wanted.to_vec()
    }

    fn tags(&mut self, wanted: &Tags, origin: Origin<'_>) -> Tags {
        const FIELD: &str = "spec.tags";
        let max = limits::USER_TAGS_MAX;
        let mut all = origin.default_tags.clone();
        all.extend(wanted.clone());
        let defaults = all.len() - wanted.len();
        let limit = match defaults {
            0 => format!("at most {max} tags (two more are the operator's)"),
            _ => format!(
                "at most {max} tags (two more are the operator's), {defaults} of them by --default-tags"
            ),
        };
        self.require(all.len() <= max, FIELD, limit, all.len());
        for (key, value) in wanted {
            self.tag_key(key);
            let field = format!("{FIELD}[{}]", quoted(key));
            let length = value.chars().count();
            let limit = format!(
                "a tag's value has at most {} characters",
                limits::TAG_VALUE_MAX
            );
            self.require(
                length <= limits::TAG_VALUE_MAX,
                field.clone(),
                limit,
                format!("{length} characters"),
            );
            let limit = "a tag's value consists of letters, digits, space and _ . : / = + - @";
            self.require(TAG_VALUE.is_match(value), field, limit, quoted(value));
            let ignored = origin
                .ignored_tags
                .iter()
                .find(|pattern| pattern.matches(key));
            if let Some(pattern) = ignored {
                let limit =
                    format!("the operator leaves such keys alone (--ignore-tags {pattern})");
                self.require(false, FIELD, limit, quoted(key));
            }
        }
        all
    }

    fn tag_key(&mut self, key: &str) {
        const FIELD: &str = "spec.tags";
        let length = key.chars().count();
        let limit = format!("a tag's key has 1 to {} characters", limits::TAG_KEY_MAX);
        self.require(
            (1..=limits::TAG_KEY_MAX).contains(&length),
            FIELD,
            limit,
            format!("{} ({length} characters)", quoted(key)),
        );
        let limit = "a tag's key consists of letters, digits, space and _ . : / = + - @";
        self.require(
            key.is_empty() || TAG_KEY.is_match(key),
            FIELD,
            limit,
            quoted(key),
        );
        let reserved = is_system_tag(key) || key.starts_with(RESERVED_TAG_PREFIX);
        let limit = format!(
            "keys that begin with {SYSTEM_TAG_PREFIX} or {RESERVED_TAG_PREFIX} are reserved"
        );
        self.require(!reserved, FIELD, limit, quoted(key));
    }
}

/// Checks the operator's default tags, by the same rules as a spec's tags.
///
/// # Errors
/// Every rule that they break.
pub fn check_default_tags(tags: &Tags, ignored_tags: &[KeyPattern]) -> Result<(), Violations> {
    let origin = Origin {
        name: "",
        default_region: "",
        fixed_region: None,
        default_tags: &Tags::new(),
        ignored_tags,
    };
    let mut check = Check::default();
    check.tags(tags, origin);
    if check.violations.is_empty() {
        Ok(())
    } else {
        Err(Violations(check.violations))
    }
}

/// A value as a message shows it: quoted, and cut if it is too long.
pub(super) fn quoted(value: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = value.chars().take(SHOWN).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

fn pattern(pattern: &str) -> Regex {
    #[expect(
        clippy::expect_used,
        reason = "the limits are constants, and a test compiles each of them"
    )]
    Regex::new(pattern).expect("a valid pattern")
}

/// Whether this could be the name of an AWS region.
pub fn is_region(text: &str) -> bool {
    text.chars().count() <= limits::REGION_MAX && REGION.is_match(text)
}

static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(limits::NAME_PATTERN));
static REGION: LazyLock<Regex> = LazyLock::new(|| pattern(limits::REGION_PATTERN));
static HANDLER_URI: LazyLock<Regex> = LazyLock::new(|| pattern(limits::HANDLER_URI_PATTERN));
static LOGGING_ARN: LazyLock<Regex> = LazyLock::new(|| pattern(limits::LOGGING_ARN_PATTERN));
static TAG_KEY: LazyLock<Regex> = LazyLock::new(|| pattern(limits::TAG_KEY_PATTERN));
static TAG_VALUE: LazyLock<Regex> = LazyLock::new(|| pattern(limits::TAG_VALUE_PATTERN));

#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;

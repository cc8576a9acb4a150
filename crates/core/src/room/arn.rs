//! The ARN of a room: `arn:aws:ivschat:{region}:{account}:room/{id}`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A well-formed room ARN. Ordered by its text, which clones share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomArn(Arc<str>);

/// The text is not the ARN of an IVS Chat room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the ARN of an IVS Chat room: {0:?}")]
pub struct InvalidArn(pub String);

impl RoomArn {
    /// Longest ARN the API takes.
    pub const MAX: usize = 128;

    /// The region the room is in.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The AWS account the room belongs to.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// The room's id.
    pub fn id(&self) -> &str {
        self.part(5).trim_start_matches("room/")
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Comes before every ARN, and is none.
    pub(super) fn least() -> Self {
        Self("".into())
    }

    fn part(&self, index: usize) -> &str {
        self.0.split(':').nth(index).unwrap_or_default()
    }
}

impl FromStr for RoomArn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, InvalidArn> {
        const PREFIX: &str = "arn:aws:ivschat:";
        let parts = || {
            let (region, rest) = text.strip_prefix(PREFIX)?.split_once(':')?;
            let (account, resource) = rest.split_once(':')?;
            Some((region, account, resource.strip_prefix("room/")?))
        };
        let is =
            |part: &str, allowed: fn(char) -> bool| !part.is_empty() && part.chars().all(allowed);
        match parts() {
            Some((region, account, id))
                if text.len() <= Self::MAX
                    && is(region, |c| {
                        c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
                    })
                    && is(account, |c| c.is_ascii_digit())
                    && is(id, |c| c.is_ascii_alphanumeric() || c == '-') =>
            {
                Ok(Self(text.into()))
            }
            _ => Err(InvalidArn(text.to_owned())),
        }
    }
}

impl TryFrom<String> for RoomArn {
    type Error = InvalidArn;

    fn try_from(text: String) -> Result<Self, InvalidArn> {
        text.parse()
    }
}

impl From<RoomArn> for String {
    fn from(arn: RoomArn) -> Self {
        arn.as_str().to_owned()
    }
}

impl fmt::Display for RoomArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_arn_gives_its_parts() {
        let arn: RoomArn = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
            .parse()
            .unwrap();
        assert_eq!(
            (arn.region(), arn.account(), arn.id()),
            ("us-west-2", "123456789012", "g1H2I3j4k5L6")
        );
        assert_eq!(
            arn.to_string(),
            "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
        );
    }

    #[test]
    fn what_is_not_a_room_arn_is_refused() {
        for text in [
            "",
            "g1H2I3j4k5L6",
            "arn:aws:ivschat:us-west-2:123456789012:room/",
            "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/g1H2I3j4k5L6",
            "arn:aws:ivs:us-west-2:123456789012:room/g1H2I3j4k5L6",
            "arn:aws-cn:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6",
            "arn:aws:ivschat::123456789012:room/g1H2I3j4k5L6",
            "arn:aws:ivschat:us-west-2::room/g1H2I3j4k5L6",
            "arn:aws:ivschat:us-west-2:12345678901a:room/g1H2I3j4k5L6",
            "arn:aws:ivschat:us-west-2:123456789012:room/g1H2/I3j4",
            " arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6",
            &format!(
                "arn:aws:ivschat:us-west-2:123456789012:room/{}",
                "a".repeat(90)
            ),
        ] {
            assert_eq!(text.parse::<RoomArn>(), Err(InvalidArn(text.to_owned())));
        }
    }
}

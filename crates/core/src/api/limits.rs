//! The limits of the IVS Chat API that a spec must keep, once: the CRD's schema and the operator's own check read them here.
//!
//! Source: the API reference of Amazon IVS Chat, version 2020-07-14. Lengths are in Unicode code points.

/// Longest room name.
pub const NAME_MAX: usize = 128;
/// What a room name is made of.
pub const NAME_PATTERN: &str = "^[a-zA-Z0-9_-]+$";

/// Longest `metadata.name` of a ChatRoom, so that the owner tag's value always fits.
pub const OBJECT_NAME_MAX: usize = 128;

/// Longest region name.
pub const REGION_MAX: usize = 32;
/// A pattern instead of a list: a new AWS region needs no release.
pub const REGION_PATTERN: &str = "^[a-z]+(-[a-z]+)+-[0-9]+$";

/// Bounds of `maximumMessageLength`, in code points of one message.
pub const MESSAGE_LENGTH: (i32, i32) = (1, 500);
/// The API's default for `maximumMessageLength`.
pub const MESSAGE_LENGTH_DEFAULT: i32 = 500;

/// Bounds of `maximumMessageRatePerSecond`, in messages per second over all of a room's clients.
pub const MESSAGE_RATE: (i32, i32) = (1, 100);
/// The API's default for `maximumMessageRatePerSecond`.
pub const MESSAGE_RATE_DEFAULT: i32 = 10;

/// Longest ARN of a message review handler.
pub const HANDLER_URI_MAX: usize = 170;
/// A Lambda function, with or without a version or alias.
pub const HANDLER_URI_PATTERN: &str = "^arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:.+$";

/// Logging configurations per room.
pub const LOGGING_MAX: usize = 3;
/// Longest ARN of a logging configuration.
pub const LOGGING_ARN_MAX: usize = 128;
/// A logging configuration of IVS Chat.
pub const LOGGING_ARN_PATTERN: &str =
    "^arn:aws:ivschat:[a-z0-9-]+:[0-9]+:logging-configuration/[a-zA-Z0-9-]+$";

/// Longest ARN of a room.
pub const ROOM_ARN_MAX: usize = 128;
/// A room of IVS Chat.
pub const ROOM_ARN_PATTERN: &str = "^arn:aws:ivschat:[a-z0-9-]+:[0-9]+:room/[a-zA-Z0-9-]+$";

/// Tags a room may carry, those of AWS itself not counted.
pub const ROOM_TAGS_MAX: usize = 50;
/// Tags left to the user: two of a room's fifty are the operator's.
pub const USER_TAGS_MAX: usize = 48;
/// Longest tag key.
pub const TAG_KEY_MAX: usize = 128;
/// Longest tag value.
pub const TAG_VALUE_MAX: usize = 256;
/// What tag keys and values are made of.
pub const TAG_KEY_PATTERN: &str = r"^[\p{L}\p{N} _.:/=+@-]+$";
/// As [`TAG_KEY_PATTERN`], but a value may be empty.
pub const TAG_VALUE_PATTERN: &str = r"^[\p{L}\p{N} _.:/=+@-]*$";

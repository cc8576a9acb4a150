//! Specs that break a rule, and specs that just keep them all.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A spec that must be refused, and what the refusal must name.
pub(super) struct Bad {
    /// `metadata.name`; the row's own where empty.
    pub(super) name: String,
    pub(super) spec: Value,
    /// What of the CRD refuses it.
    pub(super) by: By,
    /// Field, limit and value in the operator's message.
    pub(super) told: [&'static str; 3],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The structural schema: refused by every API server.
    Schema,
    /// A CEL rule: refused from Kubernetes 1.25 on.
    Cel,
}

const ROOM: &str = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl";
const LAMBDA: &str = "arn:aws:lambda:us-west-2:123456789012:function:review";
const LOGGING: &str = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AbCdEfGhIjKl";

const NAME: &str = "spec.name";
const LENGTH: &str = "spec.maximumMessageLength";
const RATE: &str = "spec.maximumMessageRatePerSecond";
const REGION: &str = "spec.region";
const URI: &str = "spec.messageReviewHandler.uri";
const FALLBACK: &str = "spec.messageReviewHandler.fallbackResult";
const LOGS: &str = "spec.loggingConfigurationIdentifiers";
const TAGS: &str = "spec.tags";

const NAME_CHARACTERS: &str = "only a-z A-Z 0-9 - _ are allowed";
const A_REGION: &str = "must be an AWS region like us-west-2";
const A_LAMBDA: &str = "must be the ARN of a Lambda function";
const A_LOGGING: &str = "must be the ARN of an IVS Chat logging configuration";
const TAG_CHARACTERS: &str = "letters, digits, space and _ . : / = + - @";
const RESERVED: &str = "keys that begin with aws: or ivschat-operator.io/ are reserved";

fn tags(count: usize) -> BTreeMap<String, String> {
    (0..count)
        .map(|n| (format!("key-{n}"), "value".to_owned()))
        .collect()
}

fn logging(arns: &[&str]) -> Value {
    json!({"loggingConfigurationIdentifiers": arns})
}

/// The table.
#[allow(clippy::too_many_lines, reason = "a table")]
pub(super) fn bad_specs() -> Vec<Bad> {
    let row = |by, spec: Value, told| Bad {
        name: String::new(),
        spec,
        by,
        told,
    };
    let schema = |spec: Value, told: [&'static str; 3]| row(By::Schema, spec, told);
    let cel = |spec: Value, told: [&'static str; 3]| row(By::Cel, spec, told);
    let named = |name: &str, spec: Value, told| Bad {
        name: name.to_owned(),
        spec,
        by: By::Cel,
        told,
    };
    let handler = |uri: &str| json!({"messageReviewHandler": {"uri": uri}});
    let tag = |key: &str, value: &str| json!({"tags": {key: value}});
    vec![
        // name
        schema(
            json!({"name": ""}),
            [NAME, "1 to 128 characters", "\"\" (0 characters)"],
        ),
        schema(
            json!({"name": "n".repeat(129)}),
            [NAME, "1 to 128 characters", "129 characters"],
        ),
        schema(
            json!({"name": "main hall"}),
            [NAME, NAME_CHARACTERS, "\"main hall\""],
        ),
        schema(
            json!({"name": "main.hall"}),
            [NAME, NAME_CHARACTERS, "\"main.hall\""],
        ),
        schema(
            json!({"name": "hällo"}),
            [NAME, NAME_CHARACTERS, "\"hällo\""],
        ),
        schema(
            json!({"name": "hall\n"}),
            [NAME, NAME_CHARACTERS, "\"hall\\n\""],
        ),
        schema(json!({"name": 7}), [NAME, "expected a string", "7"]),
        named(
            "main.hall",
            json!({}),
            ["metadata.name", "set spec.name", "\"main.hall\""],
        ),
        named(
            &"n".repeat(129),
            json!({"name": "hall"}),
            ["metadata.name", "at most 128 characters", "129 characters"],
        ),
        // maximumMessageLength
        schema(
            json!({"maximumMessageLength": 0}),
            [LENGTH, "must be 1 to 500", "found 0"],
        ),
        schema(
            json!({"maximumMessageLength": 501}),
            [LENGTH, "must be 1 to 500", "found 501"],
        ),
        schema(
            json!({"maximumMessageLength": -1}),
            [LENGTH, "must be 1 to 500", "found -1"],
        ),
        schema(
            json!({"maximumMessageLength": "500"}),
            [LENGTH, "expected i32", "\"500\""],
        ),
        schema(
            json!({"maximumMessageLength": 1.5}),
            [LENGTH, "expected i32", "1.5"],
        ),
        schema(
            json!({"maximumMessageLength": 3_000_000_000_u32}),
            [LENGTH, "expected i32", "3000000000"],
        ),
        schema(
            json!({"maximumMessageLength": true}),
            [LENGTH, "expected i32", "true"],
        ),
        // maximumMessageRatePerSecond
        schema(
            json!({"maximumMessageRatePerSecond": 0}),
            [RATE, "must be 1 to 100", "found 0"],
        ),
        schema(
            json!({"maximumMessageRatePerSecond": 101}),
            [RATE, "must be 1 to 100", "found 101"],
        ),
        schema(
            json!({"maximumMessageRatePerSecond": -10}),
            [RATE, "must be 1 to 100", "found -10"],
        ),
        schema(
            json!({"maximumMessageRatePerSecond": "fast"}),
            [RATE, "expected i32", "\"fast\""],
        ),
        // region
        schema(json!({"region": ""}), [REGION, A_REGION, "\"\""]),
        schema(
            json!({"region": "US-WEST-2"}),
            [REGION, A_REGION, "\"US-WEST-2\""],
        ),
        schema(
            json!({"region": "us west 2"}),
            [REGION, A_REGION, "\"us west 2\""],
        ),
        schema(
            json!({"region": "us-west-2.evil.example"}),
            [REGION, A_REGION, "\"us-west-2.evil.example\""],
        ),
        schema(
            json!({"region": "oregon"}),
            [REGION, A_REGION, "\"oregon\""],
        ),
        schema(
            json!({"region": format!("{}-west-2", "u".repeat(40))}),
            [REGION, A_REGION, "uuu"],
        ),
        // messageReviewHandler
        schema(handler(""), [URI, A_LAMBDA, "\"\""]),
        schema(handler("review"), [URI, A_LAMBDA, "\"review\""]),
        schema(
            handler("arn:aws:sns:us-west-2:123456789012:topic"),
            [URI, A_LAMBDA, "arn:aws:sns:us-west-2:123456789012:topic"],
        ),
        schema(
            handler("arn:aws:lambda:us-west-2:12345:function:review"),
            [URI, A_LAMBDA, "12345"],
        ),
        schema(
            handler("arn:aws:lambda:us-west-2:123456789012:function:"),
            [URI, A_LAMBDA, "function:"],
        ),
        schema(
            handler("arn:aws-cn:lambda:us-west-2:123456789012:function:review"),
            [URI, A_LAMBDA, "arn:aws-cn"],
        ),
        schema(
            handler(&format!("{LAMBDA}{}", "x".repeat(130))),
            [URI, "at most 170 characters", "183 characters"],
        ),
        schema(
            json!({"messageReviewHandler": {}}),
            ["spec.messageReviewHandler", "missing field `uri`", "{}"],
        ),
        schema(
            json!({"messageReviewHandler": LAMBDA}),
            ["spec.messageReviewHandler", "expected struct", LAMBDA],
        ),
        schema(
            json!({"messageReviewHandler": [LAMBDA]}),
            ["spec.messageReviewHandler", "must be an object", LAMBDA],
        ),
        schema(
            json!({"messageReviewHandler": {"uri": LAMBDA, "fallbackResult": "allow"}}),
            [FALLBACK, "expected `ALLOW` or `DENY`", "\"allow\""],
        ),
        schema(
            json!({"messageReviewHandler": {"uri": LAMBDA, "fallbackResult": ""}}),
            [FALLBACK, "expected `ALLOW` or `DENY`", "\"\""],
        ),
        cel(
            json!({"region": "eu-west-1", "messageReviewHandler": {"uri": LAMBDA}}),
            [URI, "in the room's region eu-west-1", LAMBDA],
        ),
        // loggingConfigurationIdentifiers
        schema(logging(&[LOGGING; 4]), [LOGS, "at most 3 ARNs", "found 4"]),
        schema(
            logging(&[LOGGING, &format!("{LOGGING}2"), LOGGING]),
            [LOGS, "[2]: must differ from", "[0]; found"],
        ),
        schema(logging(&[LOGGING, "logs"]), [LOGS, A_LOGGING, "[1]: must"]),
        schema(logging(&[""]), [LOGS, A_LOGGING, "\"\""]),
        schema(
            logging(&["arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl"]),
            [LOGS, A_LOGGING, "room/AbCdEfGhIjKl"],
        ),
        schema(
            logging(&[&format!("{LOGGING}{}", "x".repeat(60))]),
            [LOGS, "at most 128 characters", "133 characters"],
        ),
        schema(
            json!({"loggingConfigurationIdentifiers": LOGGING}),
            [LOGS, "expected a sequence", LOGGING],
        ),
        cel(
            json!({"region": "eu-west-1", "loggingConfigurationIdentifiers": [LOGGING]}),
            [LOGS, "in the room's region eu-west-1", "us-west-2"],
        ),
        // tags
        schema(
            json!({"tags": tags(49)}),
            [TAGS, "at most 48 tags", "found 49"],
        ),
        schema(
            tag("team", &"v".repeat(257)),
            [
                "spec.tags[\"team\"]",
                "at most 256 characters",
                "257 characters",
            ],
        ),
        schema(
            tag("team", "live!"),
            ["spec.tags[\"team\"]", TAG_CHARACTERS, "\"live!\""],
        ),
        schema(
            tag("team", "a\tb"),
            ["spec.tags[\"team\"]", TAG_CHARACTERS, "\"a\\tb\""],
        ),
        schema(
            json!({"tags": {"team": 7}}),
            ["spec.tags.team", "expected a string", "7"],
        ),
        schema(json!({"tags": ["team"]}), [TAGS, "expected a map", "team"]),
        cel(
            tag("", "live"),
            [TAGS, "1 to 128 characters", "\"\" (0 characters)"],
        ),
        cel(
            tag(&"k".repeat(129), "live"),
            [TAGS, "1 to 128 characters", "129 characters"],
        ),
        cel(tag("team!", "live"), [TAGS, TAG_CHARACTERS, "\"team!\""]),
        cel(tag("te{am}", "live"), [TAGS, TAG_CHARACTERS, "\"te{am}\""]),
        cel(tag("aws:team", "live"), [TAGS, RESERVED, "\"aws:team\""]),
        cel(tag("AWS:team", "live"), [TAGS, RESERVED, "\"AWS:team\""]),
        cel(tag("aWs:", "live"), [TAGS, RESERVED, "\"aWs:\""]),
        cel(
            tag("ivschat-operator.io/owner", "me"),
            [TAGS, RESERVED, "\"ivschat-operator.io/owner\""],
        ),
        cel(
            tag("ivschat-operator.io/creation", "me"),
            [TAGS, RESERVED, "\"ivschat-operator.io/creation\""],
        ),
        cel(
            tag("ivschat-operator.io/anything", "me"),
            [TAGS, RESERVED, "\"ivschat-operator.io/anything\""],
        ),
        schema(
            json!({"tagPolicy": "exclusive"}),
            ["spec.tagPolicy", "unknown variant", "\"exclusive\""],
        ),
        schema(
            json!({"deletionPolicy": "Orphan"}),
            ["spec.deletionPolicy", "unknown variant", "\"Orphan\""],
        ),
        schema(
            json!({"managementPolicy": "Look"}),
            ["spec.managementPolicy", "unknown variant", "\"Look\""],
        ),
        schema(
            json!({"adopt": [ROOM], "deletionPolicy": "Retain"}),
            ["spec.adopt", "must be an object", ROOM],
        ),
        schema(
            json!({"adopt": {}, "deletionPolicy": "Retain"}),
            ["spec.adopt", "missing field `arn`", "{}"],
        ),
        schema(
            json!({"adopt": {"arn": ROOM.replace("room/", "logging-configuration/")}, "deletionPolicy": "Retain"}),
            [
                "spec.adopt.arn",
                "must be the ARN of an IVS Chat room",
                "logging-configuration",
            ],
        ),
        schema(
            json!({"adopt": {"arn": ROOM.replace("arn:aws:", "arn:aws-cn:")}, "deletionPolicy": "Retain"}),
            [
                "spec.adopt.arn",
                "must be the ARN of an IVS Chat room",
                "arn:aws-cn:",
            ],
        ),
        cel(
            json!({"adopt": {"arn": ROOM}}),
            ["spec.deletionPolicy", "must be given with adopt", "none"],
        ),
        cel(
            json!({"region": "eu-west-1", "adopt": {"arn": ROOM}, "deletionPolicy": "Delete"}),
            ["spec.adopt.arn", "the room must be in spec.region", ROOM],
        ),
    ]
}

/// Specs at the bounds.
pub(super) fn good_specs() -> Vec<Value> {
    vec![
        json!({}),
        json!({"name": "n"}),
        json!({"name": "N_9-".repeat(32)}),
        json!({"maximumMessageLength": 1, "maximumMessageRatePerSecond": 1}),
        json!({"maximumMessageLength": 500, "maximumMessageRatePerSecond": 100}),
        json!({"region": "us-gov-west-1"}),
        json!({"region": "eusc-de-east-12"}),
        json!({"messageReviewHandler": {"uri": LAMBDA}}),
        json!({"messageReviewHandler": {"uri": format!("{LAMBDA}:{}", "v".repeat(170 - 54)), "fallbackResult": "ALLOW"}}),
        json!({"region": "us-west-2", "messageReviewHandler": {"uri": LAMBDA, "fallbackResult": "DENY"}}),
        json!({"adopt": {"arn": ROOM}, "deletionPolicy": "Delete"}),
        json!({"region": "us-west-2", "adopt": {"arn": ROOM}, "deletionPolicy": "Retain"}),
        json!({"adopt": {"arn": ROOM}, "managementPolicy": "Observe"}),
        json!({"tagPolicy": "Additive", "managementPolicy": "Manage", "deletionPolicy": "Retain"}),
        json!({"tagPolicy": "Exclusive"}),
        json!({"loggingConfigurationIdentifiers": []}),
        logging(&[LOGGING, &format!("{LOGGING}2"), &format!("{LOGGING}3")]),
        json!({"tags": {}}),
        json!({"tags": tags(48)}),
        json!({"tags": {"k".repeat(128): "v".repeat(256)}}),
        json!({"tags": {"Ünï cödé 9": "", "a_b.c:d/e=f+g-h@i": "x"}}),
        json!({"tags": {"team:AWS:": "not at the beginning", "awsteam": "x"}}),
    ]
}

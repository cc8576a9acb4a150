//! The rules of the ChatRoom's schema that its types state in CEL, which nothing here evaluates: the same, in Rust.

use serde_json::{Map, Value};

use super::refusal::Cause;

/// What is wrong with a ChatRoom whose fields hold what they may.
pub(super) fn check(name: &str, members: &Map<String, Value>, causes: &mut Vec<Cause>) {
    let member = |name| members.get(name).unwrap_or(&Value::Null);
    let (spec, status) = (member("spec"), member("status"));
    let region = spec["region"].as_str();
    let begins =
        |value: &Value, with: String| value.as_str().is_none_or(|value| value.starts_with(&with));
    let in_region = |value: &Value, service: &str| {
        region.is_none_or(|region| begins(value, format!("arn:aws:{service}:{region}:")))
    };
    let mut require = |holds: bool, field: &str, rule: &str| {
        if !holds {
            causes.push(Cause::invalid(field, rule));
        }
    };
    require(
        name.len() <= 128,
        "metadata.name",
        "a ChatRoom's name has at most 128 characters",
    );
    require(
        !spec["name"].is_null() || !name.contains('.'),
        "metadata.name",
        "has a dot, so it cannot be the room's name: set spec.name",
    );
    let fixed = status["region"].as_str();
    require(
        fixed.is_none() || region.is_none() || fixed == region,
        "spec.region",
        "fixed once the room was asked for",
    );
    require(
        in_region(&spec["messageReviewHandler"]["uri"], "lambda"),
        "spec.messageReviewHandler.uri",
        "the function must be in the room's region",
    );
    let logging = spec["loggingConfigurationIdentifiers"].as_array();
    require(
        logging
            .into_iter()
            .flatten()
            .all(|arn| in_region(arn, "ivschat")),
        "spec.loggingConfigurationIdentifiers",
        "logging configurations must be in the room's region",
    );
    require(
        in_region(&spec["adopt"]["arn"], "ivschat"),
        "spec.adopt.arn",
        "the room must be in spec.region",
    );
    require(
        spec["adopt"].is_null()
            || !spec["deletionPolicy"].is_null()
            || spec["managementPolicy"] == "Observe",
        "spec.deletionPolicy",
        "must be given with adopt",
    );
    let tags = spec["tags"].as_object().into_iter().flatten();
    require(
        tags.into_iter().all(|(key, _)| is_tag_key(key)),
        "spec.tags",
        "a key is not allowed",
    );
}

fn is_tag_key(key: &str) -> bool {
    let allowed = |it: char| it.is_alphanumeric() || " _.:/=+@-".contains(it);
    let is_aws = key
        .get(..4)
        .is_some_and(|it| it.eq_ignore_ascii_case("aws:"));
    (1..=128).contains(&key.chars().count())
        && key.chars().all(allowed)
        && !is_aws
        && !key.starts_with("ivschat-operator.io/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_rule_names_the_field_that_breaks_it() {
        let room = |spec: Value| json!({"spec": spec, "status": {"region": "us-west-2"}});
        let room_arn = "arn:aws:ivschat:us-east-1:123456789012:room/AbCdEfGhIjKl";
        for (name, spec, wanted) in [
            (
                "lobby",
                json!({"region": "us-west-2", "tags": {"a b": "c"}}),
                vec![],
            ),
            ("lobby", json!({"region": "us-east-1"}), vec!["spec.region"]),
            ("a.b", json!({}), vec!["metadata.name"]),
            ("a.b", json!({"name": "ab"}), vec![]),
            (&"a".repeat(129), json!({}), vec!["metadata.name"]),
            (
                "lobby",
                json!({"adopt": {"arn": room_arn}}),
                vec!["spec.deletionPolicy"],
            ),
            (
                "lobby",
                json!({"adopt": {"arn": room_arn}, "region": "us-west-2", "managementPolicy": "Observe"}),
                vec!["spec.adopt.arn"],
            ),
            (
                "lobby",
                json!({"region": "us-west-2", "messageReviewHandler": {"uri": "arn:aws:lambda:us-east-1:1:function:f"}}),
                vec!["spec.messageReviewHandler.uri"],
            ),
            (
                "lobby",
                json!({"region": "us-west-2", "loggingConfigurationIdentifiers": ["arn:aws:ivschat:us-east-1:1:x"]}),
                vec!["spec.loggingConfigurationIdentifiers"],
            ),
            ("lobby", json!({"tags": {"AWS:a": "b"}}), vec!["spec.tags"]),
            ("lobby", json!({"tags": {"a?": "b"}}), vec!["spec.tags"]),
            (
                "lobby",
                json!({"tags": {"ivschat-operator.io/owner": "b"}}),
                vec!["spec.tags"],
            ),
        ] {
            let mut causes = Vec::new();
            check(name, room(spec.clone()).as_object().unwrap(), &mut causes);
            let fields: Vec<_> = causes.iter().map(|cause| cause.field.as_str()).collect();
            assert_eq!(fields, wanted, "{name} {spec}");
        }
    }
}

//! What a structural schema says about an object: which fields it may have, what they may hold, and what they are by default.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;
use serde_json::{Map, Value};

use super::refusal::Cause;

/// Where a value stands in an object; made into text only where something is wrong there.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'a> {
    /// It is the object.
    Root,
    /// In a member of what stands there.
    Member(&'a At<'a>, &'a str),
    /// An item of what stands there.
    Item(&'a At<'a>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Self::Root, name) => formatter.write_str(name),
            Self::Member(parent, name) => write!(formatter, "{parent}.{name}"),
            Self::Item(parent, index) => write!(formatter, "{parent}[{index}]"),
        }
    }
}

/// A part of a schema, ready to be checked against.
#[derive(Debug, Clone, Default)]
pub(super) struct Schema {
    type_: Option<String>,
    properties: BTreeMap<String, Schema>,
    additional: Option<Box<Schema>>,
    items: Option<Box<Schema>>,
    keeps_unknown: bool,
    default: Option<Value>,
    required: Vec<String>,
    allowed: Option<Vec<Value>>,
    pattern: Option<Regex>,
    /// The bounds of a number.
    range: (Option<f64>, Option<f64>),
    /// The bounds of the length of a text, an array or a map.
    size: (Option<u64>, Option<u64>),
    /// What tells the items of a list from others, where its type says so.
    pub(super) listed: Option<Listed>,
    /// Whether there are rules of CEL.
    pub(super) has_rules: bool,
}

/// What tells the items of a list from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listed {
    /// Nothing but themselves.
    Set,
    /// This member.
    By(String),
}

impl Listed {
    fn of(schema: &Value) -> Option<Self> {
        match schema["x-kubernetes-list-type"].as_str()? {
            "set" => Some(Self::Set),
            "map" => {
                let key = schema["x-kubernetes-list-map-keys"][0].as_str()?;
                Some(Self::By(key.to_owned()))
            }
            _ => None,
        }
    }
}

impl Schema {
    pub(super) fn of(schema: &Value) -> Self {
        let below = |name: &str| {
            let value = schema.get(name).filter(|value| value.is_object());
            value.map(|value| Box::new(Self::of(value)))
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        let number = |name: &str| schema[name].as_f64();
        let length = |names: [&str; 3]| names.iter().find_map(|name| schema[*name].as_u64());
        let texts = schema["required"].as_array().into_iter().flatten();
        Self {
            type_: schema["type"].as_str().map(ToOwned::to_owned),
            properties: properties
                .map(|(name, value)| (name.clone(), Self::of(value)))
                .collect(),
            additional: below("additionalProperties"),
            items: below("items"),
            keeps_unknown: schema["x-kubernetes-preserve-unknown-fields"] == Value::Bool(true),
            default: schema.get("default").cloned(),
            required: texts
                .filter_map(|it| it.as_str().map(ToOwned::to_owned))
                .collect(),
            allowed: schema["enum"].as_array().cloned(),
            pattern: schema["pattern"]
                .as_str()
                .and_then(|it| Regex::new(it).ok()),
            range: (number("minimum"), number("maximum")),
            size: (
                length(["minLength", "minItems", "minProperties"]),
                length(["maxLength", "maxItems", "maxProperties"]),
            ),
            listed: Listed::of(schema),
            has_rules: schema["x-kubernetes-validations"].is_array(),
        }
    }

    pub(super) fn property(&self, name: &str) -> Option<&Self> {
        self.properties.get(name)
    }

    /// Drops what the schema does not know.
    pub(super) fn prune(&self, value: &mut Value) {
        match value {
            Value::Object(members) => self.prune_members(members),
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    for item in items {
                        schema.prune(item);
                    }
                }
            }
            _ => {}
        }
    }

    /// Drops what the schema does not know of the members of an object.
    pub(super) fn prune_members(&self, members: &mut Map<String, Value>) {
        if !self.keeps_unknown && self.additional.is_none() {
            members.retain(|name, _| self.properties.contains_key(name));
        }
        for (name, value) in members {
            if let Some(schema) = self.below(name) {
                schema.prune(value);
            }
        }
    }

    /// Puts defaults in where nothing is said.
    pub(super) fn fill(&self, members: &mut Map<String, Value>) {
        for (name, schema) in &self.properties {
            if let Some(default) = &schema.default
                && members.get(name).is_none_or(Value::is_null)
            {
                members.insert(name.clone(), default.clone());
            }
        }
    }

    /// What is wrong with a value.
    pub(super) fn check(&self, at: &At<'_>, value: &Value, causes: &mut Vec<Cause>) {
        if let Some(type_) = self.type_.as_deref().filter(|type_| !is_of(type_, value)) {
            let message = format!("{at} in body must be of type {type_}");
            causes.push(Cause::invalid(&at.to_string(), message));
            return;
        }
        self.check_bounds(at, value, causes);
        match value {
            Value::Object(members) => {
                self.require(at, members, causes);
                for (name, value) in members {
                    if let Some(schema) = self.below(name) {
                        schema.check(&At::Member(at, name), value, causes);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    for (index, item) in items.iter().enumerate() {
                        schema.check(&At::Item(at, index), item, causes);
                    }
                }
            }
            _ => {}
        }
    }

    /// Which members are missing.
    pub(super) fn require(
        &self,
        at: &At<'_>,
        members: &Map<String, Value>,
        causes: &mut Vec<Cause>,
    ) {
        let missing = self.required.iter().filter(|it| !members.contains_key(*it));
        causes.extend(missing.map(|it| Cause::required(&At::Member(at, it).to_string())));
    }

    fn check_bounds(&self, at: &At<'_>, value: &Value, causes: &mut Vec<Cause>) {
        let mut wrong = |what: &str| {
            causes.push(Cause::invalid(&at.to_string(), format!("{value}: {what}")));
        };
        if self.allowed.as_ref().is_some_and(|it| !it.contains(value)) {
            wrong("is none of the supported values");
        }
        if let (Some(pattern), Value::String(text)) = (&self.pattern, value)
            && !pattern.is_match(text)
        {
            wrong("does not match the pattern");
        }
        if let Some(number) = value.as_f64() {
            let (least, most) = self.range;
            if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
                wrong("is out of range");
            }
        }
        let (least, most) = self.size;
        let is_bounded = least.is_some() || most.is_some();
        if let Some(size) = is_bounded.then(|| size(value)).flatten()
            && (least.is_some_and(|least| size < least) || most.is_some_and(|most| size > most))
        {
            wrong("has a length that is out of range");
        }
    }

    /// What is said of a member.
    pub(super) fn below(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_deref())
    }
}

fn is_of(type_: &str, value: &Value) -> bool {
    match type_ {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn size(value: &Value) -> Option<u64> {
    let size = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => return None,
    };
    u64::try_from(size).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        Schema::of(&json!({
            "type": "object",
            "required": ["spec"],
            "properties": {
                "spec": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[a-z]+$"},
                        "rate": {"type": "integer", "minimum": 1.0, "maximum": 10.0},
                        "policy": {"type": "string", "enum": ["A", "B"]},
                        "tags": {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "string"}},
                        "list": {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
                    },
                },
                "status": {"type": "object", "default": {"seen": -1}, "x-kubernetes-preserve-unknown-fields": true},
            },
        }))
    }

    #[test]
    fn what_a_schema_does_not_know_is_dropped_and_what_it_has_by_default_is_put_in() {
        for (given, wanted) in [
            (json!({"junk": 1}), json!({"status": {"seen": -1}})),
            (
                json!({"spec": {"junk": 1, "tags": {"a": "b"}, "list": [{"a": 1, "b": 2}]}, "status": null}),
                json!({"spec": {"tags": {"a": "b"}, "list": [{"a": 1}]}, "status": {"seen": -1}}),
            ),
            (json!({"status": {"any": 1}}), json!({"status": {"any": 1}})),
        ] {
            let mut object = given;
            schema().prune(&mut object);
            schema().fill(object.as_object_mut().unwrap());
            assert_eq!(object, wanted);
        }
    }

    #[test]
    fn a_value_that_breaks_a_limit_is_refused_by_the_name_of_its_field() {
        for (spec, wanted) in [
            (
                json!({"name": "abc", "rate": 10, "policy": "A", "tags": {"a": "b"}}),
                vec![],
            ),
            (
                json!({"name": "", "rate": 0}),
                vec!["spec.name", "spec.name", "spec.rate"],
            ),
            (json!({"name": "abcd"}), vec!["spec.name"]),
            (json!({"name": "A"}), vec!["spec.name"]),
            (json!({"name": 3}), vec!["spec.name"]),
            (json!({"name": null}), vec!["spec.name"]),
            (json!({"rate": 1.5}), vec!["spec.rate"]),
            (json!({"policy": "C"}), vec!["spec.policy"]),
            (
                json!({"tags": {"a": 1, "b": "c"}}),
                vec!["spec.tags", "spec.tags.a"],
            ),
            (json!({"list": [{}, 1]}), vec!["spec.list[1]"]),
        ] {
            let mut causes = Vec::new();
            schema().check(&At::Root, &json!({"spec": spec}), &mut causes);
            let fields: Vec<_> = causes.iter().map(|cause| cause.field.as_str()).collect();
            assert_eq!(fields, wanted, "{spec}");
        }
        let mut causes = Vec::new();
        schema().check(&At::Root, &json!({}), &mut causes);
        assert_eq!(causes, [Cause::required("spec")]);
    }
}

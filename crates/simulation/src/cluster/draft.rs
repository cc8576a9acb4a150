//! An object on its way in: its metadata apart from the rest, as far as a client may say it.

use serde_json::{Map, Value};

/// An object that has not been stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub(super) metadata: Map<String, Value>,
    /// Everything else.
    pub(super) members: Map<String, Value>,
}

/// What a member of the metadata holds.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Number,
    Texts,
    TextByKey,
    Any,
}

fn form(member: &str) -> Option<Form> {
    Some(match member {
        "name" | "generateName" | "namespace" | "uid" | "resourceVersion" | "creationTimestamp"
        | "deletionTimestamp" => Form::Text,
        "generation" | "deletionGracePeriodSeconds" => Form::Number,
        "finalizers" => Form::Texts,
        "annotations" | "labels" => Form::TextByKey,
        "managedFields" | "ownerReferences" => Form::Any,
        _ => return None,
    })
}

impl Form {
    fn fits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text, Value::String(_)) | (Self::Number, Value::Number(_)) | (Self::Any, _) => {
                true
            }
            (Self::Texts, Value::Array(items)) => items.iter().all(Value::is_string),
            (Self::TextByKey, Value::Object(members)) => members.values().all(Value::is_string),
            _ => false,
        }
    }
}

impl Draft {
    /// Takes an object apart. What metadata does not know is dropped, and so is what is empty.
    ///
    /// # Errors
    /// What has the wrong form.
    pub(super) fn of(object: Value) -> Result<Self, String> {
        let Value::Object(mut members) = object else {
            return Err("an object is expected".to_owned());
        };
        let mut metadata = match members.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            None | Some(Value::Null) => Map::new(),
            Some(_) => return Err("metadata: an object is expected".to_owned()),
        };
        metadata.retain(|_, value| !is_empty(value));
        let wrong = metadata
            .iter()
            .find(|(member, value)| form(member).is_some_and(|form| !form.fits(value)));
        if let Some((member, value)) = wrong {
            return Err(format!("metadata.{member}: cannot hold {value}"));
        }
        metadata.retain(|member, _| form(member).is_some());
        Ok(Self { metadata, members })
    }

    /// The object.
    pub(super) fn whole(self) -> Value {
        let Self {
            metadata,
            mut members,
        } = self;
        members.insert("metadata".to_owned(), Value::Object(metadata));
        Value::Object(members)
    }

    /// What a member of the metadata says.
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.metadata.get(member).and_then(Value::as_str)
    }

    pub(super) fn set(&mut self, member: &str, value: impl Into<Value>) {
        self.metadata.insert(member.to_owned(), value.into());
    }

    /// Makes a member of the metadata what it is in `object`.
    pub(super) fn keep(&mut self, member: &str, object: &Value) {
        match object["metadata"].get(member) {
            Some(kept) => self.set(member, kept.clone()),
            None => drop(self.metadata.remove(member)),
        }
    }

    pub(super) fn finalizers(&self) -> &[Value] {
        let finalizers = self.metadata.get("finalizers");
        finalizers
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_being_deleted(&self) -> bool {
        self.metadata.contains_key("deletionTimestamp")
    }

    /// Counts the generation on.
    pub(super) fn advance(&mut self) {
        let generation = self.metadata.get("generation").and_then(Value::as_i64);
        if let Some(generation) = generation {
            self.set("generation", generation + 1);
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_keeps_what_it_knows_and_what_is_not_empty() {
        let metadata = |given: Value| {
            let draft = Draft::of(json!({"metadata": given, "spec": {}}))?;
            Ok::<_, String>(Value::Object(draft.metadata))
        };
        let empty =
            json!({"name": "a", "labels": {}, "finalizers": [], "annotations": null, "junk": 1});
        assert_eq!(metadata(empty), Ok(json!({"name": "a"})));
        assert_eq!(metadata(Value::Null), Ok(json!({})));
        for wrong in [
            json!({"labels": {"a": 3}}),
            json!({"finalizers": "a"}),
            json!({"name": 3}),
            json!("a"),
        ] {
            assert!(metadata(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(Draft::of(json!([])).is_err());
    }
}

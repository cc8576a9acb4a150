//! What the real API server made up, and what the model made up in its place.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::Uri;
use regex::{Captures, Regex};
use serde_json::{Value, json};

/// From what the real one made up to what the model did.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    uids: BTreeMap<String, String>,
    versions: BTreeMap<u64, u64>,
    /// Where lists go on.
    tokens: BTreeMap<String, String>,
}

impl Mapping {
    /// The request's body as the model has to be asked. A name that the server made up is given.
    pub fn request_body(&self, body: &[u8], answer: Option<&Value>) -> Vec<u8> {
        let Ok(mut asked) =
            serde_json::from_str::<Value>(&self.uids_in(&String::from_utf8_lossy(body)))
        else {
            return body.to_vec();
        };
        for member in ["metadata", "preconditions"] {
            let version = asked.get(member).and_then(version_of);
            if let Some(mapped) = version.and_then(|version| self.versions.get(&version)) {
                asked[member]["resourceVersion"] = json!(mapped.to_string());
            }
        }
        if asked["metadata"].get("generateName").is_some()
            && let Some(name) = answer.and_then(|it| it["metadata"].get("name"))
        {
            asked["metadata"]["name"] = name.clone();
        }
        asked.to_string().into_bytes()
    }

    pub fn uri(&self, uri: &Uri) -> Uri {
        let mut text = uri
            .path_and_query()
            .map_or("/", |it| it.as_str())
            .to_owned();
        for (real, model) in &self.tokens {
            text = text.replace(&format!("continue={real}"), &format!("continue={model}"));
        }
        text.parse().unwrap_or_else(|_| uri.clone())
    }

    /// Takes in what both made up in their answers to one request.
    pub fn learn(&mut self, real: &Value, model: &Value, is_dry: bool) -> Result<(), String> {
        let is_list = real["kind"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("List"));
        if !is_list {
            return self.learn_object(&real["metadata"], &model["metadata"], is_dry);
        }
        let items = |list: &Value| list["items"].as_array().cloned().unwrap_or_default();
        let pairs = items(real).into_iter().zip(items(model));
        for (real, model) in pairs {
            self.learn_object(&real["metadata"], &model["metadata"], false)?;
        }
        let (real, model) = (&real["metadata"], &model["metadata"]);
        if let (Some(real), Some(model)) = (real["continue"].as_str(), model["continue"].as_str())
            && !real.is_empty()
        {
            self.tokens.insert(real.to_owned(), model.to_owned());
        }
        // The real one's counter also counts what goes on elsewhere.
        let newest = self
            .versions
            .keys()
            .next_back()
            .copied()
            .unwrap_or_default();
        match version_of(real) {
            Some(version)
                if version >= newest || real.get("continue").is_some_and(|it| it != "") =>
            {
                Ok(())
            }
            version => Err(format!("a list at version {version:?}, after {newest}")),
        }
    }

    fn learn_object(&mut self, real: &Value, model: &Value, is_dry: bool) -> Result<(), String> {
        if let (Some(real), Some(model), false) =
            (real["uid"].as_str(), model["uid"].as_str(), is_dry)
        {
            let known = self
                .uids
                .entry(real.to_owned())
                .or_insert_with(|| model.to_owned());
            if known != model {
                return Err(format!("uid {real} stood for {known}, now for {model}"));
            }
        }
        let (Some(real), Some(model)) = (version_of(real), version_of(model)) else {
            return Ok(());
        };
        let known = *self.versions.entry(real).or_insert(model);
        let before = self.versions.range(..real).next_back();
        let after = self.versions.range(real + 1..).next();
        let in_order =
            before.is_none_or(|(_, it)| *it < model) && after.is_none_or(|(_, it)| model < *it);
        if known == model && in_order {
            Ok(())
        } else {
            Err(format!(
                "version {real} is {known}, not {model}, between {before:?} and {after:?}"
            ))
        }
    }

    /// A real answer, with the model's uids, without what is mapped otherwise.
    pub fn answer(&self, real: &Value) -> Value {
        let text = self.uids_in(&real.to_string());
        Self::bare(&serde_json::from_str(&text).unwrap_or_default())
    }

    /// An answer without versions and times, the managers of its fields in an order that does not hang on times.
    pub fn bare(answer: &Value) -> Value {
        let mut answer = answer.clone();
        make_bare(&mut answer["metadata"]);
        let items = answer.get_mut("items").and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            make_bare(&mut item["metadata"]);
        }
        answer
    }

    fn uids_in(&self, text: &str) -> String {
        static UID: LazyLock<Regex> =
            LazyLock::new(|| Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap());
        let mapped = |found: &Captures<'_>| {
            let model = self.uids.get(&found[0]);
            model.map_or_else(|| found[0].to_owned(), ToOwned::to_owned)
        };
        UID.replace_all(text, mapped).into_owned()
    }
}

fn make_bare(metadata: &mut Value) {
    let Value::Object(members) = metadata else {
        return;
    };
    for member in [
        "resourceVersion",
        "continue",
        "creationTimestamp",
        "deletionTimestamp",
    ] {
        if let Some(value) = members.get_mut(member) {
            *value = json!("mapped");
        }
    }
    let managers = members
        .get_mut("managedFields")
        .and_then(Value::as_array_mut);
    if let Some(managers) = managers {
        for manager in managers.iter_mut() {
            manager["time"] = json!("mapped");
        }
        managers.sort_by_key(|it| format!("{} {}", it["manager"], it["subresource"]));
    }
}

fn version_of(metadata: &Value) -> Option<u64> {
    metadata["resourceVersion"].as_str()?.parse().ok()
}

/// Where two values differ first; nothing if they do not.
pub fn difference(real: &Value, model: &Value) -> Result<(), String> {
    if real == model {
        return Ok(());
    }
    Err(first_difference("", real, model))
}

fn first_difference(path: &str, real: &Value, model: &Value) -> String {
    let below = |name: &str, real: Option<&Value>, model: Option<&Value>| {
        let absent = json!("(absent)");
        let path = format!("{path}/{name}");
        first_difference(&path, real.unwrap_or(&absent), model.unwrap_or(&absent))
    };
    match (real, model) {
        (Value::Object(left), Value::Object(right)) => {
            let names = left.keys().chain(right.keys());
            let found = names
                .into_iter()
                .find(|name| left.get(*name) != right.get(*name));
            found.map_or_else(String::new, |name| {
                below(name, left.get(name), right.get(name))
            })
        }
        (Value::Array(left), Value::Array(right)) => {
            let mut indices = 0..left.len().max(right.len());
            let found = indices.find(|index| left.get(*index) != right.get(*index));
            found.map_or_else(String::new, |index| {
                below(&index.to_string(), left.get(index), right.get(index))
            })
        }
        _ => format!("{path}: {real}, not {model}"),
    }
}

//! Selectors of labels, and the one of fields that every kind knows.

use serde_json::Value;

use super::refusal::Refusal;

/// Which objects a list or a watch shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Has(String),
    Lacks(String),
    Is(String, String),
    IsNot(String, String),
}

impl Selector {
    pub(super) fn of(labels: Option<&str>, fields: Option<&str>) -> Result<Self, Refusal> {
        let labels = labels.unwrap_or_default();
        let parts = labels
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        Ok(Self {
            labels: parts.map(Requirement::of).collect::<Result<_, _>>()?,
            name: fields.map(name).transpose()?,
        })
    }

    pub(super) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.name.is_none()
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let named = |name: &String| metadata["name"] == Value::String(name.clone());
        self.name.as_ref().is_none_or(named)
            && self.labels.iter().all(|it| it.holds(&metadata["labels"]))
    }
}

impl Requirement {
    fn of(text: &str) -> Result<Self, Refusal> {
        let pair = |key: &str, value: &str| Ok((word(key)?, word(value)?));
        if let Some(key) = text.strip_prefix('!') {
            return word(key).map(Self::Lacks);
        }
        if let Some((key, value)) = text.split_once("!=") {
            return pair(key, value).map(|(key, value)| Self::IsNot(key, value));
        }
        if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            return pair(key, value).map(|(key, value)| Self::Is(key, value));
        }
        word(text).map(Self::Has)
    }

    fn holds(&self, labels: &Value) -> bool {
        let value = |key: &String| labels.get(key).and_then(Value::as_str);
        match self {
            Self::Has(key) => value(key).is_some(),
            Self::Lacks(key) => value(key).is_none(),
            Self::Is(key, wanted) => value(key) == Some(wanted),
            Self::IsNot(key, wanted) => value(key) != Some(wanted),
        }
    }
}

/// A key or a value. What else a selector may hold (`in`, `notin`) nobody here asks for.
fn word(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let plain = |it: char| it.is_ascii_alphanumeric() || "-_./".contains(it);
    if text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(Refusal::bad_request(format!(
            "unable to parse requirement: found '{text}', expected: identifier"
        )))
    }
}

fn name(fields: &str) -> Result<String, Refusal> {
    let name = fields.strip_prefix("metadata.name=");
    name.map(ToOwned::to_owned)
        .ok_or_else(|| Refusal::bad_request(format!("field label not supported: {fields}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_shows_what_it_says() {
        let object = json!({"metadata": {"name": "lobby", "labels": {"team": "live", "a/b": ""}}});
        for (labels, fields, wanted) in [
            ("", None, Ok(true)),
            ("team", None, Ok(true)),
            ("a/b", None, Ok(true)),
            ("!team", None, Ok(false)),
            ("!other", None, Ok(true)),
            ("team=live", None, Ok(true)),
            ("team==live", None, Ok(true)),
            ("team=dead", None, Ok(false)),
            ("team!=live", None, Ok(false)),
            ("other!=live", None, Ok(true)),
            ("team=live,!a/b", None, Ok(false)),
            ("a===b", None, Err(400)),
            ("team", Some("metadata.name=lobby"), Ok(true)),
            ("", Some("metadata.name=other"), Ok(false)),
            ("", Some("spec.name=other"), Err(400)),
        ] {
            let selector = Selector::of(Some(labels), fields);
            let found = selector.map(|it| it.matches(&object)).map_err(|it| it.code);
            assert_eq!(found, wanted, "{labels} {fields:?}");
        }
    }
}

//! IAM's evaluation of an identity policy, as far as `deploy/aws/policy.json` goes: `Allow` statements, `*` and `?` in actions,
//! resources and `StringLike`, and the operators of [`Operator`]. Whatever else a policy says makes a test fail.
//!
//! The rules are those of the IAM User Guide ("IAM JSON policy elements: Condition operators"): a request is allowed if one
//! statement matches its action and resource and every one of its conditions; several keys of an operator all have to hold, of
//! several values one; condition keys, tag keys in them included, are compared without regard to case, values with it.

use std::collections::BTreeMap;

use ivschat_emulator::world::Scope;
use serde::Deserialize;

/// The text of the policy, with its placeholders.
pub const TEMPLATE: &str = include_str!("../../../deploy/aws/policy.json");

/// The policy filled in for one cluster.
pub fn filled(cluster: &str, scope: &Scope) -> Policy {
    let text = TEMPLATE
        .replace("${CLUSTER_ID}", cluster)
        .replace("${REGION}", &scope.region)
        .replace("${ACCOUNT}", &scope.account);
    assert!(!text.contains("${"), "a placeholder is left: {text}");
    serde_json::from_str(&text).unwrap()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Policy {
    version: String,
    pub statement: Vec<Statement>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement {
    pub sid: String,
    effect: String,
    pub action: Vec<String>,
    resource: Vec<String>,
    #[serde(default)]
    pub condition: BTreeMap<Operator, BTreeMap<String, Values>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Operator {
    StringEquals,
    StringLike,
    StringLikeIfExists,
    Null,
    #[serde(rename = "ForAllValues:StringEquals")]
    ForAllValuesStringEquals,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Values {
    One(String),
    Many(Vec<String>),
}

impl Values {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// What IAM is asked: whether this action may be done to this resource in this context.
#[derive(Debug, Clone)]
pub struct Request {
    pub action: String,
    pub resource: String,
    /// By condition key, in lower case.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Policy {
    /// As `deploy/aws/README.md` says for `--former-cluster-id`: rooms of that cluster are owned, too.
    pub fn with_former(mut self, cluster: &str) -> Self {
        for sid in ["ChangeOwnedRooms", "TagOwnedRooms"] {
            let statement = self.statement.iter_mut().find(|it| it.sid == sid).unwrap();
            let keys = statement.condition.get_mut(&Operator::StringLike).unwrap();
            let owners = keys.values_mut().next().unwrap();
            *owners = Values::Many([owners.as_slice(), &[format!("{cluster}/*")]].concat());
        }
        self
    }

    pub fn allows(&self, request: &Request) -> bool {
        assert_eq!(self.version, "2012-10-17");
        self.statement
            .iter()
            .any(|statement| statement.matches(request))
    }
}

impl Statement {
    fn matches(&self, request: &Request) -> bool {
        assert_eq!(self.effect, "Allow", "only Allow is known here");
        let any = |patterns: &[String], text: &str| patterns.iter().any(|it| like(it, text));
        any(&self.action, &request.action)
            && any(&self.resource, &request.resource)
            && self.condition.iter().all(|(operator, keys)| {
                let mut keys = keys.iter();
                keys.all(|(key, wanted)| operator.holds(request.found(key), wanted.as_slice()))
            })
    }
}

impl Request {
    fn found(&self, key: &str) -> Option<&[String]> {
        self.context.get(&key.to_lowercase()).map(Vec::as_slice)
    }
}

impl Operator {
    fn holds(self, found: Option<&[String]>, wanted: &[String]) -> bool {
        let equal = |value: &String| wanted.contains(value);
        let alike = |value: &String| wanted.iter().any(|pattern| like(pattern, value));
        match self {
            Self::StringEquals => single(found).is_some_and(equal),
            Self::StringLike => single(found).is_some_and(alike),
            Self::StringLikeIfExists => single(found).is_none_or(alike),
            // `true`: the key must not be there.
            Self::Null => wanted == [found.is_none().to_string()],
            // Holds where there is nothing, too.
            Self::ForAllValuesStringEquals => found.unwrap_or_default().iter().all(equal),
        }
    }
}

fn single(found: Option<&[String]>) -> Option<&String> {
    let found = found?;
    assert_eq!(found.len(), 1, "the key has one value: {found:?}");
    found.first()
}

/// `*` stands for any text, `?` for one character.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| like(rest, &text[at..]))
        }
        Some(wanted) => {
            let mut characters = text.chars();
            let found = characters.next();
            found.is_some_and(|it| wanted == '?' || wanted == it)
                && like(&pattern[wanted.len_utf8()..], characters.as_str())
        }
    }
}

#[test]
fn patterns_match_whole_texts() {
    for (pattern, text, matches) in [
        ("*", "", true),
        ("prod/*", "prod/", true),
        ("prod/*", "prod/live/lobby", true),
        ("prod/*", "prod-too/live/lobby", false),
        ("prod/*", "my-prod/live", false),
        ("arn:*:room/*", "arn:aws:room/x", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("abc", "abcd", false),
    ] {
        assert_eq!(like(pattern, text), matches, "{pattern} {text}");
    }
}

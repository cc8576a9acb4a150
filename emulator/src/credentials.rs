//! Who may call, and what: access keys, their secrets, the accounts they belong to, and the actions they are allowed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::world::{ApiError, Call, CreateRoom, Operation};

/// Access keys that are known. With them every signature is verified.
///
/// A file of them is a JSON object:
/// `{"AKIAEXAMPLE": {"secretAccessKey": "…", "accountId": "111122223333", "sessionToken": "…", "allow": ["ivschat:Get*"]}}`; the
/// session token only for temporary credentials.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Credentials(BTreeMap<String, AccessKey>);

/// What an access key stands for.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessKey {
    /// Signs requests.
    pub secret_access_key: String,
    /// 12 digits.
    pub account_id: String,
    /// Sent along with requests where the credentials are temporary.
    #[serde(default)]
    pub session_token: Option<String>,
    /// IAM actions that are allowed, such as `ivschat:GetRoom`; a `*` at the end stands for whatever follows. `None`: all.
    #[serde(default)]
    pub allow: Option<Vec<String>>,
}

impl AccessKey {
    /// Refuses a call whose actions are not all allowed, as IAM does.
    pub(crate) fn permit(&self, call: &Call) -> Result<(), ApiError> {
        let Some(allowed) = &self.allow else {
            return Ok(());
        };
        for operation in needed(call) {
            let action = action(operation);
            if !allowed.iter().any(|pattern| matches(pattern, &action)) {
                return Err(ApiError::not_authorized(&self.account_id, &action));
            }
        }
        Ok(())
    }
}

/// Whose actions a call needs to be allowed.
fn needed(call: &Call) -> Vec<Operation> {
    match call {
        // IAM lets everyone ask who they are.
        Call::GetCallerIdentity => vec![],
        Call::CreateRoom(CreateRoom {
            tags: Some(tags), ..
        }) if !tags.is_empty() => vec![Operation::CreateRoom, Operation::TagResource],
        _ => vec![call.operation()],
    }
}

/// The operation's name in IAM.
fn action(operation: Operation) -> String {
    let service = match operation {
        Operation::GetCallerIdentity => "sts",
        _ => "ivschat",
    };
    format!("{service}:{}", operation.name())
}

fn matches(pattern: &str, action: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => action.starts_with(start),
        None => action == pattern,
    }
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("AccessKey");
        shown
            .field("account_id", &self.account_id)
            .field("allow", &self.allow)
            .finish_non_exhaustive()
    }
}

/// A credentials file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadCredentials {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// It is not of the form that [`Credentials`] shows.
    #[error("not a credentials file: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It names no key: nobody could call.
    #[error("it names no access key")]
    Empty,
    /// An account is not 12 digits.
    #[error("access key {key}: the accountId must be 12 digits, found \"{account}\"")]
    Account {
        /// Whose.
        key: String,
        /// What stands there.
        account: String,
    },
    /// An action that is allowed is none.
    #[error("access key {key}: allow names the unknown action \"{action}\"")]
    Action {
        /// Whose.
        key: String,
        /// What stands there.
        action: String,
    },
}

impl Credentials {
    /// Reads a file of them.
    pub fn read(path: &Path) -> Result<Self, BadCredentials> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    /// Reads the text of such a file.
    pub fn parse(text: &str) -> Result<Self, BadCredentials> {
        let credentials: Self = serde_json::from_str(text)?;
        if credentials.0.is_empty() {
            return Err(BadCredentials::Empty);
        }
        let actions = Operation::ALL.map(action);
        let unknown = |pattern: &&String| !actions.iter().any(|action| matches(pattern, action));
        for (key, access_key) in &credentials.0 {
            let account_id = &access_key.account_id;
            if account_id.len() != 12 || !account_id.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err(BadCredentials::Account {
                    key: key.clone(),
                    account: account_id.clone(),
                });
            }
            if let Some(action) = access_key.allow.iter().flatten().find(unknown) {
                return Err(BadCredentials::Action {
                    key: key.clone(),
                    action: action.clone(),
                });
            }
        }
        Ok(credentials)
    }

    pub(crate) fn get(&self, access_key: &str) -> Option<&AccessKey> {
        self.0.get(access_key)
    }
}

//! Who may call: access keys, their secrets, and the accounts they belong to.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// Access keys that are known. With them every signature is verified.
///
/// A file of them is a JSON object:
/// `{"AKIAEXAMPLE": {"secretAccessKey": "…", "accountId": "111122223333", "sessionToken": "…"}}`; the session token only for
/// temporary credentials.
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
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("AccessKey");
        shown
            .field("account_id", &self.account_id)
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
        for (key, AccessKey { account_id, .. }) in &credentials.0 {
            if account_id.len() != 12 || !account_id.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err(BadCredentials::Account {
                    key: key.clone(),
                    account: account_id.clone(),
                });
            }
        }
        Ok(credentials)
    }

    pub(crate) fn get(&self, access_key: &str) -> Option<&AccessKey> {
        self.0.get(access_key)
    }
}

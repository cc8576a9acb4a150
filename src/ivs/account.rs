//! Whose credentials these are. A 404 from the wrong account must never look like a missing room.

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use tokio::sync::Mutex;

use crate::errors::chain;
use crate::room::{Class, Failure};

use super::error;

/// How long an answer is believed. Credentials change while a process runs: a rotated secret, another role.
const BELIEVED: Duration = Duration::from_mins(1);

/// The AWS account of the operator's credentials.
pub struct Account {
    credentials: Option<SharedCredentialsProvider>,
    sts: aws_sdk_sts::Client,
    timeout: Duration,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    known: Option<Known>,
    failed: Option<(Instant, Failure)>,
}

struct Known {
    access_key: String,
    account: String,
    at: Instant,
}

impl Account {
    /// `timeout`: finding credentials takes no longer.
    pub(super) fn new(config: &SdkConfig, timeout: Duration) -> Self {
        Self {
            credentials: config.credentials_provider(),
            sts: aws_sdk_sts::Client::new(config),
            timeout,
            last: Mutex::default(),
        }
    }

    /// The account's id: from the credentials themselves where they carry it, else from STS GetCallerIdentity. One asks
    /// while the others wait, and all of them share the answer.
    ///
    /// # Errors
    /// `Denied` without usable credentials, else what STS answered.
    pub async fn id(&self) -> Result<String, Failure> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some(known) = last
            .known
            .as_ref()
            .filter(|known| known.at.elapsed() < BELIEVED)
        {
            return Ok(known.account.clone());
        }
        if let Some((at, failure)) = &last.failed
            && *at >= asked
        {
            return Err(failure.clone());
        }
        match self.find(last.known.as_ref()).await {
            Ok(known) => Ok(last.known.insert(known).account.clone()),
            Err(failure) => {
                last.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    async fn find(&self, before: Option<&Known>) -> Result<Known, Failure> {
        let credentials = self
            .credentials
            .as_ref()
            .ok_or_else(|| unusable("none are configured"))?;
        let provided = tokio::time::timeout(self.timeout, credentials.provide_credentials()).await;
        let credentials = provided
            .map_err(|_| unusable(&format!("none within {:?}", self.timeout)))?
            .map_err(|error| unusable(&chain(&error)))?;
        let access_key = credentials.access_key_id().to_owned();
        let account = match (credentials.account_id(), before) {
            (Some(account), _) => account.as_str().to_owned(),
            (None, Some(before)) if before.access_key == access_key => before.account.clone(),
            (None, _) => self.caller_identity().await?,
        };
        Ok(Known {
            access_key,
            account,
            at: Instant::now(),
        })
    }

    async fn caller_identity(&self) -> Result<String, Failure> {
        const OPERATION: &str = "GetCallerIdentity";
        let identity = self.sts.get_caller_identity().send().await;
        let identity = identity.map_err(|failed| error::read_failure(OPERATION, &failed))?;
        let missing = || {
            Failure::new(
                Class::Unavailable,
                format!("{OPERATION}: the answer holds no account"),
            )
        };
        identity
            .account()
            .map(ToOwned::to_owned)
            .ok_or_else(missing)
    }
}

fn unusable(why: &str) -> Failure {
    let message = format!("no usable AWS credentials: {why}. Check the operator's AWS credentials");
    Failure::new(Class::Denied, message)
}

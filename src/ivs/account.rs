//! Whose credentials these are. A 404 from the wrong account must never look like a missing room.
//!
//! [`Account`] stands between the SDK and where it finds credentials: no call is signed with credentials whose account is not
//! known, however often they are renewed.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use tokio::sync::Mutex;

use crate::errors::chain;
use crate::room::{Class, Failure};
use crate::telemetry::Metrics;

use super::attempts::{Attempts, CALLER_IDENTITY};
use super::error;

/// The AWS account of the operator's credentials.
#[derive(Clone)]
pub struct Account(Arc<Inner>);

struct Inner {
    source: Option<SharedCredentialsProvider>,
    /// For STS, which is asked with the very credentials in question.
    config: SdkConfig,
    timeout: Duration,
    attempts: Attempts,
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
}

impl Account {
    /// `timeout`: finding credentials takes no longer.
    pub(super) fn new(config: &SdkConfig, timeout: Duration, metrics: Metrics) -> Self {
        Self(Arc::new(Inner {
            source: config.credentials_provider(),
            config: config.clone(),
            timeout,
            attempts: Attempts::new(metrics),
            last: Mutex::default(),
        }))
    }

    /// The configuration whose calls are signed with credentials that have come this way.
    pub(super) fn watch(&self, config: &SdkConfig) -> SdkConfig {
        let provider = SharedCredentialsProvider::new(self.clone());
        config.to_builder().credentials_provider(provider).build()
    }

    /// The account's id, as of the credentials that calls are signed with now. One finds it out while the others wait, and all
    /// of them share the answer.
    ///
    /// # Errors
    /// `Denied` without usable credentials, else what STS answered.
    pub async fn id(&self) -> Result<String, Failure> {
        let asked = Instant::now();
        let mut last = self.0.last.lock().await;
        if let Some(known) = &last.known {
            return Ok(known.account.clone());
        }
        if let Some((at, failure)) = &last.failed
            && *at >= asked
        {
            return Err(failure.clone());
        }
        self.renew(&mut last).await?;
        Ok(last
            .known
            .as_ref()
            .map(|known| known.account.clone())
            .unwrap_or_default())
    }

    /// Fetches credentials, and finds out whose they are: from themselves where they carry it, else from STS
    /// GetCallerIdentity.
    async fn renew(&self, last: &mut Last) -> Result<Credentials, Failure> {
        match self.find(last.known.as_ref()).await {
            Ok((credentials, known)) => {
                last.known = Some(known);
                Ok(credentials)
            }
            Err(failure) => {
                last.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    async fn find(&self, before: Option<&Known>) -> Result<(Credentials, Known), Failure> {
        let source = self.0.source.as_ref();
        let source = source.ok_or_else(|| unusable("none are configured"))?;
        let provided = tokio::time::timeout(self.0.timeout, source.provide_credentials()).await;
        let credentials = provided
            .map_err(|_| unusable(&format!("none within {:?}", self.0.timeout)))?
            .map_err(|error| unusable(&chain(&error)))?;
        let access_key = credentials.access_key_id().to_owned();
        let account = match (credentials.account_id(), before) {
            (Some(account), _) => account.as_str().to_owned(),
            (None, Some(before)) if before.access_key == access_key => before.account.clone(),
            (None, _) => self.caller_identity(&credentials).await?,
        };
        let known = Known {
            access_key,
            account,
        };
        Ok((credentials, known))
    }

    async fn caller_identity(&self, credentials: &Credentials) -> Result<String, Failure> {
        const OPERATION: &str = CALLER_IDENTITY;
        let provider = SharedCredentialsProvider::new(credentials.clone());
        let config = self.0.config.to_builder().credentials_provider(provider);
        let config = aws_sdk_sts::config::Builder::from(&config.build())
            .interceptor(self.0.attempts.clone())
            .build();
        let sts = aws_sdk_sts::Client::from_conf(config);
        let identity = sts.get_caller_identity().send().await;
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

impl ProvideCredentials for Account {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let mut last = self.0.last.lock().await;
            let renewed = self.renew(&mut last).await;
            renewed.map_err(CredentialsError::provider_error)
        })
    }
}

impl fmt::Debug for Account {
    /// Nothing of the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account")
    }
}

fn unusable(why: &str) -> Failure {
    let message = format!("no usable AWS credentials: {why}. Check the operator's AWS credentials");
    Failure::new(Class::Denied, message)
}

//! The credentials that requests are signed with, and whose they are.
//!
//! [`Keeper`] stands between the SDK and where it finds credentials: no call is signed with credentials whose account is not
//! known, however often they are renewed. It keeps them itself, instead of the SDK's cache, which would keep what a file said for
//! as long as the process lives.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use ivschat_core::errors::chain;
use ivschat_core::room::{Cause, Failure, FailureClass};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::attempts::{Attempts, CALLER_IDENTITY};
use super::{config, error};
use crate::error::failure_elsewhere;
use crate::settings::Settings;

/// Credentials that expire are renewed this long before. The SDK's own margin.
const MARGIN: Duration = Duration::from_secs(10);
/// Credentials that name no end may change where they are kept, and are read again after this.
const REREAD: Duration = Duration::from_mins(1);
/// Credentials that AWS denied something are read again at once, but no more often than this.
const REREAD_DENIED: Duration = Duration::from_secs(1);
/// The same for those that expire: somebody hands them out anew each time.
const RENEW_DENIED: Duration = Duration::from_mins(1);

/// Keeps the operator's credentials. Clones share them.
#[derive(Clone)]
pub(super) struct Keeper(Arc<Inner>);

struct Inner {
    settings: Settings,
    /// For STS, which is asked with the very credentials in question.
    config: SdkConfig,
    attempts: Attempts,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    known: Option<Known>,
    /// What is signed with, until it is no longer current.
    credentials: Option<Held>,
    failed: Option<(Instant, Failure)>,
}

struct Known {
    access_key: String,
    account: String,
}

struct Held {
    credentials: Credentials,
    read: Instant,
}

impl Held {
    /// Whether calls may still be signed with these. `denied`: asked only where the answer can matter.
    #[expect(
        clippy::disallowed_methods,
        reason = "AWS gives the end of credentials in the time of day"
    )]
    fn is_current(&self, denied: impl FnOnce() -> bool) -> bool {
        let age = self.read.elapsed();
        let (ended, soonest) = match self.credentials.expiry() {
            Some(expiry) => (SystemTime::now() + MARGIN >= expiry, RENEW_DENIED),
            None => (age >= REREAD, REREAD_DENIED),
        };
        !(ended || age >= soonest && denied())
    }
}

impl Keeper {
    /// Keeps whatever credentials are found as `settings` say.
    pub(super) fn new(config: &SdkConfig, settings: Settings, attempts: Attempts) -> Self {
        Self(Arc::new(Inner {
            settings,
            config: config.clone(),
            attempts,
            last: Mutex::default(),
        }))
    }

    /// The configuration whose calls are signed with credentials that have come this way.
    pub(super) fn watch(&self, config: &SdkConfig) -> SdkConfig {
        let provider = SharedCredentialsProvider::new(self.clone());
        let config = config.to_builder().credentials_provider(provider);
        config.identity_cache(IdentityCache::no_cache()).build()
    }

    /// Credentials like these, as long as they are this account's.
    pub(super) fn only_of(&self, account: &str) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(OnlyOf {
            keeper: self.clone(),
            account: account.to_owned(),
        })
    }

    /// The account's id, as of the credentials that calls are signed with now. One finds it out while the others wait, and all
    /// of them share the answer.
    ///
    /// # Errors
    /// `Denied` without usable credentials, else what STS answered.
    pub(super) async fn account(&self) -> Result<String, Failure> {
        let asked = Instant::now();
        let mut last = self.0.last.lock().await;
        let overdue = |held: &Held| {
            held.credentials.expiry().is_none()
                && !held.is_current(|| self.0.attempts.take_denied())
        };
        if last.credentials.as_ref().is_some_and(overdue) {
            // Otherwise the next call would read them, after its caller has relied on this answer: CreateRoom could then be signed
            // for another account than its record names. If they cannot be read now, the calls say so.
            let _ = self.renew(&mut last).await;
        }
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

    /// Takes these for the credentials that were found.
    #[cfg(test)]
    pub(super) async fn hold(&self, credentials: Credentials, account: &str) {
        let mut last = self.0.last.lock().await;
        last.known = Some(Known {
            access_key: credentials.access_key_id().to_owned(),
            account: account.to_owned(),
        });
        let read = Instant::now();
        last.credentials = Some(Held { credentials, read });
    }

    /// Fetches credentials, and finds out whose they are: from themselves where they carry it, else from STS
    /// GetCallerIdentity.
    async fn renew(&self, last: &mut Last) -> Result<Credentials, Failure> {
        last.credentials = None;
        // What is denied from here on is denied to the new ones.
        self.0.attempts.take_denied();
        let read = Instant::now();
        match self.find(last.known.as_ref()).await {
            Ok((credentials, known)) => {
                last.known = Some(known);
                last.credentials = Some(Held {
                    credentials: credentials.clone(),
                    read,
                });
                Ok(credentials)
            }
            Err(failure) => {
                last.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    async fn find(&self, before: Option<&Known>) -> Result<(Credentials, Known), Failure> {
        let timeout = self.0.settings.operation_timeout;
        let provided = tokio::time::timeout(timeout, self.read()).await;
        let credentials = provided
            .map_err(|_| unusable(&format!("none within {timeout:?}")))?
            .map_err(|error| unusable(&explained(chain(&error))))?;
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

    /// Looks everywhere anew: what once found them would say again what a file said then.
    async fn read(&self) -> Result<Credentials, CredentialsError> {
        let config = config::load(&self.0.settings).await;
        let source = config.credentials_provider();
        let source = source.ok_or_else(|| CredentialsError::not_loaded("none are configured"))?;
        source.provide_credentials().await
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
        let identity = identity
            .map_err(|failed| failure_elsewhere(OPERATION, &error::attempt_error(&failed)))?;
        let missing = || {
            let why = "the answer holds no account".to_owned();
            Failure::of_call(FailureClass::Unavailable, OPERATION, Cause::Told(why))
        };
        identity
            .account()
            .map(ToOwned::to_owned)
            .ok_or_else(missing)
    }
}

impl Keeper {
    /// Credentials, and the account that they belong to.
    async fn provide(&self) -> Result<(Credentials, String), Failure> {
        let mut last = self.0.last.lock().await;
        let current = |held: &&Held| held.is_current(|| self.0.attempts.take_denied());
        let held = last.credentials.as_ref().filter(current);
        let credentials = match held {
            Some(held) => held.credentials.clone(),
            None => self.renew(&mut last).await?,
        };
        let known = last.known.as_ref();
        let account = known.map(|known| known.account.clone());
        Ok((credentials, account.unwrap_or_default()))
    }
}

impl ProvideCredentials for Keeper {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let provided = self.provide().await;
            let provided = provided.map(|(credentials, _)| credentials);
            provided.map_err(CredentialsError::provider_error)
        })
    }
}

/// A keeper's credentials, as long as they are one account's.
#[derive(Debug)]
struct OnlyOf {
    keeper: Keeper,
    account: String,
}

impl ProvideCredentials for OnlyOf {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let provided = self.keeper.provide().await;
            let provided = provided.and_then(|(credentials, account)| {
                if account == self.account {
                    return Ok(credentials);
                }
                let changed = "the operator's AWS credentials changed to another account meanwhile";
                Err(Failure::new(FailureClass::Unavailable, changed))
            });
            provided.map_err(CredentialsError::provider_error)
        })
    }
}

impl fmt::Debug for Keeper {
    /// Nothing of the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}

fn unusable(why: &str) -> Failure {
    let message = format!("no usable AWS credentials: {why}. Check the operator's AWS credentials");
    Failure::new(FailureClass::Denied, message)
}

/// Some profiles ask for what only a build for people's own machines has. The SDK says so in words alone, and names features of
/// its own.
fn explained(error: String) -> String {
    if !error.contains("cargo feature(s) enabled") {
        return error;
    }
    format!(
        "{error} For IAM Identity Center and credential_process, build the operator with the cargo feature `desktop`. For any profile, \
         run eval \"$(aws configure export-credentials --format env)\" before it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "what is tested reads it too")]
    /// Whether credentials read this long ago are current, with an end in so many seconds or none; and whether it was asked if they
    /// had been denied.
    fn current(age: u64, ends_in: Option<u64>, denied: bool) -> (bool, bool) {
        let expiry = ends_in.map(|seconds| SystemTime::now() + Duration::from_secs(seconds));
        let held = Held {
            credentials: Credentials::new("key", "secret", None, expiry, "test"),
            read: Instant::now()
                .checked_sub(Duration::from_secs(age))
                .unwrap(),
        };
        let mut asked = false;
        let current = held.is_current(|| {
            asked = true;
            denied
        });
        (current, asked)
    }

    #[test]
    fn credentials_without_an_end_are_kept_for_a_minute_and_denied_ones_for_a_second() {
        assert_eq!(current(0, None, true), (true, false));
        assert_eq!(current(2, None, false), (true, true));
        assert_eq!(current(2, None, true), (false, true));
        assert_eq!(current(59, None, false), (true, true));
        assert!(!current(61, None, false).0);
    }

    #[test]
    fn credentials_that_end_are_kept_until_shortly_before_and_denied_ones_for_a_minute() {
        assert_eq!(current(3000, Some(60), false), (true, true));
        assert!(!current(0, Some(9), false).0);
        assert!(!current(0, Some(0), false).0);
        assert_eq!(current(59, Some(3600), true), (true, false));
        assert_eq!(current(61, Some(3600), true), (false, true));
    }
}

//! From the environment to a configured SDK.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};

use crate::api::names::OPERATOR;

use crate::telemetry::Metrics;

use super::account::Account;
use super::rooms::Rooms;

/// What the operator decides about its calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Region of objects that name none; `None`: as the SDK finds it (`AWS_REGION`, profile, instance metadata).
    pub region: Option<String>,
    /// Endpoint of IVS Chat and STS; `None`: AWS, or as `AWS_ENDPOINT_URL…` say.
    pub endpoint: Option<String>,
    /// A call, its retries included, ends after this.
    pub operation_timeout: Duration,
    /// The share of AWS's call quotas to use, more than 0.
    pub quota_factor: f64,
    /// Multiplies the SDK's waits between its retries; 1 outside tests.
    pub wait_factor: f64,
}

/// No way to start with AWS.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no region.
    #[error("no AWS region: set AWS_REGION or --region")]
    NoRegion,
}

/// Attempts per call, CreateRoom aside, which is never repeated.
const ATTEMPTS: u32 = 3;
/// The SDK waits up to this before its first retry, and twice as long before the second. Its own default.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Connects with the SDK's own defaults: credentials, endpoint and proxies from environment, profile, web identity, Pod
/// Identity or instance metadata. Gives the calls, the account and the default region.
///
/// # Errors
/// [`ConnectError::NoRegion`]. Credentials are looked up at the first call.
pub async fn connect(
    settings: &Settings,
    metrics: &Metrics,
) -> Result<(Arc<Rooms>, Account, String), ConnectError> {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(settings.operation_timeout)
        // So that one attempt without an answer leaves time for another.
        .operation_attempt_timeout(settings.operation_timeout.mul_f64(0.45))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(ATTEMPTS)
                .with_initial_backoff(FIRST_WAIT.mul_f64(settings.wait_factor)),
        );
    if let Some(name) = app_name().await {
        loader = loader.app_name(name);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let config = loader.load().await;
    let region = config.region().ok_or(ConnectError::NoRegion)?.to_string();
    let account = Account::new(&config, settings.operation_timeout, metrics.clone());
    let rooms = Rooms::new(account.watch(&config), settings, metrics.clone());
    Ok((Arc::new(rooms), account, region))
}

/// What names us in the User-Agent, and with it in CloudTrail; `AWS_SDK_UA_APP_ID` or the profile may say otherwise.
async fn app_name() -> Option<AppName> {
    let theirs = aws_config::default_provider::app_name::default_provider();
    theirs
        .app_name()
        .await
        .or_else(|| AppName::new(OPERATOR).ok())
}

//! From the environment to a configured SDK.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_ivschat::config::Builder;
use ivschat_core::api::names::OPERATOR;

use crate::settings::Settings;

/// Attempts of a call to STS or to a source of credentials.
const ATTEMPTS: u32 = 3;
/// The SDK waits up to this before its first retry, and twice as long before the second. Its own default.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What environment and files say now.
pub(crate) async fn load(settings: &Settings) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(settings.operation_timeout)
        .operation_attempt_timeout(settings.attempt_timeout())
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
    loader.load().await
}

/// The client of IVS Chat sends each request once: the calls above it repeat them.
pub(super) fn once(config: &SdkConfig, settings: &Settings) -> Builder {
    let timeouts = TimeoutConfig::builder()
        .disable_operation_timeout()
        // Shortly before the caller gives the attempt up, so that the SDK closes a connection that may be dead.
        .operation_attempt_timeout(settings.attempt_timeout().mul_f64(0.95))
        .build();
    Builder::from(config)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
}

/// What names us in the User-Agent, and with it in CloudTrail; `AWS_SDK_UA_APP_ID` or the profile may say otherwise.
async fn app_name() -> Option<AppName> {
    let theirs = aws_config::default_provider::app_name::default_provider();
    theirs
        .app_name()
        .await
        .or_else(|| AppName::new(OPERATOR).ok())
}

//! From the environment to a configured SDK.

use std::env;
use std::sync::Arc;

use ivschat_core::room::is_region;

use super::account::Account;
use super::aws_clock::AwsClock;
use super::meter::Meter;
use super::rooms::Rooms;
use super::sdk::{self, Sdk};
use super::settings::Settings;

/// No way to start with AWS.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no region.
    #[error("no AWS region: set AWS_REGION or --region")]
    NoRegion,
    /// The region's name cannot be one: a place, a zone, a name with blanks.
    #[error(
        "{0:?} is not the name of an AWS region, such as us-west-2: correct --region, AWS_REGION or the AWS profile"
    )]
    InvalidRegion(String),
    /// What is to be called instead of AWS cannot be called.
    #[error(
        "{url:?} is not an endpoint: {origin} takes http:// or https:// and a host, with or without a port, and no path"
    )]
    InvalidEndpoint {
        /// As it was given.
        url: String,
        /// The flag or variable that it was given by.
        origin: &'static str,
    },
}

impl ConnectError {
    /// What is wrong, in two words.
    pub fn subject(&self) -> &'static str {
        match self {
            Self::NoRegion | Self::InvalidRegion(_) => "AWS region",
            Self::InvalidEndpoint { .. } => "AWS endpoint",
        }
    }
}

/// Connects with the SDK's own defaults: credentials, endpoint and proxies from environment, profile, web identity, Pod
/// Identity or instance metadata. Gives the calls, the account and the default region. `clock` hears every answer.
///
/// # Errors
/// Region or endpoint are missing or cannot be what is meant. Credentials are looked up at the first call.
pub async fn connect(
    settings: &Settings,
    meter: &Arc<dyn Meter>,
    clock: &AwsClock,
) -> Result<(Arc<Rooms>, Account, String), ConnectError> {
    let config = sdk::config::load(settings).await;
    let region = config.region().ok_or(ConnectError::NoRegion)?.to_string();
    if !is_region(&region) {
        return Err(ConnectError::InvalidRegion(region));
    }
    check_endpoints(settings, |name| env::var(name).ok())?;
    // None of those it was: so the profile named it.
    if let Some(url) = config.endpoint_url().filter(|url| !is_endpoint(url)) {
        let (url, origin) = (url.to_owned(), "endpoint_url in the AWS profile");
        return Err(ConnectError::InvalidEndpoint { url, origin });
    }
    let settled = Settings {
        region: Some(region.clone()),
        ..settings.clone()
    };
    let sdk = Arc::new(Sdk::new(&config, &settled, meter, clock));
    let rooms = Rooms::over(sdk.clone(), settings, Arc::clone(meter));
    Ok((Arc::new(rooms), Account::over(sdk), region))
}

/// Checks each endpoint that the SDK would take. One that cannot be called would fail every call.
fn check_endpoints(
    settings: &Settings,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), ConnectError> {
    // The SDK, too, takes a variable without a value for none.
    let variable = |name: &'static str| (name, variable(name).filter(|value| !value.is_empty()));
    let ignored = variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").1;
    let mut given = Vec::new();
    if !ignored.is_some_and(|it| it.eq_ignore_ascii_case("true")) {
        given.extend(["AWS_ENDPOINT_URL_IVSCHAT", "AWS_ENDPOINT_URL_STS"].map(variable));
        given.push(variable("AWS_ENDPOINT_URL"));
    }
    if settings.endpoint.is_some() {
        given.retain(|(name, _)| *name != "AWS_ENDPOINT_URL");
        given.push(("--endpoint-url", settings.endpoint.clone()));
    }
    for (origin, url) in given {
        if let Some(url) = url.filter(|url| !is_endpoint(url)) {
            return Err(ConnectError::InvalidEndpoint { url, origin });
        }
    }
    Ok(())
}

fn is_endpoint(url: &str) -> bool {
    let (scheme, rest) = url.split_once("://").unzip();
    let known = scheme.is_some_and(|it| ["http", "https"].contains(&it.to_lowercase().as_str()));
    let rest = rest.filter(|_| known);
    let authority = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let authority = authority.filter(|it| !it.contains(['/', '?', '#', '@']));
    let authority = authority.and_then(|it| it.parse::<http::uri::Authority>().ok());
    authority.is_some_and(|it| {
        let port = it.as_str().strip_prefix(it.host()).unwrap_or_default();
        !it.host().is_empty() && (port.is_empty() || it.port_u16().is_some())
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_endpoint_is_a_scheme_and_a_host_and_nothing_behind_it() {
        for url in [
            "http://127.0.0.1:4680",
            "https://ivschat.us-west-2.amazonaws.com",
            "https://vpce-1a2b.ivschat.us-west-2.vpce.amazonaws.com/",
            "http://[::1]:4680",
            "http://emulator.ivs.svc:4680",
            "HTTPS://emulator",
        ] {
            assert!(is_endpoint(url), "{url}");
        }
        for url in [
            "",
            "127.0.0.1:4680",
            "emulator:4680",
            "//emulator:4680",
            "http:/emulator",
            "http://",
            "http:///",
            "http://emulator:4680//",
            "http://emulator:4680/ivschat",
            "http://emulator:4680?x=1",
            "http://emulator:4680#x",
            "http://user@emulator:4680",
            "http://emulator:port",
            "http://emulator:70000",
            "http://emulator:",
            "http://:4680",
            "http://emulator :4680",
            "http://emulator\n",
            " http://emulator",
            "HTTP//emulator",
            "ftp://emulator",
        ] {
            assert!(!is_endpoint(url), "{url:?}");
        }
    }

    #[test]
    fn the_flag_and_every_variable_are_checked_and_the_one_that_is_wrong_is_named() {
        let settings = |endpoint: Option<&str>| Settings {
            region: None,
            endpoint: endpoint.map(str::to_owned),
            operation_timeout: Duration::from_secs(1),
            quota_factor: 1.0,
            concurrency: 8,
            wait_factor: 1.0,
        };
        let wrong = |endpoint, variables: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = variables.iter().find(|(it, _)| *it == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let checked = check_endpoints(&settings(endpoint), variable);
            checked.map_err(|error| error.to_string())
        };
        let told = |url: &str, origin: &str| {
            Err(format!(
                "{url:?} is not an endpoint: {origin} takes http:// or https:// and a host, with or without a port, and no path"
            ))
        };
        assert_eq!(wrong(None, &[]), Ok(()));
        assert_eq!(
            wrong(Some("http://a"), &[("AWS_ENDPOINT_URL", "http://b")]),
            Ok(())
        );
        assert_eq!(wrong(Some("a:1"), &[]), told("a:1", "--endpoint-url"));
        assert_eq!(wrong(None, &[("AWS_ENDPOINT_URL", "")]), Ok(()));
        let overridden = [("AWS_ENDPOINT_URL", "a:1")];
        assert_eq!(wrong(Some("http://a"), &overridden), Ok(()));
        for name in [
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_IVSCHAT",
            "AWS_ENDPOINT_URL_STS",
        ] {
            assert_eq!(
                wrong(None, &[(name, "http://a/b")]),
                told("http://a/b", name)
            );
            let ignored = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE");
            assert_eq!(wrong(None, &[(name, "http://a/b"), ignored]), Ok(()));
        }
    }

    #[test]
    fn a_place_a_zone_and_a_name_with_blanks_are_no_regions() {
        for region in [
            "us-west-2",
            "ap-northeast-1",
            "us-gov-west-1",
            "eu-isoe-west-1",
        ] {
            assert!(is_region(region), "{region}");
        }
        for region in [
            "",
            "Oregon",
            "us-west-2a",
            "us-west-2 ",
            "us-west-2\n",
            "US-WEST-2",
            "us_west_2",
            "global",
            "aws-global",
        ] {
            assert!(!is_region(region), "{region:?}");
        }
    }
}

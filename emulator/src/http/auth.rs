//! Who calls and where: AWS Signature Version 4.
//!
//! The region and the service come from the credential scope. Without a credentials file any access key is the default account
//! and signatures are not verified; with one they are, in full.

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use crate::credentials::{AccessKey, Credentials};
use crate::world::{ApiError, DEFAULT_ACCOUNT, Operation, Scope};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far a client's clock may be from ours.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);
/// Longer than any region's name.
const REGION_MAX: usize = 32;

/// The Authorization header, taken apart.
struct Authorization<'a> {
    access_key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

/// The region that a request says it is for, whether or not its signature is worth anything.
pub(super) fn claimed_region(headers: &HeaderMap) -> Option<&str> {
    Authorization::read(headers).ok().map(|it| it.region)
}

/// The account and region that a request is signed for, and the key that signed it, where keys are told apart.
pub(super) fn authenticate<'c>(
    credentials: Option<&'c Credentials>,
    operation: Operation,
    parts: &Parts,
    body: &[u8],
    clock: Timestamp,
) -> Result<(Scope, Option<&'c AccessKey>), ApiError> {
    let authorization = Authorization::read(&parts.headers)?;
    let service = match operation {
        Operation::GetCallerIdentity => "sts",
        _ => "ivschat",
    };
    if authorization.service != service {
        return Err(invalid(&format!(
            "Credential should be scoped to correct service: '{service}'."
        )));
    }
    let region = authorization.region;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || region.len() > REGION_MAX || !region.chars().all(plain) {
        return Err(invalid("Credential should be scoped to a valid region."));
    }
    let key = match credentials {
        None => None,
        Some(credentials) => {
            let key = credentials.get(authorization.access_key);
            let key = key.ok_or_else(unrecognized)?;
            authorization.verify(key, parts, body, clock)?;
            Some(key)
        }
    };
    let account = key.map_or(DEFAULT_ACCOUNT, |key| &key.account_id);
    let scope = Scope {
        account: account.to_owned(),
        region: region.to_owned(),
    };
    Ok((scope, key))
}

impl<'a> Authorization<'a> {
    fn read(headers: &'a HeaderMap) -> Result<Self, ApiError> {
        let Some(authorization) = headers.get(header::AUTHORIZATION) else {
            return Err(ApiError::new(
                403,
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            ));
        };
        Self::parse(authorization.to_str().unwrap_or_default()).ok_or_else(|| {
            let message = format!(
                "Authorization header requires the algorithm {ALGORITHM} and the parameters 'Credential' (access \
                 key/date/region/service/aws4_request), 'SignedHeaders' and 'Signature'."
            );
            ApiError::new(403, "IncompleteSignatureException", &message)
        })
    }

    fn parse(authorization: &'a str) -> Option<Self> {
        let parameters = authorization.strip_prefix(ALGORITHM)?;
        let parameter = |name: &str| {
            parameters
                .split(',')
                .find_map(|parameter| parameter.trim().strip_prefix(name)?.strip_prefix('='))
        };
        // The access key itself may hold slashes; the four last parts may not.
        let credential: Vec<&str> = parameter("Credential")?.rsplitn(5, '/').collect();
        let ["aws4_request", service, region, date, access_key] = credential[..] else {
            return None;
        };
        Some(Self {
            access_key,
            date,
            region,
            service,
            signed_headers: parameter("SignedHeaders")?,
            signature: parameter("Signature")?,
        })
    }

    /// Signs the request as its sender should have, and compares.
    fn verify(
        &self,
        key: &AccessKey,
        parts: &Parts,
        body: &[u8],
        clock: Timestamp,
    ) -> Result<(), ApiError> {
        let given = parts.headers.get("x-amz-security-token");
        if given.map(HeaderValue::as_bytes) != key.session_token.as_deref().map(str::as_bytes) {
            return Err(unrecognized());
        }
        let signed_at = self.signed_at(&parts.headers, clock)?;
        let expected = self.signature(key, parts, body, signed_at);
        if expected.is_none_or(|expected| expected != self.signature) {
            return Err(invalid(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
                 Key and signing method. Consult the service documentation for details.",
            ));
        }
        Ok(())
    }

    /// When the request says that it was signed, provided that this is about now.
    fn signed_at(&self, headers: &HeaderMap, clock: Timestamp) -> Result<Timestamp, ApiError> {
        let mut dates = headers.get_all("x-amz-date").iter();
        // Two of them: which one was signed?
        let date = dates.next().filter(|_| dates.next().is_none());
        let date = date.and_then(|date| date.to_str().ok());
        let signed_at = date.and_then(|date| {
            let date = civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
            Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
        });
        let (Some(date), Some(signed_at)) = (date, signed_at) else {
            let message = "X-Amz-Date must be a time like 20260102T030405Z.";
            return Err(ApiError::new(403, "IncompleteSignatureException", message));
        };
        if date.split('T').next() != Some(self.date) {
            return Err(invalid(&format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{date}'.",
                self.date,
            )));
        }
        let age = clock.duration_since(signed_at);
        if age > SKEW_MAX {
            let now = clock.strftime("%Y%m%dT%H%M%SZ");
            return Err(invalid(&format!(
                "Signature expired: {date} is now earlier than {now} minus 5 min."
            )));
        }
        if age < -SKEW_MAX {
            let now = clock.strftime("%Y%m%dT%H%M%SZ");
            return Err(invalid(&format!(
                "Signature not yet current: {date} is still later than {now} plus 5 min."
            )));
        }
        Ok(signed_at)
    }

    /// The signature that this request should bear; `None` where no client could have signed it.
    fn signature(
        &self,
        key: &AccessKey,
        parts: &Parts,
        body: &[u8],
        signed_at: Timestamp,
    ) -> Option<String> {
        let names: Vec<&str> = self.signed_headers.split(';').collect();
        // In every signature are the host, the date (which the signer adds of its own accord) and whatever else AWS acts on.
        let must_be_signed = |name: &str| name == "host" || name.starts_with("x-amz-");
        let given = parts.headers.keys().map(HeaderName::as_str);
        if !given
            .filter(|name| must_be_signed(name))
            .all(|name| names.contains(&name))
        {
            return None;
        }
        let mut headers = Vec::new();
        for name in names.into_iter().filter(|name| *name != "x-amz-date") {
            for value in parts.headers.get_all(name) {
                headers.push((name, value.to_str().ok()?));
            }
        }
        let host = parts.headers.get(header::HOST)?.to_str().ok()?;
        let uri = format!("http://{host}{}", parts.uri.path_and_query()?);
        let method = parts.method.as_str();
        let signed = SignableBody::Bytes(body);
        let request = SignableRequest::new(method, uri, headers.into_iter(), signed).ok()?;

        let mut settings = SigningSettings::default();
        // What the client says it signed is signed, whatever a signer would leave out by itself.
        settings.excluded_headers = None;
        let secret = key.secret_access_key.as_str();
        let identity =
            aws_credential_types::Credentials::new(self.access_key, secret, None, None, "file");
        let identity = identity.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(SystemTime::from(signed_at))
            .settings(settings)
            .build()
            .ok()?;
        let (_, signature) = sign(request, &parameters.into()).ok()?.into_parts();
        Some(signature)
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(403, "InvalidSignatureException", message)
}

fn unrecognized() -> ApiError {
    ApiError::new(
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )
}

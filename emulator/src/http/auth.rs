//! Who calls and where: the SigV4 credential scope. Any access key is the default account; signatures are not verified.

use axum::http::{HeaderMap, header};

use crate::world::{ApiError, DEFAULT_ACCOUNT, Scope};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The scope a request is signed for.
pub(super) fn scope(headers: &HeaderMap) -> Result<Scope, ApiError> {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let Some(authorization) = authorization else {
        return Err(ApiError::new(
            403,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ));
    };
    let incomplete = || {
        let message = "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters";
        ApiError::new(403, "IncompleteSignatureException", message)
    };
    let parameters = authorization
        .strip_prefix(ALGORITHM)
        .ok_or_else(incomplete)?;
    let parameter = |name: &str| {
        parameters
            .split(',')
            .find_map(|parameter| parameter.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let credential = parameter("Credential").ok_or_else(incomplete)?;
    parameter("SignedHeaders")
        .and(parameter("Signature"))
        .ok_or_else(incomplete)?;
    // The access key itself may hold slashes; the four last parts may not.
    let parts: Vec<&str> = credential.rsplitn(5, '/').collect();
    let [
        "aws4_request",
        "ivschat" | "sts",
        region,
        _date,
        _access_key,
    ] = parts[..]
    else {
        return Err(ApiError::new(
            403,
            "InvalidSignatureException",
            "Credential is not scoped to this service",
        ));
    };
    Ok(Scope {
        account: DEFAULT_ACCOUNT.to_owned(),
        region: region.to_owned(),
    })
}

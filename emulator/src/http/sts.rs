//! AWS STS GetCallerIdentity in its own wire form (a form in, XML out), so that a client can learn the account it talks to.

use crate::world::ApiError;

pub(super) const CONTENT_TYPE: &str = "text/xml";

pub(super) fn caller_identity(account: &str, request_id: &str) -> Vec<u8> {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
           <GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{account}:user/emulator</Arn>\
             <UserId>AIDAEMULATOR</UserId>\
             <Account>{account}</Account>\
           </GetCallerIdentityResult>\
           <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>",
    )
    .into_bytes()
}

/// The error under the name that STS has for it, and its body.
pub(super) fn error(error: &ApiError, request_id: &str) -> (String, Vec<u8>) {
    let code = match error.code.as_str() {
        "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
        "IncompleteSignatureException" => "IncompleteSignature",
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        "UnrecognizedClientException" => "InvalidClientTokenId",
        code => code,
    };
    let kind = if error.status < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
           <Error><Type>{kind}</Type><Code>{}</Code><Message>{}</Message></Error>\
           <RequestId>{request_id}</RequestId>\
         </ErrorResponse>",
        escaped(code),
        escaped(error.message()),
    );
    (code.to_owned(), body.into_bytes())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

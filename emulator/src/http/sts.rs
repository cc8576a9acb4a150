//! AWS STS GetCallerIdentity in its own wire form (a form in, XML out), so that a client can learn the account it talks to.

use crate::world::ApiError;

pub(super) const CONTENT_TYPE: &str = "text/xml";

pub(super) fn caller_identity(account: &str) -> Vec<u8> {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
           <GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{account}:user/emulator</Arn>\
             <UserId>AIDAEMULATOR</UserId>\
             <Account>{account}</Account>\
           </GetCallerIdentityResult>\
           <ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>",
        request = uuid::Uuid::new_v4(),
    )
    .into_bytes()
}

/// The error under the name that STS has for it, and its body.
pub(super) fn error(error: &ApiError) -> (String, Vec<u8>) {
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
           <RequestId>{}</RequestId>\
         </ErrorResponse>",
        escaped(code),
        escaped(error.message()),
        uuid::Uuid::new_v4(),
    );
    (code.to_owned(), body.into_bytes())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

//! AWS STS GetCallerIdentity, so that a client can learn the account it talks to.

use axum::body::Body;
use axum::http::{Response, header};

use crate::world::Scope;

pub(super) fn caller_identity(scope: &Scope) -> Response<Body> {
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
           <GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{account}:user/emulator</Arn>\
             <UserId>AIDAEMULATOR</UserId>\
             <Account>{account}</Account>\
           </GetCallerIdentityResult>\
           <ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>",
        account = scope.account,
        request = uuid::Uuid::new_v4(),
    );
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/xml"),
    );
    response
}

//! AWS as the operator's credentials reach it.

use std::sync::Arc;

use ivschat_aws::{Account, Caller, Rooms};
use ivschat_core::room::{Failure, FailureClass};

/// AWS, through the operator's own credentials.
pub struct Aws {
    /// The calls.
    pub rooms: Arc<Rooms>,
    /// The account that the credentials belong to.
    pub account: Account,
    /// The region to check: that of ChatRooms that name none.
    pub region: String,
    /// Every region where rooms may be made.
    pub regions: Vec<String>,
    /// On whose behalf the calls are made.
    pub caller: Caller,
}

/// A failure's text, with advice if it is about a permission.
pub(super) fn remedy(action: &str, failure: &Failure) -> String {
    if failure.class == FailureClass::Denied && failure.operation == Some(action) {
        return format!("{failure}. Allow ivschat:{action} as deploy/aws/policy.json does");
    }
    failure.to_string()
}

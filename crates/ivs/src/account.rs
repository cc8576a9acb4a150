//! Whose credentials these are. A 404 from the wrong account must never look like a missing room.

use std::sync::Arc;

use ivschat_core::room::Failure;

use super::port::Aws;

/// The AWS account of the operator's credentials.
#[derive(Debug, Clone)]
pub struct Account(Arc<dyn Aws>);

impl Account {
    /// The account of the credentials that this signs with.
    pub fn over(aws: Arc<dyn Aws>) -> Self {
        Self(aws)
    }

    /// The account's id, as of the credentials that calls are signed with now.
    ///
    /// # Errors
    /// `Denied` without usable credentials, else what STS answered.
    pub async fn id(&self) -> Result<String, Failure> {
        self.0.account().await
    }
}

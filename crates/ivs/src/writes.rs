//! The calls that write, one method each, in the domain's terms. None is sent once the fence is closed.

use ivschat_core::room::correction::{NewRoom, RoomUpdate};
use ivschat_core::room::step::Deletion;
use ivschat_core::room::{ActualRoom, Cause, Failure, FailureClass, RoomArn, Tags};
use tokio::time::{Instant, timeout_at};

use super::call::Calls;
use super::caller::Caller;
use super::fence::Fence;
use super::operation::Operation;
use super::port::Request;
use super::quota::Permit;

/// IVS Chat's calls that write, as long as `fence` is open.
pub struct Writes<'a> {
    pub(crate) calls: &'a Calls,
    pub(crate) fence: &'a dyn Fence,
    pub(crate) caller: &'a Caller,
}

/// A CreateRoom may be sent, as long as this is kept.
pub struct Admission(Permit);

/// Why CreateRoom returned no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateError {
    /// It is certain that no room was created.
    Refused(Failure),
    /// A room may have been created.
    Unknown(Failure),
}

impl Writes<'_> {
    /// Waits until a CreateRoom may be sent. Separate from [`create`](Self::create), so that no wait comes between writing
    /// the attempt to the status and sending it.
    pub async fn admit_create(&self, region: &str) -> Admission {
        let (quotas, operation) = (&self.calls.quotas, Operation::CreateRoom);
        Admission(quotas.admit(region, operation, self.caller, false).await)
    }

    /// One CreateRoom, which is never repeated: the call has no idempotency token, and a repeated call creates a second room.
    /// After `deadline` nothing is sent, and no answer awaited. `account`: whose credentials alone may sign it.
    ///
    /// # Errors
    /// [`CreateError`] says whether a room may have been created.
    pub async fn create(
        &self,
        new: &NewRoom,
        account: &str,
        admission: Admission,
        deadline: Instant,
    ) -> Result<ActualRoom, CreateError> {
        // Writing attempts down takes as long as the API server is busy.
        let spread = timeout_at(deadline, admission.0.spread()).await;
        if spread.is_err() || Instant::now() >= deadline {
            let late = "not sent, because writing the attempt down took too long".to_owned();
            return Err(CreateError::Refused(Failure::of_call(
                FailureClass::Unavailable,
                Operation::CreateRoom.name(),
                Cause::Told(late),
            )));
        }
        let request = Request::Create(new.clone(), account.to_owned());
        let call = self
            .calls
            .write_admitted(&request, admission.0, self.fence, deadline);
        match call.await {
            Ok(answer) => answer.room(&request).map_err(CreateError::Unknown),
            Err(error) if error.proves_no_effect() => {
                Err(CreateError::Refused(error.failure(&request)))
            }
            Err(error) => Err(CreateError::Unknown(error.failure(&request))),
        }
    }

    /// UpdateRoom with only the members that `update` names. Returns the room as it then is.
    ///
    /// # Errors
    /// Any class.
    pub async fn update(&self, arn: &RoomArn, update: &RoomUpdate) -> Result<ActualRoom, Failure> {
        let request = Request::Update(arn.clone(), update.clone());
        self.calls
            .write(&request, self.caller, self.fence)
            .await?
            .room(&request)
    }

    /// DeleteRoom. That the room was gone already is as good.
    ///
    /// # Errors
    /// Any class but `NotFound`.
    pub async fn delete(&self, arn: &RoomArn) -> Result<Deletion, Failure> {
        let request = Request::Delete(arn.clone());
        match self
            .calls
            .write_counted(&request, self.caller, self.fence)
            .await
        {
            Ok((_, 1)) => Ok(Deletion::AtOnce),
            Ok(_) => Ok(Deletion::Repeated),
            Err(failure) if failure.class == FailureClass::NotFound => Ok(Deletion::NotThere),
            Err(failure) => Err(failure),
        }
    }

    /// TagResource.
    ///
    /// # Errors
    /// Any class.
    pub async fn tag(&self, arn: &RoomArn, tags: &Tags) -> Result<(), Failure> {
        let request = Request::Tag(arn.clone(), tags.clone());
        self.calls
            .write(&request, self.caller, self.fence)
            .await
            .map(drop)
    }

    /// UntagResource.
    ///
    /// # Errors
    /// Any class.
    pub async fn untag(&self, arn: &RoomArn, keys: &[String]) -> Result<(), Failure> {
        let request = Request::Untag(arn.clone(), keys.to_vec());
        self.calls
            .write(&request, self.caller, self.fence)
            .await
            .map(drop)
    }
}

//! The calls that write, one method each, in the domain's terms. None is sent once the fence is closed.

use std::time::Duration;

use ivschat_core::room::correction::{NewRoom, RoomUpdate};
use ivschat_core::room::step::Deletion;
use ivschat_core::room::{ActualRoom, Cause, Failure, FailureClass, RoomArn, Tags};
use tokio::time::{Instant, timeout_at};

use super::call::Calls;
use super::caller::Caller;
use super::fence::Fence;
use super::operation::Operation;
use super::port::{Answer, Request};
use super::quota::Permit;

/// IVS Chat's calls that write, as long as `fence` is open.
pub struct Writes<'a> {
    pub(crate) calls: &'a Calls,
    pub(crate) fence: &'a dyn Fence,
    pub(crate) caller: &'a Caller,
}

/// A call may be sent, as long as this is kept.
pub struct Admission {
    permit: Permit,
    waited: Duration,
}

impl Admission {
    /// How long the call waited for its turn.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns once the call may be sent, where other things had to be done since its turn came: what was held up does not come all
    /// at once. `false`: not before the deadline.
    pub async fn spread(&self, deadline: Instant) -> bool {
        let spread = timeout_at(deadline, self.permit.spread()).await;
        spread.is_ok() && Instant::now() < deadline
    }
}

/// Why CreateRoom returned no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateError {
    /// It is certain that no room was created.
    Refused(Failure),
    /// A room may have been created.
    Unknown(Failure),
}

impl Writes<'_> {
    /// Waits until such a call may be sent. Separate from the call, so that what it rests on can be done or looked at after the wait.
    pub async fn admit(&self, region: &str, operation: Operation) -> Admission {
        let asked = Instant::now();
        let quotas = &self.calls.quotas;
        let permit = quotas.admit(region, operation, self.caller, false).await;
        let waited = asked.elapsed();
        Admission { permit, waited }
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
        if Instant::now() >= deadline {
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
            .write_admitted(&request, admission.permit, self.fence, deadline);
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
    pub async fn update(
        &self,
        arn: &RoomArn,
        update: &RoomUpdate,
        admission: Admission,
    ) -> Result<ActualRoom, Failure> {
        let request = Request::Update(arn.clone(), update.clone());
        let answered = self.write(&request, admission).await?;
        answered.0.room(&request)
    }

    /// DeleteRoom. That the room was gone already is as good.
    ///
    /// # Errors
    /// Any class but `NotFound`.
    pub async fn delete(&self, arn: &RoomArn, admission: Admission) -> Result<Deletion, Failure> {
        let request = Request::Delete(arn.clone());
        match self.write(&request, admission).await {
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
    pub async fn tag(
        &self,
        arn: &RoomArn,
        tags: &Tags,
        admission: Admission,
    ) -> Result<(), Failure> {
        let request = Request::Tag(arn.clone(), tags.clone());
        self.write(&request, admission).await.map(drop)
    }

    /// UntagResource.
    ///
    /// # Errors
    /// Any class.
    pub async fn untag(
        &self,
        arn: &RoomArn,
        keys: &[String],
        admission: Admission,
    ) -> Result<(), Failure> {
        let request = Request::Untag(arn.clone(), keys.to_vec());
        self.write(&request, admission).await.map(drop)
    }

    /// Gives the answer, and which attempt it came to.
    async fn write(
        &self,
        request: &Request,
        admission: Admission,
    ) -> Result<(Answer, u32), Failure> {
        let Self {
            calls,
            fence,
            caller,
        } = self;
        calls.write(request, caller, admission.permit, *fence).await
    }
}

//! The calls that write, one method each, in the domain's terms. None is sent once the fence is closed.

use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::config::Builder;
use aws_sdk_ivschat::config::retry::RetryConfig;
use ivschat_core::room::correction::{NewRoom, RoomUpdate};
use ivschat_core::room::{Class, Failure, ObservedRoom, RoomArn, Tags};
use tokio::time::Instant;

use super::convert::{self, observed_room};
use super::error;
use super::fence::{self, Fence};
use super::quota::Operation;
use super::rooms::Rooms;

/// IVS Chat's calls that write, as long as `fence` is open.
pub struct Writes<'a> {
    pub(crate) rooms: &'a Rooms,
    pub(crate) fence: &'a dyn Fence,
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
    /// Waits until a CreateRoom may be sent. Separate from [`create`](Self::create), so that no wait comes between writing
    /// the attempt to the status and sending it.
    pub async fn admit_create(&self, region: &str) {
        self.rooms.quotas.admit(region, Operation::CreateRoom).await;
    }

    /// One CreateRoom, without the SDK's retries: the call has no idempotency token, and a repeated call creates a second
    /// room. After `deadline` nothing is sent, and no answer awaited.
    ///
    /// # Errors
    /// [`CreateError`] says whether a room may have been created.
    pub async fn create(
        &self,
        new: &NewRoom,
        deadline: Instant,
    ) -> Result<ObservedRoom, CreateError> {
        const OPERATION: Operation = Operation::CreateRoom;
        let NewRoom { room, tags } = new;
        if Instant::now() >= deadline {
            let late = "CreateRoom: not sent, because writing the attempt down took too long";
            return Err(CreateError::Refused(Failure::new(Class::Unavailable, late)));
        }
        let end = fence::open(self.fence, OPERATION).map_err(CreateError::Refused)?;
        let call = self
            .rooms
            .client(&room.region)
            .create_room()
            .name(&room.name)
            .maximum_message_length(room.maximum_message_length)
            .maximum_message_rate_per_second(room.maximum_message_rate_per_second)
            .set_message_review_handler(
                room.message_review_handler
                    .as_ref()
                    .map(convert::sdk_handler),
            )
            .set_logging_configuration_identifiers(non_empty(
                &room.logging_configuration_identifiers,
            ))
            .set_tags(Some(tags.clone().into_iter().collect()))
            .customize()
            .config_override(Builder::default().retry_config(RetryConfig::disabled()));
        let answer = fence::within(self.fence, deadline.min(end), OPERATION, call.send()).await;
        let answer = answer.map_err(CreateError::Unknown)?;
        let output = answer.map_err(|error| {
            let logging = &room.logging_configuration_identifiers;
            let failure = error::write_failure(OPERATION.name(), &error, logging);
            if error::proves_nothing_was_made(&error) {
                CreateError::Refused(failure)
            } else {
                CreateError::Unknown(failure)
            }
        })?;
        let read = || Ok(observed_room!(OPERATION, output));
        read().map_err(CreateError::Unknown)
    }

    /// UpdateRoom with only the members that `update` names. Returns the room as it then is.
    ///
    /// # Errors
    /// Any class.
    pub async fn update(
        &self,
        arn: &RoomArn,
        update: &RoomUpdate,
    ) -> Result<ObservedRoom, Failure> {
        const OPERATION: Operation = Operation::UpdateRoom;
        let (client, end) = self.admitted(arn.region(), OPERATION).await?;
        let handler = update.message_review_handler.as_ref();
        let call = client
            .update_room()
            .identifier(arn.as_str())
            .set_name(update.name.clone())
            .set_maximum_message_length(update.maximum_message_length)
            .set_maximum_message_rate_per_second(update.maximum_message_rate_per_second)
            .set_message_review_handler(handler.map(convert::sdk_handler_update))
            .set_logging_configuration_identifiers(update.logging_configuration_identifiers.clone())
            .send();
        let answer = fence::within(self.fence, end, OPERATION, call).await?;
        let output = answer.map_err(|error| {
            let logging = update.logging_configuration_identifiers.as_deref();
            error::write_failure(OPERATION.name(), &error, logging.unwrap_or_default())
        })?;
        Ok(observed_room!(OPERATION, output))
    }

    /// DeleteRoom. False: the room was gone already, which is as good.
    ///
    /// # Errors
    /// Any class but `NotFound`.
    pub async fn delete(&self, arn: &RoomArn) -> Result<bool, Failure> {
        const OPERATION: Operation = Operation::DeleteRoom;
        let (client, end) = self.admitted(arn.region(), OPERATION).await?;
        let call = client.delete_room().identifier(arn.as_str()).send();
        match fence::within(self.fence, end, OPERATION, call).await? {
            Ok(_) => Ok(true),
            Err(error) => match error::read_failure(OPERATION.name(), &error) {
                Failure {
                    class: Class::NotFound,
                    ..
                } => Ok(false),
                failure => Err(failure),
            },
        }
    }

    /// TagResource.
    ///
    /// # Errors
    /// Any class.
    pub async fn tag(&self, arn: &RoomArn, tags: &Tags) -> Result<(), Failure> {
        const OPERATION: Operation = Operation::TagResource;
        let (client, end) = self.admitted(arn.region(), OPERATION).await?;
        let tags = Some(tags.clone().into_iter().collect());
        let call = client
            .tag_resource()
            .resource_arn(arn.as_str())
            .set_tags(tags)
            .send();
        let answer = fence::within(self.fence, end, OPERATION, call).await?;
        answer
            .map(drop)
            .map_err(|error| error::failure(OPERATION.name(), &error))
    }

    /// UntagResource.
    ///
    /// # Errors
    /// Any class.
    pub async fn untag(&self, arn: &RoomArn, keys: &[String]) -> Result<(), Failure> {
        const OPERATION: Operation = Operation::UntagResource;
        let (client, end) = self.admitted(arn.region(), OPERATION).await?;
        let keys = Some(keys.to_vec());
        let call = client
            .untag_resource()
            .resource_arn(arn.as_str())
            .set_tag_keys(keys)
            .send();
        let answer = fence::within(self.fence, end, OPERATION, call).await?;
        answer
            .map(drop)
            .map_err(|error| error::failure(OPERATION.name(), &error))
    }

    /// Waits for the quota. Then returns the client, and the time until which its answer may take.
    async fn admitted(
        &self,
        region: &str,
        operation: Operation,
    ) -> Result<(Client, Instant), Failure> {
        let client = self.rooms.admitted(region, operation).await;
        Ok((client, fence::open(self.fence, operation)?))
    }
}

fn non_empty(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

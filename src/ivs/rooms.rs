//! One method per call, in the domain's terms.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::config::retry::RetryConfig;
use aws_sdk_ivschat::config::{Builder, Region};
use aws_sdk_ivschat::types::RoomSummary;
use tokio::time::Instant;

use crate::room::plan::{NewRoom, RoomUpdate};
use crate::room::{Class, Failure, ObservedRoom, RoomArn, Tags};

use super::connect::Settings;
use super::convert::{self, observed_room};
use super::error;
use super::list::{Page, Pages, Summary};
use super::quota::{Operation, Quotas};

/// Clients kept, many more than AWS has regions: users can name regions that do not exist, and a client is soon made again.
const MAX_CLIENTS: usize = 64;

/// IVS Chat's room and tag calls, in every region.
pub struct Rooms {
    config: SdkConfig,
    quotas: Quotas,
    clients: Mutex<HashMap<String, Client>>,
}

/// Why CreateRoom gave no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateError {
    /// It is certain that none was made.
    Refused(Failure),
    /// One may have been made.
    Unknown(Failure),
}

impl Rooms {
    pub(super) fn new(config: SdkConfig, settings: &Settings) -> Self {
        Self {
            config,
            quotas: Quotas::new(settings.quota_factor),
            clients: Mutex::default(),
        }
    }

    /// GetRoom. `None`: AWS knows of no such room, or does not yet.
    ///
    /// # Errors
    /// Any class but `NotFound`.
    pub async fn get(&self, arn: &RoomArn) -> Result<Option<ObservedRoom>, Failure> {
        const OPERATION: Operation = Operation::GetRoom;
        let client = self.admitted(arn.region(), OPERATION).await;
        match client.get_room().identifier(arn.as_str()).send().await {
            Ok(output) => Ok(Some(observed_room!(OPERATION, output))),
            Err(error) => match error::read_failure(OPERATION.name(), &error) {
                Failure {
                    class: Class::NotFound,
                    ..
                } => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// Waits until a CreateRoom may be sent. Apart from [`create`](Self::create), so that no waiting lies between writing an
    /// attempt down and sending it.
    pub async fn admit_create(&self, region: &str) {
        self.quotas.admit(region, Operation::CreateRoom).await;
    }

    /// One CreateRoom, without the SDK's retries: the call has no idempotency token, and a repeated one makes a second
    /// room. Nothing is sent, and nothing waited for, past `deadline`.
    ///
    /// # Errors
    /// [`CreateError`] says whether a room may have been made.
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
        let call = self
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
        let answer = tokio::time::timeout_at(deadline, call.send())
            .await
            .map_err(|_| {
                CreateError::Unknown(Failure::new(
                    Class::Unavailable,
                    "CreateRoom: AWS did not answer in time",
                ))
            })?;
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

    /// UpdateRoom with only the members that `update` names; answers the room as it then is.
    ///
    /// # Errors
    /// Any class.
    pub async fn update(
        &self,
        arn: &RoomArn,
        update: &RoomUpdate,
    ) -> Result<ObservedRoom, Failure> {
        const OPERATION: Operation = Operation::UpdateRoom;
        let client = self.admitted(arn.region(), OPERATION).await;
        let handler = update.message_review_handler.as_ref();
        let output = client
            .update_room()
            .identifier(arn.as_str())
            .set_name(update.name.clone())
            .set_maximum_message_length(update.maximum_message_length)
            .set_maximum_message_rate_per_second(update.maximum_message_rate_per_second)
            .set_message_review_handler(handler.map(convert::sdk_handler_update))
            .set_logging_configuration_identifiers(update.logging_configuration_identifiers.clone())
            .send()
            .await
            .map_err(|error| {
                let logging = update.logging_configuration_identifiers.as_deref();
                error::write_failure(OPERATION.name(), &error, logging.unwrap_or_default())
            })?;
        Ok(observed_room!(OPERATION, output))
    }

    /// DeleteRoom. False: there was no such room any more, which is as good.
    ///
    /// # Errors
    /// Any class but `NotFound`.
    pub async fn delete(&self, arn: &RoomArn) -> Result<bool, Failure> {
        const OPERATION: Operation = Operation::DeleteRoom;
        let client = self.admitted(arn.region(), OPERATION).await;
        match client.delete_room().identifier(arn.as_str()).send().await {
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
        let client = self.admitted(arn.region(), OPERATION).await;
        let tags = Some(tags.clone().into_iter().collect());
        let answer = client
            .tag_resource()
            .resource_arn(arn.as_str())
            .set_tags(tags)
            .send()
            .await;
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
        let client = self.admitted(arn.region(), OPERATION).await;
        let keys = Some(keys.to_vec());
        let answer = client
            .untag_resource()
            .resource_arn(arn.as_str())
            .set_tag_keys(keys)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| error::failure(OPERATION.name(), &error))
    }

    /// The pages of ListRooms.
    pub(super) fn pages<'a>(&'a self, region: &'a str) -> impl Pages + Send + 'a {
        RegionPages {
            rooms: self,
            region,
        }
    }

    /// One page of ListRooms, newest update first.
    async fn list_page(&self, region: &str, token: Option<String>) -> Result<Page, Failure> {
        const OPERATION: Operation = Operation::ListRooms;
        let client = self.admitted(region, OPERATION).await;
        let page = client.list_rooms().set_next_token(token).send().await;
        let page = page.map_err(|error| error::read_failure(OPERATION.name(), &error))?;
        let summary = |room: &RoomSummary| {
            Ok(Summary {
                arn: convert::arn(OPERATION.name(), room.arn())?,
                tags: convert::tags(room.tags()),
                create_time: convert::timestamp(room.create_time()),
                update_time: convert::timestamp(room.update_time()),
            })
        };
        Ok(Page {
            rooms: page.rooms().iter().map(summary).collect::<Result<_, _>>()?,
            next_token: page.next_token.filter(|token| !token.is_empty()),
        })
    }

    async fn admitted(&self, region: &str, operation: Operation) -> Client {
        self.quotas.admit(region, operation).await;
        self.client(region)
    }

    /// The client of a region; they share credentials and connections.
    fn client(&self, region: &str) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(region) {
            clients.clear();
        }
        let made = clients.entry(region.to_owned()).or_insert_with(|| {
            let config = Builder::from(&self.config)
                .region(Region::new(region.to_owned()))
                .build();
            Client::from_conf(config)
        });
        made.clone()
    }
}

struct RegionPages<'a> {
    rooms: &'a Rooms,
    region: &'a str,
}

impl Pages for RegionPages<'_> {
    async fn read(&mut self, token: Option<String>) -> Result<Page, Failure> {
        self.rooms.list_page(self.region, token).await
    }
}

fn non_empty(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;

    use super::*;

    #[tokio::test]
    async fn regions_that_users_invent_do_not_pile_up() {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .build();
        let settings = Settings {
            region: None,
            endpoint: None,
            operation_timeout: std::time::Duration::from_secs(1),
            quota_factor: 1.0,
        };
        let rooms = Rooms::new(config, &settings);
        for region in 0..1000 {
            rooms
                .admitted(&format!("aa-bb-{region}"), Operation::GetRoom)
                .await;
        }
        assert!(rooms.clients.lock().unwrap().len() <= MAX_CLIENTS);
    }
}

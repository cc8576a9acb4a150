//! The calls that read, one method each, in the domain's terms.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::config::{Builder, Region};
use aws_sdk_ivschat::types::RoomSummary;
use ivschat_core::api::names::OWNER_TAG;
use ivschat_core::room::{Class, Failure, ObservedRoom, RoomArn};

use crate::meter::Meter;

use super::attempts::Attempts;
use super::connect::Settings;
use super::convert::{self, observed_room};
use super::error;
use super::fence::Fence;
use super::list::{Page, Pages, Summary, complete_list};
use super::quota::{Operation, Quotas};
use super::writes::Writes;

/// How many clients are kept: many more than AWS has regions. Users can name regions that do not exist, and a new client
/// costs little.
const MAX_CLIENTS: usize = 64;

/// IVS Chat in every region: the calls that read. [`writes`](Self::writes) leads to those that write.
pub struct Rooms {
    config: SdkConfig,
    pub(crate) quotas: Quotas,
    attempts: Attempts,
    clients: Mutex<HashMap<String, Client>>,
}

impl Rooms {
    pub(crate) fn new(
        config: SdkConfig,
        settings: &Settings,
        attempts: Attempts,
        meter: Arc<dyn Meter>,
    ) -> Self {
        Self {
            config,
            quotas: Quotas::new(settings.quota_factor, meter),
            attempts,
            clients: Mutex::default(),
        }
    }

    /// GetRoom. `None`: AWS does not show such a room, or not yet.
    ///
    /// # Errors
    /// Any class but `NotFound`.
    pub async fn get(&self, arn: &RoomArn) -> Result<Option<ObservedRoom>, Failure> {
        const OPERATION: Operation = Operation::GetRoom;
        let client = self.admitted(arn.region(), OPERATION).await;
        match client.get_room().identifier(arn.as_str()).send().await {
            Ok(output) => Ok(Some(observed_room!(OPERATION, output))),
            Err(error) => match error::read_failure_in(arn.region(), OPERATION.name(), &error) {
                Failure {
                    class: Class::NotFound,
                    ..
                } => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// The calls that write. None is sent once `fence` is closed.
    pub fn writes<'a>(&'a self, fence: &'a dyn Fence) -> Writes<'a> {
        Writes { rooms: self, fence }
    }

    /// The pages of ListRooms.
    pub(crate) fn pages<'a>(&'a self, region: &'a str) -> impl Pages + Send + 'a {
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
        let page =
            page.map_err(|error| error::read_failure_in(region, OPERATION.name(), &error))?;
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

    /// The rooms that ListRooms shows first, at most a page of them.
    ///
    /// # Errors
    /// Any class.
    pub async fn first_page(&self, region: &str) -> Result<Vec<RoomArn>, Failure> {
        let page = self.list_page(region, None).await?;
        Ok(page.rooms.into_iter().map(|room| room.arn).collect())
    }

    /// Every room of a region whose owner tag has this value, as of now.
    ///
    /// # Errors
    /// Any class.
    pub async fn of_owner(&self, region: &str, owner: &str) -> Result<Vec<RoomArn>, Failure> {
        let rooms = complete_list(&mut self.pages(region)).await?;
        let theirs = |room: &Summary| room.tags.get(OWNER_TAG).is_some_and(|it| it == owner);
        let theirs = rooms.into_iter().filter(theirs);
        Ok(theirs.map(|room| room.arn).collect())
    }

    pub(crate) async fn admitted(&self, region: &str, operation: Operation) -> Client {
        self.quotas.admit(region, operation).await;
        self.client(region)
    }

    /// The client of a region. All clients share credentials and connections.
    pub(crate) fn client(&self, region: &str) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(region) {
            clients.clear();
        }
        let made = clients.entry(region.to_owned()).or_insert_with(|| {
            let config = Builder::from(&self.config)
                .region(Region::new(region.to_owned()))
                .interceptor(self.attempts.clone())
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

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;

    use super::*;
    use crate::meter::Unmetered;

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
            wait_factor: 1.0,
        };
        let meter: Arc<dyn Meter> = Arc::new(Unmetered);
        let attempts = Attempts::new(Arc::clone(&meter));
        let rooms = Rooms::new(config, &settings, attempts, meter);
        for region in 0..1000 {
            rooms
                .admitted(&format!("aa-bb-{region}"), Operation::GetRoom)
                .await;
        }
        assert!(rooms.clients.lock().unwrap().len() <= MAX_CLIENTS);
    }
}

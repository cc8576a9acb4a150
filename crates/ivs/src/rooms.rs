//! The calls that read, one method each, in the domain's terms.

use std::sync::Arc;

use ivschat_core::api::names::OWNER_TAG;
use ivschat_core::room::{ActualRoom, Failure, FailureClass, RoomArn, Summary};

use super::call::Calls;
use super::caller::Caller;
use super::fence::Fence;
use super::list::{Page, Pages, read_front};
use super::meter::Meter;
use super::port::{Aws, Request};
use super::settings::Settings;
use super::writes::Writes;

/// IVS Chat in every region: the calls that read. [`writes`](Self::writes) leads to those that write.
pub struct Rooms(Calls);

impl Rooms {
    /// The rooms of this AWS.
    pub fn over(aws: Arc<dyn Aws>, settings: &Settings, meter: Arc<dyn Meter>) -> Self {
        Self(Calls::new(aws, settings, meter))
    }

    /// GetRoom. `None`: AWS does not show such a room, or not yet.
    ///
    /// # Errors
    /// Any class but `NotFound`.
    pub async fn get(&self, arn: &RoomArn, caller: &Caller) -> Result<Option<ActualRoom>, Failure> {
        let request = Request::Get(arn.clone());
        match self.0.read(&request, caller).await {
            Ok(answer) => answer.room(&request).map(Some),
            Err(failure) if failure.class == FailureClass::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The calls that write. None is sent once `fence` is closed.
    pub fn writes<'a>(&'a self, fence: &'a dyn Fence, caller: &'a Caller) -> Writes<'a> {
        Writes {
            calls: &self.0,
            fence,
            caller,
        }
    }

    /// The pages of ListRooms.
    pub(crate) fn pages<'a>(
        &'a self,
        region: &'a str,
        caller: &'a Caller,
    ) -> impl Pages + Send + 'a {
        RegionPages {
            rooms: self,
            region,
            caller,
        }
    }

    /// One page of ListRooms, newest update first.
    async fn list_page(
        &self,
        region: &str,
        token: Option<String>,
        caller: &Caller,
    ) -> Result<Page, Failure> {
        let region = region.to_owned();
        let request = Request::List { region, token };
        self.0.read(&request, caller).await?.page(&request)
    }

    /// The rooms that ListRooms shows first, at most a page of them.
    ///
    /// # Errors
    /// Any class.
    pub async fn first_page(&self, region: &str, caller: &Caller) -> Result<Vec<RoomArn>, Failure> {
        let page = self.list_page(region, None, caller).await?;
        Ok(page.rooms.into_iter().map(|room| room.arn).collect())
    }

    /// Every room of a region whose owner tag has this value, as of now.
    ///
    /// # Errors
    /// Any class.
    pub async fn of_owner(
        &self,
        region: &str,
        owner: &str,
        caller: &Caller,
    ) -> Result<Vec<RoomArn>, Failure> {
        let rooms = read_front(&mut self.pages(region, caller), None)
            .await?
            .rooms;
        let theirs = |room: &Summary| room.tags.get(OWNER_TAG).is_some_and(|it| it == owner);
        let theirs = rooms.unpack().filter(theirs);
        Ok(theirs.map(|room| room.arn).collect())
    }
}

struct RegionPages<'a> {
    rooms: &'a Rooms,
    region: &'a str,
    caller: &'a Caller,
}

impl Pages for RegionPages<'_> {
    async fn read(&mut self, token: Option<String>) -> Result<Page, Failure> {
        self.rooms.list_page(self.region, token, self.caller).await
    }
}

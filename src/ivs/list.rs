//! A list of a region's rooms that misses none.
//!
//! ListRooms pages through a live order, newest update first: a room that is updated while the pages are read jumps to the
//! front, behind the reader's back. So the front is read again, down to the newest update that the reading before had seen
//! first, until that takes a single page: one page is one moment.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::room::{Class, Failure, RoomArn, Tags};

use super::convert;
use super::rooms::Rooms;

/// Readings of the front before giving up on a region where rooms change faster than they can be read.
const MAX_READINGS: usize = 20;

/// A room as ListRooms shows it, as far as the operator needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) arn: RoomArn,
    pub(super) tags: Tags,
    pub(super) create_time: Option<Timestamp>,
    pub(super) update_time: Option<Timestamp>,
}

/// Every room that was in `region` from the call's begin to its end.
pub(super) async fn complete_list(rooms: &Rooms, region: &str) -> Result<Vec<Summary>, Failure> {
    let mut found = BTreeMap::new();
    let mut down_to = None;
    for _ in 0..MAX_READINGS {
        let reading = read_front(rooms, region, down_to, &mut found).await?;
        if reading.pages == 1 {
            return Ok(found.into_values().collect());
        }
        // Without a time to compare with, the next reading goes through every page.
        down_to = reading.newest;
    }
    let message = format!("ListRooms: the rooms of {region} change faster than they can be listed");
    Err(Failure::new(Class::Unavailable, message))
}

struct Reading {
    pages: usize,
    newest: Option<Timestamp>,
}

/// Reads pages from the front until one shows a room last updated before `down_to`, or to the end.
async fn read_front(
    rooms: &Rooms,
    region: &str,
    down_to: Option<Timestamp>,
    found: &mut BTreeMap<RoomArn, Summary>,
) -> Result<Reading, Failure> {
    let mut reading = Reading {
        pages: 0,
        newest: None,
    };
    let mut token = None;
    loop {
        let page = rooms.list_page(region, token.take()).await?;
        reading.pages += 1;
        let mut reached = false;
        for room in page.rooms() {
            let summary = Summary {
                arn: convert::arn("ListRooms", room.arn())?,
                tags: room
                    .tags()
                    .into_iter()
                    .flatten()
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
                create_time: convert::timestamp(room.create_time()),
                update_time: convert::timestamp(room.update_time()),
            };
            reading.newest = reading.newest.max(summary.update_time);
            reached |= summary
                .update_time
                .is_some_and(|updated| down_to.is_some_and(|down_to| updated < down_to));
            found.insert(summary.arn.clone(), summary);
        }
        token = page
            .next_token()
            .filter(|token| !token.is_empty())
            .map(ToOwned::to_owned);
        if reached || token.is_none() {
            return Ok(reading);
        }
    }
}

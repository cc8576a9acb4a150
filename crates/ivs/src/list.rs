//! A list of a region's rooms that misses none.
//!
//! ListRooms pages through a live order, newest update first: a room that is updated while the pages are read jumps to the
//! front, behind the reader's back. So the front is read again, each time down to the newest update that the previous
//! reading saw. The list is complete once a reading takes a single page, because one page shows one moment.

use std::collections::BTreeMap;

use ivschat_core::room::{Cause, Failure, FailureClass, RoomArn, Tags};
use jiff::Timestamp;

use super::operation::Operation;

/// How often the front is read before giving up: rooms may change faster than they can be read.
const MAX_READINGS: usize = 20;

/// A room as ListRooms shows it, as far as the operator needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The room's ARN.
    pub arn: RoomArn,
    /// Every tag.
    pub tags: Tags,
    /// When AWS created it, if AWS says.
    pub create_time: Option<Timestamp>,
    /// When it was last updated, if AWS says.
    pub update_time: Option<Timestamp>,
}

/// One page of ListRooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In AWS's order: newest update first.
    pub rooms: Vec<Summary>,
    /// Where the next one begins; none behind the last.
    pub next_token: Option<String>,
}

/// Where pages come from.
pub(crate) trait Pages {
    /// The page that a token stands for; without one, the first.
    fn read(&mut self, token: Option<String>)
    -> impl Future<Output = Result<Page, Failure>> + Send;
}

/// Every room that was there from the beginning of the call to its end.
pub(crate) async fn complete_list(
    pages: &mut (impl Pages + Send),
) -> Result<Vec<Summary>, Failure> {
    let mut found = BTreeMap::new();
    let mut down_to = None;
    for _ in 0..MAX_READINGS {
        let reading = read_front(pages, down_to, &mut found).await?;
        if reading.pages == 1 {
            return Ok(found.into_values().collect());
        }
        // Without a time to compare with, the next reading goes through every page.
        down_to = reading.newest;
    }
    let why = "rooms change faster than they can be listed".to_owned();
    let operation = Operation::ListRooms.name();
    Err(Failure::of_call(
        FailureClass::Unavailable,
        operation,
        Cause::Told(why),
    ))
}

struct Reading {
    pages: usize,
    newest: Option<Timestamp>,
}

/// Reads pages from the front until one shows a room last updated before `down_to`, or to the end.
async fn read_front(
    pages: &mut (impl Pages + Send),
    down_to: Option<Timestamp>,
    found: &mut BTreeMap<RoomArn, Summary>,
) -> Result<Reading, Failure> {
    let mut reading = Reading {
        pages: 0,
        newest: None,
    };
    let mut token = None;
    loop {
        let page = pages.read(token.take()).await?;
        reading.pages += 1;
        let mut reached = false;
        for room in page.rooms {
            reading.newest = reading.newest.max(room.update_time);
            reached |= room
                .update_time
                .is_some_and(|updated| down_to.is_some_and(|down_to| updated < down_to));
            found.insert(room.arn.clone(), room);
        }
        token = page.next_token;
        if reached || token.is_none() {
            return Ok(reading);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use futures::FutureExt;
    use ivschat_emulator::world::{
        Answer, Call, CreateRoom, ListRooms, Scope, Settings, UpdateRoom, World,
    };
    use jiff::ToSpan;
    use proptest::prelude::*;

    use super::*;

    /// The emulator's world, in which rooms are updated between the pages.
    struct Restless {
        world: World,
        scope: Scope,
        now: Timestamp,
        arns: Vec<String>,
        reads: usize,
    }

    impl Restless {
        fn new(rooms: usize) -> Self {
            let scope = Scope::in_region("us-west-2");
            let world = World::new(Settings::default(), 1);
            let mut restless = Self {
                world,
                scope,
                now: Timestamp::UNIX_EPOCH,
                arns: Vec::new(),
                reads: 0,
            };
            for _ in 0..rooms {
                if let Answer::Room(room) =
                    restless.call(Call::CreateRoom(CreateRoom::default()), 1)
                {
                    restless.arns.push(room.arn);
                }
            }
            restless
        }

        fn call(&mut self, call: Call, ticks: i64) -> Answer {
            self.now += ticks.milliseconds();
            self.world.call(&self.scope, call, self.now).unwrap()
        }

        /// `ticks`: 0 puts the update into the same instant as the one before.
        fn touch(&mut self, room: usize, ticks: i64) {
            let Some(identifier) = self.arns.get(room % self.arns.len().max(1)).cloned() else {
                return;
            };
            let toggled = Some(if self.reads.is_multiple_of(2) { 7 } else { 8 });
            let update = UpdateRoom {
                identifier,
                maximum_message_length: toggled,
                ..UpdateRoom::default()
            };
            self.call(Call::UpdateRoom(update), ticks);
        }

        fn page(&mut self, next_token: Option<String>) -> Page {
            self.reads += 1;
            let request = ListRooms {
                next_token,
                ..ListRooms::default()
            };
            let Answer::Rooms { rooms, next_token } = self.call(Call::ListRooms(request), 0) else {
                panic!("ListRooms answers rooms")
            };
            let summary = |room: ivschat_emulator::world::RoomSummary| Summary {
                arn: room.arn.parse().unwrap(),
                tags: room.tags,
                create_time: Some(room.create_time),
                update_time: Some(room.update_time),
            };
            Page {
                rooms: rooms.into_iter().map(summary).collect(),
                next_token,
            }
        }
    }

    /// After each page, the next of these updates happen.
    struct Interrupted {
        restless: Restless,
        touches: std::vec::IntoIter<Vec<(usize, i64)>>,
    }

    impl Pages for Interrupted {
        fn read(
            &mut self,
            token: Option<String>,
        ) -> impl Future<Output = Result<Page, Failure>> + Send {
            let page = self.restless.page(token);
            for (room, ticks) in self.touches.next().unwrap_or_default() {
                self.restless.touch(room, ticks);
            }
            ready(Ok(page))
        }
    }

    /// Gives the ARNs found and the pages read.
    fn list(restless: Restless, touches: Vec<Vec<(usize, i64)>>) -> (Vec<String>, usize) {
        let mut pages = Interrupted {
            restless,
            touches: touches.into_iter(),
        };
        let listed = complete_list(&mut pages)
            .now_or_never()
            .expect("nothing waits here")
            .unwrap();
        (
            listed
                .into_iter()
                .map(|room| room.arn.to_string())
                .collect(),
            pages.restless.reads,
        )
    }

    fn sorted(mut arns: Vec<String>) -> Vec<String> {
        arns.sort();
        arns
    }

    #[test]
    fn a_quiet_region_costs_its_pages_and_a_look_at_the_first_again() {
        for (rooms, reads) in [(0, 1), (50, 1), (51, 3), (150, 4), (151, 5)] {
            let restless = Restless::new(rooms);
            let all = sorted(restless.arns.clone());
            assert_eq!(list(restless, Vec::new()), (all, reads), "{rooms} rooms");
        }
    }

    #[test]
    fn a_room_on_the_last_page_that_jumps_to_the_front_meanwhile_is_found() {
        let restless = Restless::new(120);
        let all = sorted(restless.arns.clone());
        // Room 0 is the oldest, so on page 3; it moves after page 1 was read.
        assert_eq!(list(restless, vec![vec![(0, 1)]]).0, all);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_update_between_pages_hides_a_room(
            rooms in 0..220_usize,
            touches in prop::collection::vec(prop::collection::vec((any::<usize>(), 0..2_i64), 0..60), 0..12),
        ) {
            let restless = Restless::new(rooms);
            let all = sorted(restless.arns.clone());
            prop_assert_eq!(list(restless, touches).0, all);
        }
    }
}

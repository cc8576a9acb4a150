//! Readings of ListRooms, page by page.

use ivschat_core::pack::Bundle;
use ivschat_core::room::{Failure, Summary};
use jiff::{Timestamp, ToSpan};

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

/// Pages that were read one after another.
pub(crate) struct Front {
    /// What they show.
    pub(crate) rooms: Bundle<Summary>,
    /// Every room that was updated no earlier is on them; `None`: every room is.
    pub(crate) down_to: Option<Timestamp>,
    /// The same for the first of them.
    pub(crate) first_down_to: Option<Timestamp>,
    /// How many there are.
    pub(crate) pages: u32,
}

/// Reads pages from the front until one shows a room last updated before `down_to`, or to the end.
///
/// # Errors
/// That of a page.
pub(crate) async fn read_front(
    pages: &mut (impl Pages + Send),
    down_to: Option<Timestamp>,
) -> Result<Front, Failure> {
    let (mut rooms, mut first_down_to, mut count) = (Bundle::default(), None, 0);
    let mut token = None;
    loop {
        let first = token.is_none();
        let page = pages.read(token.take()).await?;
        count += 1;
        let times = page.rooms.iter().map(|room| room.update_time);
        // Without a time to compare with, every page is read.
        let oldest = times.min().flatten();
        rooms.extend(page.rooms);
        if first && page.next_token.is_some() {
            // More rooms of that very time may be on the next page.
            let younger = oldest.and_then(|it| it.checked_add(1.nanosecond()).ok());
            first_down_to = Some(younger.unwrap_or(Timestamp::MAX));
        }
        let reached = down_to.filter(|down_to| oldest.is_some_and(|oldest| oldest < *down_to));
        token = page.next_token;
        if reached.is_some() || token.is_none() {
            return Ok(Front {
                rooms,
                down_to: reached.filter(|_| token.is_some()),
                first_down_to,
                pages: count,
            });
        }
    }
}

#[cfg(test)]
mod tests;

//! Lists in pages, and the tokens between them: opaque, bound to the list they came from, refused when forged.
//!
//! By default a token is a live cursor: it remembers a place in the order, not what is behind it. What is updated during paging
//! jumps in front of the cursor and the remaining pages miss it. With the setting `page_tokens_are_offsets` a token remembers how
//! many were listed: what a deletion moves up is missed, what a new one moves down is listed twice. With the setting
//! `pages_are_a_snapshot` the first page fixes what all of them show.

use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::configuration::LoggingConfiguration;
use super::error::ApiError;
use super::room::Room;
use super::shelf::{Item, Place, later};
use super::{Scope, World};

const MAC_BYTES: usize = 32;
const DEFAULT_PAGE: usize = 50;
/// Lists under way at the same time; a token of one begun before that is refused.
const SNAPSHOTS_MAX: usize = 100;

/// Which page of which list is asked for. Its limits have been checked.
pub(super) struct List<'a> {
    pub(super) scope: &'a Scope,
    /// Whatever else tells this list from others.
    pub(super) filters: String,
    pub(super) max_results: Option<i32>,
    pub(super) next_token: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// A page, and the token for the next one.
pub(super) struct Page<T> {
    pub(super) items: Vec<Arc<T>>,
    pub(super) next_token: Option<String>,
}

/// What a token says under its seal.
#[derive(Serialize, Deserialize)]
struct Token {
    made: Timestamp,
    cursor: Cursor,
}

/// Where the next page begins.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Cursor {
    Behind(Place),
    /// After so many.
    After(usize),
    /// In the snapshot of this number, at this position.
    In(u64, usize),
}

/// What lists under way began with; the oldest first.
#[derive(Debug, Clone)]
pub(super) struct Snapshots<T> {
    begun: u64,
    kept: VecDeque<(u64, Vec<Arc<T>>)>,
}

impl<T> Snapshots<T> {
    /// None yet. Their numbers begin anew with each start of a stored world, so that a token of the time before opens none.
    pub(super) fn new(start: u64) -> Self {
        Self {
            begun: start << 32,
            kept: VecDeque::new(),
        }
    }

    fn keep(&mut self, items: Vec<Arc<T>>) -> u64 {
        self.begun += 1;
        if self.kept.len() == SNAPSHOTS_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back((self.begun, items));
        self.begun
    }

    fn get(&self, number: u64) -> Option<&[Arc<T>]> {
        let mut kept = self.kept.iter();
        let (_, items) = kept.find(|(kept, _)| *kept == number)?;
        Some(items)
    }
}

/// What comes in pages.
pub(super) trait Paged: Item {
    fn snapshots(world: &mut World) -> &mut Snapshots<Self>;
}

impl Paged for Room {
    fn snapshots(world: &mut World) -> &mut Snapshots<Self> {
        &mut world.room_snapshots
    }
}

impl Paged for LoggingConfiguration {
    fn snapshots(world: &mut World) -> &mut Snapshots<Self> {
        &mut world.logging_snapshots
    }
}

impl World {
    /// The page that `list` asks for, of the items that `matches`.
    pub(super) fn page<T: Paged>(
        &mut self,
        list: &List<'_>,
        matches: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, ApiError> {
        let size = list.max_results.map(usize::try_from);
        let size = size.and_then(Result::ok).unwrap_or(DEFAULT_PAGE);
        // An empty token is none, as `minLength` 0 suggests.
        let token = list.next_token.filter(|token| !token.is_empty());
        let cursor = token.map(|token| self.open::<T>(token, list)).transpose()?;
        match cursor {
            None if self.settings.pages_are_a_snapshot => {
                let things = self.lists().shelf::<T>(list.scope);
                let all = things.into_iter().flat_map(|things| things.behind(None));
                let all: Vec<_> = all
                    .map(|(_, item)| Arc::clone(item))
                    .filter(|item| matches(item))
                    .collect();
                if all.len() <= size {
                    // The whole list: no later page will ask for it.
                    return Ok(Page {
                        items: all,
                        next_token: None,
                    });
                }
                let number = T::snapshots(self).keep(all);
                self.page_of_snapshot(list, number, 0, size)
            }
            Some(Cursor::In(number, position)) => {
                self.page_of_snapshot(list, number, position, size)
            }
            None if self.settings.page_tokens_are_offsets => {
                Ok(self.live_page(list, Some(0), None, size, matches))
            }
            Some(Cursor::After(count)) => {
                Ok(self.live_page(list, Some(count), None, size, matches))
            }
            None => Ok(self.live_page(list, None, None, size, matches)),
            Some(Cursor::Behind(place)) => {
                Ok(self.live_page(list, None, Some(place), size, matches))
            }
        }
    }

    /// A page of what there is: after the first `count`, where that is what tokens say, else behind `place`.
    fn live_page<T: Paged>(
        &self,
        list: &List<'_>,
        count: Option<usize>,
        place: Option<Place>,
        size: usize,
        matches: impl Fn(&T) -> bool,
    ) -> Page<T> {
        let skipped = count.unwrap_or(0);
        let things = self.lists().shelf::<T>(list.scope);
        let matching = things
            .into_iter()
            .flat_map(|things| things.behind(place))
            .filter(|(_, item)| matches(item))
            .skip(skipped);
        // One more than the page holds tells whether another follows.
        let mut items: Vec<_> = matching
            .take(size.saturating_add(1))
            .map(|(place, item)| (place, Arc::clone(item)))
            .collect();
        let more = items.len() > size;
        items.truncate(size);
        let next_token = items.last().filter(|_| more).map(|(place, _)| {
            let cursor = match count {
                Some(_) => Cursor::After(skipped.saturating_add(items.len())),
                None => Cursor::Behind(*place),
            };
            self.close::<T>(cursor, list)
        });
        let items = items.into_iter().map(|(_, item)| item).collect();
        Page { items, next_token }
    }

    fn page_of_snapshot<T: Paged>(
        &mut self,
        list: &List<'_>,
        number: u64,
        position: usize,
        size: usize,
    ) -> Result<Page<T>, ApiError> {
        let snapshot = T::snapshots(self).get(number).ok_or_else(refused)?;
        let rest = snapshot.get(position..).ok_or_else(refused)?;
        let items: Vec<_> = rest.iter().take(size).cloned().collect();
        let more = rest.len() > items.len();
        let next = position + items.len();
        let next_token = more.then(|| self.close::<T>(Cursor::In(number, next), list));
        Ok(Page { items, next_token })
    }

    fn close<T: Item>(&self, cursor: Cursor, list: &List<'_>) -> String {
        let token = Token {
            made: list.now,
            cursor,
        };
        let mut bytes = serde_json::to_vec(&token).unwrap_or_default();
        let seal = self.seal::<T>(&bytes, list).finalize().into_bytes();
        bytes.extend(seal);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor in `token`, provided that this world made it for the same list, and not too long ago.
    fn open<T: Item>(&self, token: &str, list: &List<'_>) -> Result<Cursor, ApiError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let split = bytes.len().checked_sub(MAC_BYTES).ok_or_else(refused)?;
        let (bytes, mac) = bytes.split_at(split);
        let seal = self.seal::<T>(bytes, list);
        seal.verify_slice(mac).map_err(|_| refused())?;
        let token: Token = serde_json::from_slice(bytes).map_err(|_| refused())?;
        let life = self.settings.page_token_life;
        if life.is_some_and(|life| later(token.made, life) <= list.now) {
            return Err(ApiError::field("nextToken", "The token has expired"));
        }
        Ok(token.cursor)
    }

    fn seal<T: Item>(&self, bytes: &[u8], list: &List<'_>) -> Hmac<Sha256> {
        let mut seal = self.random.seal("page");
        seal.update(format!("{} {:?} {}\n", T::KIND, list.scope, list.filters).as_bytes());
        seal.update(bytes);
        seal
    }
}

fn refused() -> ApiError {
    ApiError::field("nextToken", "The token is not valid for this list")
}

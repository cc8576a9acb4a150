//! Page tokens: opaque, bound to the list they came from, refused when forged.
//!
//! A token is a live cursor: it remembers a place in the order, not the rooms behind it. A room that is updated during
//! paging jumps in front of the cursor and the remaining pages miss it.

use std::cmp::Reverse;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use super::call::ListRooms;
use super::error::ApiError;
use super::{Place, Scope};

const MAC_BYTES: usize = 32;

/// Where the next page begins: behind this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) place: Place,
}

#[derive(Debug, Clone)]
pub(super) struct Pager {
    key: [u8; 8],
}

impl Pager {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            key: seed.to_be_bytes(),
        }
    }

    /// The token for the page behind `cursor` in the list that `request` asks for.
    pub(super) fn seal(&self, cursor: Cursor, scope: &Scope, request: &ListRooms) -> String {
        let Reverse((at, change)) = cursor.place;
        let mut bytes = at.as_nanosecond().to_be_bytes().to_vec();
        bytes.extend(change.to_be_bytes());
        let mac = self.mac(&bytes, scope, request).finalize().into_bytes();
        bytes.extend(mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor in `token`, provided this pager made it for the same list.
    pub(super) fn open(
        &self,
        token: &str,
        scope: &Scope,
        request: &ListRooms,
    ) -> Result<Cursor, ApiError> {
        let refused = || ApiError::field("nextToken", "The token is not valid for this list");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let body = bytes.len().checked_sub(MAC_BYTES).ok_or_else(refused)?;
        let (body, mac) = bytes.split_at(body);
        self.mac(body, scope, request)
            .verify_slice(mac)
            .map_err(|_| refused())?;
        let (at, change) = body.split_at_checked(16).ok_or_else(refused)?;
        let at = at
            .try_into()
            .map(i128::from_be_bytes)
            .map_err(|_| refused())?;
        let change = change
            .try_into()
            .map(u64::from_be_bytes)
            .map_err(|_| refused())?;
        let at = Timestamp::from_nanosecond(at).map_err(|_| refused())?;
        Ok(Cursor {
            place: Reverse((at, change)),
        })
    }

    fn mac(&self, body: &[u8], scope: &Scope, request: &ListRooms) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.key).expect("any length");
        let filters = [
            &request.name,
            &request.message_review_handler_uri,
            &request.logging_configuration_identifier,
        ];
        mac.update(format!("{scope:?}{filters:?}").as_bytes());
        mac.update(body);
        mac
    }
}

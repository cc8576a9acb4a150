//! Is the record this account's, and does it agree with itself? Somebody may have edited it.

use crate::room::census::Need;
use crate::room::{Failure, FailureClass, RoomArn};

use super::lists::regions;
use super::{Search, Stop, told};

impl Search<'_> {
    /// Refuses credentials of another account than the record's: through them, the room would look missing. A record that
    /// somebody has edited is told from credentials that have changed by the object's own room, where this account has it.
    pub(super) fn require_account(&mut self) -> Result<(), Stop> {
        let account = self.account()?;
        let Some(other) = self.recorded_elsewhere(account) else {
            return Ok(());
        };
        let mut unlisted = None;
        for region in regions(self.case, &self.record) {
            match told(self.own_in(&region, Need::default()))? {
                Ok(Some(room)) if room.arn.account() == account => {
                    self.record.bind(&room);
                    return Ok(());
                }
                // Where it cannot be told now, it may be later.
                Err(failure) if failure.class != FailureClass::Denied => unlisted = Some(failure),
                Ok(_) | Err(_) => {}
            }
        }
        // Nobody waits for what is to be left anyway: the region may be as made up as the account.
        let stays = self.case.leaving() && self.case.retains();
        if let Some(failure) = unlisted.filter(|_| !stays) {
            return Err(failure.into());
        }
        let message = format!(
            "The operator's credentials belong to account {account}, the room to account {other}: nothing is done until the \
             credentials are those of {other} again. To delete this object and leave the room, set spec.deletionPolicy to Retain"
        );
        Err(Failure::new(FailureClass::AccountMismatch, message).into())
    }

    /// The account that the record names, or the spec, if it is another one.
    fn recorded_elsewhere(&self, account: &str) -> Option<String> {
        let attempt = self.record.creation.as_ref();
        let adopt = self.case.adopt.as_ref();
        let adopt = adopt.filter(|_| !self.case.leaving());
        let recorded = self.record.arn.as_ref().map(RoomArn::account).into_iter();
        let recorded = recorded
            .chain(attempt.map(|attempt| attempt.account.as_str()))
            .chain(adopt.map(RoomArn::account));
        let mut others = recorded.filter(|it| *it != account);
        others.next().map(ToOwned::to_owned)
    }

    /// An ARN and a region that disagree were edited: the room itself tells which is right, else the ARN is worth nothing.
    pub(super) fn mend_region(&mut self) -> Result<(), Stop> {
        let Some(arn) = self.record.arn.clone() else {
            return Ok(());
        };
        if !self.record.contradicts_itself() {
            return Ok(());
        }
        self.require_account()?;
        if self.record.arn.as_ref() != Some(&arn) {
            return Ok(());
        }
        match told(self.room(&arn))? {
            Ok(Some(room)) if self.proves(&room.tags) => self.record.bind(&room),
            Ok(_) => self.record.arn = None,
            Err(failure) => match self.found_elsewhere(&arn)? {
                Some(room) => self.record.bind(&room),
                None => return Err(failure.into()),
            },
        }
        Ok(())
    }
}

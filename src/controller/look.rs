//! Finds the object's room, with credentials of the right account and in every region where it may be.

use crate::room::{Class, Failure, Identity, Proof, RoomArn, is_region};

use super::observe::Sight;
use super::reconcile::Pass;

/// What a check of AWS showed, and the account whose credentials it used.
pub(super) struct Look {
    pub(super) account: String,
    pub(super) sight: Sight,
}

impl Pass<'_> {
    /// Finds the object's room, with credentials of the right account.
    pub(super) async fn look(&mut self, identity: &Identity) -> Result<Look, Failure> {
        let account = self.context.account.id().await?;
        self.require_account(identity, &account).await?;
        self.mend_region(identity).await?;
        let sight = self.observe(identity, &account, &self.regions()).await?;
        // If the credentials changed on the way, nobody knows which account was read.
        self.require_unchanged(&account).await?;
        Ok(Look { account, sight })
    }

    /// Fails if the credentials have changed to another account since the pass read AWS.
    pub(super) async fn require_unchanged(&self, account: &str) -> Result<(), Failure> {
        if self.context.account.id().await? == account {
            return Ok(());
        }
        let changed = "the operator's AWS credentials changed to another account meanwhile";
        Err(Failure::new(Class::Unavailable, changed))
    }

    /// Refuses credentials of another account than the record's: through them, the room would look missing. If this account
    /// holds the object's own room, it is the record that changed, and the room corrects it.
    async fn require_account(&mut self, identity: &Identity, account: &str) -> Result<(), Failure> {
        let Some(other) = self.recorded_elsewhere(account) else {
            return Ok(());
        };
        let mut unlisted = None;
        for region in self.regions() {
            match self.find_in_index(identity, account, &region, None).await {
                Ok(Some(room)) if room.arn.account() == account => {
                    self.record.bind(&room);
                    return Ok(());
                }
                // The region may answer later.
                Err(failure) if failure.class != Class::Denied => unlisted = Some(failure),
                Ok(_) | Err(_) => {}
            }
        }
        // An object whose room stays anyway does not wait: the region may be as forged as the account.
        if let Some(failure) = unlisted.filter(|_| !(self.leaving && self.retains())) {
            return Err(failure);
        }
        Err(Failure::new(
            Class::AccountMismatch,
            format!(
                "The operator's credentials belong to account {account}, the room to account {other}: nothing is done until \
                 the credentials are those of {other} again. To delete this object and leave the room, set \
                 spec.deletionPolicy to Retain"
            ),
        ))
    }

    /// The account that the record or the spec names, if it is another one.
    fn recorded_elsewhere(&self, account: &str) -> Option<String> {
        let creation = self.record.creation.as_ref();
        let adopted = self.adopted().filter(|_| !self.leaving);
        let recorded = self.record.arn.as_ref().map(RoomArn::account);
        recorded
            .into_iter()
            .chain(creation.map(|creation| creation.account.as_str()))
            .chain(adopted.as_ref().map(RoomArn::account))
            .find(|recorded| *recorded != account)
            .map(ToOwned::to_owned)
    }

    /// If the recorded ARN and region disagree, somebody edited them. The room itself shows which is right; otherwise the
    /// ARN counts for nothing.
    pub(super) async fn mend_region(&mut self, identity: &Identity) -> Result<(), Failure> {
        let (Some(arn), Some(region)) = (&self.record.arn, &self.record.region) else {
            return Ok(());
        };
        if arn.region() != region {
            let arn = arn.clone();
            let account = self.context.account.id().await?;
            self.require_account(identity, &account).await?;
            if self.record.arn.as_ref() != Some(&arn) {
                return Ok(());
            }
            match self.context.rooms.get(&arn).await {
                Ok(Some(room)) if identity.prove(&room.tags) == Proof::Ours => {
                    self.record.bind(&room);
                }
                Ok(_) => self.record.arn = None,
                Err(failure) => {
                    let elsewhere = self.find_elsewhere(&arn, identity, &account).await;
                    self.record.bind(&elsewhere.ok_or(failure)?);
                }
            }
        }
        Ok(())
    }

    /// The region in which the room was asked for; `None` before the first attempt.
    pub(super) fn region_in_force(&self) -> Option<&str> {
        let attempted = self
            .record
            .creation
            .as_ref()
            .map(|creation| creation.region.as_str());
        attempted.or(self.record.region.as_deref()).or(self
            .record
            .arn
            .as_ref()
            .map(RoomArn::region))
    }

    /// Every region where the object's room may be, by its status, its spec and the operator's own region. That is one
    /// region, unless somebody edited the status. A spec that breaks a rule still counts here, if its region can be one.
    pub(super) fn regions(&self) -> Vec<String> {
        let spec = self
            .input
            .spec
            .as_ref()
            .ok()
            .and_then(|spec| spec.region.as_deref());
        let spec = spec.filter(|region| is_region(region));
        let adopted = self.adopted();
        let adopted = adopted
            .as_ref()
            .filter(|_| self.region_in_force().is_none());
        let asked = spec
            .or(adopted.map(RoomArn::region))
            .unwrap_or(&self.context.settings.default_region);
        let arn = self.record.arn.as_ref().map(RoomArn::region);
        let mut regions: Vec<String> = Vec::new();
        let recorded = self
            .region_in_force()
            .into_iter()
            .chain(self.record.region.as_deref())
            .chain(arn);
        for region in recorded.chain([asked]) {
            if !regions.iter().any(|known| known == region) {
                regions.push(region.to_owned());
            }
        }
        regions
    }
}

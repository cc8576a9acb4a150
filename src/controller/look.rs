//! Which room an object has, as credentials that can tell show it: the right account, and every region it may be in.

use crate::room::{Class, Failure, Identity, Proof, RoomArn, is_region};

use super::observe::Sight;
use super::reconcile::Pass;

/// What a look at AWS gave, and through whose credentials.
pub(super) struct Look {
    pub(super) account: String,
    pub(super) sight: Sight,
}

impl Pass<'_> {
    /// Looks which room there is, through credentials that can tell.
    pub(super) async fn look(&mut self, identity: &Identity) -> Result<Look, Failure> {
        let account = self.context.account.id().await?;
        self.require_account(identity, &account).await?;
        self.mend_region(identity).await?;
        let sight = self.observe(identity, &account, &self.regions()).await?;
        // Else nobody knows which account it was in that was looked at.
        self.require_unchanged(&account).await?;
        Ok(Look { account, sight })
    }

    /// Refuses credentials that are of another account than they were when the pass looked.
    pub(super) async fn require_unchanged(&self, account: &str) -> Result<(), Failure> {
        if self.context.account.id().await? == account {
            return Ok(());
        }
        let changed = "the operator's AWS credentials changed to another account meanwhile";
        Err(Failure::new(Class::Unavailable, changed))
    }

    /// Refuses credentials of another account than the record's: through them, the room would look missing. A record that
    /// somebody has edited is told from credentials that have changed by the object's own room, where this account has it.
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
                // Where it cannot be told now, it may be later.
                Err(failure) if failure.class != Class::Denied => unlisted = Some(failure),
                Ok(_) | Err(_) => {}
            }
        }
        // Nobody waits for what is to be left anyway: the region may be as made up as the account.
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

    /// The account that the record names, or the spec, if it is another one.
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

    /// An ARN and a region that disagree were edited: the room itself tells which is right, else the ARN is worth nothing.
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

    /// The region that was asked for a room; none before the first attempt.
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

    /// Every region the object's room may be in, as far as its status, its spec and the operator's own region tell. They are
    /// one, unless somebody edited the status. Of a spec that cannot be read, or breaks a rule, nothing else is read here.
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

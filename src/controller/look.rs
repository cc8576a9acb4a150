//! Reads AWS for a pass: what the search asks for, until it knows which room the object has.

use ivschat_core::room::search::{self, Ask, Case, Facts, Intent, Listed, Sight, Stop};
use ivschat_core::room::status::Record;
use ivschat_core::room::{Class, Failure, Identity, ObservedRoom, is_region};
use jiff::Timestamp;

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
        let found = self.search(identity, &account, search::search).await?;
        self.record = found.record;
        // If the credentials changed on the way, nobody knows which account was read.
        self.require_unchanged(&account).await?;
        let sight = found.sight;
        Ok(Look { account, sight })
    }

    /// Corrects a record that contradicts itself. Costs nothing where it does not.
    pub(super) async fn mend_record(&mut self, identity: &Identity) -> Result<(), Failure> {
        if !self.record.contradicts_itself() {
            return Ok(());
        }
        let account = self.context.account.id().await?;
        self.record = self.search(identity, &account, search::mend).await?;
        Ok(())
    }

    /// A room of this region that proves to be the object's.
    pub(super) async fn find_in(
        &self,
        identity: &Identity,
        account: &str,
        region: &str,
    ) -> Result<Option<ObservedRoom>, Failure> {
        let rule = |case: &Case<'_>, record: &Record, facts: &Facts| {
            search::own_in(case, record, facts, region)
        };
        self.search(identity, account, rule).await
    }

    /// Fails if the credentials have changed to another account since the pass read AWS.
    pub(super) async fn require_unchanged(&self, account: &str) -> Result<(), Failure> {
        if self.context.account.id().await? == account {
            return Ok(());
        }
        let changed = "the operator's AWS credentials changed to another account meanwhile";
        Err(Failure::new(Class::Unavailable, changed))
    }

    /// Reads what a rule asks for, until it has an answer.
    async fn search<T>(
        &self,
        identity: &Identity,
        account: &str,
        rule: impl Fn(&Case<'_>, &Record, &Facts) -> Result<T, Stop> + Send,
    ) -> Result<T, Failure> {
        let (input, settings) = (self.input, &self.context.settings);
        let recall = self
            .context
            .memory
            .recall(&input.uid, self.context.index.since());
        let adopt = self.adopted();
        let region = input.spec.as_ref().ok();
        let region = region.and_then(|spec| spec.region.as_deref());
        let case = Case {
            identity,
            account,
            now: Timestamp::now(),
            grace: settings.grace(),
            skew: settings.skew(),
            created_at: input.created_at,
            deleted_at: input.deleted_at,
            has_finalizer: self.has_finalizer,
            intent: match (self.leaving, input.observed) {
                (true, _) => Intent::Leave {
                    retain: self.retains(),
                },
                (false, true) => Intent::Observe,
                (false, false) => Intent::Keep,
            },
            takes_back: input.deletion_policy.is_some() || self.retains(),
            adopt: adopt.as_ref(),
            region: region.filter(|region| is_region(region)),
            default_region: &settings.default_region,
            recall: &recall,
        };
        let mut facts = Facts::default();
        loop {
            match rule(&case, &self.record, &facts) {
                Ok(found) => return Ok(found),
                Err(Stop::Failed(failure)) => return Err(failure),
                Err(Stop::Ask(ask)) => Box::pin(self.read(&case, ask, &mut facts)).await,
            }
        }
    }

    async fn read(&self, case: &Case<'_>, ask: Ask, facts: &mut Facts) {
        let Case {
            identity, account, ..
        } = case;
        match ask {
            Ask::Room(arn) => {
                let answer = self.context.rooms.get(&arn).await;
                let at = Timestamp::now();
                if self.record.arn.as_ref() == Some(&arn) {
                    let memory = &self.context.memory;
                    match &answer {
                        Ok(Some(_)) => memory.seen(&self.input.uid),
                        Ok(None) => memory.missing(&self.input.uid, &arn, at),
                        Err(_) => {}
                    }
                }
                facts.room(arn, at, answer);
            }
            Ask::Region {
                region,
                not_before,
                again,
            } => {
                let index = &self.context.index;
                let ours = index.rooms_of(identity, account, &region, not_before).await;
                let answer = ours.map(|ours| Listed {
                    ours,
                    released: index.retained(identity, account, &region),
                });
                facts.region(region, not_before, again, answer);
            }
        }
    }
}

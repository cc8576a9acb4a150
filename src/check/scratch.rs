//! Checks the actions that write, on a room of the check's own.
//!
//! The room's owner tag names a namespace that cannot exist, so that no ChatRoom ever has it. The least IAM policy allows
//! all these calls. Whatever happens, the room is deleted again: by this check or, if it was killed, by the next.

use std::time::Duration;

use ivschat_aws::{CreateError, Fence, Operation, Writes};
use ivschat_core::api::limits::{MESSAGE_LENGTH_DEFAULT, MESSAGE_RATE_DEFAULT};
use ivschat_core::room::correction::{self, NewRoom, RoomUpdate};
use ivschat_core::room::{
    ClusterId, DesiredRoom, Failure, FailureClass, Identity, Owner, Proof, RoomArn, Tags,
};
use tokio::time::{Instant, sleep};

use super::credentials::{Aws, remedy};
use super::{Outcome, Report};

/// No namespace can have a dot in its name.
const NAMESPACE: &str = "ivschat-operator.io";
const NAME: &str = "check";
const ROOM_NAME: &str = "ivschat-operator-check";
/// How long AWS may take to show a room.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: &str = "Try again in a few minutes, which deletes it";
const PAUSE: Duration = Duration::from_millis(500);
/// The longest time for a call.
const CALL: Duration = Duration::from_secs(30);

/// A fence that is always open: nobody competes with a check.
struct Open;

impl Fence for Open {
    fn until(&self) -> Option<Instant> {
        Some(Instant::now() + CALL)
    }
}

pub(super) struct Scratch<'a> {
    aws: &'a Aws,
    account: &'a str,
    identity: Identity,
}

impl<'a> Scratch<'a> {
    pub(super) fn new(aws: &'a Aws, cluster: &ClusterId, account: &'a str) -> Self {
        let owner = Owner {
            cluster: cluster.clone(),
            namespace: NAMESPACE.to_owned(),
            name: NAME.to_owned(),
        };
        let identity = Identity {
            owner,
            // Tells the room of this check from that of another.
            uid: format!("check-{:016x}", fastrand::u64(..)),
            former: Vec::new(),
        };
        Self {
            aws,
            account,
            identity,
        }
    }

    fn writes(&self) -> Writes<'_> {
        self.aws.rooms.writes(&Open, &self.aws.caller)
    }

    pub(super) async fn check(&self, report: &mut Report) {
        if !self.clear_away(report, "room of an earlier check").await {
            return;
        }
        match self.create().await {
            Ok(arn) => {
                report.add("ivschat:CreateRoom", Outcome::Ok, format!("made {arn}"));
                self.change(&arn, report).await;
                let deleted = match self.delete(&arn).await {
                    Ok(true) => Ok(format!("deleted {arn}")),
                    Ok(false) => Err(format!("{arn} does not show, and is left. {AGAIN}")),
                    Err(failure) => Err(remedy("DeleteRoom", &failure)),
                };
                report.tried("ivschat:DeleteRoom", deleted);
            }
            Err(why) => {
                report.add("ivschat:CreateRoom", Outcome::Failed, why);
                let skipped = "there is no room to try them on";
                report.add("other actions that write", Outcome::Skipped, skipped);
            }
        }
        // An unknown outcome or a refused deletion may have left a room.
        self.clear_away(report, "room that was left").await;
    }

    async fn of(&self, owner: &str) -> Result<Vec<RoomArn>, Failure> {
        let Aws {
            rooms,
            region,
            caller,
            ..
        } = self.aws;
        rooms.of_owner(region, owner, caller).await
    }

    /// Deletes the rooms that checks have left. Returns whether none is left. Reports nothing if there is none.
    async fn clear_away(&self, report: &mut Report, what: &str) -> bool {
        let owner = self.identity.owner.to_string();
        let left = match self.of(&owner).await {
            Ok(left) => left,
            Err(failure) => {
                report.add(what, Outcome::Failed, remedy("ListRooms", &failure));
                return false;
            }
        };
        let mut all = true;
        for arn in left.into_iter().filter(|arn| arn.account() == self.account) {
            let deleted = match self.delete(&arn).await {
                Ok(true) => Ok(format!("deleted {arn}")),
                // The room is gone already: lists lag.
                Ok(false) => continue,
                Err(failure) => {
                    let why = remedy("DeleteRoom", &failure);
                    Err(format!("{arn} is left: {why}"))
                }
            };
            all &= report.tried(what, deleted);
        }
        all
    }

    async fn create(&self) -> Result<RoomArn, String> {
        let room = DesiredRoom {
            region: self.aws.region.clone(),
            name: ROOM_NAME.to_owned(),
            maximum_message_length: MESSAGE_LENGTH_DEFAULT,
            maximum_message_rate_per_second: MESSAGE_RATE_DEFAULT,
            message_review_handler: None,
            logging_configuration_identifiers: Vec::new(),
            tags: Tags::new(),
        };
        let new = NewRoom {
            room,
            tags: self.identity.tags(),
        };
        let writes = self.writes();
        let admission = writes.admit(&self.aws.region, Operation::CreateRoom).await;
        let created = writes.create(&new, self.account, admission, Instant::now() + CALL);
        match created.await {
            Ok(room) => Ok(room.arn),
            Err(CreateError::Refused(failure)) => Err(remedy("CreateRoom", &failure)),
            Err(CreateError::Unknown(failure)) => {
                let why = remedy("CreateRoom", &failure);
                // A room may exist all the same. Then the check finds and deletes it.
                if self.shows().await {
                    return Err(why);
                }
                Err(format!(
                    "{why}. A room may have been made that does not show yet. {AGAIN}"
                ))
            }
        }
    }

    /// Waits until the list shows a room of this check. False: none in time.
    async fn shows(&self) -> bool {
        let owner = self.identity.owner.to_string();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let listed = self.of(&owner).await;
            if listed.is_ok_and(|rooms| !rooms.is_empty()) {
                return true;
            }
            sleep(PAUSE).await;
        }
        false
    }

    async fn change(&self, arn: &RoomArn, report: &mut Report) {
        if let Err(failure) = self.proven(arn).await {
            return report.add(
                "other actions that write",
                Outcome::Failed,
                remedy("GetRoom", &failure),
            );
        }
        let writes = self.writes();
        let admitted = |operation| writes.admit(arn.region(), operation);
        let update = RoomUpdate {
            maximum_message_length: Some(MESSAGE_LENGTH_DEFAULT - 1),
            ..RoomUpdate::default()
        };
        let updated = writes
            .update(arn, &update, admitted(Operation::UpdateRoom).await)
            .await
            .map(drop);
        let tags = Tags::from([(NAME.to_owned(), String::new())]);
        let tagged = writes
            .tag(arn, &tags, admitted(Operation::TagResource).await)
            .await;
        let untagged = writes
            .untag(
                arn,
                &[NAME.to_owned()],
                admitted(Operation::UntagResource).await,
            )
            .await;
        for (action, done) in [
            ("UpdateRoom", updated),
            ("TagResource", tagged),
            ("UntagResource", untagged),
        ] {
            let done = done.map(|()| "done".to_owned());
            report.tried(
                format!("ivschat:{action}"),
                done.map_err(|it| remedy(action, &it)),
            );
        }
    }

    /// Deletes a room whose tags prove that it is the check's. False: there is none, or AWS does not show it yet.
    async fn delete(&self, arn: &RoomArn) -> Result<bool, Failure> {
        let Some(room) = self.aws.rooms.get(arn, &self.aws.caller).await? else {
            return Ok(false);
        };
        correction::require_proof(arn, &room.tags, &self.identity)?;
        let writes = self.writes();
        let admission = writes.admit(arn.region(), Operation::DeleteRoom).await;
        writes.delete(arn, admission).await?;
        Ok(true)
    }

    /// Waits until the room's tags prove that it is the check's.
    async fn proven(&self, arn: &RoomArn) -> Result<(), Failure> {
        let end = Instant::now() + PATIENCE;
        loop {
            let room = self.aws.rooms.get(arn, &self.aws.caller).await?;
            let proof = room.map(|room| self.identity.prove(&room.tags));
            if proof == Some(Proof::Ours) {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(Failure::new(
                    FailureClass::NotFound,
                    format!("GetRoom: {arn} does not show that it is the check's"),
                ));
            }
            sleep(PAUSE).await;
        }
    }
}

//! What the operator needs in AWS: credentials, and the actions of its policy.

use ivschat_core::room::{ClusterId, RoomArn};

use super::credentials::{Aws, remedy};
use super::scratch::Scratch;
use super::{Outcome, Report};

/// The id of a room that does not exist: a 404 shows that GetRoom is allowed.
const NO_ROOM: &str = "NoSuchRoomAA";

impl Aws {
    /// Checks the actions that read. With `write` and a cluster id, also checks those that write, on a room of its own.
    pub async fn check(&self, report: &mut Report, write: bool, cluster: Option<&ClusterId>) {
        let account = self.account.id().await;
        let known = account.as_ref().map_err(ToString::to_string);
        let known = known.map(|id| format!("account {id}, region {}", self.region));
        report.tried("AWS credentials", known);
        let Ok(account) = account else {
            report.add("AWS actions", Outcome::Skipped, "there are no credentials");
            return;
        };
        let listed = self.rooms.first_page(&self.region, &self.caller).await;
        let first = listed
            .as_ref()
            .ok()
            .and_then(|rooms| rooms.first().cloned());
        let told = listed.map(|rooms| match rooms.len() {
            1 => "a room on the first page".to_owned(),
            n => format!("{n} rooms on the first page"),
        });
        report.tried(
            "ivschat:ListRooms",
            told.map_err(|failure| remedy("ListRooms", &failure)),
        );
        for region in self.regions.iter().filter(|region| **region != self.region) {
            let listed = self.rooms.first_page(region, &self.caller).await;
            let told = listed.map(|_| "the rooms are shown".to_owned());
            let told = told.map_err(|failure| remedy("ListRooms", &failure));
            report.tried(format!("ivschat:ListRooms in {region}"), told);
        }
        report.tried("ivschat:GetRoom", self.get_room(first, &account).await);
        if !write {
            return report.add(
                "AWS actions that write",
                Outcome::Skipped,
                "give --write to try them on a room of their own",
            );
        }
        match cluster {
            Some(cluster) => Scratch::new(self, cluster, &account).check(report).await,
            None => report.add(
                "AWS actions that write",
                Outcome::Skipped,
                "there is no cluster id",
            ),
        }
    }

    async fn get_room(&self, listed: Option<RoomArn>, account: &str) -> Result<String, String> {
        let nowhere = format!("arn:aws:ivschat:{}:{account}:room/{NO_ROOM}", self.region);
        let arn = match listed {
            Some(arn) => arn,
            None => nowhere
                .parse()
                .map_err(|_| format!("{nowhere} is no ARN"))?,
        };
        match self.rooms.get(&arn, &self.caller).await {
            Ok(Some(_)) => Ok("shown a room".to_owned()),
            Ok(None) => Ok("told that there is no such room".to_owned()),
            Err(failure) => Err(remedy("GetRoom", &failure)),
        }
    }
}

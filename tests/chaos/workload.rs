//! What users do with rooms, each in two parts: the state that it begins in, and the step that is put under test.

use ivschat_emulator::world::Call;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::call::SUBJECT;
use crate::stage::{LOGGING, Stage, arn_of, make_room, scope};
use crate::{CLUSTER, Outcome, REGION};

/// The name of a room that no object has made. Whoever adopts it gives it another; whoever observes it does not touch it.
pub const FOUND: &str = "found";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Workload {
    Create,
    CreateFull,
    Update,
    Retag,
    Adopt,
    Observe,
    Delete,
    Retain,
    Recreate,
}

/// What is left in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// The object and its room.
    Both,
    /// The room, released.
    Room,
    Nothing,
}

impl Workload {
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::CreateFull,
        Self::Update,
        Self::Retag,
        Self::Adopt,
        Self::Observe,
        Self::Delete,
        Self::Retain,
        Self::Recreate,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::CreateFull => "create-full",
            Self::Update => "update",
            Self::Retag => "retag",
            Self::Adopt => "adopt",
            Self::Observe => "observe",
            Self::Delete => "delete",
            Self::Retain => "retain",
            Self::Recreate => "recreate",
        }
    }

    pub fn leaves(self) -> Leaves {
        match self {
            Self::Delete => Leaves::Nothing,
            Self::Retain => Leaves::Room,
            _ => Leaves::Both,
        }
    }

    /// How many rooms are ever made for the object, whatever happens.
    pub fn rooms_made(self) -> usize {
        match self {
            Self::Adopt | Self::Observe => 0,
            Self::Recreate => 2,
            _ => 1,
        }
    }

    /// Whether the step cannot be done without listing rooms.
    pub fn lists(self) -> bool {
        !matches!(self, Self::Update | Self::Retag | Self::Observe)
    }

    /// What there is before the step, settled.
    pub async fn prepare(self, stage: &Stage) -> Outcome {
        match self {
            Self::Create | Self::CreateFull => return Ok(()),
            Self::Adopt | Self::Observe => {
                let consent = format!("{CLUSTER}/{}/", stage.namespace);
                let tags = [
                    ("ivschat-operator.io/adoptable-by", consent.as_str()),
                    ("team", "live"),
                ];
                make_room(&stage.emulator, FOUND, &tags)?;
                return Ok(());
            }
            Self::Update | Self::Delete | Self::Recreate => {
                stage.create(SUBJECT, json!({})).await?;
            }
            Self::Retag => {
                stage
                    .create(SUBJECT, json!({"tags": {"team": "live", "old": "1"}}))
                    .await?;
            }
            Self::Retain => {
                stage
                    .create(SUBJECT, json!({"deletionPolicy": "Retain"}))
                    .await?;
            }
        }
        stage.ready(SUBJECT).await?;
        Ok(())
    }

    /// The step under test.
    pub async fn step(self, stage: &Stage) -> Outcome {
        match self {
            Self::Create => stage.create(SUBJECT, json!({})).await,
            Self::CreateFull => stage.create(SUBJECT, every_field()).await,
            Self::Update => {
                stage
                    .patch(SUBJECT, json!({"spec": {"maximumMessageLength": 7}}))
                    .await
            }
            Self::Retag => {
                stage
                    .patch(
                        SUBJECT,
                        json!({"spec": {"tags": {"old": null, "new": "2"}}}),
                    )
                    .await
            }
            Self::Adopt => {
                let spec = json!({
                    "adopt": {"arn": found(stage)?}, "deletionPolicy": "Delete", "name": "adopted", "tags": {"team": "live"},
                });
                stage.create(SUBJECT, spec).await
            }
            Self::Observe => {
                let spec = json!({
                    "adopt": {"arn": found(stage)?}, "managementPolicy": "Observe", "name": FOUND, "tags": {"team": "live"},
                });
                stage.create(SUBJECT, spec).await
            }
            Self::Delete | Self::Retain => {
                stage
                    .chat_rooms
                    .delete(SUBJECT, &DeleteParams::default())
                    .await?;
                Ok(())
            }
            Self::Recreate => {
                let object = stage.chat_rooms.get(SUBJECT).await?;
                let identifier = arn_of(&object);
                stage
                    .emulator
                    .call(&scope(), Call::DeleteRoom { identifier })
                    .map_err(|error| format!("{error:?}"))?;
                Ok(())
            }
        }
    }
}

fn found(stage: &Stage) -> Outcome<String> {
    let room = stage.rooms().into_iter().find(|room| room.name == FOUND);
    Ok(room
        .ok_or("there is no room yet that nobody made for it")?
        .arn)
}

/// A spec that leaves nothing out.
pub fn every_field() -> Value {
    json!({
        "region": REGION,
        "name": "Main_Hall-1",
        "maximumMessageLength": 1,
        "maximumMessageRatePerSecond": 100,
        "messageReviewHandler": {
            "uri": format!("arn:aws:lambda:{REGION}:123456789012:function:review"), "fallbackResult": "DENY",
        },
        "loggingConfigurationIdentifiers": [
            format!("arn:aws:ivschat:{REGION}:123456789012:logging-configuration/{LOGGING}"),
        ],
        "tags": {"team": "live", "a:b/c=d+e@f.g_h-i": ""},
    })
}

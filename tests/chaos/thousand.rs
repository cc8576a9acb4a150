//! One object that cannot be parsed, among a thousand that can.

use futures::{StreamExt, TryStreamExt, stream};
use ivschat_emulator::world::Operation;
use kube::api::ListParams;
use serde_json::json;

use crate::call::SUBJECT;
use crate::oracle;
use crate::stage::{Stage, arn_of, is_ready};
use crate::{Outcome, REGION};

const OBJECTS: usize = 1000;

pub async fn play(stage: &Stage) -> Outcome {
    // Valid by the schema; only a rule over two fields forbids it, which this API server does not evaluate.
    let elsewhere = json!({"uri": "arn:aws:lambda:eu-west-1:123456789012:function:review"});
    stage
        .create(
            SUBJECT,
            json!({"region": REGION, "messageReviewHandler": elsewhere}),
        )
        .await?;
    let names: Vec<_> = (0..OBJECTS)
        .map(|number| format!("room-{number:03}"))
        .collect();
    let creates: Vec<_> = names
        .iter()
        .map(|name| stage.create(name, json!({})))
        .collect();
    stream::iter(creates)
        .buffer_unordered(32)
        .try_collect::<()>()
        .await?;
    let last = names.last().ok_or("no objects")?;
    stage.ready(last).await?;
    for name in &names {
        stage.ready(name).await?;
    }
    oracle::tells(stage, &["InvalidSpec"]).await?;
    let objects = stage.chat_rooms.list(&ListParams::default()).await?.items;
    let mut known: Vec<_> = objects
        .iter()
        .filter(|object| is_ready(object))
        .map(arn_of)
        .collect();
    known.push(stage.foreign.arn.clone());
    known.sort();
    let mut rooms: Vec<_> = stage.rooms().into_iter().map(|room| room.arn).collect();
    rooms.sort();
    if known != rooms {
        return Err(format!(
            "one room per ChatRoom: {} objects know a room, {} rooms",
            known.len(),
            rooms.len()
        )
        .into());
    }
    let journal = stage.emulator.journal();
    let creates = journal
        .iter()
        .filter(|entry| entry.operation == Operation::CreateRoom)
        .count();
    // The bystander has one, too.
    if creates != OBJECTS + 1 {
        return Err(format!("bounded calls: {creates} CreateRooms").into());
    }
    stage
        .patch(SUBJECT, json!({"spec": {"messageReviewHandler": null}}))
        .await?;
    stage.ready(SUBJECT).await?;
    Ok(())
}

//! One object that cannot be parsed, among a thousand that can.

use futures::{StreamExt, TryStreamExt, stream};
use ivschat_core::api::{ChatRoom, chat_room_crd};
use ivschat_emulator::world::Operation;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::json;

use crate::call::SUBJECT;
use crate::stage::{Stage, arn_of, is_ready};
use crate::{DEADLINE, Outcome};

const OBJECTS: usize = 1000;

pub async fn play(stage: &Stage) -> Outcome {
    let kind = ApiResource::erase::<ChatRoom>(&());
    let untyped: Api<DynamicObject> =
        Api::namespaced_with(stage.client.clone(), &stage.namespace, &kind);
    let unparsable = json!({"maximumMessageLength": ["many"], "tags": 7});
    let mut subject = DynamicObject::new(SUBJECT, &kind);
    subject.data = json!({"spec": unparsable});
    untyped.create(&PostParams::default(), &subject).await?;
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
    let refused = await_condition(
        untyped.clone(),
        SUBJECT,
        |object: Option<&DynamicObject>| object.is_some_and(is_refused),
    );
    let refused = tokio::time::timeout(DEADLINE, refused).await;
    refused.map_err(|_| "the object that cannot be parsed is not told so")??;
    let objects = untyped.list(&ListParams::default()).await?.items;
    let objects: Vec<ChatRoom> = objects
        .into_iter()
        .filter(|object| object.name_any() != SUBJECT)
        .map(DynamicObject::try_parse)
        .collect::<Result<_, _>>()?;
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
    let mended = json!({"spec": {"maximumMessageLength": 7, "tags": null}});
    untyped
        .patch(SUBJECT, &PatchParams::default(), &Patch::Merge(mended))
        .await?;
    stage.ready(SUBJECT).await?;
    Ok(())
}

fn is_refused(object: &DynamicObject) -> bool {
    let conditions = object.data["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| {
        condition["type"] == "Stalled"
            && condition["status"] == "True"
            && condition["reason"] == "InvalidSpec"
    })
}

/// Lets everything pass.
pub fn lax_crd() -> CustomResourceDefinition {
    let mut crd = serde_json::to_value(chat_room_crd().unwrap()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    serde_json::from_value(crd).unwrap()
}

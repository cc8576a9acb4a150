//! What a case comes to, without what differs from run to run: ids, times, uids, the namespace.

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::call::{BYSTANDER, SUBJECT};
use crate::stage::{Stage, arn_of};
use crate::{CLUSTER, Outcome};

/// The object under test, and every room that is neither the bystander's nor a stranger's: of those there must be no more
/// than objects that know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndState {
    pub object: Value,
    pub rooms: Vec<Value>,
}

impl EndState {
    pub async fn of(stage: &Stage) -> Outcome<Self> {
        let subject = stage.chat_rooms.get_opt(SUBJECT).await?;
        let bystander = stage.chat_rooms.get_opt(BYSTANDER).await?;
        let arn = subject.as_ref().map(arn_of).unwrap_or_default();
        let others = [
            stage.foreign.arn.clone(),
            bystander.as_ref().map(arn_of).unwrap_or_default(),
        ];
        let uid = subject
            .as_ref()
            .and_then(ResourceExt::uid)
            .unwrap_or_default();
        let mut rooms = Vec::new();
        for room in stage.rooms() {
            if others.contains(&room.arn) {
                continue;
            }
            let mut shown = json!({"in the status": room.arn == arn});
            let mut room = serde_json::to_value(room)?;
            for changing in ["arn", "id", "createTime", "updateTime"] {
                room[changing].take();
            }
            shown["room"] = room;
            rooms.push(anonymous(&shown, &stage.namespace, &uid)?);
        }
        let object = subject.map_or(Value::Null, |object| {
            let status = object.status.unwrap_or_default();
            let conditions = status.conditions.unwrap_or_default();
            let conditions: Vec<_> = conditions
                .iter()
                .map(|it| format!("{}={} ({})", it.type_, it.status, it.reason))
                .collect();
            json!({
                "finalizers": object.metadata.finalizers,
                "observed": status.observed_generation == object.metadata.generation,
                "region": status.region,
                "creation": status.creation,
                "appliedTagKeys": status.applied_tag_keys,
                "drift": status.drift,
                "conditions": conditions,
            })
        });
        Ok(Self { object, rooms })
    }

    /// No object, and no room of its own.
    pub fn nothing() -> Self {
        Self {
            object: Value::Null,
            rooms: Vec::new(),
        }
    }
}

fn anonymous(value: &Value, namespace: &str, uid: &str) -> Outcome<Value> {
    let mut text = value
        .to_string()
        .replace(&format!("{CLUSTER}/{namespace}/"), "CLUSTER/NAMESPACE/");
    if !uid.is_empty() {
        text = text.replace(uid, "UID");
    }
    Ok(serde_json::from_str(&text)?)
}

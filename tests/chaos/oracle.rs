//! What must hold at the end of every case, whatever went wrong in it.

use std::time::{Duration, Instant};

use ivschat_emulator::journal::Entry;
use ivschat_emulator::world::Operation;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};

use crate::call::{BYSTANDER, SUBJECT};
use crate::end_state::EndState;
use crate::stage::{Stage, arn_of, is_ready};
use crate::workload::FOUND;
use crate::{DEADLINE, Outcome};

/// Nothing is written for this long once all is as it should be. Longer than the drift interval, so that looks are among it.
const QUIET: Duration = Duration::from_millis(500);
/// How long it may take to fall silent.
const SILENT_WITHIN: Duration = Duration::from_secs(15);

/// What a case must come to.
#[derive(Debug, Clone)]
pub struct Expected {
    pub end: EndState,
    /// How many rooms are ever made for the subject; `None` where a second one may be made and healed.
    pub rooms_made: Option<usize>,
    pub bystander: Bystander,
}

/// What becomes of the object that is not under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bystander {
    Untouched,
    /// What went wrong goes for all objects: it has a room in the end, if not the one it had.
    Healed,
    /// Somebody has edited it in the middle of the fault.
    Edited,
    Deleted,
}

/// What the bystander is edited to.
pub const EDITED_LENGTH: i32 = 42;

/// Waits until all is as it should be and stays so in silence, then looks at what must never have happened.
pub async fn verify(stage: &Stage, expected: &Expected) -> Outcome {
    converge(stage, &expected.end).await?;
    bystander(stage, expected.bystander).await?;
    fall_silent(stage, &expected.end).await?;
    foreign_room_untouched(stage)?;
    actual_room_untouched(stage)?;
    bystander_writes(stage, expected.bystander)?;
    if let Some(wanted) = expected.rooms_made {
        let made = stage
            .emulator
            .journal()
            .iter()
            .filter(|entry| made_for_subject(entry, stage))
            .count();
        if made != wanted {
            return Err(format!(
                "one room per ChatRoom: {made} rooms were made for the subject, not {wanted}"
            )
            .into());
        }
    }
    Ok(())
}

/// Waits for the end state, looking again whenever the operator has done something.
pub async fn converge(stage: &Stage, end: &EndState) -> Outcome {
    /// Some of what changes shows in no call of the operator.
    const PATIENCE: Duration = Duration::from_millis(100);
    let deadline = Instant::now() + DEADLINE;
    loop {
        let now = EndState::of(stage).await?;
        if now == *end {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("convergence: the end state is {now:#?}, not {end:#?}").into());
        }
        let _ = tokio::time::timeout(PATIENCE, stage.script.next_call()).await;
    }
}

/// Waits until all is as it should be and nothing has been written for a while, both at once: a machine that is busy makes calls
/// fail that nobody struck, and an operator that does not come to rest never gets here.
async fn fall_silent(stage: &Stage, end: &EndState) -> Outcome {
    let from = Instant::now();
    loop {
        let silent = stage.script.since_last_write().min(from.elapsed());
        let now = EndState::of(stage).await?;
        if silent >= QUIET && now == *end {
            return Ok(());
        }
        if from.elapsed() > SILENT_WITHIN {
            let what = if now == *end {
                "it goes on writing".to_owned()
            } else {
                format!("{now:#?}, not {end:#?}")
            };
            return Err(format!("silence: the operator does not come to rest: {what}").into());
        }
        let rest = QUIET.saturating_sub(silent).max(Duration::from_millis(50));
        tokio::time::sleep(rest).await;
    }
}

async fn bystander(stage: &Stage, wanted: Bystander) -> Outcome {
    if wanted == Bystander::Deleted {
        stage
            .until(BYSTANDER, "gone", |object| object.is_none())
            .await?;
        return Ok(());
    }
    let object = stage.ready(BYSTANDER).await?;
    let length = if wanted == Bystander::Edited {
        EDITED_LENGTH
    } else {
        500
    };
    let room = stage
        .rooms()
        .into_iter()
        .find(|room| room.arn == arn_of(&object));
    let room = room.ok_or("bystander: its room is gone")?;
    if room.maximum_message_length != length {
        return Err(format!(
            "bystander: its room's maximumMessageLength is not {length}: {room:#?}"
        )
        .into());
    }
    if wanted != Bystander::Healed && room.id != stage.script.bystander_room() {
        return Err("bystander: it has another room than before".into());
    }
    Ok(())
}

pub fn foreign_room_untouched(stage: &Stage) -> Outcome {
    let foreign = &stage.foreign;
    if !stage.rooms().contains(foreign) {
        return Err("foreign room: it is not as it was".into());
    }
    never_written_to(stage, &foreign.arn)
}

fn actual_room_untouched(stage: &Stage) -> Outcome {
    let rooms = stage.rooms().into_iter();
    rooms
        .filter(|room| room.name == FOUND)
        .try_for_each(|room| never_written_to(stage, &room.arn))
}

fn never_written_to(stage: &Stage, arn: &str) -> Outcome {
    let journal = stage.emulator.journal();
    match journal.iter().find(|entry| writes_to(entry, arn)) {
        Some(entry) => Err(format!("foreign room: written to: {entry:?}").into()),
        None => Ok(()),
    }
}

/// Nothing but what somebody asked for is done to the bystander's room.
fn bystander_writes(stage: &Stage, wanted: Bystander) -> Outcome {
    let id = stage.script.bystander_room();
    let journal = stage.emulator.journal();
    let writes: Vec<_> = journal
        .iter()
        .filter(|entry| writes_to(entry, &id))
        .map(|entry| entry.operation)
        .collect();
    let asked = match wanted {
        Bystander::Untouched => writes.is_empty(),
        Bystander::Edited => writes
            .iter()
            .all(|operation| *operation == Operation::UpdateRoom),
        Bystander::Deleted | Bystander::Healed => writes
            .iter()
            .all(|operation| *operation == Operation::DeleteRoom),
    };
    if asked {
        Ok(())
    } else {
        Err(format!("bystander: its room was written to: {writes:?}").into())
    }
}

fn writes_to(entry: &Entry, room: &str) -> bool {
    let named = |member| {
        entry
            .member(member)
            .as_str()
            .is_some_and(|arn| arn.ends_with(room))
    };
    entry.operation.writes() && (named("identifier") || named("resourceArn"))
}

fn made_for_subject(entry: &Entry, stage: &Stage) -> bool {
    let owner = entry.member("tags")["ivschat-operator.io/owner"]
        .as_str()
        .unwrap_or_default();
    entry.operation == Operation::CreateRoom
        && entry.status == Some(200)
        && owner.ends_with(&format!("{}/{SUBJECT}", stage.namespace))
}

/// While a fault lasts, the object says so, or is as it should be nevertheless.
pub async fn tells(stage: &Stage, wanted: &[&str]) -> Outcome {
    let told = |object: Option<&ivschat_core::api::ChatRoom>| {
        object.is_some_and(|object| {
            crate::stage::reasons(object)
                .iter()
                .any(|reason| wanted.contains(reason))
        })
    };
    stage
        .until(SUBJECT, &format!("any of {wanted:?}"), told)
        .await?;
    Ok(())
}

/// While the watches show nothing, an operator that works on what is long superseded does not try over and over.
pub async fn patient(stage: &Stage, from: Instant) -> Outcome {
    /// Waits double from 10 ms to 600 ms; without them there are over a hundred.
    const CALLS: usize = 30;
    let mut weather = stage.script.weather.subscribe();
    let shown = tokio::time::timeout(DEADLINE, weather.wait_for(|weather| !weather.held)).await;
    shown.map_err(|_| "the watches stay silent")??;
    match stage.script.calls_since(from) {
        calls if calls <= CALLS => Ok(()),
        calls => Err(format!("bounded calls: {calls} to AWS while the cache is behind").into()),
    }
}

/// The bystander's edit has gone through.
pub async fn bystander_served(stage: &Stage) -> Outcome {
    let served = |object: Option<&ivschat_core::api::ChatRoom>| object.is_some_and(is_ready);
    stage
        .until(BYSTANDER, "ready while the fault lasts", served)
        .await?;
    bystander(stage, Bystander::Edited).await
}

/// A room that no object knows any more is reported, in an event about the object that it was created for.
pub async fn orphan_told(stage: &Stage) -> Outcome<bool> {
    let events: Api<Event> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let events = events.list(&ListParams::default()).await?.items;
    Ok(events.iter().any(|event| {
        let about = event.regarding.as_ref().and_then(|it| it.name.as_deref());
        about == Some(SUBJECT) && event.reason.as_deref() == Some("Orphan")
    }))
}

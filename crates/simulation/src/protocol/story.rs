//! Traces as people read them.

use std::fmt::Write;

use stateright::Path;

use super::decide::View;
use super::moves::Move;
use super::state::{Object, OperatorId, RoomId, State, Step};

/// What happens on a path, in numbered sentences.
pub fn story(path: Path<State, Move>) -> String {
    let states = path.into_vec();
    let mut story = String::new();
    for (number, pair) in states.windows(2).enumerate() {
        let [(before, Some(happens)), (after, _)] = pair else {
            continue;
        };
        let sentence = sentence(before, *happens, after);
        // A String takes whatever is written to it.
        let _ = writeln!(story, "{:>3}. {sentence}.", number + 1);
    }
    story
}

fn sentence(before: &State, happens: Move, after: &State) -> String {
    match happens {
        Move::Tick => "A tick passes".to_owned(),
        Move::Lead(id) => format!("{} begins to lead", operator(id)),
        Move::Depose(id) => format!("The term of {} ends", operator(id)),
        Move::Crash(id) => format!("{} crashes and is started again", operator(id)),
        Move::Begin(id) => format!(
            "{} reads the object, which has {}",
            operator(id),
            has(before)
        ),
        Move::Look(id, view) => {
            let next = after.operators[id].pass.map(|pass| pass.step);
            format!(
                "{} reads AWS: {}; it {}",
                operator(id),
                shown(view),
                decides(next)
            )
        }
        Move::Proceed(id) => proceeds(before, id, after),
        Move::Freeze(id) => format!("{} freezes after its last check", operator(id)),
        Move::Thaw(id) => format!("{} thaws and sends CreateRoom", operator(id)),
        Move::Make { by, answered } => {
            let new = (0..before.rooms.len()).find(|id| before.rooms[*id] != after.rooms[*id]);
            let room = new.map_or_else(|| "no room".to_owned(), room);
            let answer = if answered {
                "says so"
            } else {
                "the answer is lost"
            };
            format!("AWS creates {room} for {}; {answer}", operator(by))
        }
        Move::Refuse(id) => format!("AWS refuses the CreateRoom of {}", operator(id)),
        Move::GiveUp(id) => format!(
            "{} gets no answer; its CreateRoom is still on its way",
            operator(id)
        ),
        Move::Delete {
            by,
            room: id,
            answered,
        } => {
            let answer = if answered {
                "says so"
            } else {
                "the answer is lost"
            };
            format!("AWS deletes {} for {}; {answer}", room(id), operator(by))
        }
        Move::UserDeletes => "A user deletes the object".to_owned(),
        Move::UserWipes => "A user wipes the status".to_owned(),
        Move::Vanish(id) => format!("Somebody deletes {}", room(id)),
        Move::SetClock(id, by) => {
            let way = if by > 0 { "forward" } else { "back" };
            format!(
                "The clock of {} is set {way} by {} ticks",
                operator(id),
                by.abs()
            )
        }
    }
}

fn proceeds(before: &State, id: OperatorId, after: &State) -> String {
    let who = operator(id);
    let ended = after.operators[id].pass.is_none();
    let unwritten = before.object == after.object;
    match before.operators[id].pass.map(|pass| pass.step) {
        Some(Step::Hold) if !ended => format!("{who} puts the finalizer on the object"),
        Some(Step::WriteAhead(_)) if !ended => format!("{who} writes the attempt down"),
        Some(Step::Send(_)) if after.wire[id].is_some() => format!("{who} sends CreateRoom"),
        Some(Step::Send(_)) => format!("{who} may not send CreateRoom any more"),
        Some(Step::LetGo) if !unwritten => {
            format!("{who} takes the finalizer off: the object is gone")
        }
        Some(Step::Learned(..) | Step::Conclude(_)) if !unwritten => {
            format!("{who} writes the status: it has {}", has(after))
        }
        _ => format!("{who} cannot write: the object has changed since it was read"),
    }
}

fn decides(next: Option<Step>) -> String {
    match next {
        None => "has nothing to write".to_owned(),
        Some(Step::Hold | Step::WriteAhead(_)) => "decides to create a room".to_owned(),
        Some(Step::Delete(id)) => format!("decides to delete {}", room(id)),
        Some(Step::LetGo) => "decides to let the object go".to_owned(),
        Some(Step::Conclude(record)) => match record.arn {
            Some(id) if record.creation.is_none() => format!("decides to keep {}", room(id)),
            _ => "decides to wait".to_owned(),
        },
        Some(_) => "goes on".to_owned(),
    }
}

fn shown(view: View) -> String {
    format!(
        "GetRoom shows {}, ListRooms {}",
        rooms(view.got),
        rooms(view.listed)
    )
}

fn rooms(shown: impl IntoIterator<Item = bool>) -> String {
    let numbered = shown.into_iter().enumerate();
    let names: Vec<_> = numbered
        .filter(|(_, shown)| *shown)
        .map(|(id, _)| room(id))
        .collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(" and ")
    }
}

fn has(state: &State) -> String {
    let Some(Object {
        record, finalizer, ..
    }) = state.object
    else {
        return "gone".to_owned();
    };
    let held = if finalizer {
        "a finalizer"
    } else {
        "no finalizer"
    };
    let arn = record.arn.map_or_else(
        || "no ARN".to_owned(),
        |id| format!("the ARN of {}", room(id)),
    );
    let attempt = if record.creation.is_some() {
        "an attempt"
    } else {
        "no attempt"
    };
    format!("{held}, {arn} and {attempt}")
}

fn operator(id: OperatorId) -> &'static str {
    ["Operator A", "Operator B"][id]
}

fn room(id: RoomId) -> String {
    format!("room {}", id + 1)
}

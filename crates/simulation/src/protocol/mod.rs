//! The protocol alone, exhaustively: how one object gets exactly one room.
//!
//! One object, two operators that take turns to lead, two rooms, reads that lag up to two ticks. What an operator decides is
//! decided by the operator's own functions; the model only has what is around them, and everything that can happen
//! between two awaits, in every order.
//!
//! What it leaves out: each list is read anew (the operator may use one again), the conditions in the status, twins, and
//! answers of Kubernetes that are lost. All reads of a pass lag on their own, but are made in one step.

mod decide;
mod moves;
mod pass;
mod rules;
mod state;
mod story;

use std::error::Error;

use stateright::{Model, Property};

pub use moves::Move;
pub use rules::{Bounds, Clock, Faults, Rules, Ticks, WriteAhead};
pub use state::State;
pub use story::story;

use decide::{Mind, Verdict};

/// No object has two rooms at once.
pub const ONE_ROOM: &str = "an object has at most one room";
/// No object is let go while it has a room, or one is still being made.
pub const NOTHING_LEFT: &str = "an object that is gone has left no room";
/// Nothing waits for ever.
pub const ENDS_WELL: &str = "an object that nothing more happens to is ready or gone";
/// It can become ready.
pub const READY: &str = "some object ends ready";
/// It can go.
pub const GONE: &str = "some object ends gone after it had a room";

/// The protocol under these rules, with so much that may go wrong.
pub struct Protocol {
    rules: Rules,
    faults: Faults,
    mind: Mind,
}

impl Protocol {
    /// A model.
    ///
    /// # Errors
    /// A name that the model made up is none.
    pub fn new(rules: Rules, faults: Faults) -> Result<Self, Box<dyn Error>> {
        let mind = Mind::new(rules)?;
        Ok(Self {
            rules,
            faults,
            mind,
        })
    }

    /// Whether the object ends well, if nothing more happens to it than has happened.
    fn ends_well(&self, state: &State) -> bool {
        let (Some(object), Some(leader)) = (state.object, state.leader) else {
            return true;
        };
        if !state.is_at_rest() {
            return true;
        }
        let answer = state.decided(&self.mind, self.rules, leader, object, state.truth());
        // The first 404 is only noted: there is more to come.
        if answer.record.missing != object.record.missing {
            return true;
        }
        match answer.verdict {
            Verdict::Wait | Verdict::Failed => false,
            Verdict::Keep(room) => !object.deleted && state.truth().got[room],
            Verdict::Create => !object.deleted,
            Verdict::Delete(_) | Verdict::LetGo => object.deleted,
        }
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Move;

    fn init_states(&self) -> Vec<State> {
        let first = |always_alone| State::first(self.faults, always_alone);
        [false, true].map(first).into()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Move>) {
        actions.extend(state.moves(self.rules));
    }

    fn next_state(&self, state: &State, happens: Move) -> Option<State> {
        let next = state.after(&self.mind, self.rules, happens);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_ROOM, |_, state: &State| {
                state.excused || state.living() <= 1
            }),
            Property::always(NOTHING_LEFT, |_, state: &State| {
                state.excused || state.object.is_some() || state.living() == 0
            }),
            Property::always(ENDS_WELL, |model: &Self, state| model.ends_well(state)),
            Property::sometimes(READY, |_, state: &State| {
                let object = state.object.filter(|object| !object.deleted);
                let room = object.and_then(|object| object.record.arn);
                state.is_at_rest() && room.is_some_and(|room| state.truth().got[room])
            }),
            Property::sometimes(GONE, |_, state: &State| {
                state.object.is_none() && state.rooms[0].is_some_and(|room| !room.lives())
            }),
        ]
    }
}

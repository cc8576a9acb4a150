//! What there is: the object, the rooms, the requests on their way, and what each operator knows.
//!
//! Each time is kept as an age, which stops to grow once it is older than anything that is ever waited for. So
//! the states are finite although time goes on for ever.

use super::rules::{Bounds, Faults, Ticks};

/// How long ago something was. Below zero: a clock that is ahead says when.
pub(super) type Age = Ticks;

/// Which of the rooms.
pub(super) type RoomId = usize;

/// Which of the two operators.
pub(super) type OperatorId = usize;

/// One moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// `None`: it is gone.
    pub object: Option<Object>,
    /// In the order in which they were made.
    pub rooms: [Option<Room>; Bounds::ROOMS],
    /// The CreateRoom of each operator that is on its way.
    pub wire: [Option<Sent>; 2],
    /// Both of them.
    pub operators: [Operator; 2],
    /// Whose term it is.
    pub leader: Option<OperatorId>,
    /// What may still go wrong.
    pub left: Faults,
    /// Nothing distinguishes times that are this old: they are older than a grace by every clock.
    pub oldest: Age,
    /// An operator thawed and sent a CreateRoom that should not have been sent any more: nothing can fence that.
    pub excused: bool,
}

/// The object as the API server holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// Whether a user has deleted it.
    pub deleted: bool,
    /// Whether the operator's finalizer holds it.
    pub finalizer: bool,
    /// Its status.
    pub record: Record,
}

/// What a status remembers of the room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// The room's ARN.
    pub arn: Option<RoomId>,
    /// When the attempt began whose outcome is unknown.
    pub creation: Option<Age>,
    /// When GetRoom first did not show the room.
    pub missing: Option<Age>,
}

/// A room, all of whose tags prove it to be the object's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Room {
    /// Since it was made.
    pub made: Age,
    /// Since it was deleted.
    pub gone: Option<Age>,
}

/// A CreateRoom on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sent {
    /// Since the attempt began, by a clock that nobody sets.
    pub age: Age,
}

/// An operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Operator {
    /// By how much its clock is ahead.
    pub ahead: Ticks,
    /// Since another operator may last have worked on the object.
    pub alone_since: Age,
    /// Whether it has been alone since before the object was applied.
    pub always_alone: bool,
    /// What it knows beside the object.
    pub memory: Memory,
    /// What it is doing.
    pub pass: Option<Pass>,
}

/// What an operator knows of the object beside its status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory {
    /// The room whose ARN was learned.
    pub made: Option<RoomId>,
    /// The attempt whose outcome is unknown.
    pub attempt: Option<Age>,
    /// It has proven the object without a room and written an attempt down, and has made no room since.
    pub absent: bool,
    /// What it has made and deleted itself, and lists may not show yet.
    pub done: [Option<Done>; Bounds::ROOMS],
}

/// What an operator has done with a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Done {
    /// Made it.
    Made,
    /// Deleted it.
    Deleted,
}

/// A pass under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pass {
    /// The object as it was read.
    pub seen: Object,
    /// Whether the object still has that version.
    pub fresh: bool,
    /// Whether the term in which it began has ended.
    pub deposed: bool,
    /// What comes next.
    pub step: Step,
}

/// What a pass does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read AWS and decide.
    Look,
    /// Put the finalizer on, for a room that is to be created.
    Hold,
    /// Write the attempt down.
    WriteAhead(Attempt),
    /// Check the fence and send CreateRoom.
    Send(Attempt),
    /// Nothing: it froze after that check.
    Frozen(Attempt),
    /// Wait for the answer.
    Await(Attempt),
    /// Write the ARN of the room just created.
    Learned(Attempt, RoomId),
    /// Delete a room, which GetRoom has just shown.
    Delete(RoomId),
    /// Take the finalizer off.
    LetGo,
    /// Write what the pass found.
    Conclude(Record),
}

/// An attempt to create.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// Since it began, as the operator's clock had it.
    pub noted: Age,
    /// Since it began.
    pub age: Age,
}

impl State {
    /// An object just applied. `always_alone`: the term of the first operator began before that.
    pub fn first(left: Faults, always_alone: bool) -> Self {
        let object = Object {
            deleted: false,
            finalizer: false,
            record: Record::default(),
        };
        let first = Operator {
            always_alone,
            ..Operator::default()
        };
        Self {
            object: Some(object),
            rooms: [None; Bounds::ROOMS],
            wire: [None; 2],
            operators: [first, Operator::default()],
            leader: Some(0),
            left,
            oldest: match left.clock_steps {
                0 => Bounds::GRACE,
                _ => Bounds::GRACE + Bounds::STEP,
            },
            excused: false,
        }
    }

    /// How many rooms there are, whatever a read shows.
    pub fn living(&self) -> usize {
        self.rooms.iter().flatten().filter(|it| it.lives()).count()
    }

    /// Whether so much time has passed that more would change nothing, and nobody is doing anything.
    pub fn is_at_rest(&self) -> bool {
        let mut later = self.clone();
        later.tick();
        later == *self
            && self.wire.iter().all(Option::is_none)
            && self.operators.iter().all(|it| it.pass.is_none())
    }

    /// Somebody has written to the object: no pass but that of `writer` has its version any more.
    pub fn written(&mut self, writer: Option<OperatorId>) {
        for (id, operator) in self.operators.iter_mut().enumerate() {
            if let Some(pass) = &mut operator.pass {
                pass.fresh &= Some(id) == writer;
            }
        }
    }

    /// A tick of time passes.
    pub fn tick(&mut self) {
        let oldest = self.oldest;
        self.each_age(&mut |age| *age = (*age + 1).min(oldest));
        // What a list shows by itself is no longer remembered.
        let settled = self.rooms.map(|room| room.is_none_or(Room::is_settled));
        for operator in &mut self.operators {
            for (done, settled) in operator.memory.done.iter_mut().zip(settled) {
                *done = done.filter(|_| !settled);
            }
        }
    }

    fn each_age(&mut self, change: &mut impl FnMut(&mut Age)) {
        self.object.iter_mut().for_each(|it| it.each_age(change));
        for room in self.rooms.iter_mut().flatten() {
            change(&mut room.made);
            room.gone.iter_mut().for_each(&mut *change);
        }
        self.wire
            .iter_mut()
            .flatten()
            .for_each(|it| change(&mut it.age));
        for operator in &mut self.operators {
            change(&mut operator.alone_since);
            let memory = &mut operator.memory;
            memory.attempt.iter_mut().for_each(&mut *change);
            operator.pass.iter_mut().for_each(|it| it.each_age(change));
        }
    }
}

impl Object {
    fn each_age(&mut self, change: &mut impl FnMut(&mut Age)) {
        let Record {
            creation, missing, ..
        } = &mut self.record;
        creation.iter_mut().chain(missing).for_each(change);
    }
}

impl Pass {
    fn each_age(&mut self, change: &mut impl FnMut(&mut Age)) {
        self.seen.each_age(change);
        match &mut self.step {
            Step::WriteAhead(attempt)
            | Step::Send(attempt)
            | Step::Frozen(attempt)
            | Step::Await(attempt)
            | Step::Learned(attempt, _) => {
                change(&mut attempt.noted);
                change(&mut attempt.age);
            }
            Step::Conclude(record) => record.creation.iter_mut().for_each(change),
            Step::Look | Step::Hold | Step::Delete(_) | Step::LetGo => {}
        }
    }
}

impl Room {
    /// Whether it has not been deleted.
    pub fn lives(self) -> bool {
        self.gone.is_none()
    }

    /// Whether every read shows it as it is.
    pub fn is_settled(self) -> bool {
        self.gone.unwrap_or(self.made) >= Bounds::LAG
    }
}

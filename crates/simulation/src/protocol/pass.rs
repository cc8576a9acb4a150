//! What an operator does: a pass, step by step, as it can be cut short between any two.

use super::decide::{Answer, Mind, Question, Verdict, View};
use super::rules::{Bounds, Clock, Rules, WriteAhead};
use super::state::{
    Age, Attempt, Done, Memory, Object, OperatorId, Pass, Record, Room, RoomId, Sent, State, Step,
};

impl State {
    /// An operator begins a pass over the object as it is.
    pub(super) fn begin(&mut self, id: OperatorId) {
        let pass = |seen| Pass {
            seen,
            fresh: true,
            deposed: false,
            step: Step::Look,
        };
        self.operators[id].pass = self.object.map(pass);
    }

    /// What an operator decides that sees this.
    pub(super) fn decided(
        &self,
        mind: &Mind,
        rules: Rules,
        id: OperatorId,
        object: Object,
        view: View,
    ) -> Answer {
        let operator = &self.operators[id];
        let mut view = view;
        for (listed, done) in view.listed.iter_mut().zip(operator.memory.done) {
            *listed = done.map_or(*listed, |done| done == Done::Made);
        }
        mind.decide(&Question {
            object,
            memory: operator.memory,
            alone_since: operator.alone_since,
            always_alone: operator.always_alone,
            ahead: self.ahead(rules, id),
            made: self.rooms.map(|room| room.map_or(0, |room| room.made)),
            view,
        })
    }

    /// An operator reads AWS and decides.
    pub(super) fn look(&mut self, mind: &Mind, rules: Rules, id: OperatorId, view: View) {
        let Some(pass) = self.operators[id].pass else {
            return;
        };
        let answer = self.decided(mind, rules, id, pass.seen, view);
        let bound = |room| Record {
            arn: Some(room),
            ..Record::default()
        };
        let attempt = self.attempt(rules, id);
        let operator = &mut self.operators[id];
        let next = match answer.verdict {
            Verdict::Wait | Verdict::Failed => Step::Conclude(answer.record),
            Verdict::Create if !pass.seen.finalizer && rules.finalizer_first => Step::Hold,
            Verdict::Create => Step::WriteAhead(attempt),
            Verdict::Keep(room) => {
                operator.memory.attempt = None;
                operator.memory.absent = false;
                if rules.remembers_seen {
                    operator.memory.made = Some(room);
                }
                Step::Conclude(bound(room))
            }
            Verdict::Delete(room) => Step::Delete(room),
            Verdict::LetGo => Step::LetGo,
        };
        self.go_on(id, next);
        if next == Step::Conclude(pass.seen.record) {
            self.end(id);
        }
    }

    /// The next step of a pass, except for what AWS answers.
    pub(super) fn proceed(&mut self, rules: Rules, id: OperatorId) {
        let Some(pass) = self.operators[id].pass else {
            return;
        };
        match pass.step {
            Step::Hold => {
                let held = self.write(id, pass.fresh, |object| object.finalizer = true);
                let attempt = self.attempt(rules, id);
                self.go_on_if(held, id, Step::WriteAhead(attempt));
            }
            Step::WriteAhead(attempt) => self.write_ahead(rules, id, pass, attempt),
            Step::Send(attempt) => self.send(rules, id, pass, attempt),
            Step::Learned(attempt, room) => self.write_created(rules, id, attempt, room),
            Step::LetGo => {
                let gone = self.write(id, pass.fresh, |object| object.finalizer = false);
                if gone {
                    self.object = None;
                }
                self.end(id);
            }
            Step::Conclude(record) => {
                // Where only something else than status and finalizers changed, the write is repeated on top of that.
                let same = |object: Object| {
                    (object.record, object.finalizer) == (pass.seen.record, pass.seen.finalizer)
                };
                let same = pass.fresh || self.object.is_some_and(same);
                self.write(id, same, |object| object.record = record);
                self.end(id);
            }
            Step::Look | Step::Frozen(_) | Step::Await(_) | Step::Delete(_) => {}
        }
    }

    /// An attempt that begins now.
    fn attempt(&self, rules: Rules, id: OperatorId) -> Attempt {
        Attempt {
            noted: -self.ahead(rules, id),
            age: 0,
        }
    }

    fn write_ahead(&mut self, rules: Rules, id: OperatorId, pass: Pass, attempt: Attempt) {
        let noted = Record {
            creation: Some(attempt.noted),
            ..Record::default()
        };
        let written = match rules.write_ahead {
            WriteAhead::Conditional => self.write(id, pass.fresh, |it| it.record = noted),
            WriteAhead::Blind => self.write(id, true, |it| it.record = noted),
            WriteAhead::Missing => pass.fresh,
        };
        if written {
            let memory = &mut self.operators[id].memory;
            *memory = Memory {
                done: memory.done,
                absent: true,
                ..Memory::default()
            };
            if rules.remembers_attempt && rules.write_ahead != WriteAhead::Missing {
                memory.attempt = Some(attempt.noted);
            }
        }
        self.go_on_if(written, id, Step::Send(attempt));
    }

    /// Whether an operator that is about to send CreateRoom may still do so.
    pub(super) fn may_send(rules: Rules, pass: Pass, attempt: Attempt) -> bool {
        !rules.fenced || (!pass.deposed && attempt.age <= Bounds::OPERATION)
    }

    fn send(&mut self, rules: Rules, id: OperatorId, pass: Pass, attempt: Attempt) {
        if Self::may_send(rules, pass, attempt) {
            self.wire[id] = Some(Sent { age: attempt.age });
            self.go_on(id, Step::Await(attempt));
        } else {
            self.refused(id, pass);
        }
    }

    /// CreateRoom was refused, or was not sent: it is certain that there is no room.
    pub(super) fn refused(&mut self, id: OperatorId, pass: Pass) {
        self.operators[id].memory.attempt = None;
        if pass.deposed {
            self.end(id);
        } else {
            self.go_on(id, Step::Conclude(Record::default()));
        }
    }

    /// A frozen operator sends what it had checked before.
    pub(super) fn thaw(&mut self, rules: Rules, id: OperatorId) {
        if let Some(pass) = self.operators[id].pass
            && let Step::Frozen(attempt) = pass.step
        {
            let late = !Self::may_send(rules, pass, attempt);
            self.excused |= late;
            let age = if late { 0 } else { attempt.age };
            self.wire[id] = Some(Sent { age });
            self.go_on(id, Step::Await(attempt));
        }
    }

    /// AWS makes a room. `answered`: the operator learns of it.
    pub(super) fn make(&mut self, rules: Rules, id: OperatorId, answered: bool) {
        let Some(room) = self.rooms.iter().position(Option::is_none) else {
            return;
        };
        self.rooms[room] = Some(Room {
            made: 0,
            gone: None,
        });
        if !answered && rules.repeats_create {
            return;
        }
        self.wire[id] = None;
        let operator = &mut self.operators[id];
        let Some(Pass {
            step: Step::Await(attempt),
            ..
        }) = operator.pass
        else {
            return;
        };
        if answered {
            operator.memory.made = Some(room);
            operator.memory.attempt = None;
            operator.memory.absent = false;
            operator.memory.done[room] = Some(Done::Made);
            self.go_on(id, Step::Learned(attempt, room));
        } else {
            self.end(id);
        }
    }

    /// Writes the room's ARN whatever else changed about the object, if its attempt is still this one.
    fn write_created(&mut self, rules: Rules, id: OperatorId, attempt: Attempt, room: RoomId) {
        let noted = self.object.and_then(|object| object.record.creation);
        let same = noted == Some(attempt.noted) || rules.write_ahead == WriteAhead::Missing;
        let bound = Record {
            arn: Some(room),
            ..Record::default()
        };
        self.write(id, same, |object| {
            object.record = bound;
            object.finalizer |= !rules.finalizer_first;
        });
        self.end(id);
    }

    /// AWS deletes a room that an operator has asked it to delete. `answered`: the operator learns of it.
    pub(super) fn delete(&mut self, rules: Rules, id: OperatorId, room: RoomId, answered: bool) {
        if rules.fenced && self.operators[id].pass.is_some_and(|pass| pass.deposed) {
            self.end(id);
            return;
        }
        if let Some(room) = &mut self.rooms[room] {
            room.gone = room.gone.or(Some(0));
        }
        if answered {
            self.operators[id].memory.done[room] = Some(Done::Deleted);
        }
        let bound = Record {
            arn: Some(room),
            ..Record::default()
        };
        self.go_on(id, Step::Conclude(bound));
    }

    /// Ends a pass.
    pub(super) fn end(&mut self, id: OperatorId) {
        self.operators[id].pass = None;
    }

    /// Changes the object, if it is there and `allowed`. Whether that went through.
    fn write(&mut self, id: OperatorId, allowed: bool, change: impl FnOnce(&mut Object)) -> bool {
        let Some(object) = self.object.as_mut().filter(|_| allowed) else {
            return false;
        };
        let before = *object;
        change(object);
        let after = *object;
        if after != before {
            self.written(Some(id));
        }
        if let Some(pass) = &mut self.operators[id].pass {
            pass.seen = after;
            pass.fresh = true;
        }
        true
    }

    fn go_on(&mut self, id: OperatorId, step: Step) {
        if let Some(pass) = &mut self.operators[id].pass {
            pass.step = step;
        }
    }

    fn go_on_if(&mut self, done: bool, id: OperatorId, step: Step) {
        if done {
            self.go_on(id, step);
        } else {
            self.end(id);
        }
    }

    /// By how much the clock that an operator goes by is ahead.
    fn ahead(&self, rules: Rules, id: OperatorId) -> Age {
        match rules.clock {
            Clock::Wall => self.operators[id].ahead,
            Clock::Steady => 0,
        }
    }
}

//! What can happen next.

use super::decide::{Mind, View};
use super::rules::{Bounds, Clock, Rules, Ticks};
use super::state::{Memory, Operator, OperatorId, Record, Room, RoomId, State, Step};

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Time passes.
    Tick,
    /// An operator begins to lead.
    Lead(OperatorId),
    /// The leader's term ends; it does not know yet.
    Depose(OperatorId),
    /// An operator's process ends, and another begins.
    Crash(OperatorId),
    /// An operator reads the object.
    Begin(OperatorId),
    /// It reads AWS, which shows this, and decides.
    Look(OperatorId, View),
    /// It does what comes next.
    Proceed(OperatorId),
    /// It freezes between its last check and the wire.
    Freeze(OperatorId),
    /// It goes on.
    Thaw(OperatorId),
    /// AWS makes the room that an operator asked for.
    Make {
        /// Whose request it was.
        by: OperatorId,
        /// Whether the operator learns of it.
        answered: bool,
    },
    /// AWS refuses to make one.
    Refuse(OperatorId),
    /// An operator gets no answer while its request is still on its way.
    GiveUp(OperatorId),
    /// AWS deletes a room that an operator asked it to delete.
    Delete {
        /// Who asked.
        by: OperatorId,
        /// Which room.
        room: RoomId,
        /// Whether the operator learns of it.
        answered: bool,
    },
    /// A user deletes the object.
    UserDeletes,
    /// A user wipes its status.
    UserWipes,
    /// Somebody deletes a room.
    Vanish(RoomId),
    /// An operator's clock is set.
    SetClock(OperatorId, Ticks),
}

impl State {
    /// Everything that can happen next.
    pub(super) fn moves(&self, rules: Rules) -> Vec<Move> {
        let mut moves = vec![Move::Tick];
        self.world_moves(&mut moves);
        for id in [0, 1] {
            self.wire_moves(id, &mut moves);
            self.operator_moves(rules, id, &mut moves);
        }
        moves
    }

    fn world_moves(&self, moves: &mut Vec<Move>) {
        let Some(object) = self.object else { return };
        if !object.deleted {
            moves.push(Move::UserDeletes);
        }
        if self.left.wipes > 0 && object.record != Record::default() {
            moves.push(Move::UserWipes);
        }
        for (id, room) in self.rooms.iter().enumerate() {
            if self.left.vanished > 0 && room.is_some_and(Room::lives) {
                moves.push(Move::Vanish(id));
            }
        }
    }

    fn wire_moves(&self, id: OperatorId, moves: &mut Vec<Move>) {
        if self.wire[id].is_none() {
            return;
        }
        let awaited = matches!(self.step(id), Some(Step::Await(_)));
        let free = self.rooms.iter().any(Option::is_none);
        if awaited {
            moves.push(Move::Refuse(id));
        }
        if awaited && free {
            let answered = true;
            moves.push(Move::Make { by: id, answered });
        }
        if awaited && self.left.lost_answers > 0 {
            moves.push(Move::GiveUp(id));
        }
        if free && (!awaited || self.left.lost_answers > 0) {
            let answered = false;
            moves.push(Move::Make { by: id, answered });
        }
    }

    fn operator_moves(&self, rules: Rules, id: OperatorId, moves: &mut Vec<Move>) {
        let frozen = matches!(self.step(id), Some(Step::Frozen(_)));
        if self.leader.is_none() && !frozen {
            moves.push(Move::Lead(id));
        }
        if self.left.handovers > 0 {
            if self.leader == Some(id) {
                moves.push(Move::Depose(id));
            }
            if self.leader == Some(id) || self.step(id).is_some() {
                moves.push(Move::Crash(id));
            }
        }
        if self.left.clock_steps > 0 {
            moves.extend([Bounds::STEP, -Bounds::STEP].map(|by| Move::SetClock(id, by)));
        }
        let Some(pass) = self.operators[id].pass else {
            if self.leader == Some(id) && self.object.is_some() {
                moves.push(Move::Begin(id));
            }
            return;
        };
        match pass.step {
            Step::Look => moves.extend(self.views().into_iter().map(|view| Move::Look(id, view))),
            Step::Send(attempt) => {
                moves.push(Move::Proceed(id));
                if self.left.freezes > 0 && Self::may_send(rules, pass, attempt) {
                    moves.push(Move::Freeze(id));
                }
            }
            Step::Frozen(_) => moves.push(Move::Thaw(id)),
            Step::Await(_) => {}
            Step::Delete(room) => {
                let mut deleted = |answered| {
                    let by = id;
                    moves.push(Move::Delete { by, room, answered });
                };
                deleted(true);
                if self.left.lost_answers > 0 {
                    deleted(false);
                }
            }
            Step::Hold
            | Step::WriteAhead(_)
            | Step::Learned(..)
            | Step::LetGo
            | Step::Conclude(_) => {
                moves.push(Move::Proceed(id));
            }
        }
    }

    fn step(&self, id: OperatorId) -> Option<Step> {
        self.operators[id].pass.map(|pass| pass.step)
    }

    /// All that reads may show: each room as it is, or as it was a short while ago.
    fn views(&self) -> Vec<View> {
        let answers = |room: Option<Room>| match room {
            None => vec![false],
            Some(room) if room.is_settled() => vec![room.lives()],
            Some(_) => vec![false, true],
        };
        let mut views = vec![View {
            got: [false; Bounds::ROOMS],
            listed: [false; Bounds::ROOMS],
        }];
        for (id, room) in self.rooms.into_iter().enumerate() {
            let mut more = Vec::new();
            for view in views {
                for got in answers(room) {
                    for listed in answers(room) {
                        let mut view = view;
                        (view.got[id], view.listed[id]) = (got, listed);
                        more.push(view);
                    }
                }
            }
            views = more;
        }
        views
    }

    /// What reads show that do not lag.
    pub(super) fn truth(&self) -> View {
        let lives = self.rooms.map(|room| room.is_some_and(Room::lives));
        View {
            got: lives,
            listed: lives,
        }
    }

    /// What is after a move.
    pub(super) fn after(&self, mind: &Mind, rules: Rules, happens: Move) -> Self {
        let mut next = self.clone();
        match happens {
            Move::Tick => next.pass_time(),
            Move::Lead(id) => {
                let operator = &mut next.operators[id];
                operator.alone_since = match rules.clock {
                    Clock::Wall => -operator.ahead,
                    Clock::Steady => 0,
                };
                operator.always_alone = false;
                operator.forget();
                next.leader = Some(id);
            }
            Move::Depose(id) => next.depose(rules, id),
            Move::Crash(id) => next.crash(id),
            Move::Begin(id) => next.begin(id),
            Move::Look(id, view) => next.look(mind, rules, id, view),
            Move::Proceed(id) => next.proceed(rules, id),
            Move::Freeze(id) => next.freeze(id),
            Move::Thaw(id) => next.thaw(rules, id),
            Move::Make { by, answered } => {
                let awaited = matches!(self.step(by), Some(Step::Await(_)));
                next.left.lost_answers -= u8::from(awaited && !answered);
                next.make(rules, by, answered);
            }
            Move::Refuse(id) => {
                next.wire[id] = None;
                if let Some(pass) = self.operators[id].pass {
                    next.refused(id, pass);
                }
            }
            Move::GiveUp(id) => {
                next.left.lost_answers -= 1;
                next.end(id);
            }
            Move::Delete { by, room, answered } => {
                next.left.lost_answers -= u8::from(!answered);
                next.delete(rules, by, room, answered);
            }
            Move::UserDeletes => next.user_deletes(),
            Move::UserWipes => {
                next.left.wipes -= 1;
                if let Some(object) = &mut next.object {
                    object.record = Record::default();
                }
                next.written(None);
            }
            Move::Vanish(room) => {
                next.left.vanished -= 1;
                if let Some(room) = &mut next.rooms[room] {
                    room.gone = Some(0);
                }
            }
            Move::SetClock(id, by) => next.set_clock(rules, id, by),
        }
        next.forget_what_does_not_matter();
        next
    }

    fn pass_time(&mut self) {
        for id in [0, 1] {
            // What has not taken effect by now never will.
            if self.wire[id].is_some_and(|sent| sent.age >= Bounds::OPERATION) {
                self.wire[id] = None;
                if matches!(self.step(id), Some(Step::Await(_))) {
                    self.end(id);
                }
            }
        }
        self.tick();
    }

    fn depose(&mut self, rules: Rules, id: OperatorId) {
        self.left.handovers -= 1;
        self.leader = None;
        if let Some(pass) = &mut self.operators[id].pass {
            pass.deposed = true;
        }
        // The fence also ends the wait for an answer.
        if rules.fenced && matches!(self.step(id), Some(Step::Await(_))) {
            self.end(id);
        }
    }

    fn crash(&mut self, id: OperatorId) {
        self.left.handovers -= 1;
        self.leader = self.leader.filter(|leader| *leader != id);
        let ahead = self.operators[id].ahead;
        self.operators[id] = Operator {
            ahead,
            ..Operator::default()
        };
    }

    fn freeze(&mut self, id: OperatorId) {
        self.left.freezes -= 1;
        if let Some(pass) = &mut self.operators[id].pass
            && let Step::Send(attempt) = pass.step
        {
            pass.step = Step::Frozen(attempt);
        }
    }

    fn user_deletes(&mut self) {
        self.object = self
            .object
            .filter(|object| object.finalizer)
            .map(|mut object| {
                object.deleted = true;
                object
            });
        self.written(None);
    }

    fn set_clock(&mut self, rules: Rules, id: OperatorId, by: Ticks) {
        self.left.clock_steps -= 1;
        let operator = &mut self.operators[id];
        operator.ahead += by;
        // The index keeps what the operator has done for a lag bound by this clock.
        if rules.clock == Clock::Wall && by > 0 {
            operator.memory.done = [None; Bounds::ROOMS];
        }
    }

    /// What a standby without a pass remembers is never used: it forgets everything when it begins to lead.
    fn forget_what_does_not_matter(&mut self) {
        for (id, operator) in self.operators.iter_mut().enumerate() {
            if self.leader != Some(id) && operator.pass.is_none() {
                operator.forget();
                operator.alone_since = self.oldest;
                operator.always_alone = false;
            }
        }
    }
}

impl Operator {
    /// A term begins: only what lists may not show yet is still of use.
    fn forget(&mut self) {
        let done = self.memory.done;
        self.memory = Memory {
            done,
            ..Memory::default()
        };
    }
}

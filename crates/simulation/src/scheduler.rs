//! Draws which move is made next.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::choices::Choices;
use crate::coverage::Coverage;
use crate::fault::{Fate, Fault};
use crate::network::Serial;
use crate::operator::Operator;
use crate::oracle::{Violation, deletions, settled};
use crate::setting::Setting;
use crate::simulation::Simulation;
use crate::story::Story;
use crate::time::{TICK, Time};
use crate::users::Act;

/// What disturbed a seed's course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disturbance {
    /// A fault.
    Fault(&'static str),
    /// Something that a person did.
    Act(Act),
}

/// How a seed ended.
#[derive(Debug)]
pub struct Outcome {
    /// The rule that was broken, if one was.
    pub violation: Option<Violation>,
    /// What disturbed it, and at which step.
    pub disturbances: Vec<(u32, String)>,
    /// How many moves were made.
    pub steps: u64,
    /// Which faults met which calls.
    pub coverage: Coverage,
    /// What happened.
    pub story: Story,
}

/// Out of 256 steps, how many disturb something.
const DISTURBING: u8 = 24;

/// Runs a seed, without the disturbances of some steps. `told`: whether its story is wanted.
pub fn run(seed: u64, without: &BTreeSet<u32>, told: bool) -> Outcome {
    let choices = Choices::new(seed, without.clone());
    let mut random = choices.beginning();
    let setting = Setting::draw(&mut random);
    let mut course = Course {
        it: Simulation::new(seed, setting, Story::new(told)),
        choices,
        disturbances: Vec::new(),
        busy_until: Time::ZERO,
        quiet_steps: 0,
    };
    course.begin(&mut random);
    course.disturbed();
    if course.it.oracles.violation.is_none() {
        course.quiet(&mut random);
    }
    let Course {
        it, disturbances, ..
    } = course;
    Outcome {
        violation: it.oracles.violation,
        disturbances,
        steps: it.steps,
        coverage: it.coverage,
        story: it.story,
    }
}

struct Course {
    it: Simulation,
    choices: Choices,
    disturbances: Vec<(u32, String)>,
    /// Until then people change rooms, although nothing goes wrong any more.
    busy_until: Time,
    /// How often they could have.
    quiet_steps: u32,
}

impl Course {
    fn begin(&mut self, random: &mut fastrand::Rng) {
        let it = &mut self.it;
        let skew = i64::try_from(it.setting.clock_skew.as_millis()).unwrap_or_default() / 2;
        // As the last leader left it. Where it was never made, somebody may have deleted it, and nobody leads for a while.
        if random.u8(..4) > 0 || it.setting.restless.is_some() {
            it.give_lease_back();
        }
        for number in 0..it.setting.operators {
            let ahead = random.i64(-skew..=skew);
            let region = it.setting.operator.policies.default_region().to_owned();
            it.operators.push(Operator::new(number, &region, ahead));
        }
        for _ in 0..random.u8(..=6) {
            it.act(Act::Others, random);
        }
        for _ in 0..it.setting.objects {
            while !it.act(Act::Create, random) {}
        }
        for number in 0..it.setting.operators {
            it.start(number);
        }
    }

    /// The part in which everything may go wrong.
    fn disturbed(&mut self) {
        for step in 0..self.it.setting.steps {
            let mut random = self.choices.step(step);
            let disturbing = random.u8(..) < DISTURBING;
            if !(disturbing && self.choices.may_disturb(step) && self.disturb(step, &mut random)) {
                self.ordinary(&mut random);
            }
            self.it.crash_again(&mut random);
            self.it.steps += 1;
            if self.it.oracles.violation.is_some() {
                return;
            }
        }
    }

    /// Disturbs something, if what was drawn is possible now.
    fn disturb(&mut self, step: u32, random: &mut fastrand::Rng) -> bool {
        let (done, what) = match random.u8(..8) {
            0..3 => {
                // What happens between two pages is what a list can miss.
                let listed = self.it.listed().is_some() && random.bool();
                let act = if listed {
                    Act::ChangeListed
                } else {
                    Act::draw(random)
                };
                (self.it.act(act, random), format!("{act:?}"))
            }
            kind => {
                let all: &[Fault] = match kind {
                    3..6 => &Fault::OF_REQUESTS,
                    6 => &Fault::OF_PROCESSES,
                    _ if random.u8(..3) == 0 => &Fault::OF_WATCHES,
                    _ => &Fault::OF_PROCESSES,
                };
                let fault = all[random.usize(..all.len())];
                (self.it.disturb(fault, random), fault.to_string())
            }
        };
        if done {
            self.disturbances.push((step, what));
        }
        done
    }

    /// A move in which nothing goes wrong.
    fn ordinary(&mut self, random: &mut fastrand::Rng) {
        let it = &mut self.it;
        let moves = Moves::of(it);
        let weights = [
            if moves.effects.is_empty() { 0 } else { 6 },
            if moves.replies.is_empty() { 0 } else { 6 },
            if moves.events.is_empty() { 0 } else { 5 },
            if moves.is_empty() { 1 } else { 3 },
        ];
        let mut drawn = random.u32(..weights.iter().sum::<u32>());
        let mut pick = 0;
        while drawn >= weights[pick] {
            drawn -= weights[pick];
            pick += 1;
        }
        match pick {
            0 => {
                it.effect(
                    moves.effects[random.usize(..moves.effects.len())],
                    Fate::NORMAL,
                );
                if random.bool() {
                    it.now += TICK;
                }
            }
            1 => it.deliver(moves.replies[random.usize(..moves.replies.len())]),
            2 => it.deliver_event(moves.events[random.usize(..moves.events.len())]),
            _ => {
                let most = match (moves.is_empty(), random.u8(..4)) {
                    (true, 0) => 1500,
                    (true, _) => 400,
                    (false, 0) => 150,
                    (false, _) => 15,
                };
                let order = self.order(random);
                self.it
                    .pass_time(Duration::from_millis(random.u64(1..=most)), &order);
            }
        }
    }

    fn order(&self, random: &mut fastrand::Rng) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.it.operators.len()).collect();
        random.shuffle(&mut order);
        order
    }

    /// The part in which nothing goes wrong any more: everything becomes as it has to be, and falls silent.
    fn quiet(&mut self, random: &mut fastrand::Rng) {
        let it = &mut self.it;
        it.down.clear();
        it.lease_cut = None;
        for operator in &mut it.operators {
            operator.crashes = None;
            operator.frozen_until = operator.frozen_until.map(|_| it.now);
        }
        it.resume_all();
        it.tell(|| "from here on nothing goes wrong any more".to_owned());
        let operator = &it.setting.operator;
        let grace = operator.grace();
        let bound = Duration::from_secs(30)
            + grace * 5
            + operator.index_interval * 3
            + operator.pace.drift_interval * 2;
        let silence = operator.pace.drift_interval.max(operator.index_interval) * 2;
        let restless = it.setting.restless;
        let end = it.now + bound;
        let mut next_restart = it.now + restless.unwrap_or_default();
        self.busy_until = it.now + grace * 2 + operator.index_interval;
        while self.it.now < end {
            self.run_quietly(Duration::from_secs(2), random);
            if self.it.oracles.violation.is_some() {
                return;
            }
            if let Some(restless) = restless {
                if self.it.now >= next_restart {
                    next_restart = self.it.now + restless;
                    for number in 0..self.it.operators.len() {
                        self.it.stop(number, Time::ZERO);
                    }
                }
                if deletions(&self.it.cluster).is_ok() {
                    break;
                }
            } else if settled(&self.it.oracles, &self.it.cluster, &self.it.world).is_ok() {
                break;
            }
        }
        self.busy_until = Time::ZERO;
        let ended = match restless {
            Some(_) => deletions(&self.it.cluster),
            None => settled(&self.it.oracles, &self.it.cluster, &self.it.world),
        };
        if let Err(violation) = ended {
            self.it.oracles.violation = Some(violation);
            return;
        }
        if restless.is_none() {
            // What was written on the way may need one more look.
            self.run_quietly(silence, random);
            let before = self.it.writes;
            self.run_quietly(silence, random);
            let ended = settled(&self.it.oracles, &self.it.cluster, &self.it.world);
            let violation = match ended {
                Err(violation) => Some(violation),
                Ok(()) if self.it.writes > before => Some(Violation::new(
                    crate::oracle::Oracle::Silence,
                    format!(
                        "{} writes although everything is as specified",
                        self.it.writes - before
                    ),
                )),
                Ok(()) => None,
            };
            self.it.oracles.violation = self.it.oracles.violation.take().or(violation);
        }
    }

    /// Nothing goes wrong, but people go on with what they do: rooms change while they are listed, and objects go.
    fn go_on(&mut self) {
        if self.it.now >= self.busy_until {
            return;
        }
        self.quiet_steps += 1;
        let step = self.it.setting.steps + self.quiet_steps;
        let mut random = self.choices.step(step);
        let act = match random.u8(..) {
            0..64 if self.it.listed().is_some() => Act::ChangeListed,
            254.. => Act::Delete,
            _ => return,
        };
        if self.choices.may_disturb(step) && self.it.act(act, &mut random) {
            self.disturbances.push((step, format!("{act:?}")));
        }
    }

    /// Lets time pass, in which everything that is sent arrives at once.
    fn run_quietly(&mut self, span: Time, random: &mut fastrand::Rng) {
        let end = self.it.now + span;
        while self.it.now < end && self.it.oracles.violation.is_none() {
            self.it.steps += 1;
            self.go_on();
            let moves = Moves::of(&self.it);
            if let Some(serial) = moves.effects.first() {
                self.it.effect(*serial, Fate::NORMAL);
                self.it.now += TICK;
            } else if let Some(serial) = moves.replies.first() {
                self.it.deliver(*serial);
            } else if let Some(serial) = moves.events.first() {
                self.it.deliver_event(*serial);
            } else {
                let order = self.order(random);
                self.it
                    .pass_time(Duration::from_millis(random.u64(50..=400)), &order);
            }
        }
    }
}

/// What can be moved now.
struct Moves {
    effects: Vec<Serial>,
    replies: Vec<Serial>,
    events: Vec<Serial>,
}

impl Moves {
    fn of(it: &Simulation) -> Self {
        let (mut effects, mut replies) = (Vec::new(), Vec::new());
        for (serial, request) in &it.network.requests().under_way {
            if request.is_open(it.now) {
                effects.push(*serial);
            } else if request.is_answered(it.now) {
                // Also to a process that stands still: it finds the answer where it goes on, before it looks at any clock.
                replies.push(*serial);
            }
        }
        let waiting = it
            .watches
            .iter()
            .filter(|(_, watching)| !watching.on_the_way.is_empty());
        let events = waiting.map(|(serial, _)| *serial).collect();
        Self {
            effects,
            replies,
            events,
        }
    }

    fn is_empty(&self) -> bool {
        self.effects.is_empty() && self.replies.is_empty() && self.events.is_empty()
    }
}

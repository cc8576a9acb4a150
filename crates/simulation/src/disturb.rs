//! Faults: of requests, of watches, of processes, of regions.

use std::time::Duration;

use serde_json::json;

use crate::fault::{Fate, Fault};
use crate::network::Serial;
use crate::setting::REGIONS;
use crate::simulation::Simulation;
use crate::time::Time;

const fn millis(millis: u64) -> Time {
    Duration::from_millis(millis)
}

impl Simulation {
    /// Lets a fault happen, if that is possible now.
    pub(crate) fn disturb(&mut self, fault: Fault, random: &mut fastrand::Rng) -> bool {
        if Fault::OF_REQUESTS.contains(&fault) {
            self.disturb_request(fault, random)
        } else if Fault::OF_WATCHES.contains(&fault) {
            self.disturb_watch(fault, random)
        } else if fault == Fault::RegionDown {
            self.take_region_down(random)
        } else {
            self.disturb_process(fault, random)
        }
    }

    fn disturb_request(&mut self, fault: Fault, random: &mut fastrand::Rng) -> bool {
        // The election's calls are many, and seldom tell anything new.
        let open: Vec<(Serial, bool)> = {
            let requests = self.network.requests();
            let open = requests
                .under_way
                .iter()
                .filter(|(_, it)| it.is_open(self.now));
            open.map(|(serial, it)| (*serial, it.operation.is_lease()))
                .collect()
        };
        let rarely = random.u8(..8) == 0;
        let drawn = open.iter().filter(|(_, lease)| !lease || rarely);
        let drawn: Vec<Serial> = drawn.map(|(serial, _)| *serial).collect();
        let Some(serial) = random.choice(drawn) else {
            return false;
        };
        let operation = {
            let mut requests = self.network.requests();
            let Some(request) = requests.under_way.get_mut(&serial) else {
                return false;
            };
            if fault == Fault::Conflict
                && !(request.operation.writes_aws() || request.operation.writes_kubernetes())
            {
                return false;
            }
            if fault == Fault::EffectLate {
                request.not_before = request.deadline;
            }
            let uid = request.pass.as_ref().map(|pass| pass.object.uid.clone());
            (request.operation, request.from, uid)
        };
        let (operation, from, uid) = operation;
        self.coverage.met(fault, operation);
        if fault == Fault::EffectLate {
            self.tell(|| format!("a request for {operation} is long under way"));
        } else {
            self.effect(serial, Fate::of(fault));
        }
        self.oracles.request_disturbed(from, uid.as_deref());
        if uid.is_none() {
            // A watch, say: its process does not see what it has written itself.
            self.oracles.unsteady(from, self.now);
        }
        true
    }

    fn disturb_watch(&mut self, fault: Fault, random: &mut fastrand::Rng) -> bool {
        let open: Vec<Serial> = self.watches.keys().copied().collect();
        let Some(watching) = random
            .choice(open)
            .and_then(|serial| self.watches.remove(&serial))
        else {
            return false;
        };
        let operator = watching.by.operator;
        let version = watching.watch.version;
        match fault {
            Fault::WatchCut => self.tell(|| format!("a watch of operator-{operator} is cut off")),
            Fault::WatchExpired => {
                let version = self.cluster.version();
                self.cluster.forget(version);
                // Nobody may listen any more.
                let _ = watching
                    .lines
                    .send(self.cluster.expiry(version).line().into());
                self.tell(|| {
                    format!("a watch of operator-{operator} ends: it has to list again (410)")
                });
            }
            _ => {
                let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": "unable to decode an event from the watch stream", "reason": "InternalError", "code": 500});
                let line = format!("{}\n", json!({"type": "ERROR", "object": status}));
                let _ = watching.lines.send(line.into());
                self.tell(|| format!("a watch of operator-{operator} fails"));
            }
        }
        self.story.note((operator, version));
        self.coverage
            .met(fault, crate::network::Operation::WatchChatRooms);
        self.oracles.disturbed(watching.by);
        true
    }

    fn take_region_down(&mut self, random: &mut fastrand::Rng) -> bool {
        let region = REGIONS[random.usize(..REGIONS.len())];
        let span = millis(random.u64(1000..=8000));
        self.down.insert(region.to_owned(), self.now + span);
        self.tell(|| format!("{region} does not answer for {:.1} s", span.as_secs_f64()));
        self.oracles.all_disturbed();
        true
    }

    /// Ends every process, and takes every status off before one starts again.
    fn migrate(&mut self, random: &mut fastrand::Rng) {
        self.tell(|| "every process ends".to_owned());
        for number in 0..self.operators.len() {
            let id = self.operators[number].id();
            let under_way = self.under_way(id);
            self.coverage.met_all(Fault::Migration, under_way);
            self.end(number, millis(random.u64(..=2000)));
        }
        self.lose_every_status();
        if random.bool() {
            // The new cluster's way to AWS is opened last.
            let span = millis(random.u64(1000..=8000));
            self.tell(|| format!("AWS cannot be reached for {:.1} s", span.as_secs_f64()));
            for region in REGIONS {
                self.down.insert(region.to_owned(), self.now + span);
            }
        }
        self.oracles.all_disturbed();
    }

    fn disturb_process(&mut self, fault: Fault, random: &mut fastrand::Rng) -> bool {
        if fault == Fault::Migration {
            self.migrate(random);
            return true;
        }
        let there: Vec<usize> = self
            .operators
            .iter()
            .filter(|it| it.runs())
            .map(|it| it.number)
            .collect();
        let Some(number) = random.choice(there) else {
            return false;
        };
        let id = self.operators[number].id();
        let under_way = self.under_way(id);
        match fault {
            Fault::Crash => self.crash(number, random),
            Fault::CrashLoop => {
                let after = millis(random.u64(500..=5000));
                self.operators[number].crashes = Some((random.u32(2..=6), self.now + after));
                self.crash(number, random);
            }
            Fault::Stop | Fault::Moved => {
                if fault == Fault::Moved {
                    let region = REGIONS[random.usize(..REGIONS.len())].to_owned();
                    self.tell(|| format!("the operators' own region is {region} from now on"));
                    for operator in &mut self.operators {
                        operator.region.clone_from(&region);
                    }
                }
                self.stop(number, millis(random.u64(..=2000)));
            }
            Fault::Freeze => {
                let span = self.setting.lease.mul_f64(random.f64() * 2.0);
                self.freeze(number, span);
            }
            Fault::FreezeAtWire => {
                if !self.freeze_at_wire(number, random) {
                    return false;
                }
            }
            Fault::LeaseCut => {
                let span = self.setting.lease.mul_f64(0.5 + random.f64());
                self.lease_cut = Some((number, self.now + span));
                self.tell(|| {
                    format!(
                        "operator-{number} does not reach its lease for {:.1} s",
                        span.as_secs_f64()
                    )
                });
            }
            _ => {
                let steps = [-3_600_000, -150_000, -5000, 5000, 150_000, 3_600_000];
                let by = steps[random.usize(..steps.len())];
                let operator = &mut self.operators[number];
                if let Some(process) = &operator.process {
                    operator.ahead = process.step_clock(by);
                }
                self.tell(|| {
                    format!(
                        "the time of day of operator-{number} is set by {} s",
                        by / 1000
                    )
                });
            }
        }
        self.coverage.met_all(fault, under_way);
        if fault == Fault::Moved {
            self.oracles.all_disturbed();
        }
        self.oracles.disturbed(id);
        self.oracles.unsteady(id, self.now);
        true
    }

    fn crash(&mut self, number: usize, random: &mut fastrand::Rng) {
        self.tell(|| format!("operator-{number} crashes"));
        self.end(number, millis(random.u64(..=2000)));
    }

    /// Tells a process to stop. It starts again so long after it has ended.
    pub(crate) fn stop(&mut self, number: usize, rest: Time) {
        self.tell(|| format!("operator-{number} is told to stop"));
        let operator = &mut self.operators[number];
        operator.rest = rest;
        if let Some(stop) = operator.stop.take() {
            // It may have ended already.
            let _ = stop.send(());
        }
    }

    fn freeze(&mut self, number: usize, span: Time) {
        self.tell(|| {
            format!(
                "operator-{number} stands still for {:.1} s",
                span.as_secs_f64()
            )
        });
        self.operators[number].frozen_until = Some(self.now + span);
    }

    /// Freezes a process that has just decided to send something that writes.
    fn freeze_at_wire(&mut self, number: usize, random: &mut fastrand::Rng) -> bool {
        let id = self.operators[number].id();
        let span = self.setting.lease.mul_f64(0.5 + random.f64() * 1.5);
        let until = self.now + span;
        let mut frozen = None;
        for request in self.network.requests().under_way.values_mut() {
            if request.from == id && request.operation.writes_aws() && request.is_open(self.now) {
                let limit = request.deadline.saturating_sub(request.sent);
                request.not_before = until;
                request.deadline = until + limit;
                request.frozen = true;
                frozen = Some(request.operation);
            }
        }
        if let Some(operation) = frozen {
            self.tell(|| format!("operator-{number} checks its fence for {operation}, and then:"));
            self.freeze(number, span);
        }
        frozen.is_some()
    }

    /// Crashes those again that are to crash again and again.
    pub(crate) fn crash_again(&mut self, random: &mut fastrand::Rng) {
        for number in 0..self.operators.len() {
            let operator = &mut self.operators[number];
            let Some((left, at)) = operator.crashes else {
                continue;
            };
            if at > self.now || operator.process.is_none() {
                continue;
            }
            let again = millis(random.u64(500..=5000));
            operator.crashes = (left > 1).then(|| (left - 1, self.now + again));
            let id = operator.id();
            let under_way = self.under_way(id);
            self.coverage.met_all(Fault::CrashLoop, under_way);
            self.tell(|| format!("operator-{number} crashes again"));
            self.end(number, millis(random.u64(..=500)));
        }
    }
}

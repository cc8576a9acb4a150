//! The state of a seed, and the moves of processes, requests and watches in it. Which move is made when is not decided here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use ivschat_emulator::world::World;

use crate::cluster::{self, Cluster, Watch};
use crate::coverage::Coverage;
use crate::network::kubernetes::Content;
use crate::network::{Limits, Network, Note, Operation, ProcessId, Serial};
use crate::operator::Operator;
use crate::oracle::{Oracle, Oracles, Violation};
use crate::process::{End, Process};
use crate::replica;
use crate::setting::{LEASE_NAMESPACE, NAMESPACES, Setting};
use crate::story::Story;
use crate::time::{TICK, Time, stamp};

/// A watch that a process holds open.
pub(crate) struct Watching {
    pub(crate) by: ProcessId,
    pub(crate) watch: Watch,
    pub(crate) lines: UnboundedSender<Bytes>,
    /// Lines that the server has sent and that have not arrived.
    pub(crate) on_the_way: VecDeque<Vec<u8>>,
}

/// The state of a seed.
pub(crate) struct Simulation {
    pub(crate) seed: u64,
    pub(crate) setting: Setting,
    /// True time.
    pub(crate) now: Time,
    pub(crate) steps: u64,
    pub(crate) world: World,
    pub(crate) cluster: Cluster,
    pub(crate) network: Network,
    pub(crate) watches: BTreeMap<Serial, Watching>,
    pub(crate) operators: Vec<Operator>,
    /// Until when a region does not answer.
    pub(crate) down: BTreeMap<String, Time>,
    /// Until when an operator does not reach its lease.
    pub(crate) lease_cut: Option<(usize, Time)>,
    /// Statuses that objects had, by namespace and name.
    pub(crate) statuses: BTreeMap<String, Vec<Value>>,
    pub(crate) oracles: Oracles,
    pub(crate) coverage: Coverage,
    pub(crate) story: Story,
    /// How often something was written, to AWS or to an object.
    pub(crate) writes: u64,
}

impl Simulation {
    pub(crate) fn new(seed: u64, setting: Setting, story: Story) -> Self {
        let own = NAMESPACES.into_iter().chain([LEASE_NAMESPACE]);
        let cluster = cluster::Settings {
            namespaces: own.map(str::to_owned).collect(),
            seed,
            ..cluster::Settings::default()
        };
        let network = Network::default();
        network.requests().limits = Limits {
            kubernetes: setting.kubernetes_timeout,
            aws: setting.operator.operation_timeout.mul_f64(0.45),
            create: setting.operator.operation_timeout,
        };
        Self {
            seed,
            now: Time::ZERO,
            steps: 0,
            world: World::new(setting.world.clone(), u128::from(seed)),
            cluster: Cluster::new(&cluster, stamp(Time::ZERO)),
            network,
            watches: BTreeMap::new(),
            operators: Vec::new(),
            down: BTreeMap::new(),
            lease_cut: None,
            statuses: BTreeMap::new(),
            oracles: Oracles::new(&setting),
            coverage: Coverage::default(),
            story,
            writes: 0,
            setting,
        }
    }

    pub(crate) fn tell(&mut self, sentence: impl FnOnce() -> String) {
        self.story.tell(self.now, sentence);
    }

    // --- processes ------------------------------------------------------------------------------------------------------

    /// Starts an operator's next process.
    pub(crate) fn start(&mut self, number: usize) {
        let operator = &mut self.operators[number];
        operator.starts += 1;
        operator.starts_at = None;
        let (stop, stopped) = oneshot::channel();
        let mut setting = self.setting.clone();
        let regions = &mut setting.operator.policies.regions;
        // The first is that of objects that name none.
        regions.sort_by_key(|region| *region != operator.region);
        let id = operator.id();
        let seed =
            crate::choices::mix(self.seed ^ (u64::from(id.start) << 32) ^ ((number as u64) << 56));
        let network = self.network.clone();
        let process = Process::start(self.now, operator.ahead, seed, |clocks| {
            let line = network.line(id, clocks);
            replica::run(setting, line, clocks.clone(), stopped)
        });
        match process {
            Ok(process) => operator.process = Some(process),
            Err(error) => {
                let what = format!("a process cannot be started: {error}");
                self.oracles.violation = Some(Violation::new(Oracle::Panic, what));
            }
        }
        operator.stop = Some(stop);
        let region = operator.region.clone();
        self.tell(|| format!("operator-{number} starts, with {region} as its own region"));
    }

    /// Ends an operator's process, as `kill -9` does. What it sent stays under way. It starts again `after` this.
    pub(crate) fn end(&mut self, number: usize, after: Time) {
        let operator = &mut self.operators[number];
        operator.process = None;
        operator.stop = None;
        operator.frozen_until = None;
        operator.starts_at = Some(self.now + after);
        let id = operator.id();
        self.watches.retain(|_, watching| watching.by != id);
        self.oracles.ended(id);
    }

    /// Lets an operator's process run up to now.
    pub(crate) fn drive(&mut self, number: usize) {
        let operator = &mut self.operators[number];
        if !operator.runs() {
            return;
        }
        let Some(process) = &mut operator.process else {
            return;
        };
        // Each run ends where something is sent. One that lagged would take what reaches it for earlier than it is.
        while process.here() < self.now {
            process.run(self.now);
        }
        let ended = process.ended();
        self.hear();
        match ended {
            None => {}
            Some(End::Stopped) => {
                self.tell(|| format!("operator-{number} has stopped"));
                let after = self.operators[number].rest;
                self.end(number, after);
            }
            Some(End::Panicked(message)) => {
                let what = format!("operator-{number} panicked: {message}");
                self.oracles.violation = Some(Violation::new(Oracle::Panic, what));
                self.end(number, Duration::from_secs(1));
            }
        }
    }

    /// Takes in what processes have told.
    fn hear(&mut self) {
        let notes = std::mem::take(&mut self.network.requests().notes);
        for (by, note) in notes {
            if let Note::Begun(pass) = &note {
                let (operator, object) = (by.operator, Arc::clone(&pass.object));
                self.tell(|| {
                    format!(
                        "operator-{operator} begins a pass over {}/{}",
                        object.namespace, object.name
                    )
                });
            }
            self.oracles.noted(by, note);
        }
    }

    /// Moves true time, and with it every process that is not frozen, in this order: by this much, or up to where the first of
    /// them sends something. Those that ran before it may be ahead then: what is sent to them takes that long.
    pub(crate) fn pass_time(&mut self, by: Time, order: &[usize]) {
        let begun = self.now;
        let ahead = {
            let requests = self.network.requests();
            let sent = requests
                .under_way
                .values()
                .map(|request| request.not_before);
            sent.filter(|sent| *sent > begun).min()
        };
        // What was sent by a process that is ahead is served before anything else has to wait for it.
        let mut reached = (begun + by).min(ahead.unwrap_or(Time::MAX));
        for number in order {
            let operator = &mut self.operators[*number];
            if operator.runs()
                && let Some(process) = &mut operator.process
                && process.here() < reached
            {
                reached = process.run(reached).max(begun + TICK);
            }
        }
        self.now = reached;
        self.down.retain(|_, until| *until > self.now);
        self.lease_cut = self.lease_cut.filter(|(_, until)| *until > self.now);
        for number in order {
            let operator = &mut self.operators[*number];
            if operator.frozen_until.is_some_and(|until| until <= self.now) {
                operator.frozen_until = None;
                if let Some(process) = &mut operator.process {
                    process.thaw(self.now);
                }
                self.tell(|| format!("operator-{number} moves again"));
            }
            let operator = &self.operators[*number];
            if operator.starts_at.is_some_and(|at| at <= self.now) {
                self.start(*number);
            } else {
                self.drive(*number);
            }
        }
        self.network.requests().clear(self.now);
        self.oracles.check_retries(self.now);
    }

    // --- watches --------------------------------------------------------------------------------------------------------

    /// Opens a watch, whose lines arrive in the answer's body.
    pub(crate) fn open_watch(
        &mut self,
        by: ProcessId,
        serial: Serial,
        mut watch: Watch,
    ) -> Content {
        let (lines, arriving) = unbounded_channel();
        let initial = std::mem::take(&mut watch.initial);
        let watching = Watching {
            by,
            watch,
            lines,
            on_the_way: initial.iter().map(cluster::Event::line).collect(),
        };
        self.watches.insert(serial, watching);
        self.collect_events();
        Content::Watch(arriving)
    }

    /// Puts what has changed in the cluster on its way to those who watch it.
    pub(crate) fn collect_events(&mut self) {
        let version = self.cluster.version();
        for watching in self.watches.values_mut() {
            if watching.watch.version == version {
                continue;
            }
            let events = self
                .cluster
                .events_since(&watching.watch, watching.watch.version);
            watching
                .on_the_way
                .extend(events.iter().map(cluster::Event::line));
            watching.watch.version = version;
        }
        self.watches
            .retain(|_, watching| !watching.lines.is_closed());
    }

    /// Delivers the next event of a watch.
    pub(crate) fn deliver_event(&mut self, serial: Serial) {
        let Some(by) = self.watches.get(&serial).map(|watching| watching.by) else {
            return;
        };
        self.drive_if(by);
        if let Some(watching) = self.watches.get_mut(&serial)
            && let Some(line) = watching.on_the_way.pop_front()
        {
            // The process may no longer listen.
            let _ = watching.lines.send(line.into());
        }
        self.now += TICK;
        self.drive_if(by);
    }

    /// Lets a process run, if it is still its operator's.
    pub(crate) fn drive_if(&mut self, process: ProcessId) {
        if self.operators[process.operator].id() == process {
            self.drive(process.operator);
        }
    }

    /// What a process has under way.
    pub(crate) fn under_way(&self, process: ProcessId) -> Vec<Operation> {
        let requests = self.network.requests();
        let its = requests.under_way.values().filter(|it| it.from == process);
        its.map(|request| request.operation).collect()
    }
}

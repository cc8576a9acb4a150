//! The script of one case: what is to go wrong, shared by all its proxies, and the trace of what came by.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::call::{About, Call, Plane};
use crate::fault::{Fault, Lasting};
use crate::weather::Weather;

/// Which call of the step under test: the one of this name, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    pub plane: Plane,
    pub name: String,
    pub skip: u32,
    /// Whether it changes something.
    pub writes: bool,
}

impl Point {
    /// The write that takes a lease over and renews it.
    pub fn renewal() -> Self {
        Self {
            plane: Plane::Kubernetes,
            name: "PUT leases".to_owned(),
            skip: 0,
            writes: true,
        }
    }

    /// As people count, from 1.
    pub fn title(&self) -> String {
        format!("{}#{}", self.name, self.skip + 1)
    }
}

/// A fault waiting for its call.
#[derive(Debug)]
struct Rule {
    point: Point,
    fault: Fault,
    lasting: Lasting,
    met: u32,
    struck: u32,
    since: Option<Instant>,
}

/// What is to become of a call.
#[derive(Debug)]
pub enum Fate {
    /// It goes through.
    Pass,
    /// It never goes anywhere: its sender counts as dead.
    Lost,
    /// Nobody answers at that address.
    Unreachable,
    /// The script has something for it.
    Struck(Fault),
}

#[derive(Debug)]
struct Line {
    at: Instant,
    call: Call,
    in_step: bool,
    note: &'static str,
}

#[derive(Debug, Default)]
struct State {
    trace: Vec<Line>,
    in_step: bool,
    rule: Option<Rule>,
    /// Replicas whose calls go nowhere.
    dead: BTreeSet<usize>,
    /// The replica that hears nothing of the lease.
    estranged: Option<usize>,
    outage: Option<Instant>,
    last_write: Option<Instant>,
    bystander_room: String,
    /// The replica whose call stands still at the pause.
    paused: Option<usize>,
    /// Strikes of all rules.
    struck: u32,
}

#[derive(Debug)]
pub struct Script {
    started: Instant,
    state: Mutex<State>,
    /// Wakes whoever waits for something that the state shows.
    changed: watch::Sender<()>,
    released: watch::Sender<bool>,
    pub weather: watch::Sender<Weather>,
}

impl Script {
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            state: Mutex::default(),
            changed: watch::Sender::new(()),
            released: watch::Sender::new(false),
            weather: watch::Sender::new(Weather::default()),
        }
    }

    // --- for the proxies ---------------------------------------------------------------------------------------------

    /// Takes a call into the trace and decides its fate.
    pub fn admit(&self, call: &Call) -> Fate {
        let now = Instant::now();
        let mut state = self.state();
        let fate = state.fate(call, now);
        let note = match &fate {
            Fate::Pass => "",
            Fate::Lost => " (lost)",
            Fate::Unreachable => " (unreachable)",
            Fate::Struck(_) => " (struck)",
        };
        if call.writes && !matches!(fate, Fate::Lost) {
            state.last_write = Some(now);
        }
        let in_step = state.in_step;
        state.trace.push(Line {
            at: now,
            call: call.clone(),
            in_step,
            note,
        });
        drop(state);
        self.changed.send_replace(());
        fate
    }

    /// A call stands still. Gives when it may go on.
    pub async fn pause(&self, replica: usize) {
        self.state().paused = Some(replica);
        self.changed.send_replace(());
        let _ = self
            .released
            .subscribe()
            .wait_for(|released| *released)
            .await;
    }

    /// From now on nothing of this replica gets through.
    pub fn cut_off(&self, replica: usize) {
        self.state().dead.insert(replica);
    }

    /// The answer that a replica was waiting for is on its way: it counts as delivered once the replica goes on to its next
    /// call, or shows by its silence that there is none.
    pub async fn delivered(&self, replica: usize) {
        const SILENT: Duration = Duration::from_millis(150);
        let before = self.calls_of(replica);
        let _ = tokio::time::timeout(SILENT, self.until(|state| state.calls_of(replica) > before))
            .await;
        self.state().paused = Some(replica);
        self.changed.send_replace(());
    }

    /// Whether anybody answers there at the moment.
    pub fn reachable(&self, plane: Plane) -> bool {
        self.state().reachable(plane, Instant::now())
    }

    pub fn bystander_room(&self) -> String {
        self.state().bystander_room.clone()
    }

    // --- for the case ------------------------------------------------------------------------------------------------

    pub fn protect(&self, bystander_room: &str) {
        bystander_room.clone_into(&mut self.state().bystander_room);
    }

    /// What comes now belongs to the step under test.
    pub fn begin(&self) {
        self.state().in_step = true;
    }

    pub fn arm(&self, point: &Point, fault: Fault, lasting: Lasting) {
        let point = point.clone();
        let mut state = self.state();
        state.paused = None;
        state.rule = Some(Rule {
            point,
            fault,
            lasting,
            met: 0,
            struck: 0,
            since: None,
        });
    }

    pub fn lift(&self) {
        self.state().rule = None;
        self.released.send_replace(true);
    }

    /// A replica is there again.
    pub fn revive(&self, replica: usize) {
        self.state().dead.remove(&replica);
    }

    /// The API server cannot be reached for this long, and open watches break off.
    pub fn outage(&self, lasting: Duration) {
        self.state().outage = Some(Instant::now() + lasting);
        self.weather.send_modify(Weather::drop_watches);
    }

    /// Keeps the lease from the replica that holds it, and waits until another writes it. Gives the one that held it.
    pub async fn estrange_leader(&self) -> usize {
        let renewed = Point::renewal().name;
        let last = |state: &State| {
            let calls = state.trace.iter().map(|line| &line.call);
            let mut writes = calls.filter(|call| call.is_lease() && call.name != "GET leases");
            writes.next_back().map_or(0, |call| call.replica)
        };
        let (leader, from) = {
            let mut state = self.state();
            let leader = last(&state);
            state.estranged = Some(leader);
            (leader, state.trace.len())
        };
        self.until(|state| {
            let mut since = state.trace[from..].iter().map(|line| &line.call);
            since.any(|call| call.name == renewed && call.replica != leader)
        })
        .await;
        leader
    }

    /// Waits until the fault has struck this often.
    pub async fn struck(&self, times: u32) {
        self.until(|state| state.struck >= times).await;
    }

    /// Waits until a call stands still, and gives whose it is.
    pub async fn paused(&self) -> usize {
        self.until(|state| state.paused.is_some()).await;
        self.state().paused.unwrap_or_default()
    }

    /// Waits for something new to come by.
    pub async fn next_call(&self) {
        let _ = self.changed.subscribe().changed().await;
    }

    pub fn since_last_write(&self) -> Duration {
        self.state()
            .last_write
            .map_or(Duration::MAX, |at| at.elapsed())
    }

    /// How many calls about the subject have come in since `from`.
    pub fn calls_since(&self, from: Instant) -> usize {
        let state = self.state();
        let recent = state.trace.iter().filter(|line| line.at >= from);
        recent
            .filter(|line| line.call.about == About::Subject && line.call.plane == Plane::Aws)
            .count()
    }

    /// AWS writes of this replica that came in after `from`.
    pub fn aws_writes_of(&self, replica: usize, from: Instant) -> Vec<String> {
        let state = self.state();
        let calls = state
            .trace
            .iter()
            .filter(|line| line.at >= from)
            .map(|line| &line.call);
        let writes =
            calls.filter(|call| call.replica == replica && call.plane == Plane::Aws && call.writes);
        writes.map(|call| call.name.clone()).collect()
    }

    /// The calls of the step that may be struck, in the order in which they came.
    pub fn points(&self) -> Vec<Point> {
        let state = self.state();
        let mut points: Vec<Point> = Vec::new();
        for line in state.trace.iter().filter(|line| line.in_step) {
            let Call {
                plane,
                name,
                about,
                writes,
                ..
            } = &line.call;
            if *about == About::Bystander || line.call.is_lease() || line.call.is_watch() {
                continue;
            }
            let same = points.iter().filter(|known| known.name == *name).count();
            points.push(Point {
                plane: *plane,
                name: name.clone(),
                skip: u32::try_from(same).unwrap(),
                writes: *writes,
            });
        }
        points
    }

    /// The trace for people.
    pub fn told(&self) -> String {
        let state = self.state();
        let mut told = String::new();
        for Line {
            at,
            call,
            in_step,
            note,
        } in &state.trace
        {
            let ms = at.duration_since(self.started).as_millis();
            let step = if *in_step { ' ' } else { '-' };
            let _ = writeln!(told, "  {step}{ms:>6} ms {call}{note}");
        }
        told
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        let mut changed = self.changed.subscribe();
        while !holds(&self.state()) {
            let _ = changed.changed().await;
        }
    }

    fn calls_of(&self, replica: usize) -> usize {
        self.state().calls_of(replica)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fate(&mut self, call: &Call, now: Instant) -> Fate {
        let estranged = self.estranged == Some(call.replica) && call.is_lease();
        if estranged || self.dead.contains(&call.replica) {
            return Fate::Lost;
        }
        if !self.reachable(call.plane, now) {
            return Fate::Unreachable;
        }
        let in_step = self.in_step;
        let Some(rule) = self
            .rule
            .as_mut()
            .filter(|rule| in_step && rule.matches(call))
        else {
            return Fate::Pass;
        };
        match rule.strike(now) {
            Some(fault) => {
                self.struck += 1;
                Fate::Struck(fault)
            }
            None => Fate::Pass,
        }
    }

    fn reachable(&self, plane: Plane, now: Instant) -> bool {
        plane == Plane::Aws || self.outage.is_none_or(|end| now >= end)
    }

    /// Leases are renewed all the time, and answers nothing.
    fn calls_of(&self, replica: usize) -> usize {
        let calls = self.trace.iter().map(|line| &line.call);
        calls
            .filter(|call| call.replica == replica && !call.is_lease())
            .count()
    }
}

impl Rule {
    fn matches(&self, call: &Call) -> bool {
        call.about != About::Bystander
            && call.plane == self.point.plane
            && call.name == self.point.name
    }

    fn strike(&mut self, now: Instant) -> Option<Fault> {
        self.met += 1;
        let spent = match self.lasting {
            Lasting::Times(times) => self.struck >= times,
            Lasting::For(time) => self.since.is_some_and(|since| now > since + time),
            Lasting::Always => false,
        };
        if spent || self.met <= self.point.skip {
            return None;
        }
        self.struck += 1;
        self.since.get_or_insert(now);
        Some(self.fault.clone())
    }
}

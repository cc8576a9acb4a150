//! The lines of the table: what is measured, the floor that AWS's quotas set, and our goal.

use crate::contestant::Contestant;
use crate::record::{Measured, Record};

/// Rooms in a page of a list.
const PAGE: usize = 50;
/// Seconds of calls that AWS's bucket holds.
const BURST: f64 = 1.0;

/// One line of the table.
pub struct Line {
    /// Which of our goals it is about, in the document's order.
    pub id: &'static str,
    /// The row whose figure it shows.
    pub row: &'static str,
    pub figure: &'static str,
    pub label: &'static str,
    pub unit: &'static str,
    pub floor: Floor,
    pub goal: Goal,
}

/// What nobody can be better than.
#[derive(Clone, Copy)]
pub enum Floor {
    None,
    /// One call for each room, at AWS's quota, in seconds. AWS's bucket is full at the start, so the calls of one second come at once.
    CallEach,
    /// All pages of a list, in calls.
    Pages,
    /// All pages of a list at AWS's quota, in seconds.
    PagesAtQuota,
}

/// What is wanted of ours.
#[derive(Clone, Copy)]
pub enum Goal {
    None,
    AtMost(f64),
    AtLeast(f64),
    /// Against a floor without calls that come at once.
    TimesFloor(f64),
    FloorPlus(f64),
    /// As fast as the fastest rival would be with as many writes, and so much slower at most.
    TimesFastest(f64),
}

const fn line(
    id: &'static str,
    figure: &'static str,
    label: &'static str,
    unit: &'static str,
    goal: Goal,
) -> Line {
    Line {
        id,
        row: id,
        figure,
        label,
        unit,
        floor: Floor::None,
        goal,
    }
}

impl Line {
    const fn on(self, floor: Floor) -> Self {
        Self { floor, ..self }
    }

    const fn from(self, row: &'static str) -> Self {
        Self { row, ..self }
    }
}

use Goal::{AtLeast, AtMost, FloorPlus, TimesFastest, TimesFloor};

/// In the order of the document.
#[rustfmt::skip]
pub const LINES: [Line; 37] = [
    line("P1", "last_ready_s", "many creates: the last one is Ready", "s", TimesFloor(1.02)).on(Floor::CallEach),
    line("P1", "refused", "calls that AWS refused", "", AtMost(0.0)),
    line("P1", "calls_per_create", "AWS calls per create, lists aside", "", AtMost(1.0)),
    line("P1", "writes_per_create", "Kubernetes writes per create, the finalizer's included", "", AtMost(3.0)),
    line("P2", "p99_ms", "edit until UpdateRoom while a restart's sweep runs, p99, over the latency", "ms", AtMost(300.0)),
    line("P3", "calls", "AWS calls to check all unchanged rooms once", "", FloorPlus(1.0)).on(Floor::Pages),
    line("P3", "gets", "GetRooms among them", "", AtMost(0.0)),
    line("P3", "writes", "Kubernetes writes meanwhile", "", AtMost(0.0)),
    line("P4", "repaired_p99_s", "somebody else's change is repaired, p99", "s", AtMost(15.0)),
    line("P4", "deletion_seen_s", "somebody else's deletion is seen, the longest", "s", AtMost(600.0)),
    line("P4", "lists_share", "share of the ListRooms quota used for both", "%", AtMost(10.0)),
    line("P5", "compared_s", "`kill -9`: every room is compared, from leading again", "s", AtMost(45.0)).on(Floor::PagesAtQuota),
    line("P5", "calls", "AWS calls until then", "", FloorPlus(5.0)).on(Floor::Pages),
    line("P5", "writes", "Kubernetes writes until then, the lease's aside", "", AtMost(0.0)),
    line("P6", "idle_rss", "memory without ChatRooms, resident", "MiB", AtMost(11.0)),
    line("P6", "idle_anon", "of it anonymous", "MiB", AtMost(5.0)),
    line("P6", "full_rss", "memory with all ChatRooms, resident", "MiB", AtMost(26.0)),
    line("P6", "full_anon", "of it anonymous", "MiB", AtMost(20.0)),
    line("P6", "start_peak", "peak of a start, against the memory afterwards", "times", AtMost(1.25)),
    line("P6", "relist_peak", "peak of a relist, against the memory before", "times", AtMost(1.25)),
    line("P7", "millicores", "CPU while nothing happens", "millicores", AtMost(2.0)),
    line("P7", "cpu_s_per_1000", "CPU for 1,000 creates at AWS's quota", "s", AtMost(1.0)).from("P1"),
    line("P8", "update", "Kubernetes writes per update", "", AtMost(1.0)),
    line("P8", "delete", "Kubernetes writes per deletion", "", AtMost(1.0)),
    line("P8", "no_op", "Kubernetes writes where nothing has to be done", "", AtMost(0.0)),
    line("P8", "idle_writes", "Kubernetes writes while nothing happens, the lease's aside", "", AtMost(0.0)).from("P7"),
    line("P9", "used", "quota cut to a fifth: use of the new one, minutes 1 to 5", "%", AtLeast(90.0)),
    line("P9", "refused", "calls that AWS refused meanwhile", "%", AtMost(2.0)),
    line("P9", "delay_s", "delay of a create beside a namespace that asks for all of these", "s", AtMost(2.0)),
    line("P10", "empty_s", "start until it watches, without ChatRooms", "s", AtMost(0.25)),
    line("P10", "full_s", "start until it watches, with all ChatRooms", "s", AtMost(1.5)),
    line("P11", "last_ready_s", "creates without quotas and latency: the last one is Ready", "s", TimesFastest(1.05)),
    line("P11", "writes_per_create", "Kubernetes writes per create", "", Goal::None),
    line("P11", "cpu_s", "CPU", "s", AtMost(3.0)),
    line("P12", "p99_before_ms", "7 regions: edit until UpdateRoom in 6 of them, p99, over the latency", "ms", Goal::None),
    line("P12", "p99_after_ms", "the same while the seventh is dead and all its rooms are edited", "ms", Goal::None),
    line("P12", "ratio", "the second against the first, latency included", "times", AtMost(1.2)),
];

impl Floor {
    pub fn of(self, measured: &Measured, granted: f64) -> Option<f64> {
        let rooms = u32::try_from(measured.rooms).ok()?;
        let pages = f64::from(u32::try_from(measured.rooms.div_ceil(PAGE)).ok()?);
        match self {
            Self::None => None,
            Self::CallEach => Some((f64::from(rooms) / granted - BURST).max(0.0)),
            Self::Pages => Some(pages),
            Self::PagesAtQuota => Some(pages / granted),
        }
    }
}

impl Goal {
    /// The limit, and whether it is the least that is wanted instead of the most.
    pub fn limit(self, floor: Option<f64>, record: &Record) -> Option<(f64, bool)> {
        match self {
            Self::None => None,
            AtMost(limit) => Some((limit, false)),
            AtLeast(limit) => Some((limit, true)),
            TimesFloor(factor) => Some(((floor? + BURST) * factor, false)),
            FloorPlus(more) => Some((floor? + more, false)),
            TimesFastest(factor) => Some((fastest(record)? * factor, false)),
        }
    }
}

/// What the fastest rival would take with as many writes as ours.
fn fastest(record: &Record) -> Option<f64> {
    let figure = |contestant, figure| record.figure(contestant, "P11", figure);
    let writes = figure(Contestant::Ours, "writes_per_create")?;
    let rivals = Contestant::ALL.into_iter().filter(|it| !it.is_ours());
    let times = rivals.filter_map(|rival| {
        let time = figure(rival, "last_ready_s")?;
        Some((time, time * writes / figure(rival, "writes_per_create")?))
    });
    times
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, time)| time)
}

//! The rows of the table, in the order in which one contestant's are measured.

mod creates;
mod drift;
mod edits;
mod fairness;
mod regions;
mod settled;
mod sweeps;

use std::time::Duration;

use crate::Outcome;
use crate::contestant::{Contestant, REGION};
use crate::objects::Key;
use crate::progress::{reach, rest, say};
use crate::record::{Measured, Record};
use crate::rig::Rig;
use crate::settings::Settings;

/// Rooms in a page of a list.
const PAGE: usize = 50;
const HOME: [&str; 1] = [REGION];

/// Rows that share a control plane and objects.
#[derive(Clone, Copy, PartialEq)]
enum Group {
    Creates,
    Unlimited,
    Settled,
    Fairness,
    Regions,
}

impl Group {
    const ALL: [Self; 5] = [
        Self::Creates,
        Self::Unlimited,
        Self::Settled,
        Self::Fairness,
        Self::Regions,
    ];

    const fn rows(self) -> &'static [&'static str] {
        match self {
            Self::Creates => &["P1"],
            Self::Unlimited => &["P11"],
            Self::Settled => &["P2", "P3", "P4", "P5", "P6", "P7", "P8", "P10"],
            Self::Fairness => &["P9"],
            Self::Regions => &["P12"],
        }
    }
}

/// Measures all rows that are wanted of a contestant. What fails is told in the table, and does not keep others from being measured.
pub async fn measure(settings: &Settings, contestant: Contestant, record: &mut Record) {
    for group in Group::ALL {
        let rows = group.rows().iter().filter(|row| settings.wants(row));
        let wanted: Vec<_> = rows.copied().collect();
        // Only ours serves several regions.
        if wanted.is_empty() || (group == Group::Regions && !contestant.is_ours()) {
            continue;
        }
        // They are measured now: figures of before must not hide that one fails.
        record.forget(contestant, &wanted);
        if let Err(error) = measure_group(settings, contestant, group, record).await {
            for row in wanted {
                if record.row(contestant, row).is_none() {
                    let same = Err(error.to_string().into());
                    let _ = keep(record, contestant, row, same);
                }
            }
        }
    }
}

/// Adds a row, or that it failed and why.
fn keep(
    record: &mut Record,
    contestant: Contestant,
    row: &str,
    measured: Outcome<Measured>,
) -> Outcome<()> {
    let measured = measured.unwrap_or_else(|error| {
        say(&format!("{}, {row}: {error}", contestant.name()));
        let mut failed = Measured::default();
        failed.note("", error.to_string());
        failed
    });
    record.add(contestant, row, measured)
}

async fn measure_group(
    settings: &Settings,
    contestant: Contestant,
    group: Group,
    record: &mut Record,
) -> Outcome<()> {
    let regions: &'static [&'static str] = match group {
        Group::Regions => &regions::SERVED,
        _ => &HOME,
    };
    let mut rig = Rig::open(settings, contestant, regions).await?;
    record.kubernetes = rig.client.apiserver_version().await?.git_version;
    let measured = match group {
        Group::Creates => creates::creates(&mut rig, true).await,
        Group::Unlimited => creates::creates(&mut rig, false).await,
        Group::Fairness => fairness::fairness(&mut rig).await,
        Group::Regions => regions::a_dead_one(&mut rig).await,
        Group::Settled => {
            let done = settled_rooms(&mut rig, record).await;
            return rig.close().await.and(done);
        }
    };
    // Whatever became of it, nothing of it may run beside the next group.
    let closed = rig.close().await;
    keep(record, contestant, group.rows()[0], measured)?;
    closed
}

/// What takes many settled rooms.
async fn settled_rooms(rig: &mut Rig<'_>, record: &mut Record) -> Outcome<()> {
    let (settings, contestant) = (rig.settings, rig.contestant);
    let wants = |rows: &[&str]| rows.iter().any(|row| settings.wants(row));
    let mut memory = settled::Sizes::default();
    if wants(&["P6", "P10"]) {
        for rooms in [0, settings.rooms(2500)] {
            memory.measure(rig, rooms).await?;
        }
    }
    if wants(&["P2", "P3", "P4", "P8"]) {
        rig.fill(settings.rooms(5000)).await?;
    }
    if settings.wants("P3") {
        let measured = sweeps::unchanged(rig).await;
        keep(record, contestant, "P3", measured)?;
    }
    if settings.wants("P2") {
        let measured = edits::during_a_sweep(rig).await;
        keep(record, contestant, "P2", measured)?;
    }
    if settings.wants("P4") {
        let measured = drift::by_others(rig).await;
        keep(record, contestant, "P4", measured)?;
    }
    if settings.wants("P8") {
        let measured = edits::writes(rig).await;
        keep(record, contestant, "P8", measured)?;
    }
    rig.flag(&[]);
    if wants(&["P6", "P10"]) {
        for rooms in [5000, 7500, 10_000] {
            memory.measure(rig, settings.rooms(rooms)).await?;
        }
        let relisted = memory.relist(rig).await;
        keep(
            record,
            contestant,
            "P6",
            relisted.map(|()| memory.of_memory()),
        )?;
        keep(record, contestant, "P10", Ok(memory.of_starts()))?;
    }
    if wants(&["P5", "P7", "P8"]) {
        rig.fill(settings.rooms(10_000)).await?;
    }
    if settings.wants("P5") {
        let measured = sweeps::after_a_kill(rig).await;
        keep(record, contestant, "P5", measured)?;
    }
    if wants(&["P7", "P8"]) {
        let measured = settled::idle(rig).await;
        keep(record, contestant, "P7", measured)?;
    }
    Ok(())
}

/// Starts the contestant as it is in production, and waits until it has seen every room once: ours by its list, others by one call each,
/// for which `patience` is the limit.
async fn start_and_settle(rig: &mut Rig<'_>, patience: Duration) -> Outcome<()> {
    rig.start(true).await?;
    seen_once(rig, patience).await?;
    rest("settles", Duration::from_secs(5)).await;
    Ok(())
}

/// Waits until every room was seen once since the start. Gives how many were.
async fn seen_once(rig: &mut Rig<'_>, patience: Duration) -> Outcome<usize> {
    let rooms = rig.objects.ready();
    if !rig.contestant.is_ours() {
        let seen = reach("rooms read", rooms, patience, || {
            usize::try_from(gets(rig) - rig.gets).unwrap_or(usize::MAX)
        });
        return Ok(seen.await);
    }
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let compared = rig.metric(COMPARED).await?;
        let compared = format!("{compared:.0}").parse().unwrap_or(0);
        if compared >= rooms || tokio::time::Instant::now() >= deadline {
            return Ok(compared);
        }
        // Serving figures costs it something, too.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

const COMPARED: &str = "rooms_compared_total{operation=\"ListRooms\"}";

fn gets(rig: &Rig<'_>) -> u64 {
    rig.aws
        .calls()
        .of(ivschat_emulator::world::Operation::GetRoom)
}

/// The value below which 99 of 100 are.
fn p99(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * 99).div_ceil(100);
    values
        .get(place.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[allow(clippy::cast_precision_loss, reason = "far less than 2^52")]
fn count(calls: u64) -> f64 {
    calls as f64
}

fn of_all(done: usize, all: usize, time: Duration) -> String {
    format!("{done} of {all} after {:.0} s", time.as_secs_f64())
}

/// Some of the objects, with the ARNs of their rooms.
fn some(rig: &Rig<'_>, count: usize) -> Vec<(Key, String)> {
    let mut rooms = rig.objects.with_rooms();
    rooms.truncate(count);
    rooms
}

//! P6, P7, P8 and P10: what settled rooms cost, at the start and while nothing happens.

use std::time::Duration;

use super::{count, number, seen_once};
use crate::Outcome;
use crate::progress::{rest, say};
use crate::record::Measured;
use crate::rig::Rig;

/// Ours reads 10,000 rooms at AWS's quota in this time; others read as many as they can.
const SETTLES: Duration = Duration::from_mins(1);
/// What is freed after a list is freed in this time.
const QUIET: Duration = Duration::from_secs(15);
/// Nothing happens for so long. Others read each room every 5 minutes: three rounds do.
const IDLE: (Duration, Duration) = (Duration::from_hours(1), Duration::from_mins(15));

/// Starts and memory with several numbers of rooms.
#[derive(Default)]
pub struct Sizes(Vec<Size>);

struct Size {
    rooms: usize,
    watching: f64,
    resident: f64,
    anonymous: f64,
    /// Against `resident`.
    start_peak: f64,
    relist_peak: Option<f64>,
}

impl Sizes {
    pub async fn measure(&mut self, rig: &mut Rig<'_>, rooms: usize) -> Outcome<()> {
        rig.fill(rooms).await?;
        say(&format!(
            "{}: starts with {rooms} rooms",
            rig.contestant.name()
        ));
        let watching = rig.start(true).await?;
        seen_once(rig, SETTLES).await?;
        rest("settles", QUIET).await;
        let memory = rig.process()?.memory()?;
        self.0.push(Size {
            rooms,
            watching,
            resident: memory.resident,
            anonymous: memory.anonymous,
            start_peak: memory.peak / memory.resident,
            relist_peak: None,
        });
        Ok(())
    }

    /// Has the contestant, which still runs, list everything again.
    pub async fn relist(&mut self, rig: &mut Rig<'_>) -> Outcome<()> {
        let process = rig.process()?;
        let resident = process.memory()?.resident;
        process.reset_peak()?;
        let begun = jiff::Timestamp::now();
        rig.restart_api_server().await?;
        rest("watches again", 2 * QUIET).await;
        let looks = rig.audit.looks(begun)?;
        if looks.iter().any(|look| look.streamed || !look.watch) {
            let peak = rig.process()?.memory()?.peak;
            if let Some(size) = self.0.last_mut() {
                size.relist_peak = Some(peak / resident);
            }
        } else {
            say("  the watch went on without a list");
        }
        rig.stop().await
    }

    pub fn of_memory(&self) -> Measured {
        let mut measured = Measured::of(self.0.last().map_or(0, |size| size.rooms));
        if let (Some(idle), Some(full)) = (self.0.first(), self.0.last()) {
            measured.set("idle_rss", idle.resident);
            measured.set("idle_anon", idle.anonymous);
            measured.set("full_rss", full.resident);
            measured.set("full_anon", full.anonymous);
            measured.set("start_peak", full.start_peak);
            match full.relist_peak {
                Some(peak) => measured.set("relist_peak", peak),
                None => measured.note("relist_peak", "no relist".to_owned()),
            }
        }
        for (curve, of) in [("rss", true), ("anon", false)] {
            let points = self.0.iter().map(|size| {
                let memory = if of { size.resident } else { size.anonymous };
                (number(size.rooms), memory)
            });
            measured.curves.insert(curve.to_owned(), points.collect());
        }
        measured
    }

    pub fn of_starts(&self) -> Measured {
        let mut measured = Measured::of(self.0.last().map_or(0, |size| size.rooms));
        if let (Some(idle), Some(full)) = (self.0.first(), self.0.last()) {
            measured.set("empty_s", idle.watching);
            measured.set("full_s", full.watching);
        }
        measured
    }
}

/// P7 and the last part of P8: nothing happens.
pub async fn idle(rig: &mut Rig<'_>) -> Outcome<Measured> {
    let time = if rig.contestant.is_ours() {
        IDLE.0
    } else {
        IDLE.1
    };
    let time = rig.settings.time(time).max(Duration::from_mins(1));
    say(&format!(
        "{}: nothing happens for {} s",
        rig.contestant.name(),
        time.as_secs()
    ));
    rig.start(true).await?;
    seen_once(rig, SETTLES).await?;
    rest("settles", QUIET).await;
    let mut measured = Measured::of(rig.objects.ready());
    let (cpu, writes) = (rig.process()?.cpu()?, rig.audit.writes()?);
    let calls = rig.aws.calls().all();
    rest("nothing happens", time).await;
    let spent = rig.process()?.cpu()? - cpu;
    let written = rig.audit.writes()? - writes;
    measured.set("millicores", 1000.0 * spent / time.as_secs_f64());
    measured.set("idle_writes", count(written.objects + written.events));
    measured.set("idle_leases", count(written.leases));
    measured.set("idle_calls", count(rig.aws.calls().all() - calls));
    measured.set("minutes", time.as_secs_f64() / 60.0);
    rig.stop().await?;
    Ok(measured)
}

//! P1 and P11: many objects at once, at AWS's quotas and without any.

use std::time::{Duration, Instant};

use ivschat_emulator::world::Operation;

use super::{count, number, of_all};
use crate::Outcome;
use crate::progress::{reach, rest, say};
use crate::record::Measured;
use crate::rig::{Rig, spec};

/// Points of a curve, at most.
const POINTS: usize = 120;

pub async fn creates(rig: &mut Rig<'_>, limited: bool) -> Outcome<Measured> {
    let rooms = rig.settings.rooms(if limited { 1000 } else { 3000 });
    say(&format!(
        "{}: creates {rooms} objects, quotas {}",
        rig.contestant.name(),
        if limited { "on" } else { "off" }
    ));
    rig.start(limited).await?;
    rest("settles", Duration::from_secs(2)).await;
    let floor = if limited {
        number(rooms) / rig.settings.granted()
    } else {
        20.0 + number(rooms) * 0.05
    };
    let patience = Duration::from_secs_f64(3.0 * floor + 10.0);
    let (calls, writes, cpu) = (rig.aws.calls(), rig.audit.writes()?, rig.process()?.cpu()?);
    let begun = Instant::now();
    let (keys, asked) = (rig.next(rooms), spec(None));
    let create = rig.objects.create(&keys, &asked);
    let wait = reach("ready", rooms, patience, || rig.objects.ready());
    let (created, ready) = tokio::join!(create, wait);
    created?;
    // What is written and called behind the last one.
    rest("settles", Duration::from_secs(2)).await;
    let spent = rig.process()?.cpu()? - cpu;
    let written = rig.audit.writes()? - writes;
    let (all, lists, refused) = {
        let now = rig.aws.calls();
        let more = |operation| count(now.of(operation) - calls.of(operation));
        (
            count(now.all() - calls.all()) - more(Operation::GetCallerIdentity),
            more(Operation::ListRooms),
            count(now.refused() - calls.refused()),
        )
    };
    let times = rig.objects.times_of_ready(begun);
    let mut measured = Measured::of(rooms);
    measured.set("last_ready_s", times.last().copied().unwrap_or_default());
    if ready < rooms {
        measured.note("last_ready_s", of_all(ready, rooms, patience));
    }
    let each = |total: f64| total / number(ready.max(1));
    measured.set("refused", refused);
    measured.set("list_calls", lists);
    measured.set("calls_per_create", each(all - lists));
    measured.set("writes_per_create", each(count(written.objects)));
    measured.set("cpu_s", spent);
    measured.set("cpu_s_per_1000", each(spent) * 1000.0);
    let step = times.len().div_ceil(POINTS).max(1);
    let points = times.iter().zip(1_usize..);
    let mut curve: Vec<_> = points
        .clone()
        .step_by(step)
        .map(|(at, ready)| (*at, number(ready)))
        .collect();
    curve.extend(points.last().map(|(at, ready)| (*at, number(ready))));
    measured.curves.insert("ready".to_owned(), curve);
    rig.stop().await?;
    Ok(measured)
}

//! P3 and P5: looking at every room once, after an orderly start and after a crash.

use std::time::Duration;

use ivschat_emulator::world::Operation;
use jiff::Timestamp;

use super::{PAGE, count, number, of_all, seen_once};
use crate::Outcome;
use crate::progress::{rest, say};
use crate::record::Measured;
use crate::rig::Rig;

/// For contestants that read each room by itself at quotas: half an hour and more for all of them.
const PATIENCE: Duration = Duration::from_mins(5);

/// P3. Calls are counted, and a quota changes none but those it refuses, so contestants that read every room by itself do without.
pub async fn unchanged(rig: &mut Rig<'_>) -> Outcome<Measured> {
    let rooms = rig.objects.ready();
    say(&format!(
        "{}: looks at {rooms} unchanged rooms",
        rig.contestant.name()
    ));
    let ours = rig.contestant.is_ours();
    // The daily verification of some rooms may fall into the time.
    rig.flag(&["--verify-interval", "8000h"]);
    let (calls, writes) = (rig.aws.calls(), rig.audit.writes()?);
    rig.start(ours).await?;
    let patience = Duration::from_secs_f64(60.0 + number(rooms) * 0.05);
    let seen = seen_once(rig, patience).await?;
    let (all, lists, gets) = {
        let now = rig.aws.calls();
        let more = |operation| count(now.of(operation) - calls.of(operation));
        let identity = more(Operation::GetCallerIdentity);
        (
            count(now.all() - calls.all()) - identity,
            more(Operation::ListRooms),
            more(Operation::GetRoom),
        )
    };
    // A write behind the last comparison would show now.
    rest("settles", Duration::from_secs(5)).await;
    let written = rig.audit.writes()? - writes;
    let mut measured = Measured::of(rooms);
    measured.set("calls", all);
    if seen < rooms {
        measured.note("calls", of_all(seen, rooms, patience));
    }
    measured.set("lists", lists);
    measured.set("gets", gets);
    measured.set("writes", count(written.objects));
    rig.flag(&[]);
    rig.stop().await?;
    Ok(measured)
}

/// P5.
pub async fn after_a_kill(rig: &mut Rig<'_>) -> Outcome<Measured> {
    let rooms = rig.objects.ready();
    say(&format!(
        "{}: is killed, with {rooms} rooms",
        rig.contestant.name()
    ));
    rig.start(true).await?;
    rest("runs", Duration::from_secs(5)).await;
    rig.kill().await?;
    rest("is gone", Duration::from_secs(1)).await;
    let (calls, writes) = (rig.aws.calls(), rig.audit.writes()?);
    let watching = rig.start(true).await?;
    let begun = if rig.contestant.is_ours() {
        rig.leads().await?
    } else {
        let after = jiff::SignedDuration::try_from_secs_f64(watching)?;
        rig.process()?.begun.checked_add(after)?
    };
    let seen = seen_once(rig, PATIENCE).await?;
    let took = Timestamp::now().duration_since(begun).as_secs_f64();
    let now = rig.aws.calls();
    let identity = now.of(Operation::GetCallerIdentity) - calls.of(Operation::GetCallerIdentity);
    let written = rig.audit.writes()? - writes;
    let mut measured = Measured::of(rooms);
    measured.set("compared_s", took);
    measured.set("calls", count(now.all() - calls.all() - identity));
    if seen < rooms {
        for figure in ["compared_s", "calls"] {
            measured.note(figure, of_all(seen, rooms, PATIENCE));
        }
    }
    measured.set("writes", count(written.objects));
    measured.set("pages", number(rooms.div_ceil(PAGE)));
    rig.stop().await?;
    Ok(measured)
}

//! P12: seven regions, one of which gives no answer.

use std::time::{Duration, Instant};

use ivschat_emulator::world::Operation;

use super::edits::{edit, until_updated};
use super::{PAGE, count, number, of_all, p99};
use crate::Outcome;
use crate::contestant::REGION;
use crate::objects::Key;
use crate::progress::{reach, rest, say};
use crate::record::Measured;
use crate::rig::{Rig, spec};
use crate::settings::LATENCY;

/// Where AWS has IVS Chat.
pub const SERVED: [&str; 7] = [
    REGION,
    "us-east-1",
    "eu-west-1",
    "eu-central-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
];
const DEAD: &str = "ap-south-1";
/// In each region.
const ROOMS: usize = 500;
/// Edits in each region that lives.
const EDITS: usize = 30;
const BETWEEN: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_mins(1);

pub async fn a_dead_one(rig: &mut Rig<'_>) -> Outcome<Measured> {
    let rooms = rig.settings.rooms(ROOMS);
    say(&format!(
        "{}: {rooms} rooms in each of 7 regions",
        rig.contestant.name()
    ));
    rig.flag(&["--regions", &SERVED.join(",")]);
    rig.start(false).await?;
    for region in SERVED {
        let keys: Vec<Key> = (0..rooms)
            .map(|number| {
                (
                    format!("rooms-{}", number % 10),
                    format!("{region}-{number}"),
                )
            })
            .collect();
        rig.objects.create(&keys, &spec(Some(region))).await?;
        rig.added(rooms);
    }
    let all = rooms * SERVED.len();
    if reach("ready", all, 5 * PATIENCE, || rig.objects.ready()).await < all {
        return Err("not all objects were Ready".into());
    }
    rig.start(true).await?;
    let pages = u64::try_from(rooms.div_ceil(PAGE) * SERVED.len())?;
    let listed = rig.aws.calls().of(Operation::ListRooms);
    reach("pages", usize::try_from(pages)?, PATIENCE, || {
        let lists = rig.aws.calls().of(Operation::ListRooms) - listed;
        usize::try_from(lists).unwrap_or_default()
    })
    .await;
    rest("settles", Duration::from_secs(5)).await;

    let (before, sent, _) = edits(rig, 0).await?;
    rig.aws.behave(LATENCY, Some(DEAD));
    // So that there is much to do where nobody answers.
    for object in in_region(rig, DEAD) {
        edit(rig, &object, 50).await?;
    }
    rest("calls a dead region", Duration::from_secs(15)).await;
    let (after, _, late) = edits(rig, 1).await?;
    let mut measured = Measured::of(all);
    let latency = LATENCY.as_secs_f64() * 1000.0;
    measured.set("p99_before_ms", before - latency);
    measured.set("p99_after_ms", after - latency);
    measured.set("ratio", after / before);
    measured.set("edits", number(sent));
    if late > 0 {
        for figure in ["p99_after_ms", "ratio"] {
            measured.note(figure, of_all(sent - late, sent, PATIENCE));
        }
    }
    measured.set("calls", count(rig.aws.calls().all()));
    rig.stop().await?;
    Ok(measured)
}

/// Edits rooms in all regions but the dead one, in turn. Gives p99 in milliseconds until AWS is asked, how many there were, and how
/// many did not come to it.
async fn edits(rig: &Rig<'_>, round: usize) -> Outcome<(f64, usize, usize)> {
    let living: Vec<_> = SERVED
        .iter()
        .filter(|region| **region != DEAD)
        .map(|region| in_region(rig, region))
        .collect();
    let mut edits = Vec::new();
    let begun = Instant::now();
    for turn in 0..EDITS {
        for rooms in &living {
            let object = &rooms[(turn + round * EDITS) % rooms.len()];
            edits.push(edit(rig, object, 100 + turn + round * EDITS).await?);
            tokio::time::sleep(BETWEEN).await;
        }
    }
    say(&format!(
        "  {} edits in {:.0} s",
        edits.len(),
        begun.elapsed().as_secs_f64()
    ));
    let took = until_updated(rig, &edits, PATIENCE).await;
    let late = edits.len() - took.len();
    Ok((p99(took), edits.len(), late))
}

fn in_region(rig: &Rig<'_>, region: &str) -> Vec<(Key, String)> {
    let mut rooms = rig.objects.with_rooms();
    let part = format!(":{region}:");
    rooms.retain(|(_, arn)| arn.contains(&part));
    rooms
}

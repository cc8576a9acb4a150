//! P4: what others change behind the contestant's back, and how soon it is seen.

use std::time::Duration;

use ivschat_emulator::world::{Call, Operation, Scope, UpdateRoom};
use jiff::Timestamp;

use super::{count, number, of_all, p99, some, start_and_settle};
use crate::Outcome;
use crate::contestant::REGION;
use crate::progress::{reach, say};
use crate::record::Measured;
use crate::rig::Rig;

const CHANGES: usize = 60;
const DELETIONS: usize = 5;
/// Between two changes, and as much again at random. Others' calls take from the same quotas.
const BETWEEN: Duration = Duration::from_secs(1);
/// A little more than the sweep of ours takes to come and to end, and three times what the others promise.
const PATIENCE: Duration = Duration::from_mins(15);

/// A room that is gone is created again only once no list can be behind.
const AGAIN: Duration = Duration::from_mins(15);

pub async fn by_others(rig: &mut Rig<'_>) -> Outcome<Measured> {
    let rooms = rig.objects.ready();
    say(&format!(
        "{}: others change rooms, of {rooms}",
        rig.contestant.name()
    ));
    // Ours lists all rooms every 10 minutes; others read each every 5. At a smaller scale nobody waits for as long.
    let interval = rig.settings.time(Duration::from_mins(10)).as_secs().max(10);
    rig.flag(&["--index-interval", &format!("{interval}s")]);
    start_and_settle(rig, Duration::from_mins(1)).await?;
    let objects = some(rig, CHANGES + DELETIONS);
    let (deleted, others) = objects.split_at(DELETIONS.min(objects.len() / 2));
    let begun = Timestamp::now();
    let calls = rig.aws.calls();
    let scope = Scope::in_region(REGION);
    let mut dice = fastrand::Rng::with_seed(4);
    let mut deletions = Vec::new();
    for (_, arn) in deleted {
        let identifier = arn.clone();
        deletions.push((arn.clone(), Timestamp::now()));
        let done = rig
            .aws
            .emulator
            .call(&scope, Call::DeleteRoom { identifier });
        done.map_err(|error| error.code)?;
        tokio::time::sleep(BETWEEN).await;
    }
    let mut changes = Vec::new();
    for (_, arn) in others {
        changes.push((arn.clone(), Timestamp::now()));
        let change = UpdateRoom {
            identifier: arn.clone(),
            maximum_message_length: Some(42),
            ..UpdateRoom::default()
        };
        let done = rig.aws.emulator.call(&scope, Call::UpdateRoom(change));
        done.map_err(|error| error.code)?;
        tokio::time::sleep(BETWEEN.mul_f64(1.0 + dice.f64())).await;
    }

    let seconds = |done: Operation, these: &[(String, Timestamp)]| {
        let first = rig.aws.first_since(begun, |entry| {
            let arn = entry.member("identifier").as_str()?;
            (entry.operation == done).then(|| arn.to_owned())
        });
        let took = these.iter().filter_map(|(arn, at)| {
            let seen = first.get(arn)?;
            Some(seen.duration_since(*at).as_secs_f64())
        });
        took.collect::<Vec<_>>()
    };
    let repaired = || seconds(Operation::UpdateRoom, &changes);
    // GetRoom tells that a room is gone that a list does not show.
    let missed = || seconds(Operation::GetRoom, &deletions);
    let patience = rig.settings.time(PATIENCE).max(Duration::from_secs(40));
    let goal = changes.len() + deletions.len();
    reach("repairs and deletions seen", goal, patience, || {
        repaired().len() + missed().len()
    })
    .await;

    let time = Timestamp::now().duration_since(begun).as_secs_f64();
    let lists = rig.aws.calls().of(Operation::ListRooms) - calls.of(Operation::ListRooms);
    let mut measured = Measured::of(rooms);
    for (figure, took, all) in [
        ("repaired_p99_s", repaired(), changes.len()),
        ("deletion_seen_s", missed(), deletions.len()),
    ] {
        if took.len() < all {
            measured.note(figure, of_all(took.len(), all, patience));
        }
        measured.set(figure, p99(took));
    }
    measured.set("changes", number(changes.len()));
    let granted = rig.settings.granted() * time;
    measured.set("lists_share", 100.0 * count(lists) / granted);
    rig.flag(&[]);
    // The deleted rooms are to be there again before others count on their objects.
    reach("ready", rooms, AGAIN, || rig.objects.ready()).await;
    rig.stop().await?;
    Ok(measured)
}

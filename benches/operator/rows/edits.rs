//! P2 and P8: what a person's edit waits for, and what edits and deletions write.

use std::time::{Duration, Instant};

use ivschat_emulator::world::Operation;
use jiff::Timestamp;
use serde_json::json;

use super::{count, number, of_all, p99, some};
use crate::Outcome;
use crate::objects::Key;
use crate::progress::{reach, rest, say};
use crate::record::Measured;
use crate::rig::Rig;
use crate::settings::LATENCY;

/// Starts of ours, so that there are enough edits for a percentile. Others have one: theirs takes minutes.
const STARTS: usize = 3;
/// Between two edits, and as much again at random.
const BETWEEN: Duration = Duration::from_millis(400);
/// An edit that has not reached AWS after this is not waited for.
const PATIENCE: Duration = Duration::from_mins(2);
/// A room is deleted at once only if it is older than this, and the process too: no list of before can be behind any longer. That is
/// operation timeout, lag bound and clock skew together.
const GRACE: Duration = Duration::from_secs(150);

/// An edit, and when it was sent.
pub struct Edit {
    pub arn: String,
    pub at: Timestamp,
}

/// Edits an object as a person does.
pub async fn edit(rig: &Rig<'_>, (key, arn): &(Key, String), length: usize) -> Outcome<Edit> {
    let at = Timestamp::now();
    let patch = json!({"spec": {"maximumMessageLength": length}});
    rig.objects.patch(key, &patch).await?;
    let arn = arn.clone();
    Ok(Edit { arn, at })
}

/// The milliseconds from each edit to its UpdateRoom, of those that came to it in time.
pub async fn until_updated(rig: &Rig<'_>, edits: &[Edit], patience: Duration) -> Vec<f64> {
    let Some(first) = edits.iter().map(|edit| edit.at).min() else {
        return Vec::new();
    };
    let took = || {
        let updates = rig.aws.first_since(first, |entry| {
            let arn = entry.member("identifier").as_str()?;
            (entry.operation == Operation::UpdateRoom && entry.status == Some(200))
                .then(|| arn.to_owned())
        });
        let took = edits.iter().filter_map(|edit| {
            let update = updates.get(&edit.arn)?;
            Some(update.duration_since(edit.at).as_secs_f64() * 1000.0)
        });
        took.collect::<Vec<_>>()
    };
    reach("edits that reached AWS", edits.len(), patience, || {
        took().len()
    })
    .await;
    took()
}

/// P2: as long as a restarted contestant looks at all rooms.
pub async fn during_a_sweep(rig: &mut Rig<'_>) -> Outcome<Measured> {
    let rooms = rig.objects.ready();
    say(&format!(
        "{}: edits while it looks at {rooms} rooms",
        rig.contestant.name()
    ));
    let sweep = Duration::from_secs_f64((number(rooms) / 50.0 / rig.settings.granted()).max(5.0));
    let starts = if rig.contestant.is_ours() { STARTS } else { 1 };
    let mut dice = fastrand::Rng::with_seed(2);
    let mut edited = some(rig, usize::MAX).into_iter().cycle();
    let mut took = Vec::new();
    let mut sent = 0;
    for _ in 0..starts {
        rig.start(true).await?;
        let begun = Instant::now();
        let mut edits = Vec::new();
        while begun.elapsed() < sweep {
            let object = edited.next().ok_or("there are no rooms")?;
            sent += 1;
            edits.push(edit(rig, &object, 100 + sent % 200).await?);
            tokio::time::sleep(BETWEEN.mul_f64(1.0 + dice.f64())).await;
        }
        took.extend(until_updated(rig, &edits, PATIENCE).await);
    }
    let mut measured = Measured::of(rooms);
    let reached = took.len();
    took.sort_by(f64::total_cmp);
    let curve = took.iter().zip(1_usize..);
    let curve = curve.map(|(took, rank)| (number(rank), *took)).collect();
    measured.curves.insert("took_ms".to_owned(), curve);
    // Before UpdateRoom comes one GetRoom.
    measured.set("p99_ms", p99(took) - LATENCY.as_secs_f64() * 1000.0);
    measured.set("edits", number(sent));
    if reached < sent {
        measured.note("p99_ms", of_all(reached, sent, PATIENCE));
    }
    Ok(measured)
}

/// P8: what Kubernetes is asked to write.
pub async fn writes(rig: &mut Rig<'_>) -> Outcome<Measured> {
    let objects = some(rig, 20);
    say(&format!(
        "{}: edits, touches and deletes {}",
        rig.contestant.name(),
        objects.len()
    ));
    super::start_and_settle(rig, Duration::from_mins(1)).await?;
    rest("runs for a while", GRACE).await;
    let mut measured = Measured::of(rig.objects.ready());
    let each = |writes: u64| count(writes) / number(objects.len());

    let before = rig.audit.writes()?;
    for object in &objects {
        edit(rig, object, 77).await?;
    }
    let is_ready = |key| rig.objects.get(key).is_some_and(|seen| seen.ready);
    // The edit is seen first.
    rest("are seen", Duration::from_secs(2)).await;
    let ready = reach("ready", objects.len(), PATIENCE, || {
        objects.iter().filter(|(key, _)| is_ready(key)).count()
    })
    .await;
    rest("settles", Duration::from_secs(3)).await;
    let after = rig.audit.writes()?;
    measured.set("update", each((after - before).objects));
    if ready < objects.len() {
        measured.note("update", of_all(ready, objects.len(), PATIENCE));
    }

    for (key, _) in &objects {
        let touch = json!({"metadata": {"annotations": {"bench": "touched"}}});
        rig.objects.patch(key, &touch).await?;
    }
    rest("settles", Duration::from_secs(5)).await;
    let before = rig.audit.writes()?;
    measured.set("no_op", each((before - after).objects));

    for (key, _) in &objects {
        rig.objects.delete(key).await?;
    }
    let gone = || {
        objects
            .iter()
            .filter(|(key, _)| rig.objects.get(key).is_none())
    };
    let all = reach("gone", objects.len(), 3 * PATIENCE, || gone().count()).await;
    rest("settles", Duration::from_secs(3)).await;
    measured.set("delete", each((rig.audit.writes()? - before).objects));
    if all < objects.len() {
        measured.note("delete", of_all(all, objects.len(), 3 * PATIENCE));
    }
    rig.removed(all);
    rig.stop().await?;
    Ok(measured)
}

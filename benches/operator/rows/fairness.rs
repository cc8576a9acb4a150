//! P9: a quota that is cut to a fifth, and a namespace that asks for too much.

use std::time::{Duration, Instant};

use ivschat_emulator::world::Operation;
use jiff::Timestamp;

use super::{number, of_all};
use crate::Outcome;
use crate::objects::Key;
use crate::progress::{reach, rest, say};
use crate::record::Measured;
use crate::rig::{Rig, spec};

/// What is left of the quota.
const CUT: f64 = 0.2;
/// Nothing is measured for this long after the cut, and then until the fifth minute is over.
const LEARNS: Duration = Duration::from_mins(1);
const MEASURED: Duration = Duration::from_mins(4);
/// More than can be created meanwhile.
const WAITING: usize = 700;
const BIG: usize = 5000;
/// Creates of another namespace, and the longest that one is waited for.
const SINGLES: usize = 5;
const PATIENCE: Duration = Duration::from_mins(1);

pub async fn fairness(rig: &mut Rig<'_>) -> Outcome<Measured> {
    let mut measured = Measured::of(rig.settings.rooms(BIG));
    // First, so that few rooms are listed.
    big_namespace(rig, &mut measured).await?;
    // What is left of the big namespace is not deleted: creates are what the cut is about.
    cut(rig, &mut measured).await?;
    rig.stop().await?;
    Ok(measured)
}

async fn cut(rig: &mut Rig<'_>, measured: &mut Measured) -> Outcome<()> {
    say(&format!(
        "{}: the quota is cut to a fifth",
        rig.contestant.name()
    ));
    let backlog = rig.objects.len() - rig.objects.ready();
    let time = |time| rig.settings.time(time).max(Duration::from_secs(10));
    let (learns, lasts) = (time(LEARNS), time(MEASURED));
    let missing = rig.settings.rooms(WAITING).saturating_sub(backlog);
    let keys = rig.next(missing);
    rig.objects.create(&keys, &spec(None)).await?;
    rest("uses all of the quota", learns).await;
    let quotas = rig.settings.quotas * CUT;
    rig.aws.grant(Some(quotas));
    rest("learns", learns).await;
    let from = Timestamp::now();
    rest("creates", lasts).await;
    let (all, refused) = rig
        .aws
        .within(Operation::CreateRoom, from, Timestamp::now());
    let granted = rig.settings.granted() * CUT * lasts.as_secs_f64();
    measured.set("used", 100.0 * number(all - refused) / granted);
    measured.set("refused", 100.0 * number(refused) / number(all.max(1)));
    Ok(())
}

async fn big_namespace(rig: &mut Rig<'_>, measured: &mut Measured) -> Outcome<()> {
    let big = rig.settings.rooms(BIG);
    say(&format!(
        "{}: a namespace asks for {big} rooms",
        rig.contestant.name()
    ));
    rig.start(true).await?;
    rest("settles", Duration::from_secs(2)).await;
    let alone = singles(rig, "alone").await?;
    let keys: Vec<Key> = (0..big)
        .map(|number| ("big".to_owned(), format!("room-{number}")))
        .collect();
    rig.objects.create(&keys, &spec(None)).await?;
    rig.added(big);
    rest("is busy", rig.settings.time(Duration::from_secs(30))).await;
    let beside = singles(rig, "beside").await?;
    let longest = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
    measured.set("delay_s", longest(&beside) - longest(&alone));
    if beside.len() < SINGLES {
        let text = of_all(0, 1, PATIENCE);
        measured.note("delay_s", text);
    }
    Ok(())
}

/// Seconds until Ready of single creates, one after the other. Ends with the first that takes too long.
async fn singles(rig: &mut Rig<'_>, name: &str) -> Outcome<Vec<f64>> {
    let mut took = Vec::new();
    for number in 0..SINGLES {
        let key = ("small".to_owned(), format!("{name}-{number}"));
        let begun = Instant::now();
        rig.objects
            .create(std::slice::from_ref(&key), &spec(None))
            .await?;
        rig.added(1);
        let first = || rig.objects.get(&key)?.first_ready;
        reach("single create", 1, PATIENCE, || {
            usize::from(first().is_some())
        })
        .await;
        let Some(ready) = first() else {
            break;
        };
        took.push(ready.duration_since(begun).as_secs_f64());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(took)
}

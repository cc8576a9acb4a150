//! Watches every region for rooms that somebody else has changed or deleted. AWS sends no news of changes. But it lists the newest update
//! first, so one or two pages show what was updated since the last reading, however many rooms there are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, Stream, StreamExt, stream};
use ivschat_aws::Caller;
use ivschat_core::lanes::Lane;
use ivschat_core::room::delta::Changes;
use kube::ResourceExt;

use super::cache::Cache;
use super::context::Context;
use super::regions::regions;
use crate::kit::Name;

/// After each page a region rests for so long: the readings take a tenth of AWS's quota at most.
const REST: Duration = Duration::from_secs(2);
/// After a reading that failed it rests for so many times as long.
const FAILED: u32 = 3;

/// Looks for changes without end, and yields the objects whose rooms they are.
pub(super) fn changes(context: Arc<Context>, objects: Cache) -> impl Stream<Item = Name> {
    let watch = Watch {
        context,
        objects,
        read: BTreeSet::new(),
        readings: FuturesUnordered::new(),
    };
    stream::unfold(watch, async |mut watch| {
        let found = watch.next().await;
        Some((stream::iter(found), watch))
    })
    .flatten()
}

struct Watch {
    context: Arc<Context>,
    objects: Cache,
    /// The regions that are to be read.
    read: BTreeSet<String>,
    /// One for each of them: none waits for another.
    readings: FuturesUnordered<BoxFuture<'static, Reading>>,
}

struct Reading {
    region: String,
    /// How long the region rests before the next one.
    rest: Duration,
    changes: Changes,
}

impl Watch {
    /// The objects of what has changed in the region that is read next.
    async fn next(&mut self) -> Vec<Name> {
        let interval = interval(&self.context);
        let regions = regions(&self.context, &self.objects);
        for region in &regions {
            if self.read.insert(region.clone()) {
                self.read_later(region.clone(), interval);
            }
        }
        let Some(reading) = self.readings.next().await else {
            return Vec::new();
        };
        if regions.contains(&reading.region) {
            self.read_later(reading.region, reading.rest);
        } else {
            self.read.remove(&reading.region);
        }
        self.objects_of(&reading.changes)
    }

    fn read_later(&self, region: String, rest: Duration) {
        let context = Arc::clone(&self.context);
        let reading = async move {
            let rest = context.settings.pace.jittered(rest, fastrand::f64());
            tokio::time::sleep(rest).await;
            read(&context, region).await
        };
        self.readings.push(reading.boxed());
    }

    /// The objects that name one of these rooms. Each gets a pass.
    fn objects_of(&self, changes: &Changes) -> Vec<Name> {
        let Changes { changed, gone } = changes;
        if changed.is_empty() && gone.is_empty() {
            return Vec::new();
        }
        tracing::debug!(changed = changed.len(), gone = gone.len(), "rooms changed");
        let objects = self.objects.naming(&changed.union(gone).collect());
        let woken = objects.into_iter().map(|(name, object)| {
            self.context.memory.wake(&object.uid().unwrap_or_default());
            name
        });
        woken.collect()
    }
}

/// What sweeps find is told here, too, and not later than by the next one.
fn interval(context: &Context) -> Duration {
    let settings = &context.settings;
    settings.changes_interval.min(settings.index_interval)
}

async fn read(context: &Context, region: String) -> Reading {
    let interval = interval(context);
    let mut reading = Reading {
        region,
        rest: interval,
        changes: Changes::default(),
    };
    if context.leadership.mandate().is_none() {
        return reading;
    }
    let Ok(account) = context.account.id().await else {
        return reading;
    };
    let (index, region) = (&context.index, &reading.region);
    let caller = Caller::operator(Lane::Look, "changes");
    match index.refresh(&account, region, &caller).await {
        Ok(pages) => reading.rest = interval.max(REST * pages),
        Err(failure) => {
            reading.rest = interval * FAILED;
            tracing::debug!(region, %failure, "could not look for changes");
        }
    }
    // A sweep may have found some, too.
    reading.changes = index.changes(&account, region);
    reading
}

//! Keeps passes going for as long as the process runs.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt, stream};
use ivschat_core::errors::chain;
use kube::Client;
use kube::api::DynamicObject;
use kube::runtime::watcher;
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use crate::kit::watch::{Watched, watch};
use crate::kit::{Election, Error};
use crate::telemetry::Health;

use super::cache::Cache;
use super::context::Context;
use super::passes::{Feed, Passed, Shutdown};
use super::{changes, kept, operator_class, resource, sweep, unclassed};

/// Watches ChatRooms, keeps the cache and the memory up with them, and sweeps.
fn feed(client: &Client, context: &Arc<Context>, health: Health, shutdown: Shutdown) -> Feed {
    let objects = Cache::default();
    let (noted, listed) = (Arc::clone(context), Arc::clone(context));
    let synced = move |unlisted: Vec<String>| {
        listed.listed.all_but(&unlisted);
        health.listed_all_but(unlisted);
    };
    let what = Watched {
        resource: resource(),
        namespaces: &context.settings.namespaces,
        selector: operator_class::selector(context.settings.class.as_ref()),
    };
    let signature = context.kubernetes.signature().clone();
    let trim = move |object: &mut DynamicObject| kept::trim(object, &signature);
    let cache = objects.clone();
    let watched = watch(client, what, trim, synced).inspect(move |event| match event {
        Ok(event) => {
            // Deleted, or of another class now: the room is left to whoever works on it there.
            if let Some(gone) = cache.take(event) {
                noted.forget(&gone);
            }
        }
        Err(_) => noted.metrics.watch_failed(),
    });
    let sweeps = sweep::sweeps(Arc::clone(context), objects.clone());
    let changes = changes::changes(Arc::clone(context), objects.clone());
    let asked = stream::select(sweeps.boxed(), changes.boxed());
    let beginnings = context.leadership.beginnings();
    Feed {
        watched: watched.boxed(),
        objects,
        asked: asked.take_until(shutdown.clone()).boxed(),
        all: beginnings.take_until(shutdown.clone()).boxed(),
        shutdown,
    }
}

/// Runs passes until `shutdown`, while this process leads; then lets another lead, once those in hand have ended: each finishes
/// its call and writes down what it learned. One that still waits for AWS's quota after the time that takes is cut short, as by a
/// crash. `election`: none where it always leads. `passes`: makes passes of what needs them.
pub async fn run<S: Stream<Item = Passed>>(
    client: &Client,
    context: Arc<Context>,
    election: Option<Election>,
    health: Health,
    shutdown: impl Future<Output = ()> + Send + 'static,
    passes: impl FnOnce(Feed, Arc<Context>) -> S,
) {
    let (stop, stopped) = oneshot::channel();
    let shared = Arc::clone(&context);
    let new_term = move || shared.begin_term();
    // A task of its own: no pass may hold up a renewal.
    let campaign = election.map(|election| tokio::spawn(election.run(new_term, stopped)));
    let credentials = tokio::spawn(resolve_account(Arc::clone(&context), health.clone()));
    let labels = tokio::spawn(unclassed::tell(client.clone(), Arc::clone(&context)));
    let stopping = health.clone();
    let shutdown = shutdown.inspect(move |()| {
        stopping.stopping();
        tracing::info!("stopping: finishing what is under way");
    });
    let shutdown = shutdown.boxed().shared();
    let patience = context.settings.operation_timeout + context.kubernetes.timeout();
    let overdue = shutdown.clone().then(|()| tokio::time::sleep(patience));
    let metrics = context.metrics.clone();
    let leadership = context.leadership.clone();
    let feed = feed(client, &context, health.clone(), shutdown.clone());
    let passes = passes(feed, context);
    let turn = || {
        health.turned();
        metrics.lead(leadership.mandate().is_some());
        metrics.ready(health.ready().is_ok());
    };
    tokio::select! {
        biased;
        () = turning(passes, turn, log) => {}
        () = overdue => tracing::warn!("passes that were not done {patience:?} later are left to the replica that leads next"),
    }
    credentials.abort();
    labels.abort();
    // Not before every pass has ended.
    drop(stop);
    metrics.lead(false);
    if let Some(campaign) = campaign
        && let Err(error) = campaign.await
    {
        tracing::error!(%error, "the election failed");
    }
}

/// A standby makes no pass, and yet has to know that it could.
async fn resolve_account(context: Arc<Context>, health: Health) {
    let mut attempt = 0;
    while let Err(failure) = context.account.id().await {
        if attempt == 0 {
            tracing::warn!(%failure, "cannot tell whose the AWS credentials are; this is tried again");
        }
        tokio::time::sleep(context.backoff(failure.class, attempt)).await;
        attempt += 1;
    }
    health.credentials_resolved();
}

/// How often the loop turns at least.
const TURN: Duration = Duration::from_secs(1);

/// Hands on every item of a stream to its end; `turn` is called every second by the task that drives the stream, and by no
/// other: where something in it blocks, it is not.
async fn turning<T>(items: impl Stream<Item = T>, turn: impl Fn(), mut hand_on: impl FnMut(T)) {
    let mut turns = tokio::time::interval(TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut items = std::pin::pin!(items);
    loop {
        tokio::select! {
            // First, so that no number of items can hold it up.
            biased;
            _ = turns.tick() => turn(),
            item = items.next() => match item {
                Some(item) => hand_on(item),
                None => return,
            },
        }
    }
}

/// Logs what Kubernetes made fail.
fn log(passed: Passed) {
    match passed {
        Passed::Ended(object, Ok(_)) => tracing::trace!(%object, "pass"),
        Passed::Ended(object, Err(Error::Stale)) => {
            tracing::debug!(%object, "the cache was behind; the pass starts again");
        }
        Passed::Ended(object, Err(Error::Deposed)) => {
            tracing::info!(%object, "a pass was left to the replica that leads now");
        }
        Passed::Ended(object, Err(error)) => {
            tracing::warn!(%object, error = %chain(&error), "pass failed");
        }
        Passed::Watch(error) => tracing::warn!("{}", watch_problem(&error)),
    }
}

/// What keeps the watch from running, and what to do where that is known.
fn watch_problem(error: &watcher::Error) -> String {
    let advice = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => match status.code {
            404 => "; is the CRD installed? ivschat-operator crds | kubectl apply -f -",
            403 => "; may the operator's account get, list and watch chatrooms?",
            _ => "",
        },
        _ => "",
    };
    format!("cannot watch ChatRooms: {}{advice}", chain(error))
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn a_loop_that_something_blocks_does_not_turn_and_is_told_from_one_that_waits() {
        let health = Health::stuck_after(Duration::from_millis(1500));
        let probe = health.clone();
        // Half a second from any turn.
        let waits = stream::once(tokio::time::sleep(Duration::from_millis(2500)));
        let blocks = stream::once(async move {
            let before = probe.live();
            std::thread::sleep(Duration::from_secs(2));
            (before, probe.live())
        });
        let items = waits.map(|()| None).chain(blocks.map(Some));
        let mut seen = None;
        turning(
            items,
            || health.turned(),
            |item| seen = seen.take().or(item),
        )
        .await;
        let stuck = Err("the loop has not turned for 2 s".to_owned());
        assert_eq!(seen, Some((Ok(()), stuck)));
    }
}

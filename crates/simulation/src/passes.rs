//! Lets the simulation see what the operator's own loop takes in and which passes it begins. It changes nothing.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{Stream, StreamExt};
use ivschat_operator::chat_room::{self, Context, Feed, Passed};
use ivschat_operator::kit::Error;
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::watcher::Event;

use crate::network::pass::{self, Pass};
use crate::network::{Line, Note};

/// Makes passes of what the feed asks for.
pub(crate) fn passes(
    feed: Feed,
    context: Arc<Context>,
    most: usize,
    line: Line,
) -> impl Stream<Item = Passed> + Send {
    let (seen, begun) = (line.clone(), AtomicU64::new(0));
    let watched = feed.watched.inspect(move |watched| {
        if let Ok(Event::Apply(object) | Event::InitApply(object)) = watched {
            seen.note(emitted(object));
        }
    });
    let feed = Feed {
        watched: watched.boxed(),
        ..feed
    };
    let reconcile = move |object: Arc<DynamicObject>, caller, context| {
        let pass = Pass {
            number: begun.fetch_add(1, Ordering::Relaxed) + 1,
            object: Arc::new(known(&object)),
        };
        line.note(Note::Begun(pass.clone()));
        run(pass, chat_room::reconcile(object, caller, context))
    };
    chat_room::passes(feed, context, most, reconcile)
}

async fn run(
    pass: Pass,
    reconciled: impl Future<Output = Result<Option<Duration>, Error>> + Send,
) -> Result<Option<Duration>, Error> {
    Box::pin(pass.run(reconciled)).await
}

fn emitted(object: &DynamicObject) -> Note {
    let version = object.resource_version().unwrap_or_default();
    Note::Emitted {
        object: format!(
            "{}/{}",
            object.namespace().unwrap_or_default(),
            object.name_any()
        ),
        uid: object.uid().unwrap_or_default(),
        version: version.parse().unwrap_or_default(),
    }
}

fn known(object: &DynamicObject) -> pass::Object {
    pass::Object {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
    }
}

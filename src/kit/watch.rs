//! Merges the watches of several namespaces into one, with one cache: passes, sweeps and limits need not know how many
//! there are.
//!
//! A watch begins with a [streamed list] if the API server has them: the objects come one by one, so that neither side ever
//! holds all of them as one answer. Otherwise it begins with pages.
//!
//! [streamed list]: https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem;
use std::time::Duration;

use backon::ExponentialBuilder;
use futures::future::ready;
use futures::{FutureExt, Stream, StreamExt, stream};
use http::{Request, Uri};
use kube::api::{Api, ApiResource, DynamicObject};
use kube::client::{Body, ClientBuilder};
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::{Backoff, ResetTimerBackoff};
use kube::runtime::watcher::{self, Event, ExponentialBackoff, watcher};
use kube::{Client, Config};
use tower::util::MapRequestLayer;

use super::Name;
use super::calls::apis;

/// The objects of a page, where the API server streams no lists. Users decide how large each is.
const PAGE: u32 = 50;

/// An event of a watch, or why there is none.
pub(crate) type Delivered = Result<Event<DynamicObject>, watcher::Error>;

/// What is watched.
pub(crate) struct Watched<'a> {
    /// Of which kind.
    pub(crate) resource: ApiResource,
    /// Where; empty: in every namespace.
    pub(crate) namespaces: &'a [String],
    /// Which, by their labels.
    pub(crate) selector: String,
}

/// Watches objects, each as `trim` leaves it. Calls `synced` with the namespaces that have not been listed yet, each time that
/// changes.
///
/// A namespace that cannot be listed does not hold up the others: its objects come later, as if they were new.
pub(crate) fn watch<T, F>(
    client: &Client,
    what: Watched<'_>,
    trim: T,
    mut synced: F,
) -> impl Stream<Item = Delivered> + use<T, F>
where
    T: Fn(&mut DynamicObject) + Clone + Send + 'static,
    F: FnMut(Vec<String>),
{
    let Watched {
        resource,
        namespaces,
        selector,
    } = what;
    let apis: Vec<Api<DynamicObject>> = apis(client, namespaces, &resource);
    let mut merged = Merged::of(apis.len(), resource);
    let names = namespaces.to_vec();
    if !names.is_empty() {
        synced(names.clone());
    }
    let watches = apis.into_iter().enumerate().map(|(source, api)| {
        let trim = trim.clone();
        let config = watcher::Config::default().labels(&selector).page_size(PAGE);
        let events = events(client.clone(), api, config)
            .backoff(pauses())
            .modify(move |object| trim(object));
        events.map(move |event| (source, event)).boxed()
    });
    stream::select_all(watches).flat_map(move |(source, event)| {
        let before = merged.unlisted.len();
        let events = merged.take(source, event);
        if merged.unlisted.len() < before {
            let unlisted = merged
                .unlisted
                .iter()
                .filter_map(|source| names.get(*source));
            synced(unlisted.cloned().collect());
        }
        stream::iter(events)
    })
}

/// A client whose streamed lists are as recent as its other lists. By default kube's watcher begins with what the API
/// server has cached, which after a restart may be older than what was seen before.
///
/// # Errors
/// The configuration names a file that cannot be read, or its TLS settings are invalid.
pub fn client(config: Config) -> kube::Result<Client> {
    let most_recent = |mut request: Request<Body>| {
        *request.uri_mut() = most_recent(request.uri());
        request
    };
    let builder = ClientBuilder::try_from(config)?;
    Ok(builder
        .with_layer(&MapRequestLayer::new(most_recent))
        .build())
}

fn most_recent(uri: &Uri) -> Uri {
    let query = uri.query().unwrap_or_default();
    if !query.contains("sendInitialEvents=true") {
        return uri.clone();
    }
    let kept = query.split('&').filter(|it| *it != "resourceVersion=0");
    let kept = kept.collect::<Vec<_>>().join("&");
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = format!("{}?{kept}", uri.path()).parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

/// The events of one watch.
fn events(
    client: Client,
    api: Api<DynamicObject>,
    config: watcher::Config,
) -> impl Stream<Item = Delivered> {
    let listed = watcher(api.clone(), config.clone());
    // An API server whose feature gate is off, or that was rolled back, refuses. From then on the operator asks it for
    // pages.
    let streamed = watcher(api, config.streaming_lists()).take_while(|event| {
        let refused = refused(event);
        if refused {
            tracing::debug!("the API server streams no lists; it is asked for pages from now on");
        }
        ready(!refused)
    });
    async move {
        if knows_streaming(&client).await {
            streamed.chain(listed).boxed()
        } else {
            listed.boxed()
        }
    }
    .flatten_stream()
}

/// Whether the API server understands the request for a streamed list, even if it refuses it. An older one would not mark
/// where the list ends.
async fn knows_streaming(client: &Client) -> bool {
    const SINCE: u32 = 27;
    const PATIENCE: Duration = Duration::from_secs(5);
    let asked = tokio::time::timeout(PATIENCE, client.apiserver_version()).await;
    let Ok(Ok(version)) = asked else {
        return false;
    };
    let minor = version.minor.trim_end_matches(|it: char| !it.is_numeric());
    minor.parse::<u32>().is_ok_and(|minor| minor >= SINCE)
}

fn refused(event: &Delivered) -> bool {
    // The feature gate forbids it, or etcd cannot report its progress.
    matches!(event, Err(watcher::Error::WatchStartFailed(kube::Error::Api(status))) if [400, 422, 500].contains(&status.code))
}

/// The waits before a failed watch is set up again. They are short, because no edit is seen until then, and one client that
/// tries this often is no burden for an API server that comes back.
pub(crate) fn pauses() -> impl Backoff + use<> {
    const FIRST: Duration = Duration::from_millis(800);
    const LONGEST: Duration = Duration::from_secs(5);
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST)
        .with_max_delay(LONGEST)
        .without_max_times()
        .with_jitter();
    ResetTimerBackoff::new(ExponentialBackoff::from(pauses), 4 * LONGEST)
}

/// What the watches have delivered so far.
struct Merged {
    resource: ApiResource,
    sources: Vec<Source>,
    /// Watches that have neither listed nor failed: the first merged list waits for them.
    awaited: BTreeSet<usize>,
    /// Watches that have not listed.
    unlisted: BTreeSet<usize>,
}

#[derive(Default)]
struct Source {
    /// Every object, and a hash of its uid.
    known: BTreeMap<Name, u64>,
    /// The objects of a list under way.
    listing: BTreeMap<Name, u64>,
}

impl Merged {
    fn of(sources: usize, resource: ApiResource) -> Self {
        Self {
            resource,
            sources: (0..sources).map(|_| Source::default()).collect(),
            awaited: (0..sources).collect(),
            unlisted: (0..sources).collect(),
        }
    }

    /// Translates an event of one watch into events of the merged watch.
    fn take(&mut self, source: usize, event: Delivered) -> Vec<Delivered> {
        let mut out = Vec::new();
        let at = &mut self.sources[source];
        match event {
            Err(error) => {
                out.push(Err(error));
                self.settle(source, &mut out);
            }
            // A list that broke off was passed on as far as it came. Objects of it that the next list lacks are gone.
            Ok(Event::Init) => {
                let cut_off = mem::take(&mut at.listing);
                at.known.extend(cut_off);
            }
            Ok(Event::InitApply(object)) => {
                let (name, uid) = (Name::of(&object), hash_of_uid(&object));
                // The object was created again while nobody watched.
                let again = at.known.get(&name).is_some_and(|known| *known != uid);
                at.listing.insert(name.clone(), uid);
                if again {
                    out.push(Ok(self.gone(&name)));
                }
                out.push(Ok(self.there(object)));
            }
            Ok(Event::InitDone) => {
                let listed = mem::take(&mut at.listing);
                let known = mem::replace(&mut at.known, listed);
                let gone = known.into_keys();
                let gone: Vec<_> = gone.filter(|name| !at.known.contains_key(name)).collect();
                out.extend(gone.iter().map(|name| Ok(self.gone(name))));
                self.unlisted.remove(&source);
                self.settle(source, &mut out);
            }
            Ok(Event::Apply(object)) => {
                at.known.insert(Name::of(&object), hash_of_uid(&object));
                out.push(Ok(self.there(object)));
            }
            Ok(Event::Delete(object)) => {
                at.known.remove(&Name::of(&object));
                out.push(Ok(Event::Delete(object)));
            }
        }
        out
    }

    /// An object is like this.
    fn there(&self, object: DynamicObject) -> Event<DynamicObject> {
        if self.awaited.is_empty() {
            Event::Apply(object)
        } else {
            Event::InitApply(object)
        }
    }

    /// An object is gone whose deletion nobody saw.
    fn gone(&self, name: &Name) -> Event<DynamicObject> {
        let mut object = DynamicObject::new(name.name(), &self.resource);
        object.metadata.namespace = Some(name.namespace().to_owned());
        Event::Delete(object)
    }

    /// Lets the first merged list no longer wait for this watch.
    fn settle(&mut self, source: usize, out: &mut Vec<Delivered>) {
        if self.awaited.remove(&source) && self.awaited.is_empty() {
            out.push(Ok(Event::InitDone));
        }
    }
}

fn hash_of_uid(object: &DynamicObject) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.metadata.uid.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(namespace: &str, name: &str) -> DynamicObject {
        let mut object = DynamicObject::new(name, &resource()).within(namespace);
        object.metadata.uid = Some(format!("{namespace}-{name}"));
        object
    }

    fn resource() -> ApiResource {
        ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&())
    }

    fn merged(sources: usize) -> Merged {
        Merged::of(sources, resource())
    }

    fn failure() -> Delivered {
        Err(watcher::Error::NoResourceVersion)
    }

    /// The events as words.
    fn words(events: &[Delivered]) -> Vec<String> {
        let word = |event: &Delivered| match event {
            Ok(Event::Init) => "init".to_owned(),
            Ok(Event::InitApply(object)) => format!("list {}", Name::of(object)),
            Ok(Event::InitDone) => "listed".to_owned(),
            Ok(Event::Apply(object)) => format!("apply {}", Name::of(object)),
            Ok(Event::Delete(object)) => format!("delete {}", Name::of(object)),
            Err(_) => "error".to_owned(),
        };
        events.iter().map(word).collect()
    }

    #[test]
    fn a_streamed_list_is_asked_for_as_of_now_and_every_other_request_stays_as_it_is() {
        for (asked, sent) in [
            (
                "/apis/g/v1/things?&watch=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0",
                "/apis/g/v1/things?&watch=true&timeoutSeconds=290&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
            ),
            (
                "/apis/g/v1/things?&watch=true&resourceVersion=0",
                "/apis/g/v1/things?&watch=true&resourceVersion=0",
            ),
            (
                "https://host/things?sendInitialEvents=true&resourceVersion=01",
                "https://host/things?sendInitialEvents=true&resourceVersion=01",
            ),
            ("/version", "/version"),
        ] {
            assert_eq!(most_recent(&asked.parse().unwrap()), sent);
        }
    }

    #[test]
    fn what_two_lists_show_is_passed_on_as_it_comes_and_they_are_done_together() {
        let mut merged = merged(2);
        assert!(merged.take(0, Ok(Event::Init)).is_empty());
        let one = || object("a", "one");
        let steps = [
            (0, Event::InitApply(one()), vec!["list a/one"]),
            (0, Event::InitDone, vec![]),
            // The other one is still under way.
            (0, Event::Apply(one()), vec!["list a/one"]),
            (0, Event::Delete(one()), vec!["delete a/one"]),
            (0, Event::Apply(one()), vec!["list a/one"]),
            (0, Event::Init, vec![]),
            (0, Event::InitDone, vec!["delete a/one"]),
            (1, Event::Init, vec![]),
            (1, Event::InitApply(object("b", "one")), vec!["list b/one"]),
            (1, Event::InitDone, vec!["listed"]),
            (0, Event::Apply(one()), vec!["apply a/one"]),
            (0, Event::Delete(one()), vec!["delete a/one"]),
        ];
        for (source, event, passed_on) in steps {
            let told = format!("{event:?}");
            assert_eq!(words(&merged.take(source, Ok(event))), passed_on, "{told}");
        }
        assert!(merged.unlisted.is_empty());
    }

    #[test]
    fn a_new_list_of_one_namespace_takes_out_what_is_gone_there_and_nothing_else() {
        let mut merged = merged(2);
        for (source, namespace) in [(0, "a"), (1, "b")] {
            merged.take(source, Ok(Event::Init));
            for name in ["one", "two"] {
                merged.take(source, Ok(Event::InitApply(object(namespace, name))));
            }
            merged.take(source, Ok(Event::InitDone));
        }
        assert!(merged.take(0, Ok(Event::Init)).is_empty());
        let again = merged.take(0, Ok(Event::InitApply(object("a", "two"))));
        assert_eq!(words(&again), ["apply a/two"]);
        let done = merged.take(0, Ok(Event::InitDone));
        assert_eq!(words(&done), ["delete a/one"]);
    }

    #[test]
    fn an_object_of_a_list_that_broke_off_is_taken_out_if_the_next_list_lacks_it() {
        let mut merged = merged(1);
        merged.take(0, Ok(Event::Init));
        merged.take(0, Ok(Event::InitApply(object("a", "one"))));
        merged.take(0, Ok(Event::InitApply(object("a", "two"))));
        assert!(merged.take(0, Ok(Event::Init)).is_empty());
        let again = merged.take(0, Ok(Event::InitApply(object("a", "two"))));
        assert_eq!(words(&again), ["list a/two"]);
        let done = merged.take(0, Ok(Event::InitDone));
        assert_eq!(words(&done), ["delete a/one", "listed"]);
    }

    #[test]
    fn an_object_made_anew_between_two_lists_is_gone_before_it_is_there() {
        let mut merged = merged(1);
        merged.take(0, Ok(Event::Init));
        merged.take(0, Ok(Event::InitApply(object("a", "one"))));
        merged.take(0, Ok(Event::InitDone));
        let mut anew = object("a", "one");
        anew.metadata.uid = Some("another".to_owned());
        merged.take(0, Ok(Event::Init));
        let again = merged.take(0, Ok(Event::InitApply(anew)));
        assert_eq!(words(&again), ["delete a/one", "apply a/one"]);
        assert!(merged.take(0, Ok(Event::InitDone)).is_empty());
    }

    #[test]
    fn a_namespace_that_cannot_be_listed_holds_nothing_up_and_is_told_from_one_that_is() {
        let mut merged = merged(2);
        merged.take(0, Ok(Event::Init));
        merged.take(0, Ok(Event::InitDone));
        assert_eq!(words(&merged.take(1, failure())), ["error", "listed"]);
        assert!(!merged.unlisted.is_empty());
        assert!(merged.take(1, Ok(Event::Init)).is_empty());
        let late = merged.take(1, Ok(Event::InitApply(object("b", "one"))));
        assert_eq!(words(&late), ["apply b/one"]);
        assert!(merged.take(1, Ok(Event::InitDone)).is_empty());
        assert!(merged.unlisted.is_empty());
    }
}

//! Releases every room, so that the operator can be uninstalled: the finalizers and the operator's tags go, the rooms stay.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use ivschat_aws::Caller;
use ivschat_core::lanes::Lane;
use ivschat_core::room::FailureClass;
use ivschat_core::room::case::Task;
use ivschat_core::room::seen::Seen;
use ivschat_core::room::status::Verdict;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::operator_class;
use super::reconcile::pass;
use super::report::Passed;
use crate::kit::Election;
use crate::kit::calls::{Error, is_status};
use crate::kit::leadership::Mandate;

use super::context::Context;

/// What `release` did to the ChatRooms.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Released {
    /// ChatRooms that were released, as `namespace/name`.
    pub released: Vec<String>,
    /// ChatRooms that could not be released, and why.
    pub left: Vec<(String, String)>,
    /// Released ChatRooms that set no deletion policy. An operator that starts later does not take their rooms back until
    /// they do, unless its default is `Retain`.
    pub undecided: Vec<String>,
}

impl fmt::Display for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (released, left) = (self.released.len(), self.left.len());
        write!(f, "{released} ChatRooms let go, {left} left")?;
        if self.undecided.is_empty() {
            return Ok(());
        }
        write!(
            f,
            "\nThese do not say spec.deletionPolicy; before they do, an operator whose default is Delete does not take their \
             rooms back: {}",
            self.undecided.join(" ")
        )
    }
}

/// Why nothing was released.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// An operator runs: it would take back at once what is released.
    #[error(
        "could not take the lease {lease} within {patience:?}: scale the operator down to 0 replicas first; if none runs, the \
         log says why"
    )]
    OperatorRuns {
        /// As `namespace/name`.
        lease: String,
        /// How long the command tried.
        patience: Duration,
    },
    /// The ChatRooms could not be listed.
    #[error("cannot list ChatRooms: {0}")]
    List(#[from] Error),
}

/// How long one object may take, on top of the graces that it has to wait for.
const PATIENCE: Duration = Duration::from_mins(1);

/// Releases every room and every object. Deletions under way are finished instead. `election`: the lease to take and
/// how long that may take; `None`: there is no lease to take.
///
/// # Errors
/// [`ReleaseError`]: nothing was done.
pub async fn release_all(
    context: Arc<Context>,
    election: Option<(Election, Duration)>,
) -> Result<Released, ReleaseError> {
    let (stop, stopped) = oneshot::channel();
    let mut campaign = None;
    if let Some((election, patience)) = election {
        let (lease, shared) = (election.lease(), Arc::clone(&context));
        let new_term = move || shared.begin_term();
        campaign = Some(tokio::spawn(election.run(new_term, stopped)));
        if timeout(patience, context.leadership.begin()).await.is_err() {
            return Err(ReleaseError::OperatorRuns { lease, patience });
        }
    }
    let released = release_each(&context).await;
    drop(stop);
    if let Some(campaign) = campaign {
        // If the lease cannot be given back, it runs out by itself.
        let _ = campaign.await;
    }
    released
}

async fn release_each(context: &Context) -> Result<Released, ReleaseError> {
    let settings = &context.settings;
    let selector = operator_class::selector(settings.class.as_ref());
    let listed = context.kubernetes.list(&settings.namespaces, &selector);
    let objects = listed.await?;
    let outcomes = stream::iter(objects.iter().map(Seen::read))
        .filter(|seen| std::future::ready(seen.may_hold_something()))
        .map(async |seen| {
            let outcome = release_one(context, &seen).await;
            (seen, outcome)
        })
        .buffer_unordered(usize::from(context.settings.concurrency));
    let mut all = Released::default();
    let mut outcomes = std::pin::pin!(outcomes);
    while let Some((seen, outcome)) = outcomes.next().await {
        let name = seen.to_string();
        match outcome {
            Ok(()) => {
                if seen.deleted_at.is_none() && seen.deletion_policy.is_none() {
                    all.undecided.push(name.clone());
                }
                all.released.push(name);
            }
            Err(why) => all.left.push((name, why)),
        }
    }
    Ok(all)
}

/// Runs passes over one object until it is released.
async fn release_one(context: &Context, known: &Seen) -> Result<(), String> {
    let mut give_up = Instant::now() + context.settings.grace() * 2 + PATIENCE;
    loop {
        let seen = match context.kubernetes.get(known).await {
            Ok(object)
                if !operator_class::is_own(context.settings.class.as_ref(), &object.metadata) =>
            {
                return Err("it is of another class now".to_owned());
            }
            Ok(object) => Seen::read(&object),
            Err(Error::Api(error)) if is_status(&error, 404) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        if seen.uid != known.uid || !seen.may_hold_something() {
            return Ok(());
        }
        let soon = context.backoff(FailureClass::Unavailable, 0);
        let progress = match context.leadership.mandate() {
            Some(mandate) => release_pass(context, &seen, &mandate).await,
            None => Err(Error::Deposed),
        };
        let (wait, why) = match progress {
            Ok(Progress::Done) => return Ok(()),
            Ok(Progress::Hopeless(why)) => return Err(why),
            Ok(Progress::Again(wait, why)) => (wait, why),
            Err(error) => (soon, error.to_string()),
        };
        if context.deletions.waits(&seen.uid) {
            // Waiting for the cap on deletions does not count.
            give_up += wait;
        }
        if Instant::now() + wait >= give_up {
            return Err(why);
        }
        sleep(wait).await;
    }
}

/// How far a pass has come.
enum Progress {
    Done,
    /// How long to wait for the next pass, and why there has to be one.
    Again(Duration, String),
    /// Only a person can help.
    Hopeless(String),
}

async fn release_pass(
    context: &Context,
    seen: &Seen,
    mandate: &Mandate,
) -> Result<Progress, Error> {
    let caller = Caller::new(Lane::Asked, seen.namespace.clone(), Instant::now());
    let passed = pass(Task::Release, seen, &caller, context, mandate).await?;
    let Some(Passed { verdict, rest }) = passed else {
        return Ok(Progress::Done);
    };
    Ok(match verdict {
        Verdict::Failed { failure, .. } if failure.class.stalled() => {
            Progress::Hopeless(failure.to_string())
        }
        Verdict::Failed { failure, .. } => Progress::Again(rest, failure.to_string()),
        Verdict::Pending { message, .. } => Progress::Again(rest, message),
        Verdict::Released | Verdict::InSync | Verdict::Drifted(_) | Verdict::Paused(_) => {
            Progress::Done
        }
    })
}

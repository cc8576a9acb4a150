//! Releases every room, so that the operator can be uninstalled: the finalizers and the operator's tags go, the rooms stay.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use ivschat_core::api::{ConditionType, Reason};
use ivschat_core::room::decide::{self, Parting};
use ivschat_core::room::status::{self, Knowledge, Verdict};
use ivschat_core::room::{Class, Failure, Identity, ObservedRoom};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::class;
use super::input::Input;
use super::kubernetes::{Error, is_status};
use super::leadership::Fence;
use super::look::Look;
use super::reconcile::{Again, Ending, Pass};
use super::{Context, Election};

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
    let selector = class::selector(settings.class.as_ref());
    let listed = context.kubernetes.list(&settings.namespaces, &selector);
    let objects = listed.await?;
    let outcomes = stream::iter(objects.iter().map(Input::read))
        .filter(|input| std::future::ready(holds_something(input)))
        .map(async |input| {
            let outcome = release_one(context, &input).await;
            (input, outcome)
        })
        .buffer_unordered(usize::from(context.settings.concurrency));
    let mut all = Released::default();
    let mut outcomes = std::pin::pin!(outcomes);
    while let Some((input, outcome)) = outcomes.next().await {
        let name = format!("{}/{}", input.namespace, input.name);
        match outcome {
            Ok(()) => {
                if input.deleted_at.is_none() && input.deletion_policy.is_none() {
                    all.undecided.push(name.clone());
                }
                all.released.push(name);
            }
            Err(why) => all.left.push((name, why)),
        }
    }
    Ok(all)
}

/// Whether there may be something to release. Without its finalizer, which somebody may have removed, an object may still
/// have a room.
fn holds_something(input: &Input) -> bool {
    let status = &input.status;
    let released = status::reason(status, ConditionType::Ready) == Some(Reason::Released.as_str());
    let named = status.arn.is_some() || status.creation.is_some();
    let wanted = input.deleted_at.is_none() && !input.observed;
    input.has_finalizer() || (wanted && named && !released)
}

/// Runs passes over one object until it is released.
async fn release_one(context: &Context, known: &Input) -> Result<(), String> {
    let grace = Duration::try_from(context.settings.grace()).unwrap_or_default();
    let mut give_up = Instant::now() + grace * 2 + PATIENCE;
    loop {
        let input = match context.kubernetes.get(known).await {
            Ok(object) if !class::is_own(context.settings.class.as_ref(), &object.metadata) => {
                return Err("it is of another class now".to_owned());
            }
            Ok(object) => Input::read(&object),
            Err(Error::Api(error)) if is_status(&error, 404) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        if input.uid != known.uid || !holds_something(&input) {
            return Ok(());
        }
        let soon = context.backoff(Class::Unavailable, 0);
        let progress = match context.leadership.fence() {
            Some(fence) => release_pass(context, &input, fence).await,
            None => Err(Error::Deposed),
        };
        let (wait, why) = match progress {
            Ok(Progress::Done) => return Ok(()),
            Ok(Progress::Hopeless(why)) => return Err(why),
            Ok(Progress::Again(wait, why)) => (wait, why),
            Err(error) => (soon, error.to_string()),
        };
        if context.memory.waits_to_delete(&input.uid) {
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

async fn release_pass(context: &Context, input: &Input, fence: Fence) -> Result<Progress, Error> {
    let mut pass = Pass::begin(input, context, fence);
    let ending = if pass.leaving {
        pass.finalize().await?
    } else {
        Some(pass.let_go_of_wanted().await?)
    };
    let Some(ending) = ending else {
        return Ok(Progress::Done);
    };
    let verdict = ending.verdict.clone();
    let wait = pass.conclude(ending).await?;
    Ok(match verdict {
        Verdict::Failed { failure, .. } if failure.class.stalled() => {
            Progress::Hopeless(failure.to_string())
        }
        Verdict::Failed { failure, .. } => Progress::Again(wait, failure.to_string()),
        Verdict::Pending { message, .. } => Progress::Again(wait, message),
        Verdict::Released | Verdict::InSync | Verdict::Drifted(_) | Verdict::Paused(_) => {
            Progress::Done
        }
    })
}

impl Pass<'_> {
    /// Releases the object's room, and every other room that proves to be the object's, and then the object itself. The
    /// status still names the room, for the next operator.
    async fn let_go_of_wanted(&mut self) -> Result<Ending, Error> {
        self.leaving = true;
        let identity = self.identity();
        match self.let_go_rooms(&identity).await {
            Ok(None) => {}
            Ok(Some(ending)) => return Ok(ending),
            Err(failure) => return Ok(Ending::failed(failure, Knowledge::Nothing)),
        }
        let (verdict, again) = (Verdict::Released, Again::Interval);
        // Before the finalizer goes, so that the pass is repeated if the status cannot be written.
        self.write_if_new(&verdict).await?;
        self.drop_finalizer().await?;
        Ok(Ending { verdict, again })
    }

    /// Releases the object's rooms. `Some`: not finished yet.
    async fn let_go_rooms(&mut self, identity: &Identity) -> Result<Option<Ending>, Failure> {
        let Look { account, sight } = self.look(identity).await?;
        let room = match decide::released(sight, identity)? {
            Parting::Wait(unsettled) => return Ok(Some(Ending::unsettled(unsettled))),
            Parting::LetGo(_) => return Ok(None),
            Parting::Release(room) | Parting::Delete(room) => room,
        };
        let outcome = self.let_go_each(room.clone(), identity, &account).await;
        self.record.bind(&room);
        outcome
    }

    async fn let_go_each(
        &mut self,
        first: ObservedRoom,
        identity: &Identity,
        account: &str,
    ) -> Result<Option<Ending>, Failure> {
        let mut next = Some(first);
        while let Some(room) = next.take() {
            let ending = self.release(&room, identity, account).await;
            if let Verdict::Failed { .. } = ending.verdict {
                return Ok(Some(ending));
            }
            for region in self.context.index.regions(account) {
                if next.is_none() {
                    next = self.find_in(identity, account, &region).await?;
                }
            }
        }
        Ok(None)
    }
}

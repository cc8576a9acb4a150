//! Lets every room go, for the operator to be uninstalled: the finalizers and the operator's tags come off, the rooms stay.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::room::status::{Knowledge, Verdict};
use crate::room::{Class, Failure, Identity, Proof};

use super::input::Input;
use super::kubernetes::{Error, is_status};
use super::leadership::Fence;
use super::observe::Sight;
use super::reconcile::{Again, Ending, Look, Pass};
use super::{Context, Election};

/// What became of the ChatRooms.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Released {
    /// Those that were let go, as `namespace/name`.
    pub released: Vec<String>,
    /// Those that could not be, and why.
    pub left: Vec<(String, String)>,
    /// Those of the released that do not say what becomes of their rooms in the end: an operator started later does not take
    /// their rooms back before they do.
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

/// Why nothing was let go.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// It would be put back at once.
    #[error("an operator is running: scale it down to 0 replicas first (the lease {0} is held)")]
    OperatorRuns(String),
    /// The ChatRooms could not be listed.
    #[error("cannot list ChatRooms: {0}")]
    List(#[from] Error),
}

/// How long one object may take beside what it has to wait for by itself.
const PATIENCE: Duration = Duration::from_mins(1);

/// Lets every room go, and every object: what is being deleted is deleted first. `election`: none where no lease is to be
/// taken, else how long that may take.
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
        let lease = election.lease().to_owned();
        campaign = Some(tokio::spawn(election.run(|| {}, stopped)));
        if timeout(patience, context.leadership.begin()).await.is_err() {
            return Err(ReleaseError::OperatorRuns(lease));
        }
    }
    let released = release_each(&context).await;
    drop(stop);
    if let Some(campaign) = campaign {
        // The lease runs out by itself where it cannot be given back.
        let _ = campaign.await;
    }
    released
}

async fn release_each(context: &Context) -> Result<Released, ReleaseError> {
    let namespace = context.settings.namespace.as_deref();
    let objects = context.kubernetes.list(namespace).await?;
    let outcomes = stream::iter(objects.iter().map(Input::read))
        .filter(|input| std::future::ready(input.has_finalizer()))
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

/// Passes over one object until it is let go.
async fn release_one(context: &Context, known: &Input) -> Result<(), String> {
    let grace = Duration::try_from(context.settings.grace()).unwrap_or_default();
    let give_up = Instant::now() + grace * 2 + PATIENCE;
    loop {
        let input = match context.kubernetes.get(known).await {
            Ok(object) => Input::read(&object),
            Err(Error::Api(error)) if is_status(&error, 404) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        if input.uid != known.uid || !input.has_finalizer() {
            return Ok(());
        }
        let Some(fence) = context.leadership.fence() else {
            return Err("another operator leads now".to_owned());
        };
        let (wait, why) = match release_pass(context, &input, fence).await {
            Ok(Progress::Done) => return Ok(()),
            Ok(Progress::Hopeless(why)) => return Err(why),
            Ok(Progress::Again(wait, why)) => (wait, why),
            Err(error) => {
                let wait = context.backoff(Class::Unavailable, 0);
                (wait, error.to_string())
            }
        };
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
    /// Nothing but a person's act can help.
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
        Verdict::Released | Verdict::InSync | Verdict::Drifted(_) | Verdict::Paused => {
            Progress::Done
        }
    })
}

impl Pass<'_> {
    /// Lets go the room, and every other that proves to be this object's, and then the object, though both are wanted. The
    /// status goes on naming the room, for the operator that comes next.
    async fn let_go_of_wanted(&mut self) -> Result<Ending, Error> {
        self.leaving = true;
        let identity = self.identity();
        match self.let_go_rooms(&identity).await {
            Ok(None) => {}
            Ok(Some(ending)) => return Ok(ending),
            Err(failure) => return Ok(Ending::failed(failure, Knowledge::Nothing)),
        }
        self.drop_finalizer().await?;
        let (verdict, again) = (Verdict::Released, Again::Interval);
        Ok(Ending { verdict, again })
    }

    /// `Some`: not now.
    async fn let_go_rooms(&mut self, identity: &Identity) -> Result<Option<Ending>, Failure> {
        let Look { account, sight } = self.look(identity).await?;
        let mut next = match sight {
            Sight::Unsettled(unsettled) => return Ok(Some(Ending::unsettled(unsettled))),
            Sight::Room(room) if identity.prove(&room.tags) == Proof::Ours => Some(room),
            Sight::Room(_) | Sight::Candidate(_) | Sight::Absent => None,
        };
        let known = next.clone();
        while let Some(room) = next.take() {
            let ending = self.release(&room, identity, &account).await;
            if let Verdict::Failed { .. } = ending.verdict {
                return Ok(Some(ending));
            }
            for region in self.context.index.regions(&account) {
                if next.is_none() {
                    next = self
                        .find_in_index(identity, &account, &region, None)
                        .await?;
                }
            }
        }
        if let Some(room) = known {
            self.record.bind(&room);
        }
        Ok(None)
    }
}

//! Carries out plans, step by step. Every write to AWS follows a GetRoom of the same pass that showed the room to be ours, or to
//! consent to be taken over.

use std::time::Duration;

use ivschat_aws::{Admission, Caller, CreateError, Operation, Writes};
use ivschat_core::api::Creation;
use ivschat_core::room::case::Case;
use ivschat_core::room::correction::{Edit, NewRoom};
use ivschat_core::room::course::Course;
use ivschat_core::room::decide;
use ivschat_core::room::plan::{Finding, Plan};
use ivschat_core::room::recall::Recall;
use ivschat_core::room::status::{self, Verdict};
use ivschat_core::room::step::{Deletion, Done, Halt, Step};
use ivschat_core::room::{ActualRoom, Failure, FailureClass, Proof, RoomArn};
use tokio::time::Instant;

use super::context::Context;
use super::look::{require_time, require_unchanged};
use super::measure;
use super::object::Object;
use crate::kit::Error;
use crate::kit::leadership::Mandate;

/// What a plan came to.
pub(super) struct Acted<'a> {
    pub(super) course: Course<'a>,
    /// Why Kubernetes did not let it come to an end.
    pub(super) broke: Option<Error>,
}

/// Carries a plan out, as far as Kubernetes and AWS let it.
pub(super) async fn act<'a>(
    case: &'a Case<'a>,
    plan: &'a Plan,
    object: &mut Object<'_>,
    caller: &Caller,
    context: &Context,
    mandate: &Mandate,
) -> Acted<'a> {
    let committed = &caller.committed();
    let mut act = Act {
        case,
        plan,
        object,
        context,
        caller: committed,
        // Nothing has been done yet that the next pass has to know of.
        recallable: context.rooms.writes(mandate, caller),
        writes: context.rooms.writes(mandate, committed),
        mandate,
        course: Course::begin(case, plan),
        admission: None,
        attempt: None,
        left: None,
    };
    let broke = act.run().await.err();
    Acted {
        course: act.course,
        broke,
    }
}

/// A GetRoom from before that is no proof any more.
const LONG_AGO: Duration = Duration::from_secs(2);

/// Too many calls were held up after their turns had come.
fn unsent() -> Stop {
    let unsent = "CreateRoom: not sent, because its turn came too late";
    Stop::Halt(Halt::Refused(Failure::new(
        FailureClass::Unavailable,
        unsent,
    )))
}

struct Act<'a, 'c, 'o> {
    case: &'a Case<'a>,
    plan: &'a Plan,
    object: &'c mut Object<'o>,
    context: &'c Context,
    caller: &'c Caller,
    recallable: Writes<'c>,
    writes: Writes<'c>,
    mandate: &'c Mandate,
    course: Course<'a>,
    /// CreateRoom may be sent.
    admission: Option<Admission>,
    /// The attempt that was written ahead, and when it is too late to send its call.
    attempt: Option<(Creation, Instant)>,
    /// The object's room as the calls about tags have left it, which show nothing.
    left: Option<ActualRoom>,
}

/// Why a step was not taken.
enum Stop {
    Halt(Halt),
    Kubernetes(Error),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Halt(Halt::Failed(failure))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Kubernetes(error)
    }
}

impl Act<'_, '_, '_> {
    async fn run(&mut self) -> Result<(), Error> {
        if let Finding::Drifted(differences) | Finding::Observed(differences) = &self.plan.finding {
            measure::found_drift(self.context, differences);
        }
        match self.take_all(&self.plan.steps).await? {
            None => {
                self.course.completed();
                self.compare();
            }
            Some(halt) => self.course.halted(&halt),
        }
        if let Some((twin, failure)) = &self.plan.unread {
            tracing::warn!(object = %self.case.seen, %twin, %failure, "could not heal a twin");
        }
        if let Some(halt) = self.take_all(&self.plan.others).await? {
            if let Halt::Failed(failure) | Halt::Refused(failure) = &halt {
                tracing::warn!(object = %self.case.seen, %failure, "could not heal a twin");
            }
            self.course.other_halted(&halt);
        }
        Ok(())
    }

    /// Remembers what AWS keeps otherwise than the spec says. What is known to resist was not tried again.
    fn compare(&self) {
        let Plan {
            applied,
            steps,
            finding,
            ..
        } = self.plan;
        let makes = |step: &Step| matches!(step, Step::Create(_));
        let seen = applied.is_some() || steps.iter().any(makes);
        if seen && !matches!(finding, Finding::Resists(_)) {
            let (edited, otherwise) = (self.course.edited(), self.course.otherwise());
            let now = self.case.now;
            let memory = &self.context.memory;
            memory.of(&self.case.seen.uid, |entry| {
                entry.recall(|recall| recall.compared(edited, otherwise, now));
            });
        }
    }

    /// Takes steps in order. Returns why it went no further.
    async fn take_all(&mut self, steps: &[Step]) -> Result<Option<Halt>, Error> {
        for step in steps {
            match Box::pin(self.take(step)).await {
                Ok(done) => self.note(&done),
                Err(Stop::Kubernetes(error)) => return Err(error),
                Err(Stop::Halt(halt)) => {
                    let memory = &self.context.memory;
                    let note = |recall: &mut Recall| recall.halted(&halt);
                    memory.of(&self.case.seen.uid, |entry| entry.recall(note));
                    return Ok(Some(halt));
                }
            }
        }
        Ok(None)
    }

    /// What was done is remembered at once: it has taken effect, whatever comes next.
    fn note(&mut self, done: &Done) {
        let (context, uid) = (self.context, &self.case.seen.uid);
        let alone_since = self.case.alone_since;
        let (index, account) = (&context.index, &self.plan.account);
        let note = |recall: &mut Recall| recall.after(done, alone_since);
        context.memory.of(uid, |entry| entry.recall(note));
        match done {
            Done::Created { room, .. } => index.made(account, room),
            Done::Released(room) => {
                index.made(account, room);
                context.deletions.give_back(uid);
            }
            Done::Deleted { arn, .. } => {
                index.deleted(account, arn);
                context.deletions.give_back(uid);
            }
            Done::WrittenAhead { adopts: None, .. } => context.deletions.give_back(uid),
            _ => {}
        }
        self.course.after(done);
    }

    async fn take(&mut self, step: &Step) -> Result<Done, Stop> {
        Ok(match step {
            Step::Hold => self.object.hold().await.map(|()| Done::Held)?,
            Step::Unhold => self.object.let_go().await.map(|()| Done::Held)?,
            Step::LetGo => {
                self.object.let_go().await?;
                tracing::info!(object = %self.case.seen, "released: no room of its own is left");
                Done::LetGo
            }
            Step::Bind { room, touched } => {
                self.left = Some(room.clone());
                Done::Bound {
                    room: room.clone(),
                    touched: touched.clone(),
                }
            }
            Step::Void => Done::NothingCame,
            Step::Claim(arn) => self.claim(arn)?,
            Step::Admit(region) => self.admit(region).await?,
            Step::WriteAhead { region, adopts } => {
                self.write_ahead(region, adopts.as_ref()).await?
            }
            Step::Create(new) => self.create(new).await?,
            Step::WriteRoom => self.write_room().await?,
            Step::Edit(arn, edit @ Edit::Tag(tags)) => {
                let admission = self.proven(arn, Operation::TagResource).await?;
                self.writes.tag(arn, tags, admission).await?;
                self.note_tags(arn, edit);
                Done::Edited
            }
            Step::Edit(arn, edit @ Edit::Untag(keys)) => {
                let admission = self.proven(arn, Operation::UntagResource).await?;
                self.writes.untag(arn, keys, admission).await?;
                self.note_tags(arn, edit);
                Done::Edited
            }
            Step::Edit(arn, Edit::Update(update)) => {
                let admission = self.proven(arn, Operation::UpdateRoom).await?;
                let room = self.writes.update(arn, update, admission).await?;
                self.shown(room)
            }
            Step::Offered(room) => {
                self.context.index.made(&self.plan.account, room);
                Done::Ready
            }
            Step::ReadAgain(arn) => {
                let room = self.context.rooms.get(arn, self.caller).await?;
                room.map_or(Done::Shown(None), |room| self.shown(room))
            }
            Step::Turn(_) => self.turn()?,
            Step::Confirm(kept) if self.object.names(kept).await? => Done::Ready,
            Step::Confirm(_) => return Err(Error::Stale.into()),
            Step::Rehearse => self.rehearse().await?,
            Step::Delete {
                arn,
                create_time,
                twin,
            } => Done::Deleted {
                answer: self.delete(arn).await?,
                arn: arn.clone(),
                create_time: *create_time,
                twin: *twin,
            },
            Step::TellOfTwin(arn) => Done::TwinLeft(arn.clone()),
            Step::Released(room) => Done::Released(room.clone()),
            Step::WriteReleased => {
                let status = self.status(&Verdict::Released);
                self.object.write(&status).await.map(|()| Done::Written)?
            }
        })
    }

    /// Takes in a room as AWS shows it after a change. Its time is of worth only if nothing of it differs: the read may lag, or
    /// somebody has just changed something else.
    fn shown(&self, room: ActualRoom) -> Done {
        if self.course.is_settled(&room) {
            Done::Shown(Some(room))
        } else {
            Done::Behind(room)
        }
    }

    /// Reads may be behind the tags for a while, by which the room is found.
    fn note_tags(&mut self, arn: &RoomArn, edit: &Edit) {
        if let Some(room) = self.left.as_mut().filter(|room| room.arn == *arn) {
            edit.apply(&mut room.tags);
            self.context.index.made(&self.plan.account, room);
        }
    }

    async fn delete(&self, arn: &RoomArn) -> Result<Deletion, Stop> {
        let admission = self.proven(arn, Operation::DeleteRoom).await?;
        Ok(self.writes.delete(arn, admission).await?)
    }

    /// Waits until a call that changes a room may be sent. If that takes long, the room is looked at once more: somebody may have
    /// taken the tags off meanwhile that prove it to be ours.
    async fn proven(&self, arn: &RoomArn, operation: Operation) -> Result<Admission, Stop> {
        let admission = self.writes.admit(arn.region(), operation).await;
        if admission.waited() < LONG_AGO {
            return Ok(admission);
        }
        let identity = &self.case.identity;
        match self.context.rooms.get(arn, self.caller).await? {
            Some(room)
                if identity.prove(&room.tags) != Proof::Ours && !identity.may_adopt(&room.tags) =>
            {
                Err(Error::Stale.into())
            }
            _ => Ok(admission),
        }
    }

    async fn rehearse(&self) -> Result<Done, Stop> {
        let asked = self.object.rehearse().await;
        asked.map(|()| Done::Ready).map_err(|error| {
            let words = error.refusal().map(ToOwned::to_owned);
            words.map_or(Stop::Kubernetes(error), |words| {
                Stop::Halt(Halt::Forbidden(words))
            })
        })
    }

    fn claim(&self, arn: &RoomArn) -> Result<Done, Stop> {
        let Context {
            claims, settings, ..
        } = self.context;
        if claims.claim(arn, &self.case.seen.uid, settings.grace()) {
            return Ok(Done::Ready);
        }
        let message = format!("Room {arn} is being adopted by another ChatRoom");
        Err(Failure::new(FailureClass::Conflict, message).into())
    }

    async fn admit(&mut self, region: &str) -> Result<Done, Stop> {
        let writes = &self.recallable;
        self.admission = Some(writes.admit(region, Operation::CreateRoom).await);
        if !self.mandate.holds() {
            return Err(Error::Deposed.into());
        }
        // The wait for the quota may have been long.
        require_unchanged(&self.plan.account, self.context).await?;
        Ok(Done::Ready)
    }

    async fn write_ahead(
        &mut self,
        region: &str,
        adopts: Option<&ActualRoom>,
    ) -> Result<Done, Stop> {
        require_time(self.context)?;
        let deadline = Instant::now() + self.context.settings.operation_timeout;
        let attempt = Creation {
            id: std::iter::repeat_with(fastrand::alphanumeric)
                .take(12)
                .collect(),
            started_at: self.context.clock.now(),
            region: region.to_owned(),
            account: self.plan.account.clone(),
        };
        let done = Done::WrittenAhead {
            attempt: attempt.clone(),
            adopts: adopts.cloned(),
        };
        let mut record = self.course.record.clone();
        record.after(&done);
        let verdict = decide::under_way(adopts);
        let (generation, now) = (self.case.seen.generation, self.context.clock.now());
        let status = status::next(&self.object.stored, &record, &verdict, generation, now);
        self.object.write_ahead(&attempt, &status).await?;
        self.attempt = Some((attempt, deadline));
        Ok(done)
    }

    /// The machine may have stood still since the attempt was written down, and the steady clock with it.
    fn require_young(&self) -> Result<(), Stop> {
        let Context {
            clock, settings, ..
        } = self.context;
        let attempt = self.attempt.as_ref().map(|(attempt, _)| attempt);
        let age = attempt.map(|it| clock.now().duration_since(it.started_at));
        let age = age.and_then(|age| Duration::try_from(age).ok());
        if clock.is_heard() && age.unwrap_or_default() <= settings.operation_timeout {
            return Ok(());
        }
        let unsent = "CreateRoom: not sent, because too much time may have passed since the attempt was written down";
        let failure = Failure::new(FailureClass::Unavailable, unsent);
        Err(Stop::Halt(Halt::Refused(failure)))
    }

    async fn create(&mut self, new: &NewRoom) -> Result<Done, Stop> {
        let deadline = self.attempt.as_ref().map(|(_, deadline)| *deadline);
        let deadline = deadline.unwrap_or_else(Instant::now);
        let admission = self.admission.take().ok_or_else(unsent)?;
        if !admission.spread(deadline).await {
            return Err(unsent());
        }
        self.require_young()?;
        let account = &self.plan.account;
        match self.writes.create(new, account, admission, deadline).await {
            Ok(room) => Ok(Done::Created {
                room,
                applied: new.room.tags.keys().cloned().collect(),
            }),
            Err(CreateError::Refused(failure)) => Err(Stop::Halt(Halt::Refused(failure))),
            Err(CreateError::Unknown(failure)) => Err(failure.into()),
        }
    }

    async fn write_room(&mut self) -> Result<Done, Stop> {
        if let Some((attempt, _)) = &self.attempt {
            let status = self.status(&Verdict::InSync);
            self.object.write_room(attempt, &status).await?;
        }
        Ok(Done::Written)
    }

    /// Waits for the room's turn to be deleted. The object gets a pass within the drift interval all the same, so that a turn that is
    /// no longer needed is given back.
    fn turn(&self) -> Result<Done, Stop> {
        let context = self.context;
        let wait = context.deletions.wait(&self.case.seen.uid);
        if wait.is_zero() {
            return Ok(Done::Ready);
        }
        let wait = wait.min(context.settings.pace.drift_interval);
        let time = context.clock.now().checked_add(wait);
        let time = time.unwrap_or(jiff::Timestamp::MAX);
        Err(Stop::Halt(Halt::Queued(time)))
    }

    fn status(&self, verdict: &Verdict) -> ivschat_core::api::ChatRoomStatus {
        let (generation, now) = (self.case.seen.generation, self.context.clock.now());
        status::next(
            &self.object.stored,
            &self.course.record,
            verdict,
            generation,
            now,
        )
    }
}

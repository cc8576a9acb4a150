//! What to do about what a search has seen: the steps of the pass, those to Kubernetes included, and how it ends if all of them are
//! taken.

use jiff::Timestamp;

use crate::api::{ConditionType, Reason};

use super::case::{Case, Intent};
use super::correction::{self, Change, Correction, Edit, correct, require_consent, require_proof};
use super::plan::{Finding, Outcome, Plan};
use super::record::Record;
use super::search::{Another, Look, Sight};
use super::status::{self, Knowledge, Verdict};
use super::step::Step;
use super::twins::{Fate, fate};
use super::when::When;
use super::{ActualRoom, DesiredRoom, Failure, FailureClass, Pause, Proof, RoomArn};

/// Why a room stays when its object goes.
const FOREIGN: &str = "its tags do not say that it is this object's";
const OBSERVED: &str = "this object only observes it";
const UNREADABLE: &str =
    "spec.managementPolicy of this object cannot be read, and may mean Observe";
const UNREACHED: &str = "the operator's credentials do not reach its account";

/// Decides what to do.
pub fn decide(case: &Case<'_>, look: Look) -> Plan {
    let (record, account) = (look.record.clone(), look.account.clone());
    let refused = |(failure, room)| Plan::ending(Outcome::failed(failure, room)).on(record.clone());
    let sight = match look.sight {
        Ok(sight) => sight,
        // The credentials cannot reach the room, which is to stay anyway.
        Err((failure, _))
            if case.intent == Intent::Delete
                && failure.class == FailureClass::AccountMismatch
                && case.retains() =>
        {
            let left = record.arn.clone().map(|arn| (arn, UNREACHED));
            return Plan::letting_go(left).on(record);
        }
        Err(unseen) => return refused(unseen),
    };
    let (record, others, behind) = (look.record, look.others, look.behind);
    let plan = match case.intent {
        Intent::Paused(pause) => Ok(paused(pause, record)),
        Intent::Keep => keep(case, sight, others, behind, record),
        Intent::Observe => observe(case, sight, record),
        Intent::Delete => Ok(delete(case, sight, record)),
        Intent::Release => release(case, sight, others, record),
    };
    let mut plan = plan.unwrap_or_else(refused);
    plan.account = account.unwrap_or_default();
    if case.intent == Intent::Observe && plan.leaves_nothing_outstanding() {
        plan.steps.push(Step::Unhold);
    }
    plan
}

/// A plan, or what is wrong and what is known of the room all the same.
type Planned = Result<Plan, (Failure, Knowledge)>;

fn not_as_specified(failure: Failure) -> (Failure, Knowledge) {
    (failure, Knowledge::NotAsSpecified)
}

// --- an object that is wanted ---------------------------------------------------------------------------------------

fn paused(pause: &Pause, record: Record) -> Plan {
    Plan::with(Verdict::Paused(pause.clone()), When::Interval).on(record)
}

/// Brings the room to the spec.
fn keep(
    case: &Case<'_>,
    sight: Sight,
    beside: Vec<Another>,
    behind: bool,
    record: Record,
) -> Planned {
    let desired = case.desired(&record).map_err(not_as_specified)?;
    let scope = case.scope(&record.applied_tag_keys);
    let plan = match sight {
        Sight::Unsettled(unsettled) => Ok(Plan::unsettled(unsettled).on(record)),
        Sight::Adoptable(room) => adopt(case, room, record),
        // A list shows that it is as the last pass left it.
        Sight::Unneeded => Ok(in_sync(record)),
        Sight::Absent => {
            match correct(&desired, None, &case.identity, scope).map_err(not_as_specified)? {
                Correction::Create(new) => {
                    let region = new.room.region.clone();
                    // The one on record may be served no longer, or made up.
                    case.require_served(&region).map_err(not_as_specified)?;
                    let ahead = Step::WriteAhead {
                        region: region.clone(),
                        adopts: None,
                    };
                    let steps = [
                        Step::Hold,
                        Step::Admit(region),
                        ahead,
                        Step::Create(new),
                        Step::WriteRoom,
                    ];
                    Ok(in_sync(record).doing(steps))
                }
                Correction::None | Correction::Change(_) => Ok(in_sync(record)),
            }
        }
        Sight::Room(room) => {
            let correction = correct(&desired, Some(&room), &case.identity, scope);
            let correction = correction.map_err(not_as_specified)?;
            if let Some(adopt) = case.adopt.as_ref().filter(|adopt| **adopt != room.arn) {
                return Err(not_as_specified(has_another(adopt, &room.arn)));
            }
            let kept = room.create_time;
            let plan = apply(case, correction, room, &desired, record);
            // Until both show the same, what somebody has just changed may be missed.
            let sooner = behind.then_some(When::Backoff(FailureClass::NotFound));
            let sooner = sooner.or(plan.sooner);
            Ok(others(case, beside, kept, Plan { sooner, ..plan }))
        }
    };
    plan.map(|plan| Plan {
        desired: Some(desired),
        ..plan
    })
}

fn in_sync(record: Record) -> Plan {
    Plan::with(Verdict::InSync, When::Interval).on(record)
}

/// Changes what differs on the object's room.
fn apply(
    case: &Case<'_>,
    correction: Correction,
    room: ActualRoom,
    desired: &DesiredRoom,
    record: Record,
) -> Plan {
    let wanted: Vec<String> = desired.tags.keys().cloned().collect();
    let (arn, mut touched) = (room.arn.clone(), wanted.clone());
    let (mut edits, mut finding) = (Vec::new(), Finding::Nothing);
    if record.arn.as_ref() == Some(&arn)
        && let Correction::Change(Change { differences, .. }) = &correction
        && let Some(until) = case.recall.may_be_behind(differences, case.policies.grace)
        && until > case.now
    {
        // Not every member was compared with what the room is to be.
        let room = ActualRoom {
            update_time: record.update_time,
            ..room
        };
        let sooner = Some(When::At(until));
        return Plan {
            sooner,
            ..in_sync(record)
        }
        .doing([Step::Hold, Step::Bind { room, touched }]);
    }
    if let Correction::Change(Change { differences, .. }) = &correction
        && differences
            .iter()
            .all(|it| case.recall.resists.contains(it))
    {
        let outcome = Outcome::failed(
            correction::keeps_otherwise(differences),
            Knowledge::NotAsSpecified,
        );
        return Plan {
            finding: Finding::Resists(differences.clone()),
            ..Plan::ending(outcome).on(record)
        }
        .doing([Step::Hold, Step::Bind { room, touched }]);
    }
    if let Correction::Change(Change { steps, differences }) = correction {
        // All of these may be on the room, until it is known which calls succeeded. Of another room nothing is known.
        if record.arn.as_ref() == Some(&arn) {
            touched.extend(record.applied_tag_keys.iter().cloned());
            touched.sort();
            touched.dedup();
        }
        let drift = status::was_ready(&case.seen.status, case.seen.generation);
        finding = if drift {
            Finding::Drifted(differences)
        } else {
            Finding::Changed(differences)
        };
        // The answer to UpdateRoom shows the room after all of them. Calls about tags return nothing, and AWS does not document
        // whether they move updateTime.
        let shown = matches!(steps.last(), Some(Edit::Update(_)));
        let steps = steps.into_iter().map(|edit| Step::Edit(arn.clone(), edit));
        edits.extend(steps);
        edits.extend((!shown).then(|| Step::ReadAgain(arn.clone())));
    }
    Plan {
        applied: Some(wanted),
        finding,
        ..in_sync(record)
    }
    .doing([Step::Hold, Step::Bind { room, touched }])
    .doing(edits)
}

/// Takes over a room that consents. The next pass finds it by its tags, like any room of the object, and brings it to the spec. So
/// every step can be interrupted.
fn adopt(case: &Case<'_>, room: ActualRoom, record: Record) -> Planned {
    case.require_served(room.arn.region())
        .map_err(not_as_specified)?;
    require_consent(&room, &case.identity).map_err(not_as_specified)?;
    let edit = correction::adopt(&room, &case.identity).map_err(not_as_specified)?;
    let (arn, region) = (room.arn.clone(), room.arn.region().to_owned());
    let mut offered = room.clone();
    edit.apply(&mut offered.tags);
    let when = When::Now;
    let ahead = Step::WriteAhead {
        region,
        adopts: Some(room),
    };
    Ok(Plan::waiting(Reason::Adopting, taking_over(&arn), when)
        .on(record)
        .doing([Step::Claim(arn.clone()), Step::Hold])
        // If the answer is lost and somebody removes spec.adopt, the operator still looks for the room.
        .doing([ahead, Step::Edit(arn, edit), Step::Offered(offered)]))
}

fn taking_over(arn: &RoomArn) -> String {
    format!("Room {arn} is being taken over")
}

/// What the status says while an attempt is under way. `adopts`: the room that is taken over; `None`: one is made.
pub fn under_way(adopts: Option<&ActualRoom>) -> Verdict {
    let (reason, message) = match adopts {
        Some(room) => (Reason::Adopting, taking_over(&room.arn)),
        None => (
            Reason::CreationPending,
            "CreateRoom is under way".to_owned(),
        ),
    };
    Verdict::Pending { reason, message }
}

/// Reports how the room differs, which is only observed.
fn observe(case: &Case<'_>, sight: Sight, mut record: Record) -> Planned {
    let room = match sight {
        Sight::Unsettled(unsettled) => return Ok(Plan::unsettled(unsettled).on(record)),
        Sight::Room(room) => {
            require_proof(&room.arn, &room.tags, &case.identity).map_err(not_as_specified)?;
            room
        }
        Sight::Adoptable(room) => {
            require_consent(&room, &case.identity).map_err(not_as_specified)?;
            room
        }
        Sight::Absent | Sight::Unneeded => {
            // Nothing came of an attempt that was made before.
            let outcome = Outcome::failed(nothing_to_observe(), Knowledge::NotAsSpecified);
            return Ok(Plan::ending(outcome).on(record).doing([Step::Void]));
        }
    };
    let desired = case.desired(&record).map_err(not_as_specified)?;
    let differences = correction::drift(&desired, &room, case.scope(&record.applied_tag_keys));
    record.bind(&room);
    let verdict = if differences.is_empty() {
        Verdict::InSync
    } else {
        Verdict::Drifted(differences.clone())
    };
    let plan = Plan::with(verdict, When::Interval).on(record);
    Ok(Plan {
        finding: Finding::Observed(differences),
        ..plan
    })
}

/// Deletes the other rooms that were made for this very object, and reports those that only a person can judge.
fn others(case: &Case<'_>, others: Vec<Another>, kept: Option<Timestamp>, mut plan: Plan) -> Plan {
    for Another { arn, shown } in others {
        let twin = match shown {
            None => {
                plan.sooner = Some(When::Now);
                break;
            }
            Some(Err(failure)) => {
                plan.sooner = Some(When::Backoff(failure.class));
                plan.unread = Some((arn, failure));
                break;
            }
            Some(Ok(None)) => continue,
            Some(Ok(Some(twin))) => twin,
        };
        match fate(&twin, kept, case.seen.created_at, &case.identity) {
            Fate::NotOurs => {}
            Fate::Stays => plan.others.push(Step::TellOfTwin(arn)),
            Fate::Goes => {
                plan.others.extend(turn(case, &arn));
                // Another operator may keep the twin instead. The status that the API server has now decides.
                plan.others.extend(plan.kept().map(Step::Confirm));
                plan.others.push(Step::Delete {
                    arn,
                    create_time: twin.create_time,
                    twin: true,
                });
            }
        }
    }
    plan
}

// --- an object that goes, or is let go ------------------------------------------------------------------------------

/// Deletes the object's room or releases it, and lets the object go once no room of its own is left.
fn delete(case: &Case<'_>, sight: Sight, mut record: Record) -> Plan {
    let observes = case.seen.observes;
    match sight {
        Sight::Unneeded if !case.seen.has_finalizer() => not_held(case, record),
        Sight::Unneeded if case.seen.may_observe => {
            let left = record.arn.clone().map(|arn| (arn, UNREADABLE));
            Plan::letting_go(left).on(record)
        }
        Sight::Unsettled(unsettled) => {
            let when = match unsettled.reason {
                // The room of an attempt may show up at any moment, and has to be deleted then.
                Reason::CreationPending => When::By(unsettled.until, FailureClass::NotFound),
                _ => When::At(unsettled.until),
            };
            Plan::waiting(Reason::Deleting, unsettled.message, when).on(record)
        }
        // The room of an attempt that was made before the object was set to observe.
        Sight::Room(room) if observes => Plan::letting_go(Some((room.arn, OBSERVED))).on(record),
        Sight::Room(room) if case.identity.prove(&room.tags) == Proof::Ours => {
            record.bind(&room);
            let (steps, message, when) = if case.retains() {
                (
                    releasing(case, &room),
                    format!(
                        "Left room {}; making sure that none is left behind",
                        room.arn
                    ),
                    When::Now,
                )
            } else {
                let delete = Step::Delete {
                    arn: room.arn.clone(),
                    create_time: room.create_time,
                    twin: false,
                };
                let turn = turn(case, &room.arn).into_iter();
                (
                    [Step::Rehearse]
                        .into_iter()
                        .chain(turn)
                        .chain([delete])
                        .collect(),
                    format!("Deleted room {}; making sure that none is left", room.arn),
                    // An immediate check would only meet a read that lags.
                    When::Backoff(FailureClass::NotFound),
                )
            };
            Plan::waiting(Reason::Deleting, message, when)
                .on(record)
                .doing(steps)
        }
        // A room of somebody else never blocks a deletion.
        Sight::Room(room) if !case.identity.retained(&room.tags) => {
            Plan::letting_go(Some((room.arn, FOREIGN))).on(record)
        }
        Sight::Room(_) | Sight::Adoptable(_) | Sight::Absent | Sight::Unneeded => {
            Plan::letting_go(None).on(record)
        }
    }
}

/// The object is being deleted, and the operator does not hold it. If it did before, the status says who holds it now.
fn not_held(case: &Case<'_>, record: Record) -> Plan {
    let told = status::reason(&case.seen.status, ConditionType::Ready);
    let others = case.seen.others_finalizers();
    if told != Some(Reason::Deleting.as_str()) || others.is_empty() {
        return Plan::ending(Outcome::Gone).on(record);
    }
    let stays = case.retains() || case.seen.observes || case.seen.may_observe;
    let room = if stays {
        "Its room stays"
    } else {
        "No room of its own is left"
    };
    let message = format!(
        "{room}. Other finalizers still hold the object: {}. It goes once they are removed",
        others.join(", ")
    );
    Plan::waiting(Reason::Deleting, message, When::Interval).on(record)
}

/// Lets go of every room that proves to be the object's, and then of the object itself, which stays. A room of somebody else is not
/// told of as released.
fn release(case: &Case<'_>, sight: Sight, others: Vec<Another>, mut record: Record) -> Planned {
    let nothing = |failure| (failure, Knowledge::Nothing);
    let mut steps = Vec::new();
    match sight {
        Sight::Unsettled(unsettled) => return Ok(Plan::unsettled(unsettled).on(record)),
        // The room was released before, or there never was one.
        Sight::Adoptable(_) | Sight::Absent | Sight::Unneeded => {}
        Sight::Room(room) if case.identity.retained(&room.tags) => {}
        Sight::Room(room) => {
            require_proof(&room.arn, &room.tags, &case.identity).map_err(nothing)?;
            record.forget_room();
            record.bind(&room);
            steps.extend(releasing(case, &room));
        }
    }
    for other in others {
        let shown = other.shown.unwrap_or(Ok(None)).map_err(nothing)?;
        let ours = shown.filter(|room| case.identity.prove(&room.tags) == Proof::Ours);
        steps.extend(ours.iter().flat_map(|room| releasing(case, room)));
    }
    Ok(Plan::with(Verdict::Released, When::Interval)
        .on(record)
        .doing(steps)
        .doing([Step::WriteReleased, Step::Unhold]))
}

/// The steps that release a room: it stays, and consents to be taken back.
fn releasing(case: &Case<'_>, room: &ActualRoom) -> Vec<Step> {
    let mut released = room.clone();
    let mut steps = Vec::new();
    for edit in correction::release(&room.tags, &case.identity) {
        edit.apply(&mut released.tags);
        steps.push(Step::Edit(room.arn.clone(), edit));
    }
    steps.push(Step::Released(released));
    steps
}

/// A room that has been deleted has had its turn.
fn turn(case: &Case<'_>, arn: &RoomArn) -> Option<Step> {
    let had = case
        .recall
        .deleted
        .as_ref()
        .is_some_and(|it| it.arn == *arn);
    (!had).then(|| Step::Turn(arn.clone()))
}

// --- what people are told -------------------------------------------------------------------------------------------

fn nothing_to_observe() -> Failure {
    Failure::new(
        FailureClass::NotFound,
        "There is no room to observe: name one in spec.adopt.arn that consents, or set spec.managementPolicy to Manage",
    )
}

fn has_another(adopt: &RoomArn, has: &RoomArn) -> Failure {
    let message = format!(
        "spec.adopt.arn: names room {adopt}, but this object already has room {has}; remove spec.adopt, or adopt with another \
         object"
    );
    Failure::new(FailureClass::Invalid, message)
}

#[cfg(test)]
mod tests;

//! Reads AWS for a pass: what the search asks for, until it knows which room the object has.

use ivschat_aws::{Caller, Operation};
use ivschat_core::room::case::{Case, Intent};
use ivschat_core::room::recall::Recall;
use ivschat_core::room::search::{Ask, Facts, Look, Sight, search};
use ivschat_core::room::status::Knowledge;
use ivschat_core::room::{Failure, FailureClass};
use jiff::Timestamp;

use super::context::Context;

/// Finds the object's room, with credentials of the right account.
///
/// `case_at`: the case by the time that this process became the only one, and by what time it is. Both are known once AWS was heard.
pub(super) async fn look<'a>(
    case_at: impl Fn(Timestamp, Timestamp) -> Case<'a>,
    caller: &Caller,
    context: &Context,
) -> (Case<'a>, Look) {
    let (clock, term) = (&context.clock, &context.term);
    let mut heard = clock.is_heard();
    let mut case = case_at(term.begun(clock), clock.now());
    let mut facts = Facts::default();
    let mut account = String::new();
    let mut look = loop {
        match search(&case, &facts) {
            Ok(look) => break look,
            Err(ask) => Box::pin(read(&case, ask, caller, &mut account, &mut facts, context)).await,
        }
        if !heard && clock.is_heard() {
            heard = true;
            case = case_at(term.begun(clock), clock.now());
            // Which lists were asked for depended on what time it seemed to be.
            facts.forget_regions();
        }
    };
    if let Some(operation) = compared_by(&case, &look) {
        context.metrics.compared(operation);
    }
    if let (Some(account), Ok(_)) = (&look.account, &look.sight) {
        // If the credentials changed on the way, nobody knows which account was read.
        if let Err(failure) = require_unchanged(account, context).await {
            look.sight = Err((failure, Knowledge::Nothing));
        }
    }
    (case, look)
}

/// What showed the object's room.
fn compared_by(case: &Case<'_>, look: &Look) -> Option<Operation> {
    match (&look.sight, case.intent) {
        (Ok(Sight::Unneeded), Intent::Keep) => Some(Operation::ListRooms),
        (Ok(Sight::Room(_)), Intent::Keep | Intent::Observe) => Some(Operation::GetRoom),
        _ => None,
    }
}

/// Lets an answer through if it is known what time it was.
fn timed<T>(answer: Result<T, Failure>, context: &Context) -> Result<T, Failure> {
    answer.and_then(|answer| require_time(context).map(|()| answer))
}

/// Fails unless it is known what time it is.
pub(super) fn require_time(context: &Context) -> Result<(), Failure> {
    if context.clock.is_heard() {
        return Ok(());
    }
    let unheard = "it is not known what time it is in AWS: no answer has come quickly enough for --clock-skew yet";
    Err(Failure::new(FailureClass::Unavailable, unheard))
}

/// Fails if the credentials have changed to another account since the pass read AWS.
pub(super) async fn require_unchanged(account: &str, context: &Context) -> Result<(), Failure> {
    if context.account.id().await? == account {
        return Ok(());
    }
    let changed = "the operator's AWS credentials changed to another account meanwhile";
    Err(Failure::new(FailureClass::Unavailable, changed))
}

async fn read(
    case: &Case<'_>,
    ask: Ask,
    caller: &Caller,
    account: &mut String,
    facts: &mut Facts,
    context: &Context,
) {
    let Context { rooms, index, .. } = context;
    let identity = &case.identity;
    match ask {
        Ask::Account => {
            let answer = context.account.id().await;
            account.clone_from(answer.as_ref().unwrap_or(&String::new()));
            facts.account(answer);
        }
        Ask::Room(arn) => {
            let answer = match context.require_place(arn.region()) {
                Ok(()) => timed(rooms.get(&arn, caller).await, context),
                Err(failure) => Err(failure),
            };
            let at = context.clock.now();
            if matches!(answer, Ok(None)) {
                index.missing(account, &arn);
            }
            if matches!(answer, Ok(Some(_))) && case.record.arn.as_ref() == Some(&arn) {
                let saw = |recall: &mut Recall| recall.saw(&arn, at);
                context.memory.of(&case.seen.uid, |entry| entry.recall(saw));
            }
            facts.room(arn, at, answer);
        }
        Ask::Region { region, need } => {
            let answer = match context.require_place(&region) {
                Ok(()) => {
                    let rooms = index.rooms_of(identity, account, &region, &need, caller);
                    rooms.await
                }
                Err(failure) => Err(failure),
            };
            facts.region(region, need, timed(answer, context));
        }
        Ask::Known => {
            let regions = index.regions(account).into_iter();
            let known = regions.flat_map(|region| index.known(identity, account, &region));
            facts.known(known.collect());
        }
    }
}

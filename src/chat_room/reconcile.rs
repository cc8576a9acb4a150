//! One pass over one object.

use std::sync::Arc;
use std::time::Duration;

use ivschat_aws::Caller;
use ivschat_core::room::case::{Case, Task};
use ivschat_core::room::decide::decide;
use ivschat_core::room::seen::Seen;
use kube::api::DynamicObject;

use super::act::act;
use super::context::Context;
use super::look::look;
use super::overlap;
use super::report::{Passed, report};
use crate::kit::Error;
use crate::kit::leadership::Mandate;

/// Brings the room of a ChatRoom to what the ChatRoom describes, and writes the outcome into its status.
///
/// Failures of AWS are outcomes like any other: they end up in the status, and their class decides when to try again. A
/// pass over a room that is as specified writes nothing, and makes a GetRoom only where no list shows that. `caller`: whose turn it is where others wait for AWS's
/// quota, too. Returns how long the object needs no other pass; `None`: until it changes.
///
/// # Errors
/// Only failures of Kubernetes: then nothing could be written to the object, and the pass is repeated.
pub async fn reconcile(
    object: Arc<DynamicObject>,
    caller: Caller,
    context: Arc<Context>,
) -> Result<Option<Duration>, Error> {
    let seen = Seen::read(&object); // pure
    let Some(mandate) = context.leadership.mandate() else {
        // A standby only keeps its cache warm. When a replica begins to lead, every object gets a pass. The wait is for
        // clocks that are set back and forth, by which a term may seem to end and continue.
        return Ok(Some(context.look_later()));
    };
    overlap::report(&seen, &context).await; // if another operator also writes to the object
    let passed = pass(Task::Follow, &seen, &caller, &context, &mandate).await?;
    Ok(passed.map(|passed| passed.rest))
}

/// Reads AWS, decides, acts, and reports. `None`: the object is gone.
pub(super) async fn pass(
    task: Task,
    seen: &Seen,
    caller: &Caller,
    context: &Context,
    mandate: &Mandate,
) -> Result<Option<Passed>, Error> {
    let timer = context.metrics.pass();
    let recall = context.begin_pass(seen);
    let policies = &context.settings.policies;
    let case = |since, now| Case::of(task, seen, &recall, policies, since, now); // pure
    let (case, look) = look(case, caller, context).await; // reads AWS, as `search` asks
    let plan = decide(&case, look); // pure: the steps
    let mut object = context.object(seen);
    let acted = act(&case, &plan, &mut object, caller, context, mandate).await; // takes them
    Box::pin(report(&case, acted, object, context, mandate, timer)).await // status, events, next pass
}

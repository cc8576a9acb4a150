//! The emulator under the policy: a call that IAM would deny is answered AccessDeniedException.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ivschat_emulator::Emulator;
use ivschat_emulator::world::{ApiError, Call, Operation, Scope, Tags, World};

use super::policy::{Policy, Request, filled};
use crate::stage::Options;

/// What IAM was asked, in its order.
pub type Asked = Arc<Mutex<Vec<(Scope, Request)>>>;

/// Holds every call over HTTP to the emulator to the policies of operators that run so, in every region and account.
pub fn enforce(emulator: &Emulator, operators: &[Options]) -> Asked {
    let operators = operators.to_vec();
    let asked = Asked::default();
    let record = Arc::clone(&asked);
    emulator.guard(move |world, scope, call| {
        let policies: Vec<Policy> = operators.iter().map(|it| policy(it, scope)).collect();
        for request in requests(world, scope, call) {
            record
                .lock()
                .unwrap()
                .push((scope.clone(), request.clone()));
            if !policies.iter().any(|policy| policy.allows(&request)) {
                let Request {
                    action, resource, ..
                } = request;
                let problem =
                    format!("not authorized to perform: {action} on resource: {resource}");
                return Err(ApiError::new(403, "AccessDeniedException", &problem));
            }
        }
        Ok(())
    });
    asked
}

fn policy(operator: &Options, scope: &Scope) -> Policy {
    let mut flags = operator.flags.iter();
    let former = flags.any(|flag| *flag == "--former-cluster-id");
    let former = former.then(|| flags.next()).flatten();
    let former = former.into_iter().flat_map(|ids| ids.split(','));
    former.fold(filled(operator.cluster, scope), Policy::with_former)
}

/// What IAM is asked about a call. All of it must be allowed: where AWS does not document what it asks, every way it may ask.
pub fn requests(world: &World, scope: &Scope, call: &Call) -> Vec<Request> {
    let room_tags = |arn: &str| {
        let room = world.rooms(scope).into_iter().find(|room| room.arn == arn);
        room.map(|room| room.tags).unwrap_or_default()
    };
    let operation = call.operation();
    let none = Tags::new();
    match call {
        // Needs no permission.
        Call::GetCallerIdentity => vec![],
        Call::CreateRoom(new) => {
            let tags = new.tags.as_ref().unwrap_or(&none);
            creation(scope, tags)
        }
        Call::ListRooms(_) => {
            let (any, all) = (room_arn(scope, "*"), "*".to_owned());
            let ask = |resource| request(scope, operation, resource, &none, &none, &[]);
            vec![ask(any), ask(all)]
        }
        Call::GetRoom { identifier } | Call::DeleteRoom { identifier } => {
            let found = room_tags(identifier);
            vec![request(
                scope,
                operation,
                identifier.clone(),
                &found,
                &none,
                &[],
            )]
        }
        Call::UpdateRoom(update) => {
            let (arn, found) = (&update.identifier, room_tags(&update.identifier));
            vec![request(scope, operation, arn.clone(), &found, &none, &[])]
        }
        Call::TagResource { resource_arn, tags } => {
            let (arn, found) = (resource_arn.clone(), room_tags(resource_arn));
            vec![request(scope, operation, arn, &found, tags, &[])]
        }
        Call::UntagResource {
            resource_arn,
            tag_keys,
        } => {
            let (arn, found) = (resource_arn.clone(), room_tags(resource_arn));
            vec![request(scope, operation, arn, &found, &none, tag_keys)]
        }
        // The operator makes no other; no room comes into it.
        _ => vec![request(scope, operation, "*".to_owned(), &none, &none, &[])],
    }
}

/// CreateRoom with tags, and TagResource on what has no ARN yet: asked for `*` or for any room, with no tags yet or with those
/// that it is to have.
fn creation(scope: &Scope, tags: &Tags) -> Vec<Request> {
    let none = Tags::new();
    let ask = |operation, resource: &str, found: &Tags| {
        request(scope, operation, resource.to_owned(), found, tags, &[])
    };
    let any = room_arn(scope, "*");
    vec![
        ask(Operation::CreateRoom, "*", &none),
        ask(Operation::CreateRoom, &any, &none),
        ask(Operation::CreateRoom, &any, tags),
        ask(Operation::TagResource, "*", &none),
        ask(Operation::TagResource, &any, &none),
        ask(Operation::TagResource, &any, tags),
    ]
}

pub fn room_arn(scope: &Scope, id: &str) -> String {
    let Scope { account, region } = scope;
    format!("arn:aws:ivschat:{region}:{account}:room/{id}")
}

/// `found`: the resource's tags; `given`: the request's; `removed`: the keys of tags that it takes off.
pub fn request(
    scope: &Scope,
    operation: Operation,
    resource: String,
    found: &Tags,
    given: &Tags,
    removed: &[String],
) -> Request {
    let mut context =
        BTreeMap::from([("aws:requestedregion".to_owned(), vec![scope.region.clone()])]);
    for (kind, tags) in [("resourcetag", found), ("requesttag", given)] {
        for (key, value) in tags {
            let key = format!("aws:{kind}/{}", key.to_lowercase());
            context.insert(key, vec![value.clone()]);
        }
    }
    let keys: Vec<String> = given.keys().chain(removed).cloned().collect();
    if !keys.is_empty() {
        context.insert("aws:tagkeys".to_owned(), keys);
    }
    Request {
        action: format!("ivschat:{}", operation.name()),
        resource,
        context,
    }
}

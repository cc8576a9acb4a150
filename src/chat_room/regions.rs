//! The regions that are read as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use ivschat_core::room::is_region;
use kube::api::DynamicObject;
use kube::runtime::reflector::Store;

use super::context::Context;

/// Where rooms can be. A process that has just started has looked at none of these regions, so the statuses count too.
pub(super) fn regions(context: &Context, objects: &Store<DynamicObject>) -> BTreeSet<String> {
    let in_force = |object: Arc<DynamicObject>| {
        let region = object.data["status"]["region"].as_str()?;
        is_region(region).then(|| region.to_owned())
    };
    let named: BTreeSet<_> = objects.state().into_iter().filter_map(in_force).collect();
    let mut regions: BTreeSet<_> = named
        .into_iter()
        .filter(|region| context.require_place(region).is_ok())
        .collect();
    regions.extend(context.settings.policies.regions.iter().cloned());
    regions.extend(context.places.others());
    regions
}

//! The regions that are read as a whole.

use std::collections::BTreeSet;

use ivschat_core::room::is_region;

use super::cache::Cache;
use super::context::Context;

/// Where rooms can be. A process that has just started has looked at none of these regions, so the statuses count too.
pub(super) fn regions(context: &Context, objects: &Cache) -> BTreeSet<String> {
    let named = objects.regions().into_iter();
    let in_force = named.filter(|region| is_region(region));
    let mut regions: BTreeSet<_> = in_force
        .filter(|region| context.require_place(region).is_ok())
        .map(|region| region.as_ref().to_owned())
        .collect();
    regions.extend(context.settings.policies.regions.iter().cloned());
    regions.extend(context.places.others());
    regions
}

//! What the cache keeps of an object: what passes read, and no more. Users can write a lot into an object, and every replica holds all of
//! them.

use ivschat_core::api::names::{CLASS_LABEL, PAUSED_ANNOTATION, RECONCILE_AT_ANNOTATION};
use kube::api::DynamicObject;

use super::signature::Signature;

/// The longest value of an annotation that is kept. No value that means anything is as long.
const LONGEST: usize = 256;

/// Strips an object to what passes read of it.
pub(super) fn trim(object: &mut DynamicObject, signature: &Signature) {
    signature.keep_others(object);
    let meta = &mut object.metadata;
    meta.owner_references = None;
    if let Some(labels) = &mut meta.labels {
        labels.retain(|key, _| key == CLASS_LABEL);
    }
    if let Some(annotations) = &mut meta.annotations {
        let read = [PAUSED_ANNOTATION, RECONCILE_AT_ANNOTATION];
        annotations.retain(|key, _| read.contains(&key.as_str()));
        for value in annotations.values_mut() {
            if value.len() > LONGEST {
                // A copy, so that the memory of the rest is given back.
                *value = value[..value.floor_char_boundary(LONGEST)].to_owned();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ivschat_core::api::ChatRoom;
    use kube::api::ApiResource;

    use super::*;

    #[test]
    fn of_an_object_only_what_passes_read_is_kept_and_nothing_without_bound() {
        let large = "é".repeat(125_000);
        let mut object = DynamicObject::new("lobby", &ApiResource::erase::<ChatRoom>(&()));
        let texts = |all: &[(&str, &str)]| -> BTreeMap<String, String> {
            all.iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        object.metadata.labels = Some(texts(&[(CLASS_LABEL, "blue"), ("team", "live")]));
        object.metadata.annotations = Some(texts(&[
            ("kubectl.kubernetes.io/last-applied-configuration", &large),
            (PAUSED_ANNOTATION, "true"),
            (RECONCILE_AT_ANNOTATION, &format!("x{large}")),
        ]));
        trim(&mut object, &Signature::new(None));
        let cut = format!("x{}", "é".repeat(127));
        let kept = texts(&[(PAUSED_ANNOTATION, "true"), (RECONCILE_AT_ANNOTATION, &cut)]);
        assert_eq!(object.metadata.annotations, Some(kept));
        assert_eq!(
            object.metadata.labels,
            Some(texts(&[(CLASS_LABEL, "blue")]))
        );
    }
}

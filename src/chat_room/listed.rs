//! Which namespaces have been listed.

use std::sync::{Mutex, PoisonError};

/// Namespaces that have been listed. Before that, every room of theirs would look like an orphan.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// `None`: none is.
    unlisted: Mutex<Option<Vec<String>>>,
}

impl Listed {
    /// All are but these.
    pub(super) fn all_but(&self, unlisted: &[String]) {
        let mut known = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(unlisted.to_vec());
    }

    /// Those of `namespaces` that are; `None`: none is. Where `namespaces` is empty, it stands for all.
    pub(super) fn of(&self, namespaces: &[String]) -> Option<Vec<String>> {
        let known = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        let unlisted = known.as_ref()?;
        let listed = namespaces.iter().filter(|it| !unlisted.contains(it));
        let listed: Vec<String> = listed.cloned().collect();
        (namespaces.is_empty() || !listed.is_empty()).then_some(listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_that_can_be_listed_are_swept_whatever_becomes_of_the_others() {
        let names = |of: &[&str]| of.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (all, both) = (names(&[]), names(&["a", "b"]));
        let listed = Listed::default();
        assert_eq!((listed.of(&all), listed.of(&both)), (None, None));
        for (unlisted, swept) in [
            (names(&["a", "b"]), None),
            (names(&["b"]), Some(names(&["a"]))),
            (names(&[]), Some(both.clone())),
        ] {
            listed.all_but(&unlisted);
            assert_eq!(listed.of(&both), swept, "{unlisted:?}");
        }
        assert_eq!(listed.of(&all), Some(all));
    }
}

//! Faults of the operator that are known: which failures are theirs. Every other failure is news.

use std::collections::BTreeSet;

use crate::oracle::Oracle;

/// What a failing seed comes down to: the rule that was broken, and what it took.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// The rule.
    pub oracle: Oracle,
    /// Kinds of disturbances, each once.
    pub takes: BTreeSet<String>,
}

impl Signature {
    fn takes_one_of(&self, kinds: &[&str]) -> bool {
        kinds.iter().any(|kind| self.takes.contains(*kind))
    }

    /// The known fault that fails like this.
    pub fn known(&self) -> Option<&'static str> {
        let rooms = matches!(
            self.oracle,
            Oracle::OneRoom | Oracle::LettingGo | Oracle::Grace | Oracle::Convergence
        );
        let lost = self.takes_one_of(&["LoseStatus", "RestoreStatus", "Migration"]);
        // A list missed the object's room, or a copy of it.
        let missed = match self.oracle {
            Oracle::LettingGo if self.takes_one_of(&["CopyRoom"]) => {
                self.takes_one_of(&["ChangeListed"])
            }
            Oracle::OneRoom | Oracle::LettingGo | Oracle::Grace => {
                lost && self.takes_one_of(&["ChangeListed", "ChangeRoom"])
            }
            _ => false,
        };
        if rooms && lost && self.takes_one_of(&["Moved", "DropRegion"]) {
            Some("A5")
        } else if missed {
            Some("A6")
        } else {
            match self.oracle {
                Oracle::Deletion => Some("A11"),
                // Its pass waits behind others that read lists again and again.
                Oracle::Retry if self.takes_one_of(&["ChangeListed"]) => Some("A4"),
                _ => None,
            }
        }
    }
}

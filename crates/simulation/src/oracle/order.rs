//! What a watch emits of an object never goes backwards.

use super::{Oracle, Oracles};
use crate::network::ProcessId;

impl Oracles {
    pub(super) fn emitted(&mut self, by: ProcessId, object: &str, uid: String, version: u64) {
        let last = self.emitted.insert((by, uid), version);
        if let Some(last) = last.filter(|last| *last > version) {
            let operator = by.operator;
            let what = format!(
                "the watch of operator-{operator} emits {object} at version {version} after version {last}"
            );
            self.broken(Oracle::Order, what);
        }
    }
}

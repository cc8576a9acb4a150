//! Whoever waits for a quota is passed over by no more than a round: lanes have their weights, and namespaces come in turn.

use std::collections::BTreeMap;

use ivschat_aws::Turn;
use ivschat_core::lanes::Lane;

use super::{Oracle, Oracles};
use crate::network::ProcessId;

/// Somebody who waits, and who was served since.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) by: ProcessId,
    turn: Turn,
    /// How often each lane was.
    lanes: [u64; 3],
    /// How often each namespace of its own lane was.
    namespaces: BTreeMap<String, u64>,
}

impl Oracles {
    pub(super) fn waits(&mut self, by: ProcessId, turn: Turn) {
        self.waiters.push(Waiter {
            by,
            turn,
            lanes: [0; 3],
            namespaces: BTreeMap::new(),
        });
    }

    pub(super) fn served(&mut self, by: ProcessId, turn: &Turn) {
        self.waits_no_more(by, turn);
        let behind = self.waiters.iter_mut().filter(|it| {
            let place = (&it.turn.region, it.turn.operation);
            it.by == by && place == (&turn.region, turn.operation)
        });
        let mut passed_over = None;
        for waiter in behind {
            waiter.lanes[turn.lane as usize] += 1;
            if waiter.turn.lane == turn.lane {
                *waiter.namespaces.entry(turn.namespace.clone()).or_default() += 1;
            }
            if passed_over.is_none() {
                passed_over = waiter.too_often();
            }
        }
        if let Some(what) = passed_over {
            self.broken(Oracle::Turns, what);
        }
    }

    pub(super) fn waits_no_more(&mut self, by: ProcessId, turn: &Turn) {
        self.waiters.retain(|it| (it.by, &it.turn) != (by, turn));
    }
}

impl Waiter {
    /// By whom it was passed over too often.
    fn too_often(&self) -> Option<String> {
        let Turn {
            region,
            operation,
            lane,
            namespace,
            ..
        } = &self.turn;
        let told = |whom: String, times: u64| {
            format!(
                "{operation} in {region} for {namespace} ({}) waits while {whom} is served {times} times",
                lane.name()
            )
        };
        let own = self.lanes[*lane as usize] + 1;
        for other in Lane::ALL.into_iter().filter(|other| other != lane) {
            let times = self.lanes[other as usize];
            if times > (own * other.weight()).div_ceil(lane.weight()) + 1 {
                return Some(told(format!("the lane {}", other.name()), times));
            }
        }
        let own = self.namespaces.get(namespace).copied().unwrap_or_default() + 1;
        let others = self.namespaces.iter().filter(|(it, _)| *it != namespace);
        let (other, times) = others.max_by_key(|(_, times)| **times)?;
        (*times > own + 1).then(|| told(format!("namespace {other:?}"), *times))
    }
}

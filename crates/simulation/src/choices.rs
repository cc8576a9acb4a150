//! What is drawn. Each step draws from a sequence of its own, so that leaving out what one step does changes no draw of another.

use std::collections::BTreeSet;

/// Where the draws of a seed come from, and which of its disturbances are left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    seed: u64,
    without: BTreeSet<u32>,
}

impl Choices {
    /// All of a seed's choices, but for the disturbances of these steps.
    pub(crate) fn new(seed: u64, without: BTreeSet<u32>) -> Self {
        Self { seed, without }
    }

    /// The draws that a seed begins with.
    pub(crate) fn beginning(&self) -> fastrand::Rng {
        self.step(u32::MAX)
    }

    /// The draws of a step.
    pub(crate) fn step(&self, step: u32) -> fastrand::Rng {
        fastrand::Rng::with_seed(mix(self.seed ^ mix(u64::from(step))))
    }

    /// Whether this step may disturb anything.
    pub(crate) fn may_disturb(&self, step: u32) -> bool {
        !self.without.contains(&step)
    }
}

/// splitmix64: numbers next to each other become numbers that have nothing to do with each other.
pub(crate) const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

//! What happened, in words: numbered sentences with true times.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::time::Time;

/// The sentences of a seed, where they are asked for; and in any case a number that tells one course of events from another.
#[derive(Debug, Clone, Default)]
pub struct Story {
    told: bool,
    sentences: Vec<(Time, String)>,
    trace: DefaultHasher,
}

impl Story {
    /// `told`: whether the sentences are wanted.
    pub(crate) fn new(told: bool) -> Self {
        Self {
            told,
            ..Self::default()
        }
    }

    /// Adds a sentence.
    pub(crate) fn tell(&mut self, now: Time, sentence: impl FnOnce() -> String) {
        if self.told {
            let sentence = sentence();
            (now, &sentence).hash(&mut self.trace);
            self.sentences.push((now, sentence));
        }
    }

    /// Notes something that no sentence tells.
    pub(crate) fn note(&mut self, what: impl Hash) {
        what.hash(&mut self.trace);
    }

    /// Equal where everything went the same way.
    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (time, sentence)) in self.sentences.iter().enumerate() {
            writeln!(
                f,
                "{:>5}. {:>9.3} s  {sentence}",
                number + 1,
                time.as_secs_f64()
            )?;
        }
        Ok(())
    }
}

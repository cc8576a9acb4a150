//! Ids, tokens, seals and lags: unguessable without the seed, the same again with it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Of rooms, logging configurations, events and messages.
const ID_LENGTH: usize = 12;

/// A sequence that its seed determines and nobody else can continue.
#[derive(Debug, Clone)]
pub(super) struct Random {
    seed: u128,
    /// Which start of a stored world this is: a restart must not draw the ids of the time before again.
    start: u64,
    drawn: u64,
    /// Counted apart, so that what is read changes no id.
    parts: u64,
}

impl Random {
    pub(super) fn new(seed: u128, start: u64) -> Self {
        Self {
            seed,
            start,
            drawn: 0,
            parts: 0,
        }
    }

    /// 12 of `[a-zA-Z0-9]`.
    pub(super) fn id(&mut self) -> String {
        let bytes = self.fresh();
        let number = bytes.first_chunk::<16>().copied().unwrap_or_default();
        let mut number = u128::from_be_bytes(number);
        let digit = |_| {
            let digit = usize::try_from(number % 62).unwrap_or_default();
            number /= 62;
            char::from(ALPHABET[digit])
        };
        (0..ID_LENGTH).map(digit).collect()
    }

    /// 256 bits, for URLs.
    pub(super) fn token(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(self.fresh())
    }

    /// Nothing, `whole`, or something between: each as often. Both ends are where readers go wrong.
    pub(super) fn part(&mut self, whole: Duration) -> Duration {
        self.parts += 1;
        let [kind, share @ ..] = self.draw("part", self.parts);
        let share = share.first_chunk().copied().map_or(0, u32::from_be_bytes);
        match kind % 3 {
            0 => Duration::ZERO,
            1 => whole,
            // Less than 1: no product overflows.
            _ => whole.mul_f64(f64::from(share) / (f64::from(u32::MAX) + 1.0)),
        }
    }

    /// The seal that tells what this world wrote from what others did.
    pub(super) fn seal(&self, purpose: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut seal = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.seed.to_be_bytes())
            .expect("any length");
        seal.update(purpose.as_bytes());
        seal.update(&[0]);
        seal
    }

    fn fresh(&mut self) -> [u8; 32] {
        self.drawn += 1;
        self.draw("draw", self.drawn)
    }

    fn draw(&self, purpose: &str, number: u64) -> [u8; 32] {
        let mut seal = self.seal(purpose);
        seal.update(&self.start.to_be_bytes());
        seal.update(&number.to_be_bytes());
        seal.finalize().into_bytes().into()
    }
}

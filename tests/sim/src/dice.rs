//! The one source of chance. A seed and a name give a stream; streams do not disturb each other, so a fault more in one
//! place leaves every other place as it was.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of chance. Clones share it.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<ChaCha8Rng>>);

impl Dice {
    /// The stream of that name under a seed.
    pub fn new(seed: u64, name: &str) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // FNV-1a: the same everywhere and for ever, which `Hash` does not promise.
        let stream = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        rng.set_stream(stream);
        Self(Arc::new(Mutex::new(rng)))
    }

    /// Any number.
    pub fn number(&self) -> u64 {
        self.0.lock().random()
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&self, end: u64) -> u64 {
        self.between(0, end)
    }

    /// A number in `from..end`; `from` where that is empty.
    pub fn between(&self, from: u64, end: u64) -> u64 {
        if end <= from { from } else { self.0.lock().random_range(from..end) }
    }

    /// True so often in a thousand.
    pub fn chance(&self, permille: u64) -> bool {
        self.below(1_000) < permille
    }

    /// One of them.
    pub fn pick<T: Clone>(&self, of: &[T]) -> Option<T> {
        of.get(self.below(of.len() as u64) as usize).cloned()
    }

    /// So many milliseconds, `from..end`.
    pub fn millis(&self, from: u64, end: u64) -> Duration {
        Duration::from_millis(self.between(from, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_name_give_a_stream() {
        let draw = |seed, name| {
            let dice = Dice::new(seed, name);
            (0..8).map(|_| dice.number()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
    }
}

//! Randomness by address: the draws of a bar depend on (seed, symbol, bar) and on nothing drawn before.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// Draws of one bar of one symbol.
pub(super) struct Noise(ChaCha8Rng);

/// The key of a symbol's randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// Equal for equal seeds and symbols.
    pub(super) fn new(seed: u64, symbol: &str) -> Self {
        let mut bytes = [0; 32];
        let mut state = fnv(symbol.as_bytes()) ^ seed.rotate_left(32);
        for (i, chunk) in bytes.chunks_exact_mut(8).enumerate() {
            state = mix(state.wrapping_add(seed).wrapping_add(i as u64));
            chunk.copy_from_slice(&state.to_le_bytes());
        }
        Self(bytes)
    }
}

impl Noise {
    pub(super) fn of_bar(key: Key, bar: i64) -> Self {
        let mut rng = ChaCha8Rng::from_seed(key.0);
        rng.set_stream(bar as u64);
        Self(rng)
    }

    /// Uniform in (0, 1).
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let (u, v) = (self.uniform(), self.uniform());
        (-2.0 * libm::log(u)).sqrt() * libm::cos(std::f64::consts::TAU * v)
    }
}

/// FNV-1a: names to numbers, equal on every machine and in every version.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// The finaliser of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

//! How long an object that failed waits: longer with every failure in a row, for each object on its own.
//!
//! The controller of the Kubernetes client is never told of successes, so this is kept around it. A failure that a
//! change of the object heals costs that object's patience only: a success, and the object's end, clear it.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(300);

/// Failures in a row, by object.
#[derive(Debug)]
pub struct Backoff<K> {
    failures: Mutex<HashMap<K, u32>>,
}

impl<K> Default for Backoff<K> {
    fn default() -> Self {
        Backoff { failures: Mutex::new(HashMap::new()) }
    }
}

impl<K: Hash + Eq> Backoff<K> {
    /// One more failure: how long to wait. `jitter` lies in 0..1.
    pub fn failed(&self, key: K, jitter: f64) -> Duration {
        let mut failures = self.failures.lock();
        let count = failures.entry(key).or_insert(0);
        *count = count.saturating_add(1);
        wait(*count, jitter)
    }

    /// It went well, or the object is gone.
    pub fn clear(&self, key: &K) {
        self.failures.lock().remove(key);
    }

    /// Objects that wait after a failure.
    pub fn waiting(&self) -> usize {
        self.failures.lock().len()
    }
}

/// The wait after the n-th failure in a row, n >= 1: doubled each time, at most five minutes, up to a quarter less so
/// that objects that failed together do not come back together.
pub fn wait(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(LONGEST).mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0))
}

/// A period with up to `spread` (a fraction of it) more, so that objects do not come in step.
pub fn around(period: Duration, spread: f64, jitter: f64) -> Duration {
    period.mul_f64(1.0 + spread * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes() {
        let waits: Vec<u64> = (1..=12).map(|n| wait(n, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(wait(u32::MAX, 0.0), LONGEST);
        assert_eq!(wait(3, 1.0), Duration::from_secs(3));
        assert_eq!(around(Duration::from_secs(60), 0.5, 1.0), Duration::from_secs(90));
    }

    #[test]
    fn a_success_clears_one_object_only() {
        let backoff = Backoff::default();
        assert_eq!(backoff.failed("a", 0.0), FIRST);
        assert_eq!(backoff.failed("a", 0.0), FIRST * 2);
        assert_eq!(backoff.failed("b", 0.0), FIRST);
        backoff.clear(&"a");
        assert_eq!(backoff.waiting(), 1);
        assert_eq!(backoff.failed("a", 0.0), FIRST);
        assert_eq!(backoff.failed("b", 0.0), FIRST * 2);
    }
}

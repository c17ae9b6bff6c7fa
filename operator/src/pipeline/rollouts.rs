//! A new operator changes every pipeline's pods. Not all at once: at most five pipelines roll, the next when one of them
//! is ready again. A change that a person asked for never waits.

use std::collections::HashSet;
use std::hash::Hash;

use parking_lot::Mutex;

/// Pipelines that roll at once after an upgrade.
const AT_ONCE: usize = 5;

/// Who rolls.
#[derive(Debug)]
pub struct Rollouts<K> {
    rolling: Mutex<HashSet<K>>,
}

impl<K> Default for Rollouts<K> {
    fn default() -> Self {
        Rollouts { rolling: Mutex::new(HashSet::new()) }
    }
}

impl<K: Hash + Eq> Rollouts<K> {
    /// True where it may roll now; it holds a place until it is done.
    pub fn may(&self, key: K) -> bool {
        let mut rolling = self.rolling.lock();
        if rolling.len() < AT_ONCE || rolling.contains(&key) {
            rolling.insert(key);
            return true;
        }
        false
    }

    /// It is ready again, or gone.
    pub fn done(&self, key: &K) {
        self.rolling.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_roll_and_the_sixth_waits_for_one_of_them() {
        let rollouts = Rollouts::default();
        assert!((0..5).all(|key| rollouts.may(key)));
        assert!(!rollouts.may(5) && rollouts.may(3));
        rollouts.done(&3);
        assert!(rollouts.may(5) && !rollouts.may(3));
    }
}

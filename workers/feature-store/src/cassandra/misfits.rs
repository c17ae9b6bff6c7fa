//! Says that something happens, and how often, without filling the log with it.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Shortest time between two lines about one thing.
const EVERY: Duration = Duration::from_secs(60);

/// Counts what happens between two lines.
#[derive(Default)]
pub(super) struct Misfits {
    state: Mutex<(u64, Option<Instant>)>,
}

impl Misfits {
    /// Counts once more, and calls `line` with the count since the last line if that is long enough ago.
    pub fn say(&self, line: impl FnOnce(u64)) {
        let mut state = self.state.lock();
        state.0 += 1;
        if state.1.is_none_or(|last| last.elapsed() >= EVERY) {
            line(state.0);
            *state = (0, Some(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_one_line() {
        let misfits = Misfits::default();
        let mut lines = Vec::new();
        for _ in 0..1_000 {
            misfits.say(|times| lines.push(times));
        }
        assert_eq!(lines, [1]);
    }
}

//! Log lines that a broken server would repeat for ever: the first is written at once, then one a minute with a count.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::limits::{QUIET_REASONS, SAY_AGAIN};

#[derive(Debug)]
struct Said {
    at: Instant,
    unsaid: u64,
}

/// What was said, by partition and reason.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    said: Mutex<HashMap<(u32, String), Said>>,
}

impl Quiet {
    /// Whether to say it now; if so, how often it was left unsaid since it was last said.
    pub fn says(&self, partition: u32, reason: &str) -> Option<u64> {
        self.says_at(Instant::now(), partition, reason)
    }

    fn says_at(&self, now: Instant, partition: u32, reason: &str) -> Option<u64> {
        let mut said = self.said.lock();
        if said.len() >= QUIET_REASONS {
            said.retain(|_, s| now.saturating_duration_since(s.at) < SAY_AGAIN);
        }
        let key = (partition, reason.to_owned());
        let Some(before) = said.get_mut(&key) else {
            said.insert(key, Said { at: now, unsaid: 0 });
            return Some(0);
        };
        if now.saturating_duration_since(before.at) < SAY_AGAIN {
            before.unsaid += 1;
            return None;
        }
        before.at = now;
        Some(std::mem::take(&mut before.unsaid))
    }

    /// It is over: the next time it is said at once.
    pub fn over(&self, partition: u32, prefix: &str) {
        self.said.lock().retain(|(p, reason), _| *p != partition || !reason.starts_with(prefix));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_is_said_then_one_a_minute_with_a_count() {
        let quiet = Quiet::default();
        let start = Instant::now();
        let mut lines = Vec::new();
        for tenth in 0..1_500 {
            if let Some(unsaid) = quiet.says_at(start + Duration::from_millis(tenth * 100), 3, "lake: down") {
                lines.push((tenth, unsaid));
            }
        }
        assert_eq!(lines, [(0, 0), (600, 599), (1_200, 599)]);
        assert_eq!(quiet.says_at(start, 4, "lake: down"), Some(0), "another partition");
        assert_eq!(quiet.says_at(start, 3, "store: down"), Some(0), "another reason");
        quiet.over(3, "lake");
        assert_eq!(quiet.says_at(start, 3, "lake: down"), Some(0), "it came back and went again");
    }
}

//! Everything that was ever appended, kept after the log has dropped it: what the reference computes from.

use std::{collections::BTreeMap, sync::Arc};

use market::NewRecord;
use parking_lot::Mutex;
use tick_log::Appended;

/// A record with the time that the log gave it.
pub type Kept = (i64, NewRecord);

/// Records by topic id and partition; the index is the offset.
type Topics = BTreeMap<(String, u32), Vec<Kept>>;

/// Clones share what was appended.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Topics>>);

impl Ledger {
    /// The log has taken these.
    pub fn took(&self, topic_id: &str, partition: u32, appended: Appended, records: Vec<NewRecord>) {
        let mut all = self.0.lock();
        let kept = all.entry((topic_id.to_owned(), partition)).or_default();
        debug_assert_eq!(kept.len() as u64, appended.first_offset);
        kept.extend(records.into_iter().map(|r| (appended.record_ms, r)));
    }

    /// All of a partition of a topic.
    pub fn records(&self, topic_id: &str, partition: u32) -> Vec<Kept> {
        self.0.lock().get(&(topic_id.to_owned(), partition)).cloned().unwrap_or_default()
    }

    /// How many there are in all.
    pub fn count(&self) -> u64 {
        self.0.lock().values().map(|kept| kept.len() as u64).sum()
    }
}

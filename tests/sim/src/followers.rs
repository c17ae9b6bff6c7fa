//! Whoever follows the features log by its rule sees every final row once, in closing order.
//!
//! The rule: of a series, a final whose window starts no later than the last one seen is a copy. Rows that a worker made
//! and never committed, before a gap or another meaning of time, are in the log as well and can stand before what is made
//! in their place: a follower keeps what it saw first.

use std::collections::{BTreeMap, BTreeSet};

use market::{FeatureRow, Timestamp};
use tick_log::Log;
use windowing::canonical_row;

use crate::{
    checks::same,
    error::{Broken, Doing},
    reference::Expected,
    world::World,
};

type Series = (u32, String, String);

fn series(row: &FeatureRow) -> Series {
    (row.generation, row.name.to_string(), row.symbol.to_string())
}

/// One partition of the features log as a follower takes it.
#[derive(Default)]
struct Follower {
    last: BTreeMap<Series, Timestamp>,
    /// How far orphans have covered a series.
    covered: BTreeMap<Series, Timestamp>,
    followed: BTreeMap<Series, Vec<String>>,
    /// What came behind an orphan.
    behind: BTreeSet<String>,
}

impl Follower {
    fn take(&mut self, row: &FeatureRow, is_orphan: bool) {
        let of = series(row);
        if self.last.get(&of).is_none_or(|seen| row.window_start > *seen) {
            self.last.insert(of.clone(), row.window_start);
            match is_orphan {
                true => drop(self.covered.insert(of, row.window_start)),
                false => self.followed.entry(of).or_default().push(canonical_row(row)),
            }
        } else if !is_orphan && self.covered.get(&of).is_some_and(|to| row.window_start <= *to) {
            self.behind.insert(canonical_row(row));
        }
    }
}

/// Follows every partition of the features log.
pub async fn check(world: &World, expected: &Expected) -> Result<(), Broken> {
    let topic = world.log.topic(&world.settings().features_topic).await.doing("opening the features log")?;
    for p in 0..topic.partitions() {
        let low = topic.bounds(p).await.doing("asking for the features log")?.low;
        let now = std::time::Duration::ZERO;
        let batch = topic.read(p, low, usize::MAX, now).await.doing("reading the features log")?;
        let mut follower = Follower::default();
        for record in (0..batch.len()).filter_map(|i| batch.get(i)) {
            let row: FeatureRow = serde_json::from_slice(record.value).doing("reading a row")?;
            if row.is_final {
                follower.take(&row, world.witness.is_orphan(&row));
            }
        }
        let Follower { followed, behind, .. } = follower;
        let mut computed: BTreeMap<Series, Vec<String>> = BTreeMap::new();
        for row in expected.closed.get(&p).into_iter().flatten() {
            let line = canonical_row(row);
            let of = series(row);
            let first = followed.get(&of).is_some_and(|lines| lines.contains(&line));
            if first || !behind.contains(&line) {
                computed.entry(of).or_default().push(line);
            }
        }
        same("a followed row", followed.values().flatten(), computed.values().flatten())?;
    }
    Ok(())
}

//! The replaced system's feature rows: one `sma_5` with the `sma_20` that was known when it ended.
//!
//! Of the windows `sma_20` exactly one ends in (bucket_end - slide, bucket_end], because their ends are a slide apart.
//! Finals arrive in closing order, and the longer of two equal ends closes first, so that window has been seen before
//! its bucket, by this process or by the one that owned the partition before; what this process has not seen it reads
//! from `windows`. A bucket without such a window has null, never a value from its future.

use std::collections::HashMap;

use market::{FeatureRow, Span, Symbol, Timestamp};
use parking_lot::Mutex;

use super::{
    CassandraError, CassandraStore,
    cells::Cells,
    rows::{day, millis},
    send::at_once,
};
use crate::{StoreError, limits};

const SHORT: &str = "sma_5";
const LONG: &str = "sma_20";

/// Windows `sma_20` remembered of each symbol: the newest, and some for calls that come twice.
const REMEMBERED: usize = 4;

/// Start and value of the last long windows of a symbol.
type Seen = [Option<(Timestamp, f64)>; REMEMBERED];

/// The last `sma_20` of each symbol.
pub(super) struct Pairing {
    long: Option<(Span, Span)>,
    seen: Mutex<HashMap<Symbol, Seen>>,
}

/// One row of `features` and `features_by_bucket`.
pub(super) struct Paired {
    pub cells: Cells,
}

/// A bucket that waits for its long window.
struct Bucket<'r> {
    row: &'r FeatureRow,
    lives: i32,
    /// Start of the long window, where one is configured.
    start: Option<Timestamp>,
    sma_20: Option<f64>,
}

impl Pairing {
    pub fn new(windows: &[(String, Span, Span)]) -> Self {
        let long = windows.iter().find(|(name, ..)| name == LONG).map(|(_, size, slide)| (*size, *slide));
        Self { long, seen: Mutex::default() }
    }

    /// Start of the long window that ends in (end - slide, end].
    fn long_start(&self, end: Timestamp) -> Option<Timestamp> {
        let (size, slide) = self.long?;
        Some((end - size).floor(slide))
    }

    /// Remembers long windows and gives the short ones, as far as they are known.
    fn take<'r>(&self, rows: &[(&'r FeatureRow, i32)]) -> Vec<Bucket<'r>> {
        let mut seen = self.seen.lock();
        if seen.len() > limits::CASSANDRA_KNOWN_SERIES {
            seen.clear();
        }
        let mut buckets = Vec::new();
        for (row, lives) in rows.iter().filter(|(row, _)| row.is_final) {
            match &*row.name {
                LONG => {
                    let known = seen.entry(row.symbol.clone()).or_default();
                    if let Some(there) =
                        known.iter_mut().flatten().find(|(start, _)| *start == row.window_start)
                    {
                        there.1 = row.sma;
                    } else {
                        known.rotate_right(1);
                        known[0] = Some((row.window_start, row.sma));
                    }
                }
                SHORT => {
                    let start = self.long_start(row.window_end);
                    let known = seen.get(&row.symbol);
                    let sma_20 = known.and_then(|known| {
                        known.iter().flatten().find(|(at, _)| Some(*at) == start).map(|(_, sma)| *sma)
                    });
                    buckets.push(Bucket { row, lives: *lives, start, sma_20 });
                }
                _ => {}
            }
        }
        buckets
    }
}

impl CassandraStore {
    /// The compatibility rows that final rows make, in their order.
    pub(super) async fn pair(&self, rows: &[(&FeatureRow, i32)]) -> Result<Vec<Paired>, StoreError> {
        let mut buckets = self.pairing.take(rows);
        let mut reads = Vec::new();
        for bucket in buckets.iter_mut().filter(|bucket| bucket.sma_20.is_none()) {
            if let Some(start) = bucket.start {
                reads.push(async move {
                    bucket.sma_20 = self.long_sma(bucket.row, start).await?;
                    Ok(())
                });
            }
        }
        at_once(reads, limits::CASSANDRA_READS).await?;
        buckets.iter().map(cells).collect()
    }

    async fn long_sma(&self, row: &FeatureRow, start: Timestamp) -> Result<Option<f64>, CassandraError> {
        let Ok(at) = millis("the start of sma_20", start) else { return Ok(None) };
        let key = Cells::new().text(row.symbol.as_str()).text(LONG).day(day(start)).i64(at);
        let found = self.cluster.collect("read a window", &self.statements.long_sma, &key, |f| {
            let sma = f.opt_f64()?;
            Ok(sma.filter(|_| f.bool().unwrap_or(false)))
        });
        Ok(found.await?.pop().flatten())
    }
}

fn cells(bucket: &Bucket<'_>) -> Result<Paired, StoreError> {
    let row = bucket.row;
    let end = millis("window_end", row.window_end)?;
    let cells = Cells::new()
        .text(row.symbol.as_str())
        .i64(end)
        .i64(millis("window_start", row.window_start)?)
        .i64(end)
        .f64(row.sma)
        .opt_f64(bucket.sma_20)
        .i64(row.write_ts)
        .i32(bucket.lives);
    Ok(Paired { cells })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::row;

    fn pairing() -> Pairing {
        let s = Span::from_secs;
        Pairing::new(&[(SHORT.into(), s(15), s(5)), (LONG.into(), s(60), s(15))])
    }

    #[test]
    fn exactly_one_long_window_is_asked_for() {
        let at = |s: i64| Timestamp::from_micros(s * 1_000_000);
        let p = pairing();
        for (end, start) in [(60, 0), (61, 0), (74, 0), (75, 15), (-1, -75), (0, -60)] {
            assert_eq!(p.long_start(at(end)), Some(at(start)), "{end}");
        }
        assert_eq!(Pairing::new(&[]).long_start(at(60)), None);
    }

    #[test]
    fn what_was_seen_is_known() {
        let p = pairing();
        let long = FeatureRow { sma: 7.0, ..row("A", LONG, 0, 1) };
        let short = |start| {
            let end = Timestamp::from_micros((start + 15) * 1_000_000);
            FeatureRow { window_end: end, ..row("A", SHORT, start, 1) }
        };
        let provisional = FeatureRow { is_final: false, ..short(45) };
        let (same, later, other) =
            (short(45), short(60), FeatureRow { symbol: market::Symbol::parse("B").unwrap(), ..short(45) });
        let rows: Vec<_> = [&long, &provisional, &same, &later, &other].map(|r| (r, 0)).into();
        let known: Vec<_> = p.take(&rows).iter().map(|b| b.sma_20).collect();
        assert_eq!(known, [Some(7.0), None, None]);
    }
}

//! What a replay has found.

use market::{FeatureRow, Timestamp};
use serde::Serialize;

use crate::limits::EXAMPLES;

/// What is wrong with a row of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// It is not there, or only provisionally.
    Missing,
    /// A column has another value.
    Different,
    /// No record leads to it.
    Unexpected,
}

/// One row that is not as it is computed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What is wrong.
    pub kind: DifferenceKind,
    /// The instrument.
    pub symbol: String,
    /// Window or bar.
    pub name: String,
    /// Its start.
    pub window_start: String,
    /// The partition it is made in.
    pub partition: u32,
    /// The first column that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<&'static str>,
    /// What the store has there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// What is computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computed: Option<String>,
}

/// How far one partition was computed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionReplay {
    /// The partition.
    pub partition: u32,
    /// The commit whose state it started from; absent: before the first record.
    pub base: Option<u64>,
    /// First offset.
    pub from_offset: u64,
    /// The first offset that was not computed.
    pub to_offset: u64,
    /// Records gone through.
    pub records: u64,
    /// Final rows compared.
    pub rows: u64,
    /// Stored rows and commits that its records do not lead to.
    pub doubts: u64,
    /// The first of them in words.
    pub first_doubt: Option<String>,
}

/// What a replay has found, over all partitions.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayReport {
    /// By partition.
    pub partitions: Vec<PartitionReplay>,
    /// Rows with equal columns and equal T.
    pub equal: u64,
    /// Rows with equal columns and a greater T: repaired before.
    pub rewritten: u64,
    /// Rows that wait for the store in files of the newest commit.
    pub waiting: u64,
    /// Rows past the store's time to live.
    pub expired: u64,
    /// Rows that a later one of another partition covers: one symbol in two partitions.
    pub overridden: u64,
    /// Rows that are not in the store.
    pub missing: u64,
    /// Rows with another value in a column, or a lesser T.
    pub different: u64,
    /// Final rows of the store that nothing leads to. They are left alone.
    pub unexpected: u64,
    /// Rows written.
    pub repaired: u64,
    /// The first differences.
    pub examples: Vec<Difference>,
}

impl ReplayReport {
    /// Rows that are not as computed.
    pub fn differences(&self) -> u64 {
        self.missing + self.different + self.unexpected
    }

    /// True where the store has exactly what the lake leads to, and the lake agrees with itself.
    pub fn holds(&self) -> bool {
        self.differences() == 0 && self.partitions.iter().all(|p| p.doubts == 0)
    }

    pub(crate) fn differs(&mut self, kind: DifferenceKind, row: &FeatureRow, other: Option<&FeatureRow>) {
        match kind {
            DifferenceKind::Missing => self.missing += 1,
            DifferenceKind::Different => self.different += 1,
            DifferenceKind::Unexpected => self.unexpected += 1,
        }
        if self.examples.len() >= EXAMPLES {
            return;
        }
        let column =
            other.and_then(|stored| columns(stored).into_iter().zip(columns(row)).find(|(a, b)| a != b));
        let (stored, computed) = column.map_or((None, None), |(a, b)| (Some(a), Some(b)));
        self.examples.push(Difference {
            kind,
            symbol: row.symbol.to_string(),
            name: row.name.to_string(),
            window_start: row.window_start.to_string(),
            partition: row.part,
            column: stored.as_ref().map(|(name, _)| *name),
            stored: stored.map(|(_, value)| value),
            computed: computed.map(|(_, value)| value),
        });
    }
}

/// Every column in words, T last: where only T differs, it is what is told.
fn columns(row: &FeatureRow) -> [(&'static str, String); 19] {
    let FeatureRow {
        symbol: _,
        name: _,
        window_start: _,
        window_end,
        sma,
        n,
        prices,
        vwap,
        is_final,
        revision,
        partial,
        generation,
        part,
        last_offset,
        index,
        write_ts,
        indicators,
        features,
        schema_hash,
    } = row;
    let at = |t: &Timestamp| t.to_string();
    [
        ("final", is_final.to_string()),
        ("window_end", at(window_end)),
        ("sma", format!("{sma:?}")),
        ("n", n.to_string()),
        ("open", format!("{:?}", prices.open)),
        ("high", format!("{:?}", prices.high)),
        ("low", format!("{:?}", prices.low)),
        ("close", format!("{:?}", prices.close)),
        ("volume", format!("{:?}", prices.volume)),
        ("vwap", format!("{vwap:?}")),
        ("revision", revision.to_string()),
        ("partial", partial.to_string()),
        ("generation", generation.to_string()),
        ("part", part.to_string()),
        ("last_offset", format!("{last_offset}.{index}")),
        ("indicators", format!("{indicators:?}")),
        ("features", format!("{features:?}")),
        ("schema_hash", format!("{schema_hash:016x}")),
        ("write_ts", write_ts.to_string()),
    ]
}

//! What Health shows: measurements, each with the instant it was taken at.
//!
//! Whoever runs the pipeline implements [`HealthSource`]; the dashboard adds what it measures itself (freshness by symbol,
//! the state of the feature store, its own clients). A figure that nobody measured is absent, never zero.

use std::collections::BTreeMap;

use market::Timestamp;
use serde::{Deserialize, Serialize};

/// Gives the newest measurements. Called every two seconds and for each request of `/api/v1/health`, so it reads
/// figures that lie ready and does no IO.
pub trait HealthSource: Send + Sync + 'static {
    /// The measurements as they are now.
    fn measure(&self) -> Measurements;
}

impl<F: Fn() -> Measurements + Send + Sync + 'static> HealthSource for F {
    fn measure(&self) -> Measurements {
        self()
    }
}

/// One set of measurements. Every part carries its own instant, since parts are measured by different roles.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurements {
    /// Single figures in the order they are shown.
    #[serde(default)]
    pub tiles: Vec<Tile>,
    /// The state of each partition of the tick topic.
    #[serde(default)]
    pub partitions: Vec<PartitionHealth>,
    /// Rejected records; absent until somebody counted.
    #[serde(default)]
    pub dead_letters: Option<DeadLetterCounts>,
    /// Conditions of the pipeline, where something sets them.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tile {
    /// Stable id (`ticks_in`), also the key of its short history in the browser.
    pub id: String,
    /// Label as shown.
    pub label: String,
    /// The value in `unit`; absent where it was asked for and not known.
    pub value: Option<f64>,
    /// Unit as shown (`per s`, `s`, `ms`); empty for none.
    pub unit: String,
    /// Digits after the point.
    pub digits: u32,
    /// When it was measured.
    pub at: Timestamp,
}

/// One partition of the tick topic as ingest sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartitionHealth {
    /// Its number.
    pub partition: u32,
    /// The process that owns it.
    pub owner: Option<String>,
    /// Epoch of the owner.
    pub epoch: Option<u64>,
    /// Next offset after the last commit.
    pub committed_to: Option<u64>,
    /// Records between the reader and the end of the topic.
    pub lag_records: Option<u64>,
    /// Age of the oldest record not yet applied, in seconds.
    pub lag_seconds: Option<f64>,
    /// Event time up to which the partition is complete; absent before its first tick.
    pub watermark: Option<Timestamp>,
    /// When the last commit was written.
    pub committed_at: Option<Timestamp>,
    /// When all of this was measured.
    pub at: Timestamp,
}

/// Rejected records, counted since the data directory was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterCounts {
    /// Records read, good or bad.
    pub read: u64,
    /// Copies of ticks already accepted: no fault, counted apart.
    pub duplicates: u64,
    /// Counts by reason, without `duplicate`.
    pub by_reason: BTreeMap<String, u64>,
    /// The newest rejected record of each reason, where the source keeps one.
    #[serde(default)]
    pub samples: Vec<DeadLetterSample>,
    /// When they were counted.
    pub at: Timestamp,
}

/// One rejected record for a person to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterSample {
    /// Why it was rejected.
    pub reason: String,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// When the log took it.
    pub recorded_at: Timestamp,
    /// Bytes in all.
    pub length: u64,
    /// The first bytes, those outside printable ASCII as `\xNN`.
    pub text: String,
}

/// One condition of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Its type (`Ready`).
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One CamelCase word.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

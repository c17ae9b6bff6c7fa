//! What the roles measured of themselves, in the form the dashboard shows. Nothing is invented: a figure that no role
//! has measured yet is absent.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use crds::StockPipeline;
use dashboard::health::{Condition, DeadLetterCounts, Measurements, PartitionHealth, Tile};
use ingest::Phase;
use market::{Reason, Timestamp};
use serde_json::{Value, json};
use tick_log::Clock;

use super::Roles;

/// Least time between two measurements of a rate, in seconds: shorter ones jump about.
const RATE_SECONDS: f64 = 1.5;

/// The process's own view of itself.
pub struct Health {
    clock: Clock,
    ingest: Arc<ingest::Status>,
    predictor: Arc<predictor::Status>,
    roles: Roles,
    since: Timestamp,
    rate: Mutex<Rate>,
}

struct Rate {
    at: Instant,
    read: u64,
    per_second: Option<f64>,
    measured_at: Timestamp,
    cpu: f64,
    cpu_share: Option<f64>,
}

impl Health {
    /// Nothing measured yet.
    pub fn new(
        clock: Clock,
        ingest: Arc<ingest::Status>,
        predictor: Arc<predictor::Status>,
        roles: Roles,
    ) -> Self {
        let since = Timestamp::from_millis(clock());
        let rate = Rate {
            at: Instant::now(),
            read: 0,
            per_second: None,
            measured_at: since,
            cpu: runtime::usage().cpu.as_secs_f64(),
            cpu_share: None,
        };
        Self { clock, ingest, predictor, roles, since, rate: Mutex::new(rate) }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis((self.clock)())
    }

    /// `/status` about the process.
    pub fn process(&self, pipeline: &StockPipeline) -> Value {
        let usage = runtime::usage();
        json!({
            "pipeline": pipeline.name(),
            "pid": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
            "since": self.since,
            "rssBytes": usage.rss_bytes,
            "peakRssBytes": usage.peak_rss_bytes,
        })
    }

    /// The measurements as they are now.
    pub fn measure(&self) -> Measurements {
        let at = self.now();
        let partitions = if self.roles.ingest { self.ingest.partitions() } else { Vec::new() };
        let counters = self.ingest.counters();
        let mut tiles = self.rates(counters.read, at);
        let tile = |id: &str, label: &str, value: Option<f64>, unit: &str, digits: u32| Tile {
            id: id.to_owned(),
            label: label.to_owned(),
            value,
            unit: unit.to_owned(),
            digits,
            at,
        };
        if self.roles.ingest {
            let most = |f: fn(&ingest::PartitionStatus) -> Option<f64>| {
                partitions.iter().filter_map(f).reduce(f64::max)
            };
            tiles.push(tile("lag", "Lag", most(|p| Some(p.lag_seconds)), "s", 1));
            tiles.push(tile("commit_age", "Oldest commit", most(|p| p.commit_age_seconds), "s", 0));
            let pending = partitions.iter().map(|p| p.pending_rows).sum::<u64>();
            tiles.push(tile("pending_rows", "Rows not yet in the store", Some(pending as f64), "", 0));
        }
        if self.roles.predictor {
            let made = self.predictor.summary();
            tiles.push(tile("forecasts", "Forecasts made", Some(made.made as f64), "", 0));
            tiles.push(tile("outcomes", "Outcomes joined", Some(made.joined as f64), "", 0));
        }
        let rss = runtime::usage().rss_bytes as f64 / f64::from(1 << 20);
        tiles.push(tile("rss", "Memory", Some(rss), "MiB", 0));
        Measurements {
            tiles,
            partitions: partitions
                .iter()
                .map(|p| PartitionHealth {
                    partition: p.partition,
                    owner: Some(format!("pid {}", std::process::id())),
                    epoch: None,
                    committed_to: p.sequence.map(|_| p.committed),
                    lag_records: Some(p.lag_records),
                    lag_seconds: Some(p.lag_seconds),
                    watermark: p.watermark,
                    committed_at: p
                        .commit_age_seconds
                        .map(|age| Timestamp::from_micros(at.micros() - (age * 1e6) as i64)),
                    at,
                })
                .collect(),
            dead_letters: self.roles.ingest.then(|| DeadLetterCounts {
                read: counters.read,
                duplicates: counters.duplicates(),
                by_reason: counters
                    .dead
                    .iter()
                    .filter(|(reason, _)| **reason != Reason::Duplicate)
                    .map(|(reason, n)| (reason.as_str().to_owned(), *n))
                    .collect(),
                samples: Vec::new(),
                at,
            }),
            conditions: self.conditions(&partitions),
        }
    }

    fn rates(&self, read: u64, at: Timestamp) -> Vec<Tile> {
        let Ok(mut rate) = self.rate.lock() else { return Vec::new() };
        let seconds = rate.at.elapsed().as_secs_f64();
        if seconds >= RATE_SECONDS {
            let cpu = runtime::usage().cpu.as_secs_f64();
            rate.per_second = Some(read.saturating_sub(rate.read) as f64 / seconds);
            rate.cpu_share = Some((cpu - rate.cpu) / seconds * 100.0);
            (rate.at, rate.read, rate.measured_at, rate.cpu) = (Instant::now(), read, at, cpu);
        }
        let tile = |id: &str, label: &str, value: Option<f64>, unit: &str, digits: u32| Tile {
            id: id.to_owned(),
            label: label.to_owned(),
            value,
            unit: unit.to_owned(),
            digits,
            at: rate.measured_at,
        };
        let mut tiles = vec![tile("cpu", "Processor", rate.cpu_share, "% of a core", 1)];
        if self.roles.ingest {
            tiles.insert(0, tile("ticks_in", "Ticks in", rate.per_second, "per s", 1));
        }
        tiles
    }

    fn conditions(&self, partitions: &[ingest::PartitionStatus]) -> Vec<Condition> {
        if !self.roles.ingest {
            return Vec::new();
        }
        let halted: Vec<_> = partitions.iter().filter(|p| p.phase == Phase::Halted).collect();
        let condition = |kind: &str, is: bool, reason: &str| Condition {
            kind: kind.to_owned(),
            status: if is { "True" } else { "False" }.to_owned(),
            reason: reason.to_owned(),
            since: self.since,
        };
        vec![
            condition(
                "Ready",
                self.ingest.is_ready() && halted.is_empty(),
                if !halted.is_empty() {
                    "PartitionHalted"
                } else if self.ingest.is_ready() {
                    "AllPartitionsRestored"
                } else {
                    "Restoring"
                },
            ),
            condition(
                "Degraded",
                !halted.is_empty() || partitions.iter().any(|p| p.phase == Phase::Paused),
                if halted.is_empty() { "AsExpected" } else { "PartitionHalted" },
            ),
        ]
    }
}

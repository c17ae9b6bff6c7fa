//! The list of figures, and what measuring one gives.

use std::{error::Error, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{forests, pipeline, pure};

/// Ours, or what ours is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Own,
    Peer,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    More,
    Less,
}

/// What a child prints.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub value: f64,
    pub cpu_seconds: f64,
    pub peak_rss_bytes: u64,
}

impl Measured {
    /// A value with the process's own peak and the CPU time of the measured part.
    pub fn new(value: f64, cpu: Duration) -> Self {
        Self { value, cpu_seconds: cpu.as_secs_f64(), peak_rss_bytes: runtime::usage().peak_rss_bytes }
    }
}

type Measure = fn(Side, bool) -> Result<Measured, Box<dyn Error>>;

/// One figure.
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    pub better: Better,
    pub peer: Option<&'static str>,
    pub measure: Measure,
}

/// Every figure, in the order of the table.
pub const ALL: &[Figure] = &[
    Figure {
        name: "decode_windows_ticks_per_cpu_second",
        unit: "ticks/s",
        better: Better::More,
        peer: Some("serde_json and a HashMap of windows"),
        measure: pure::decode_windows,
    },
    Figure {
        name: "decode_windows_parquet_ticks_per_cpu_second",
        unit: "ticks/s",
        better: Better::More,
        peer: Some("the same, ticks written as NDJSON"),
        measure: pure::decode_windows_parquet,
    },
    Figure {
        name: "segment_to_features_ticks_per_cpu_second",
        unit: "ticks/s",
        better: Better::More,
        peer: Some("memory log, lake and store"),
        measure: pipeline::segment_to_features,
    },
    Figure {
        name: "local_window_visible_p99_ms",
        unit: "ms",
        better: Better::Less,
        peer: Some("memory log, lake and store"),
        measure: pipeline::window_visible,
    },
    Figure {
        name: "train_smartcore_seconds",
        unit: "s",
        better: Better::Less,
        peer: None,
        measure: forests::train_seconds,
    },
    Figure {
        name: "score_rows_per_second",
        unit: "rows/s",
        better: Better::More,
        peer: Some("row by row"),
        measure: forests::score,
    },
    Figure {
        name: "predict_single_row_p99_us",
        unit: "us",
        better: Better::Less,
        peer: None,
        measure: forests::single_row,
    },
];

//! The list of figures, and what measuring one gives.

use std::{error::Error, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{forests, operator, pipeline, pure, servers};

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

/// What must be there to measure a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    /// Kafka, HDFS and Cassandra, named by the environment.
    Servers,
    /// Servers, and Spark for the peer.
    Spark,
    /// The API server that `tests/cluster/build` builds.
    Cluster,
}

/// What a child prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// One for each name of the figure.
    pub values: Vec<f64>,
    pub cpu_seconds: f64,
    pub peak_rss_bytes: u64,
}

impl Measured {
    /// A value with the process's own peak and the CPU time of the measured part.
    pub fn new(value: f64, cpu: Duration) -> Self {
        Self {
            values: vec![value],
            cpu_seconds: cpu.as_secs_f64(),
            peak_rss_bytes: runtime::usage().peak_rss_bytes,
        }
    }
}

type Measure = fn(Side, bool) -> Result<Measured, Box<dyn Error>>;

/// Values that one measurement gives.
pub struct Figure {
    pub names: &'static [&'static str],
    pub unit: &'static str,
    pub better: Better,
    pub peer: Option<&'static str>,
    pub needs: Needs,
    pub measure: Measure,
}

/// Every figure, in the order of the table.
pub const ALL: &[Figure] = &[
    Figure {
        names: &["decode_windows_ticks_per_cpu_second"],
        unit: "ticks/s",
        better: Better::More,
        peer: Some("serde_json and a HashMap of windows"),
        needs: Needs::Nothing,
        measure: pure::decode_windows,
    },
    Figure {
        names: &["decode_windows_parquet_ticks_per_cpu_second"],
        unit: "ticks/s",
        better: Better::More,
        peer: Some("the same, ticks written as NDJSON"),
        needs: Needs::Nothing,
        measure: pure::decode_windows_parquet,
    },
    Figure {
        names: &["segment_to_features_ticks_per_cpu_second"],
        unit: "ticks/s",
        better: Better::More,
        peer: Some("memory log, lake and store"),
        needs: Needs::Nothing,
        measure: pipeline::segment_to_features,
    },
    Figure {
        names: &["local_window_visible_p99_ms"],
        unit: "ms",
        better: Better::Less,
        peer: Some("memory log, lake and store"),
        needs: Needs::Nothing,
        measure: pipeline::window_visible,
    },
    Figure {
        names: &["train_smartcore_seconds"],
        unit: "s",
        better: Better::Less,
        peer: None,
        needs: Needs::Nothing,
        measure: forests::train_seconds,
    },
    Figure {
        names: &["score_rows_per_second"],
        unit: "rows/s",
        better: Better::More,
        peer: Some("row by row"),
        needs: Needs::Nothing,
        measure: forests::score,
    },
    Figure {
        names: &["predict_single_row_p99_us"],
        unit: "us",
        better: Better::Less,
        peer: None,
        needs: Needs::Nothing,
        measure: forests::single_row,
    },
    Figure {
        names: &["kafka_to_hdfs_ticks_per_cpu_second"],
        unit: "ticks/s",
        better: Better::More,
        peer: None,
        needs: Needs::Servers,
        measure: servers::kafka_to_hdfs,
    },
    Figure {
        names: &["cassandra_window_visible_p50_ms", "cassandra_window_visible_p99_ms"],
        unit: "ms",
        better: Better::Less,
        peer: None,
        needs: Needs::Servers,
        measure: servers::window_visible,
    },
    Figure {
        names: &[
            "cassandra_window_visible_10000_ticks_p50_ms",
            "cassandra_window_visible_10000_ticks_p99_ms",
        ],
        unit: "ms",
        better: Better::Less,
        peer: None,
        needs: Needs::Servers,
        measure: servers::ten_thousand_a_second,
    },
    Figure {
        names: &[
            "cassandra_window_visible_500_symbols_p50_ms",
            "cassandra_window_visible_500_symbols_p99_ms",
        ],
        unit: "ms",
        better: Better::Less,
        peer: None,
        needs: Needs::Servers,
        measure: servers::five_hundred_symbols,
    },
    Figure {
        names: &[
            "cassandra_window_visible_8000_symbols_p50_ms",
            "cassandra_window_visible_8000_symbols_p99_ms",
        ],
        unit: "ms",
        better: Better::Less,
        peer: None,
        needs: Needs::Servers,
        measure: servers::eight_thousand_symbols,
    },
    Figure {
        names: &["cold_start_10000_commits_seconds"],
        unit: "s",
        better: Better::Less,
        peer: Some("100 commits"),
        needs: Needs::Servers,
        measure: servers::cold_start,
    },
    Figure {
        names: &["replaced_job_load_ticks_per_cpu_second"],
        unit: "ticks/s",
        better: Better::More,
        peer: Some("the replaced Spark job"),
        needs: Needs::Spark,
        measure: servers::beside_the_replaced_job,
    },
    Figure {
        names: &[
            "operator_1000_pipelines_seconds",
            "operator_at_rest_percent_of_a_core",
            "operator_at_rest_writes_a_minute",
        ],
        unit: "",
        better: Better::Less,
        peer: Some("100 pipelines"),
        needs: Needs::Cluster,
        measure: operator::pipelines,
    },
];

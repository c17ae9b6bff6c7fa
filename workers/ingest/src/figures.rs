//! The worker's figures, all under `stockpipe_`. Labels are partitions, windows, sinks, reasons and stages: never
//! symbols.

use std::time::Duration;

use market::{ErrorKind, FeatureRow, Reason};
use prometheus::{GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec};
use runtime::{MetricError, Metrics};
use windowing::Counters;

use crate::{Error, PartitionStatus};

pub(crate) struct Figures {
    records: IntCounterVec,
    bytes: IntCounterVec,
    lag_records: IntGaugeVec,
    lag_seconds: GaugeVec,
    progress: GaugeVec,
    rejects: IntCounterVec,
    watermark: GaugeVec,
    watermark_delay: GaugeVec,
    late: IntCounterVec,
    future: IntCounterVec,
    keying: IntCounterVec,
    misplaced: IntCounterVec,
    state_bytes: IntGaugeVec,
    emitted: IntCounterVec,
    emit_latency: HistogramVec,
    visible: HistogramVec,
    sink_seconds: HistogramVec,
    sink_errors: IntCounterVec,
    sink_retries: IntCounterVec,
    sink_pending: IntGaugeVec,
    commit_seconds: HistogramVec,
    commits: IntCounterVec,
    commit_sequence: IntGaugeVec,
    commit_age: GaugeVec,
    commit_bytes: HistogramVec,
    conflicts: IntCounterVec,
    fenced: IntCounterVec,
    commit_watermark: GaugeVec,
    gaps: IntCounterVec,
    budget: IntGaugeVec,
    used: IntGaugeVec,
    restore_seconds: HistogramVec,
    halted: IntGaugeVec,
}

const FILE_BYTES: &[f64] = &[1e3, 1e4, 1e5, 1e6, 4e6, 1.6e7, 6.4e7, 1.28e8];

impl Figures {
    pub fn new(m: &Metrics) -> Result<Self, Error> {
        Self::register(m).map_err(|e| Error::Metrics(e.to_string()))
    }

    fn register(m: &Metrics) -> Result<Self, MetricError> {
        let p: &[&str] = &["partition"];
        let seconds = Metrics::seconds();
        Ok(Self {
            records: m.counter("source_records_total", "Records applied.", p)?,
            bytes: m.counter("source_bytes_total", "Bytes of records read.", p)?,
            lag_records: m.int_gauge("source_lag_records", "Records not read yet.", p)?,
            lag_seconds: m.gauge("source_lag_seconds", "Age of the next record to be read.", p)?,
            progress: m.gauge("source_last_progress_timestamp_seconds", "When records were last read.", p)?,
            rejects: m.counter("decode_rejects_total", "Dead letters.", &["reason"])?,
            watermark: m.gauge("watermark_timestamp_seconds", "Watermark, event time.", p)?,
            watermark_delay: m.gauge(
                "watermark_delay_seconds",
                "Greatest event time less the watermark.",
                p,
            )?,
            late: m.counter("late_records_total", "Ticks late for a window.", &["window"])?,
            future: m.counter("future_records_total", "Ticks too far ahead of their record time.", &[])?,
            keying: m.counter("keying_violations_total", "Ticks whose key is not their symbol.", &[])?,
            misplaced: m.counter("misplaced_symbols_total", "Symbols seen in two partitions.", &[])?,
            state_bytes: m.int_gauge("window_state_bytes", "Bytes of state.", p)?,
            emitted: m.counter(
                "window_emitted_total",
                "Rows that a sink has taken.",
                &["window", "state"],
            )?,
            emit_latency: m.histogram(
                "window_emit_latency_seconds",
                "From a row's making to the feature store's acknowledgement.",
                &["window"],
                seconds,
            )?,
            visible: m.histogram(
                "event_to_visible_seconds",
                "From the closing tick's record time to the feature store's acknowledgement.",
                &["window"],
                seconds,
            )?,
            sink_seconds: m.histogram("sink_write_seconds", "Time of one write.", &["sink"], seconds)?,
            sink_errors: m.counter("sink_errors_total", "Failed writes.", &["sink", "reason"])?,
            sink_retries: m.counter("sink_retries_total", "Writes tried again.", &["sink"])?,
            sink_pending: m.int_gauge("sink_pending_rows", "Finals not acknowledged.", p)?,
            commit_seconds: m.histogram(
                "commit_seconds",
                "Time of a commit's stages.",
                &["stage"],
                seconds,
            )?,
            commits: m.counter("commit_total", "Commits placed.", p)?,
            commit_sequence: m.int_gauge("commit_sequence", "Number of the newest commit.", p)?,
            commit_age: m.gauge("commit_age_seconds", "Age of the newest commit of this process.", p)?,
            commit_bytes: m.histogram("commit_file_bytes", "Size of written files.", &[], FILE_BYTES)?,
            conflicts: m.counter("commit_conflicts_total", "Numbers taken by another worker.", &[])?,
            fenced: m.counter("fenced_total", "Partitions lost to another worker.", &[])?,
            commit_watermark: m.gauge(
                "commit_watermark_timestamp_seconds",
                "Watermark at the newest commit, event time.",
                p,
            )?,
            gaps: m.counter("gap_records_total", "Offsets lost to the log's retention.", p)?,
            budget: m.int_gauge("memory_budget_bytes", "The byte budget.", &[])?,
            used: m.int_gauge("memory_used_bytes", "Bytes held.", &["stage", "partition"])?,
            restore_seconds: m.histogram(
                "restore_seconds",
                "Time to take a partition over.",
                &[],
                seconds,
            )?,
            halted: m.int_gauge("partition_halted", "1 where an error halted the partition.", p)?,
        })
    }

    pub fn budget(&self, bytes: usize) {
        self.budget.with_label_values::<&str>(&[]).set(bytes as i64);
    }

    pub fn retried(&self, sink: &str, kind: ErrorKind) {
        self.failed(sink, kind);
        self.sink_retries.with_label_values(&[sink]).inc();
    }

    pub fn failed(&self, sink: &str, kind: ErrorKind) {
        self.sink_errors.with_label_values(&[sink, kind.as_str()]).inc();
    }

    pub fn wrote(&self, sink: &str, took: Duration) {
        self.sink_seconds.with_label_values(&[sink]).observe(took.as_secs_f64());
    }

    pub fn stage(&self, stage: &str, took: Duration) {
        self.commit_seconds.with_label_values(&[stage]).observe(took.as_secs_f64());
    }

    pub fn file(&self, bytes: usize) {
        self.commit_bytes.with_label_values::<&str>(&[]).observe(bytes as f64);
    }

    pub fn restored(&self, took: Duration) {
        self.restore_seconds.with_label_values::<&str>(&[]).observe(took.as_secs_f64());
    }

    pub fn gap(&self, partition: u32, records: u64) {
        self.gaps.with_label_values(&[partition.to_string()]).inc_by(records);
    }

    pub fn misplaced(&self) {
        self.misplaced.with_label_values::<&str>(&[]).inc();
    }

    pub fn conflict(&self) {
        self.conflicts.with_label_values::<&str>(&[]).inc();
    }

    pub fn ended(&self, partition: u32, error: &Error) {
        self.halted.with_label_values(&[partition.to_string()]).set(1);
        if matches!(error, Error::Fenced { .. }) {
            self.fenced.with_label_values::<&str>(&[]).inc();
        }
    }

    /// A partition is taken: nothing halts it.
    pub fn taken(&self, partition: u32) {
        self.halted.with_label_values(&[partition.to_string()]).set(0);
    }

    /// A partition is another worker's: its gauges would stand still here.
    pub fn left(&self, partition: u32) {
        let p = &partition.to_string();
        for gauge in [&self.lag_seconds, &self.progress, &self.watermark, &self.watermark_delay] {
            let _ = gauge.remove_label_values(&[p]);
        }
        for gauge in [&self.commit_age, &self.commit_watermark] {
            let _ = gauge.remove_label_values(&[p]);
        }
        for gauge in
            [&self.lag_records, &self.state_bytes, &self.sink_pending, &self.commit_sequence, &self.halted]
        {
            let _ = gauge.remove_label_values(&[p]);
        }
        for stage in ["state", "files"] {
            let _ = self.used.remove_label_values(&[stage, p]);
        }
    }

    pub fn read(&self, partition: u32, bytes: usize, clock_ms: i64) {
        let p = partition.to_string();
        self.bytes.with_label_values(&[&p]).inc_by(bytes as u64);
        self.progress.with_label_values(&[&p]).set(clock_ms as f64 / 1e3);
    }

    /// The feature store has taken rows that were made `waited` ago.
    pub fn stored(&self, rows: &[FeatureRow], waited: Duration, clock_ms: i64) {
        // Runs of one name share their children: rows come in closing order, names repeat.
        for run in rows.chunk_by(|a, b| a.name == b.name && a.is_final == b.is_final) {
            let Some(first) = run.first() else { continue };
            let name = &*first.name;
            let state = if first.is_final { "final" } else { "provisional" };
            self.emitted.with_label_values(&[name, state]).inc_by(run.len() as u64);
            if first.is_final {
                let latency = self.emit_latency.with_label_values(&[name]);
                let visible = self.visible.with_label_values(&[name]);
                for row in run {
                    latency.observe(waited.as_secs_f64());
                    visible.observe((clock_ms as f64 / 1e3 - row.write_ts as f64 / 1e6).max(0.0));
                }
            }
        }
    }

    /// What has changed between two statuses of one partition.
    pub fn update(&self, before: &Counters, now: &PartitionStatus, commits: u64) {
        let p = &now.partition.to_string();
        let counters = &now.counters;
        let grown = |now: u64, before: u64| now.saturating_sub(before);
        self.records.with_label_values(&[p]).inc_by(grown(counters.read, before.read));
        for (reason, n) in &counters.dead {
            let more = grown(*n, before.dead.get(reason).copied().unwrap_or(0));
            self.rejects.with_label_values(&[reason.as_str()]).inc_by(more);
            if *reason == Reason::TooFarAhead {
                self.future.with_label_values::<&str>(&[]).inc_by(more);
            }
        }
        for (window, n) in &counters.late {
            let more = grown(*n, before.late.get(window).copied().unwrap_or(0));
            self.late.with_label_values(&[window]).inc_by(more);
        }
        let keys = grown(counters.key_mismatches, before.key_mismatches);
        self.keying.with_label_values::<&str>(&[]).inc_by(keys);
        self.commits.with_label_values(&[p]).inc_by(commits);
        self.lag_records.with_label_values(&[p]).set(now.lag_records as i64);
        self.lag_seconds.with_label_values(&[p]).set(now.lag_seconds);
        self.state_bytes.with_label_values(&[p]).set(now.state_bytes as i64);
        self.used.with_label_values(&["state", p]).set(now.state_bytes as i64);
        self.used.with_label_values(&["files", p]).set(now.open_bytes as i64);
        self.sink_pending.with_label_values(&[p]).set(now.pending_rows as i64);
        let seconds = |at: market::Timestamp| at.micros() as f64 / 1e6;
        if let Some(watermark) = now.watermark {
            self.watermark.with_label_values(&[p]).set(seconds(watermark));
            let delay = now.max_ts.map_or(0.0, |at| seconds(at) - seconds(watermark));
            self.watermark_delay.with_label_values(&[p]).set(delay);
        }
        if let Some(watermark) = now.committed_watermark {
            self.commit_watermark.with_label_values(&[p]).set(seconds(watermark));
        }
        if let Some(seq) = now.sequence {
            self.commit_sequence.with_label_values(&[p]).set(seq as i64);
        }
        self.commit_age.with_label_values(&[p]).set(now.commit_age_seconds.unwrap_or(0.0));
    }
}

//! A worker's share of compaction: once a day, when the day before is closed, the small files of its own partitions.
//!
//! It runs beside everything else and holds nothing up; what it does not get done, the next day's or the command
//! `stockpipe compact` does. It never runs twice at once, and ends with the worker.

use std::{collections::BTreeSet, time::Duration};

use lake::compact::{self, Options};
use market::Timestamp;
use tokio::task::JoinSet;

use crate::{context::Context, limits};

pub(crate) struct Compaction {
    /// The UTC day that was compacted last, by the clock here.
    day: Option<i64>,
    running: JoinSet<()>,
}

impl Compaction {
    pub fn new() -> Self {
        Self { day: None, running: JoinSet::new() }
    }

    /// Starts the day's share for `partitions`, if it is due.
    pub fn look(&mut self, cx: &Context, partitions: &BTreeSet<u32>) {
        while self.running.try_join_next().is_some() {}
        // Behind the empty commits that close a day for idle partitions; not while a worker has just begun.
        let behind = i64::try_from((2 * limits::DAY_GRACE).as_millis()).unwrap_or(i64::MAX);
        let day = Timestamp::from_millis((cx.components.clock)().saturating_sub(behind)).day();
        let begun = cx.now() >= limits::COMPACT_AFTER;
        if !begun || self.day == Some(day) || !self.running.is_empty() || partitions.is_empty() {
            return;
        }
        self.day = Some(day);
        let (cx, partitions) = (cx.clone(), partitions.clone());
        self.running.spawn(async move { compact(&cx, partitions).await });
    }

    /// Nothing more is begun, and what runs is broken off: any call of it can be the last.
    pub fn end(&mut self) {
        self.running.abort_all();
    }
}

async fn compact(cx: &Context, partitions: BTreeSet<u32>) {
    let options = Options {
        target_bytes: limits::COMPACT_BYTES,
        partitions: Some(partitions),
        dates: None,
        cut: cx.cut(),
        nonce: Some(cx.nonce()),
    };
    let began = cx.now();
    match compact::run(&*cx.components.lake, &cx.settings.root, &options, &|_| {}).await {
        Ok(report) if report.records == 0 => {}
        Ok(report) => {
            let took: Duration = cx.now().saturating_sub(began);
            tracing::info!(
                files_before = report.files_before,
                files_after = report.files_after,
                ?took,
                "compacted"
            );
        }
        Err(e) => tracing::warn!("compaction is left to the next day, or to `stockpipe compact`: {e}"),
    }
}

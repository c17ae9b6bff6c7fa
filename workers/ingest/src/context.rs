//! What the parts of a running worker share, and how they try again.

use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use commitlog::Layout;
use market::{ErrorKind, Timestamp};
use runtime::Shutdown;
use tick_log::Topic;

use crate::{Components, Error, Settings, figures::Figures, limits};

pub(crate) struct Context {
    pub settings: Settings,
    pub components: Components,
    pub layout: Layout,
    pub figures: Figures,
    pub shutdown: Shutdown,
    pub ticks: Arc<dyn Topic>,
    pub features: Arc<dyn Topic>,
    pub started: Instant,
    /// Names of temporary files are never used twice.
    names: AtomicU64,
}

impl Context {
    pub async fn new(settings: Settings, components: Components, shutdown: Shutdown) -> Result<Self, Error> {
        let figures = Figures::new(&components.metrics)?;
        figures.budget(settings.budget_bytes);
        let ticks = components.log.topic(&settings.ticks_topic).await?;
        let features = components.log.topic(&settings.features_topic).await?;
        let (found, configured) = (ticks.partitions(), settings.semantics.partitions);
        if found != configured {
            return Err(Error::PartitionsChanged { topic: settings.ticks_topic, found, configured });
        }
        Ok(Self {
            layout: Layout::new(&settings.root),
            figures,
            shutdown,
            ticks,
            features,
            started: Instant::now(),
            names: AtomicU64::new(0),
            settings,
            components,
        })
    }

    /// Time since the worker's start: the machine's only clock.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// A number for a temporary name.
    pub fn fresh(&self) -> u64 {
        self.names.fetch_add(1, Ordering::Relaxed)
    }

    /// The arrival date before which raw data is not kept.
    pub fn cut(&self) -> Option<String> {
        let kept = i64::try_from(self.settings.retention?.as_millis()).unwrap_or(i64::MAX);
        Some(Timestamp::from_millis((self.components.clock)().saturating_sub(kept)).date())
    }

    /// Repeats `op` while it fails in a passing way: for ever while running, for a bounded time while draining.
    pub async fn persist<T, E, F>(
        &self,
        partition: u32,
        sink: &str,
        mut op: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        E: Into<Error> + Display,
        F: Future<Output = Result<T, E>>,
    {
        let mut pause = limits::BACKOFF_MIN;
        let mut draining_since: Option<Instant> = None;
        let mut failed = false;
        loop {
            let error: Error = match op().await {
                Ok(value) => {
                    if failed {
                        self.components.status.update(partition, |s| s.reason = None);
                    }
                    return Ok(value);
                }
                Err(e) => e.into(),
            };
            let passing = matches!(error.kind(), ErrorKind::Retry | ErrorKind::Unavailable);
            if self.shutdown.is_draining() {
                draining_since.get_or_insert_with(Instant::now);
            }
            let patient = draining_since.is_none_or(|at| at.elapsed() < limits::DRAIN_PATIENCE);
            if !passing || !patient || self.shutdown.is_cancelled() {
                return Err(error);
            }
            failed = true;
            self.figures.retried(sink, error.kind());
            self.components.status.update(partition, |s| s.reason = Some(error.to_string()));
            tracing::warn!(partition, sink, pause_ms = pause.as_millis() as u64, "trying again: {error}");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.shutdown.cancelled() => return Err(error),
            }
            pause = (pause * 2).min(limits::BACKOFF_MAX);
        }
    }
}

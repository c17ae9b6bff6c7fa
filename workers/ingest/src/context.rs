//! What the parts of a running worker share, and how they try again.
//!
//! Cheap to clone. The worker has one; every partition works with a clone whose `shutdown` ends that partition alone.

use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use commitlog::{Commit, Layout};
use market::{ErrorKind, Timestamp};
use parking_lot::RwLock;
use runtime::Shutdown;
use tick_log::{LogError, Topic};
use tokio::time::Instant;

use crate::{
    Components, Error, Settings, budget::Budget, conditions::ConditionKind, figures::Figures, limits,
    placing::Placing, quiet::Quiet,
};

#[derive(Clone)]
pub(crate) struct Context {
    pub settings: Arc<Settings>,
    pub components: Components,
    pub layout: Layout,
    pub figures: Arc<Figures>,
    pub shutdown: Shutdown,
    pub features: Arc<dyn Topic>,
    pub budget: Arc<Budget>,
    pub placing: Arc<Placing>,
    pub quiet: Arc<Quiet>,
    pub started: Instant,
    /// The topic of ticks: another handle when it was made again.
    ticks: Arc<RwLock<Arc<dyn Topic>>>,
    /// Names of temporary files are never used twice.
    names: Arc<AtomicU64>,
}

impl Context {
    pub async fn new(settings: Settings, components: Components, shutdown: Shutdown) -> Result<Self, Error> {
        let figures = Figures::new(&components.metrics)?;
        figures.budget(settings.budget_bytes);
        let ticks = components.log.topic(&settings.ticks_topic).await?;
        let features = components.log.topic(&settings.features_topic).await?;
        Ok(Self {
            layout: Layout::new(&settings.root),
            figures: Arc::new(figures),
            shutdown,
            features,
            budget: Arc::new(Budget::new(settings.budget_bytes)),
            placing: Arc::default(),
            quiet: Arc::default(),
            started: Instant::now(),
            ticks: Arc::new(RwLock::new(ticks)),
            names: Arc::default(),
            settings: Arc::new(settings),
            components,
        })
    }

    /// The same, with an end of its own.
    pub fn with_shutdown(&self, shutdown: Shutdown) -> Self {
        Self { shutdown, ..self.clone() }
    }

    /// The topic of ticks.
    pub fn ticks(&self) -> Arc<dyn Topic> {
        self.ticks.read().clone()
    }

    /// Looks the topic up by its name; true when it is another one than before. Later reads go to the new one.
    pub async fn refresh_ticks(&self) -> Result<bool, LogError> {
        let found = self.components.log.topic(&self.settings.ticks_topic).await?;
        let known = self.ticks();
        let other = found.id() != known.id();
        if other || found.partitions() != known.partitions() {
            *self.ticks.write() = found;
        }
        Ok(other)
    }

    /// Fails where the topic is not the one that `record` was read from any more. A log that does not answer in time
    /// says nothing: what was read before it fell silent was read from the topic that was last seen.
    pub async fn same_topic(&self, record: &Commit) -> Result<(), Error> {
        let ticks = self.ticks();
        let looked = tokio::time::timeout(limits::FACTS_PATIENCE, ticks.verify()).await;
        let diverged = |reason| Err(Error::LogDiverged { partition: record.partition, reason });
        match looked {
            Ok(Err(LogError::Recreated { had, has, .. })) => {
                diverged(commitlog::recovery::re_created(&had, &has))
            }
            Ok(Err(e @ LogError::UnknownTopic { .. })) => Err(e.into()),
            _ if ticks.id() != record.topic_id => {
                diverged(commitlog::recovery::re_created(&record.topic_id, &ticks.id()))
            }
            _ => Ok(()),
        }
    }

    /// Time since the worker's start: the machine's only clock.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// A number for a temporary name.
    pub fn fresh(&self) -> u64 {
        self.names.fetch_add(1, Ordering::Relaxed)
    }

    /// A name that nobody else will ever use.
    pub fn nonce(&self) -> String {
        let entropy = &self.components.entropy;
        format!("{:016x}{:016x}", entropy(), entropy())
    }

    /// The arrival date before which raw data is not kept.
    pub fn cut(&self) -> Option<String> {
        let kept = i64::try_from(self.settings.retention?.as_millis()).unwrap_or(i64::MAX);
        Some(Timestamp::from_millis((self.components.clock)().saturating_sub(kept)).date())
    }

    /// Returns when the ownership can be relied upon. Whoever is not sure is told soon that it is sure again or that its
    /// partitions are lost; a lost partition drops what waits here.
    pub async fn until_sure(&self) {
        while !self.components.ownership.is_sure() {
            tokio::time::sleep(limits::SURE_EVERY).await;
        }
    }

    /// Says that a store did not do what it was asked, without flooding anything.
    pub fn failing(&self, partition: u32, sink: &str, error: &Error, pause: Duration) {
        self.figures.retried(sink, error.kind());
        let status = &self.components.status;
        status.update(partition, |s| s.reason = Some(error.to_string()));
        status.raise(ConditionKind::of_store(sink), Some(partition), error.to_string());
        if let Some(unsaid) = self.quiet.says(partition, &format!("{sink}: {}", error.kind().as_str())) {
            let pause_ms = pause.as_millis() as u64;
            tracing::warn!(partition, sink, pause_ms, unsaid, "trying again: {error}");
        }
    }

    /// The store works again.
    pub fn works(&self, partition: u32, sink: &str) {
        let status = &self.components.status;
        status.update(partition, |s| s.reason = None);
        status.clear(ConditionKind::of_store(sink), Some(partition));
        self.quiet.over(partition, sink);
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
                        self.works(partition, sink);
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
            self.failing(partition, sink, &error, pause);
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => {}
                () = self.shutdown.cancelled() => return Err(error),
            }
            pause = (pause * 2).min(limits::BACKOFF_MAX);
        }
    }
}

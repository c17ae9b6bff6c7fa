//! Runs of the trainer on memory stores, over bars of a known truth.

mod committed;
mod market_of_truth;
mod outcomes;
mod refusals;

use std::{collections::BTreeMap, sync::Arc};

use feature_store::MemoryStore;
use indicators::{Calendar, IndicatorSet};
use lake::{Lake, MemoryLake};
use market::{Span, Timestamp};
use trainer::{
    Components, Data, EngineChoice, GroupBy, Instant, ModelSettings, Promotion, RunOutcome, Served, Settings,
    Source, TrainError, Validation,
};

pub(crate) const BAR: Span = Span::from_secs(60);

pub(crate) fn indicators() -> IndicatorSet {
    IndicatorSet::parse(&["sma_5", "rsi_14"]).unwrap()
}

pub(crate) fn settings(uid: &str) -> Settings {
    Settings {
        pipeline: "market".to_owned(),
        run: uid.to_owned(),
        uid: uid.to_owned(),
        root: "/data".to_owned(),
        indicators: indicators(),
        calendar: Calendar::Always,
        data: Data {
            bar: BAR,
            symbols: vec!["*".to_owned()],
            from: Instant::All,
            to: Instant::Now,
            min_rows: 1_000,
        },
        horizons: vec![1],
        validation: Validation { folds: 3, rolling: false, purge: None, embargo: None },
        model: ModelSettings {
            engine: EngineChoice::Auto,
            trees: 20,
            max_depth: 5,
            max_features_percent: 33,
            min_samples_leaf: None,
            group_by: GroupBy::None,
            seed: 42,
        },
        promotion: Promotion { automatic: true, min_skill: 0.0, shadow_bars: 60, allow_suspicious: true },
        served: Served { bar: BAR, horizons: vec![1, 5] },
        threads: 2,
        memory_limit: None,
        truths: BTreeMap::new(),
    }
}

/// Memory stores and a clock that stands.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) lake: Arc<MemoryLake>,
    pub(crate) store: MemoryStore,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { lake: Arc::new(MemoryLake::new()), store: MemoryStore::new() }
    }

    pub(crate) fn components(&self) -> Components {
        let lake: Arc<dyn Lake> = self.lake.clone();
        Components {
            lake,
            store: Arc::new(self.store.clone()),
            clock: Arc::new(|| Timestamp::parse("2025-03-01T00:00:00Z").unwrap()),
            stop: Arc::new(|| false),
        }
    }

    pub(crate) fn registry(&self) -> registry::Registry {
        registry::Registry::new(self.lake.clone(), Arc::new(self.store.clone()), "/data", "market", "1m")
            .unwrap()
    }

    pub(crate) async fn train(&self, settings: Settings, source: Source) -> Result<RunOutcome, TrainError> {
        trainer::train_on(settings, self.components(), source, |_| {}).await
    }
}

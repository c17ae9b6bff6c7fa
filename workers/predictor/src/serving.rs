//! Which versions serve, and the loaded models behind them.
//!
//! Alias histories are read again whenever bars are to be predicted, so that the version of a bar never depends on the age
//! of a cache; while nothing happens they are looked at every [`ALIASES_EVERY`], for the status. A version is loaded once,
//! verified; one that cannot be loaded is served as BASELINE, said once, and tried again after [`RELOAD_AFTER`].

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Instant,
};

use market::{Alias, AliasEvent, Timestamp};
use registry::{ModelBundle, Registry, RegistryError, at};

use crate::{
    forecast::Choice,
    limits::{ALIASES_EVERY, MODELS, RELOAD_AFTER},
    machine::{Step, Versions},
};

enum Slot {
    Loaded(Box<ModelBundle>),
    Failed { since: Instant, error: String },
}

/// What the newest bars of a horizon are served with: (horizon, champion, previous, effective from).
pub(crate) type Newest = (u32, Option<u64>, Option<u64>, Option<Timestamp>);

/// Alias histories and models of one predictor.
pub(crate) struct Serving {
    registry: Registry,
    horizons: Vec<u32>,
    histories: HashMap<u32, Vec<AliasEvent>>,
    read_at: Option<Instant>,
    models: BTreeMap<u64, Slot>,
    /// Least recently used first.
    used: Vec<u64>,
}

impl Serving {
    pub(crate) fn new(registry: Registry, horizons: Vec<u32>) -> Self {
        Self {
            registry,
            horizons,
            histories: HashMap::new(),
            read_at: None,
            models: BTreeMap::new(),
            used: Vec::new(),
        }
    }

    /// Reads the alias histories again if they are old. `true` when one has a new event.
    pub(crate) async fn refresh(&mut self) -> Result<bool, RegistryError> {
        if self.read_at.is_some_and(|read| read.elapsed() < ALIASES_EVERY) {
            return Ok(false);
        }
        self.read_histories().await
    }

    async fn read_histories(&mut self) -> Result<bool, RegistryError> {
        let mut changed = false;
        for &horizon in &self.horizons {
            let history = self.registry.alias_history(horizon).await?;
            let known = self.histories.insert(horizon, history);
            changed |= known.as_ref() != self.histories.get(&horizon);
        }
        self.read_at = Some(Instant::now());
        Ok(changed)
    }

    /// Loads every version that the steps need. Only a failing feature store is an error: models fail to BASELINE.
    pub(crate) async fn prepare(&mut self, steps: &[Step]) -> Result<(), RegistryError> {
        let as_ofs: BTreeSet<Timestamp> =
            steps.iter().filter_map(|s| s.predicted()).map(|bar| bar.window_end).collect();
        if as_ofs.is_empty() {
            return Ok(());
        }
        self.read_histories().await?;
        let named = |history: &Vec<AliasEvent>| {
            as_ofs.iter().filter_map(|as_of| at(history, Alias::Champion, *as_of)).collect::<Vec<_>>()
        };
        let needed: BTreeSet<u64> = self.histories.values().flat_map(named).collect();
        for version in needed {
            self.ensure(version).await;
        }
        Ok(())
    }

    async fn ensure(&mut self, version: u64) {
        self.used.retain(|v| *v != version);
        self.used.push(version);
        match self.models.get(&version) {
            Some(Slot::Loaded(_)) => return,
            Some(Slot::Failed { since, .. }) if since.elapsed() < RELOAD_AFTER => return,
            Some(Slot::Failed { .. }) | None => {}
        }
        let slot = match self.registry.load(version).await {
            Ok(bundle) => {
                tracing::info!(version, "model loaded");
                Slot::Loaded(Box::new(bundle))
            }
            Err(error) => {
                tracing::error!(version, kind = error.kind().as_str(), "BASELINE is served: {error}");
                Slot::Failed { since: Instant::now(), error: error.to_string() }
            }
        };
        self.models.insert(version, slot);
        while self.models.len() > MODELS && !self.used.is_empty() {
            let oldest = self.used.remove(0);
            self.models.remove(&oldest);
        }
    }

    /// What the newest bars are served with: (horizon, champion, previous, effective from).
    pub(crate) fn newest(&self) -> Vec<Newest> {
        let newest = |horizon: &u32| {
            let history = self.histories.get(horizon).map(Vec::as_slice).unwrap_or_default();
            let event = history.iter().rev().find(|e| e.alias == Alias::Champion);
            let of = |alias| at(history, alias, Timestamp::MAX);
            (*horizon, of(Alias::Champion), of(Alias::Previous), event.map(|e| e.effective_from))
        };
        self.horizons.iter().map(newest).collect()
    }

    /// Versions that could not be loaded, with the reason.
    pub(crate) fn failures(&self) -> Vec<(u64, String)> {
        let failed = |(version, slot): (&u64, &Slot)| match slot {
            Slot::Failed { error, .. } => Some((*version, error.clone())),
            Slot::Loaded(_) => None,
        };
        self.models.iter().filter_map(failed).collect()
    }
}

impl Versions for Serving {
    fn choose(&self, horizon: u32, as_of: Timestamp) -> Choice<'_> {
        let history = self.histories.get(&horizon).map(Vec::as_slice).unwrap_or_default();
        let Some(version) = at(history, Alias::Champion, as_of) else { return Choice::NoChampion };
        match self.models.get(&version) {
            Some(Slot::Loaded(bundle)) => Choice::Champion(bundle),
            Some(Slot::Failed { .. }) | None => Choice::Unavailable,
        }
    }
}

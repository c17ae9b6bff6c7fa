//! Model versions and the aliases that say which one is served.
//!
//! A version is a directory of files on the lake, immutable from the moment it is visible; an alias is a history of
//! swaps in the feature store. Nothing mutable lies on the lake, nothing large in the store.
//!
//! Invariants:
//! - **R1** a version is visible by one rename (its manifest), and then all its bytes are durable: see [`publish`](mod@publish).
//! - **R2** numbers are dense, start at 1 and are never reused; one run uid has at most one version.
//! - **R3** bytes are served only after their SHA-256 was compared with the manifest.
//! - **R4** the version for a bar is [`at`]`(history, alias, as_of)`: a pure function, equal for all readers and after any restart.
//!
//! Architecture Invariant: no clock and no thread. Instants and names come in as arguments. The registry neither decides
//! what is promoted (evaluation does) nor when (the trainer does).

mod aliases;
mod bundle;
mod error;
pub mod limits;
mod listing;
mod manifest;
pub mod paths;
mod publish;

pub use aliases::{SwapRequest, Swapped, at, effective_after};
pub use bundle::ModelBundle;
pub use error::RegistryError;
pub use listing::{Listed, OtherVersion};
pub use manifest::{DatasetSummary, FileEntry, HorizonSummary, Manifest, VersionSummary, file};
pub use publish::{Publication, Published};

use std::{collections::BTreeMap, sync::Arc};

use feature_store::FeatureStore;
use lake::Lake;

/// The model versions of one pipeline and one bar size, and their aliases.
pub struct Registry {
    pub(crate) lake: Arc<dyn Lake>,
    pub(crate) store: Arc<dyn FeatureStore>,
    pub(crate) pipeline: String,
    pub(crate) bar: market::RowName,
    pub(crate) dir: String,
    /// Manifests are immutable once visible, so each is read once.
    pub(crate) known: parking_lot::Mutex<BTreeMap<u64, Arc<Manifest>>>,
}

impl Registry {
    /// The registry of `pipeline`'s models over bars of size `bar`, below `root` on the lake. Touches nothing yet.
    pub fn new(
        lake: Arc<dyn Lake>,
        store: Arc<dyn FeatureStore>,
        root: &str,
        pipeline: &str,
        bar: &str,
    ) -> Result<Self, RegistryError> {
        paths::check_name("pipeline", pipeline)?;
        paths::check_name("bar", bar)?;
        Ok(Self {
            lake,
            store,
            pipeline: pipeline.to_owned(),
            bar: bar.into(),
            dir: paths::models_dir(root, pipeline, bar),
            known: parking_lot::Mutex::default(),
        })
    }

    /// The pipeline's name.
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// The bar size, canonical.
    pub fn bar(&self) -> &market::RowName {
        &self.bar
    }
}

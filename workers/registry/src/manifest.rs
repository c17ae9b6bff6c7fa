//! `manifest.json`: what a version consists of, and what lists and predictors need without reading its other files.
//!
//! JSON, one object, `format` 1; fields are only ever added. It carries no version number: the number is the directory
//! it was renamed into, which is not known before the rename.

use bytes::Bytes;
use market::{Symbol, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    RegistryError,
    limits::{FILES_PER_VERSION, MANIFEST_BYTES},
    paths,
};

/// Names of the files of a version.
pub mod file {
    /// The manifest itself.
    pub const MANIFEST: &str = "manifest.json";
    /// The flat model file: the only one that is executed.
    pub const MODEL: &str = "model.forest";
    /// Canonical feature strings in order, and the schema hash.
    pub const FEATURES: &str = "features.json";
    /// What the model was trained on: ranges, rows, offsets, hash over the logical rows.
    pub const DATASET: &str = "dataset.json";
    /// The training matrix.
    pub const DATASET_PARQUET: &str = "dataset.parquet";
    /// Every parameter of the run, resolved.
    pub const PARAMS: &str = "params.json";
    /// Every metric, per fold, per symbol, per horizon.
    pub const METRICS: &str = "metrics.json";
    /// Feature importance per horizon.
    pub const IMPORTANCE: &str = "importance.json";
    /// Out-of-sample predictions of all folds: every metric can be recomputed from them.
    pub const OOS: &str = "oos.parquet";
    /// The same for people.
    pub const CARD: &str = "MODEL_CARD.md";
}

/// One file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Name in the version's directory.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

/// What a version was trained on, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetSummary {
    /// Training rows of the first horizon.
    pub rows: u64,
    /// First `as_of`.
    pub from: Timestamp,
    /// Greatest instant the model has seen: predictions at or before it are IN_SAMPLE.
    pub to: Timestamp,
    /// Hash over the logical rows, lower-case hex.
    pub hash: String,
}

/// What became of one horizon of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HorizonSummary {
    /// Bars ahead.
    pub horizon: u32,
    /// `forest` or `linear`.
    pub kind: String,
    /// True when the gates let it pass.
    pub passed: bool,
    /// Pooled out-of-sample skill against the best naive.
    pub skill: f64,
    /// One-sided lower bound of the skill.
    pub skill_lower: f64,
    /// Pooled out-of-sample RMSE of the log return.
    pub rmse: f64,
    /// Symbols the model is served for; every other symbol gets BASELINE.
    pub served: Vec<Symbol>,
    /// Symbols seen in training but not served.
    pub refused: Vec<Symbol>,
}

/// The part of a manifest that the publisher decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionSummary {
    /// The run's name.
    pub run: String,
    /// When the run published, record time scale.
    pub created_at: Timestamp,
    /// Hash of the feature schema; a live row of another one is not scored by this version.
    pub schema_hash: u64,
    /// Engine that trained it.
    pub engine: String,
    /// SHA-256 of `model.forest`, lower-case hex: the model hash.
    pub model_sha256: String,
    /// What it was trained on.
    pub dataset: DatasetSummary,
    /// One entry a horizon, in the run's order.
    pub horizons: Vec<HorizonSummary>,
}

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Layout of this file: 1.
    pub format: u32,
    /// The pipeline's name.
    pub pipeline: String,
    /// Bar size, canonical.
    pub bar: String,
    /// Uid of the run that published it.
    pub run_uid: String,
    /// The attempt whose staging directory holds files that were not moved yet.
    pub attempt: u32,
    /// What lists and predictors need.
    #[serde(flatten)]
    pub summary: VersionSummary,
    /// Every file but this one.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// The layout this code writes.
    pub const FORMAT: u32 = 1;

    /// As bytes.
    pub fn encode(&self) -> Bytes {
        // A struct of strings and numbers has no value that JSON cannot hold; floats are made finite by the publisher.
        Bytes::from(serde_json::to_vec_pretty(self).unwrap_or_default())
    }

    /// From the bytes at `path`; hostile bytes give an error that names it.
    pub fn decode(path: &str, bytes: &[u8]) -> Result<Self, RegistryError> {
        let corrupt = |what: String| RegistryError::Corrupt { path: path.to_owned(), what };
        if bytes.len() > MANIFEST_BYTES {
            return Err(corrupt(format!("{} bytes, at most {MANIFEST_BYTES} are read", bytes.len())));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| corrupt(e.to_string()))?;
        if manifest.format != Self::FORMAT {
            return Err(corrupt(format!("format {}, this program reads {}", manifest.format, Self::FORMAT)));
        }
        if manifest.files.len() > FILES_PER_VERSION {
            return Err(corrupt(format!("{} files, at most {FILES_PER_VERSION}", manifest.files.len())));
        }
        for entry in &manifest.files {
            if paths::check_name("file", &entry.name).is_err() {
                return Err(corrupt(format!("file name {:?}", entry.name)));
            }
        }
        if paths::check_name("run uid", &manifest.run_uid).is_err() {
            return Err(corrupt(format!("run uid {:?}", manifest.run_uid)));
        }
        Ok(manifest)
    }

    /// The entry of a file.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|f| f.name == name)
    }

    /// The summary of a horizon.
    pub fn horizon(&self, horizon: u32) -> Option<&HorizonSummary> {
        self.summary.horizons.iter().find(|h| h.horizon == horizon)
    }
}

impl FileEntry {
    /// The entry of these bytes.
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), bytes: bytes.len() as u64, sha256: sha256_hex(bytes) }
    }

    /// What is wrong with these bytes, if anything.
    pub fn fault(&self, bytes: &[u8]) -> Option<String> {
        if bytes.len() as u64 != self.bytes {
            return Some(format!("{} bytes where the manifest has {}", bytes.len(), self.bytes));
        }
        let found = sha256_hex(bytes);
        (found != self.sha256).then(|| format!("SHA-256 {found} where the manifest has {}", self.sha256))
    }
}

/// SHA-256 as lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

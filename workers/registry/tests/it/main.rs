//! Publishing, loading and aliases on memory stores, with faults at every call of the lake.

mod aliases;
mod publishing;

use std::sync::Arc;

use bytes::Bytes;
use feature_store::MemoryStore;
use forest::{Body, Model, Section};
use lake::{Lake, MemoryLake};
use market::{Symbol, Timestamp};
use registry::{DatasetSummary, HorizonSummary, Publication, Registry, VersionSummary, file};

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn registry(lake: Arc<dyn Lake>, store: &MemoryStore) -> Registry {
    Registry::new(lake, Arc::new(store.clone()), "/data", "market", "1m").unwrap()
}

/// A version whose model answers `value` for every row of two features.
pub(crate) fn publication(uid: &str, value: f64) -> Publication {
    let model = Model::new(7, 2, vec![Section::new(1, "", Body::Constant(value))]).unwrap();
    Publication {
        run_uid: uid.to_owned(),
        summary: VersionSummary {
            run: uid.to_owned(),
            created_at: at("2025-01-02T00:00:00Z"),
            schema_hash: 7,
            engine: "smartcore 0.7.0".to_owned(),
            model_sha256: model.sha256(),
            dataset: DatasetSummary {
                rows: 2_000,
                from: at("2025-01-01T00:00:00Z"),
                to: at("2025-01-02T00:00:00Z"),
                hash: "00".to_owned(),
            },
            horizons: vec![HorizonSummary {
                horizon: 1,
                kind: "forest".to_owned(),
                passed: true,
                skill: 0.1,
                skill_lower: 0.05,
                rmse: 0.001,
                served: vec![Symbol::parse("AAPL").unwrap()],
                refused: vec![Symbol::parse("GOOGL").unwrap()],
            }],
        },
        files: vec![
            (file::MODEL.to_owned(), Bytes::from(model.encode())),
            (file::CARD.to_owned(), Bytes::from_static(b"# card\n")),
        ],
    }
}

pub(crate) fn memory() -> Arc<MemoryLake> {
    Arc::new(MemoryLake::new())
}

//! What is known of synthetic symbols: their generator and the best skill anybody can have.

use std::collections::BTreeMap;

use crds::StockPipeline;

use crate::{Failure, settings};

/// The truths of the symbols that the manifest's producer makes; empty where no producer runs.
pub fn of(pipeline: &StockPipeline) -> Result<BTreeMap<String, trainer::Truth>, Failure> {
    if !pipeline.spec.producer.enabled {
        return Ok(BTreeMap::new());
    }
    let settings = settings::producer(pipeline)?;
    let horizons: Vec<u32> =
        pipeline.spec.predictor.horizons.iter().filter_map(|h| u32::try_from(*h).ok()).collect();
    Ok(settings
        .truths(&horizons)
        .into_iter()
        .map(|(symbol, truth)| {
            (symbol, trainer::Truth { name: truth.name, ceilings: truth.ceilings })
        })
        .collect())
}

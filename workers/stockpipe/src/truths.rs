//! What is known of synthetic symbols: their generator and the best skill anybody can have.

use std::collections::BTreeMap;

use crds::StockPipeline;
use producer::Truth;

use crate::{Failure, settings};

/// The truths of the symbols that the manifest's producer makes; empty where no producer runs.
fn known(pipeline: &StockPipeline) -> Result<Vec<(String, Truth)>, Failure> {
    if !pipeline.spec.producer.enabled {
        return Ok(Vec::new());
    }
    let horizons: Vec<u32> =
        pipeline.spec.predictor.horizons.iter().filter_map(|h| u32::try_from(*h).ok()).collect();
    Ok(settings::producer(pipeline)?.truths(&horizons))
}

/// For the report of a training run.
pub fn for_trainer(pipeline: &StockPipeline) -> Result<BTreeMap<String, trainer::Truth>, Failure> {
    let truths = known(pipeline)?.into_iter();
    Ok(truths.map(|(symbol, t)| (symbol, trainer::Truth { name: t.name, ceilings: t.ceilings })).collect())
}

/// For the SYNTHETIC badge.
pub fn for_dashboard(pipeline: &StockPipeline) -> Result<Vec<dashboard::Truth>, Failure> {
    let truths = known(pipeline)?.into_iter();
    Ok(truths
        .map(|(symbol, t)| {
            let model = t.model.as_str().to_owned();
            let parameters = t.name.strip_prefix(&model).unwrap_or_default().trim().replace("phi", "φ");
            let ceilings = t
                .ceilings
                .into_iter()
                .map(|(horizon, skill)| dashboard::Ceiling { horizon, skill })
                .collect();
            dashboard::Truth { symbol, model, parameters, ceilings }
        })
        .collect())
}

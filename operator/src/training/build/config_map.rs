//! The ConfigMap `<run>-run`: pipeline and run as the trainer reads them.
//!
//! It is made with the first attempt and never changes, so that every attempt trains the same thing, whatever becomes
//! of the pipeline meanwhile.

use std::collections::BTreeMap;

use crds::{StockPipeline, TrainingRun};
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use super::metadata;
use crate::pipeline::build::{manifest, volumes::MANIFEST_KEY};
use crate::training::dataset;

/// Key of the run.
pub const RUN_KEY: &str = "trainingrun.yaml";

/// Its name.
pub fn name(run: &str) -> String {
    format!("{run}-run")
}

/// Pipeline and run, immutable.
pub fn build(pipeline: &StockPipeline, run: &TrainingRun) -> ConfigMap {
    let pinned = dataset::pinned(run);
    // Plain values with text keys: serialising cannot fail.
    let document = json!({
        "apiVersion": crds::API_VERSION,
        "kind": "TrainingRun",
        "metadata": {
            "name": run.metadata.name,
            "namespace": run.metadata.namespace,
            "uid": run.metadata.uid,
        },
        "spec": pinned.spec,
    });
    ConfigMap {
        metadata: metadata(pipeline, run, name(run.name())),
        data: Some(BTreeMap::from([
            (MANIFEST_KEY.to_owned(), manifest::for_roles(pipeline)),
            (RUN_KEY.to_owned(), serde_yaml::to_string(&document).unwrap_or_default()),
        ])),
        immutable: Some(true),
        binary_data: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::samples;

    #[test]
    fn the_trainer_can_read_it_without_a_cluster() {
        let (pipeline, run) = (samples::pipeline(), samples::run());
        let built = build(&pipeline, &run);
        assert_eq!(built.metadata.name.as_deref(), Some("market-1-run"));
        let files: Vec<crds::File> =
            built.data.unwrap().into_iter().map(|(name, text)| crds::File { name, text }).collect();
        let read = crds::Manifest::load(&files, &[], crds::Bare::Run, &|_| None, true).unwrap();
        assert_eq!(read.pipeline.metadata.uid, pipeline.metadata.uid);
        assert_eq!(read.runs.len(), 1);
        assert_eq!(read.runs[0].spec, run.spec);
        assert_eq!(read.runs[0].metadata.uid, run.metadata.uid);
    }
}

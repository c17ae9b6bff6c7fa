//! The ConfigMaps that hold manifests. They never change: another manifest is another name, so that pods of two
//! configurations can run side by side while one rolls.

use std::collections::BTreeMap;

use crds::StockPipeline;
use k8s_openapi::api::core::v1::ConfigMap;

use super::identity::{INIT, SHARED, config_map_name, metadata};
use super::manifest;
use super::volumes::MANIFEST_KEY;
use super::{config_hash, init_job_name};
use crate::pipeline::desired::Desired;

/// The manifest of roles.
pub fn config(desired: &Desired) -> ConfigMap {
    let pipeline = &desired.pipeline;
    immutable(
        pipeline,
        config_map_name(pipeline.name(), &config_hash(desired)),
        SHARED,
        manifest::for_roles(pipeline),
    )
}

/// The manifest of the init Job, named as the Job is.
pub fn init(desired: &Desired) -> ConfigMap {
    immutable(&desired.pipeline, init_job_name(desired), INIT, manifest::for_init(&desired.pipeline))
}

fn immutable(pipeline: &StockPipeline, name: String, component: &str, manifest: String) -> ConfigMap {
    ConfigMap {
        metadata: metadata(pipeline, name, component),
        data: Some(BTreeMap::from([(MANIFEST_KEY.to_owned(), manifest)])),
        immutable: Some(true),
        binary_data: None,
    }
}

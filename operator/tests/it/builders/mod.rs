//! What is built from a pipeline: whole objects, connections, properties of any spec.

mod any_pipeline;
mod flows;
mod golden;
mod permissions;
mod properties;
mod render;

use crds::{Bare, File, Manifest, StockPipeline};
use kube::core::DynamicObject;
use operator::environment::Environment;
use operator::pipeline::build::{Children, build};
use operator::pipeline::desired::{Dereferenced, Desired, Stamp};
use operator::pipeline::references::{Kind, references};

/// What a pipeline says at least.
pub const SERVERS: &str = "  source: {kafka: {bootstrapServers: 'broker:9092'}}\n  lake: {hdfs: {uri: 'hdfs://name-node:8020'}}\n  \
                           featureStore: {cassandra: {contactPoints: ['ring:9042']}}\n";

/// A valid pipeline as a server has it. Its name, namespace and uid resemble nothing else, so that none of them can stand
/// where another should.
pub fn pipeline(spec: &str) -> StockPipeline {
    let text = format!(
        "apiVersion: stockpipe.dev/v1alpha1\nkind: StockPipeline\nmetadata: {{name: quotes, namespace: trading, uid: \
         0b5e-uid}}\nspec:\n{spec}"
    );
    let file = File { name: "pipeline.yaml".to_owned(), text };
    Manifest::load(&[file], &[], Bare::Pipeline, &|_: &str| None, true).unwrap().pipeline
}

/// The operator that all of these tests are of.
pub fn environment() -> Environment {
    Environment {
        image: "registry.test/stockpipe:0.1.0".to_owned(),
        version: "0.1.0".to_owned(),
        namespace: "operator-home".to_owned(),
        cluster_domain: "cluster.local".to_owned(),
        prometheus_operator: true,
    }
}

/// What is wanted of a pipeline when all that it names is there.
pub fn desired(pipeline: StockPipeline) -> Desired {
    let mut found = Dereferenced::default();
    for (index, reference) in references(&pipeline).into_iter().enumerate() {
        let stamp = Stamp { uid: format!("uid-of-{}", reference.name), resource_version: index.to_string() };
        match reference.kind {
            Kind::Secret => found.secrets.insert(reference.name, Some(stamp)).is_some(),
            Kind::ConfigMap => {
                found.config_maps.insert(reference.name, Some((stamp, Default::default()))).is_some()
            }
        };
    }
    let ingest_replicas = pipeline.spec.ingest.replicas;
    Desired { pipeline, found, ingest_replicas, held_config: None, cleanup: false }
}

/// The children of a pipeline that can be built.
pub fn children(desired: &Desired) -> Children {
    build(desired, &environment()).unwrap()
}

/// Its objects as they are applied.
pub fn objects(desired: &Desired) -> Vec<DynamicObject> {
    children(desired).into_objects()
}

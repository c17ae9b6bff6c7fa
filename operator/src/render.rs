//! `stockpipe-operator render -f FILE`: what the operator would make of a manifest, as YAML, without a cluster.
//!
//! It is for reviews and for those who apply by other means. Nothing is looked up: Secrets and ConfigMaps that the manifest
//! names are taken as there, so the annotation that restarts pods when one of them changes is that of unknown ones, and
//! without a uid no object has an owner.

use crds::{Bare, File, Manifest, ManifestError, StockPipeline};

use crate::environment::Environment;
use crate::pipeline::build::build;
use crate::pipeline::desired::{Dereferenced, Desired, Invalid};
use crate::pipeline::image;

/// Why a manifest cannot be rendered. All of it is bad input: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Nothing can be built from it.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// An object has no YAML form.
    #[error("an object cannot be written as YAML: {0}; report it with the manifest")]
    Yaml(#[from] serde_yaml::Error),
}

/// The YAML of every object, in the order in which the operator applies them.
pub fn render(files: &[File], env: &Environment) -> Result<String, RenderError> {
    // The environment of a person's shell is not the operator's.
    let nothing = |_: &str| None;
    let documents = Manifest::load(files, &[], Bare::Pipeline, &nothing, true)?;
    image::check(&documents.pipeline, env).map_err(Invalid::from)?;
    let children = build(&unseen(documents.pipeline), env)?;
    let mut text = String::new();
    for object in children.into_objects() {
        text.push_str("---\n");
        text.push_str(&serde_yaml::to_string(&object)?);
    }
    Ok(text)
}

/// The pipeline as the operator would want it at its first look.
fn unseen(mut pipeline: StockPipeline) -> Desired {
    pipeline.metadata.namespace.get_or_insert_with(|| "default".to_owned());
    let ingest = &pipeline.spec.ingest;
    let ingest_replicas = ingest.autoscaling.as_ref().map_or(ingest.replicas, |scaling| scaling.min_replicas);
    Desired { pipeline, found: Dereferenced::default(), ingest_replicas, held_config: None, cleanup: false }
}

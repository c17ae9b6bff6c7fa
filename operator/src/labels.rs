//! Labels, annotations, field managers and names that more than one file needs.

use std::collections::BTreeMap;

/// Manager of everything that the pipeline controller applies.
pub const PIPELINE_MANAGER: &str = "stockpipe-pipeline";
/// Manager of everything that the training controller applies.
pub const TRAINING_MANAGER: &str = "stockpipe-training";
/// Who made a child: `app.kubernetes.io/managed-by`.
pub const MANAGED_BY: &str = "stockpipe-operator";
/// Label of a run: what started it (`schedule`, `newRows`, `drift`). Absent: a person.
pub const TRIGGER: &str = "stockpipe.dev/trigger";
/// Label: the pipeline's name.
pub const PIPELINE: &str = "stockpipe.dev/pipeline";
/// Label: the run's name.
pub const RUN: &str = "stockpipe.dev/run";
/// Label: number of the attempt.
pub const ATTEMPT: &str = "stockpipe.dev/attempt";
/// Finalizer of pipelines whose deletionPolicy is Delete.
pub const FINALIZER: &str = "stockpipe.dev/cleanup";

/// Labels that select the pods of a role; they never change.
pub fn selector(pipeline: &str, role: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("app.kubernetes.io/name".to_owned(), "stockpipe".to_owned()),
        ("app.kubernetes.io/instance".to_owned(), pipeline.to_owned()),
        ("app.kubernetes.io/component".to_owned(), role.to_owned()),
    ])
}

/// Labels of a child: its selector, who made it, which pipeline it belongs to.
pub fn of_child(pipeline: &str, role: &str) -> BTreeMap<String, String> {
    let mut labels = selector(pipeline, role);
    labels.insert("app.kubernetes.io/managed-by".to_owned(), MANAGED_BY.to_owned());
    labels.insert(PIPELINE.to_owned(), pipeline.to_owned());
    labels
}

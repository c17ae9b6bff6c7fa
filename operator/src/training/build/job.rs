//! The Job of one attempt.
//!
//! A Job never retries by itself: attempts are the run's, so that each is written down before it starts. Pods that a
//! drain or a preemption ends are no failure, and a trainer that refuses its input is none that passes.

use std::collections::{BTreeMap, BTreeSet};

use crds::pipeline::StockPipeline;
use crds::training_run::TrainingRun;
use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{PodTemplateSpec, ResourceRequirements, VolumeMount};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

use super::{COMPONENT, config_map, memory, metadata, run_labels};
use crate::environment::Environment;
use crate::labels;
use crate::pipeline::build::pod::{self, CONTAINER, Pod};
use crate::pipeline::build::resources::Resources;
use crate::pipeline::build::{overrides, volumes};
use crate::pipeline::references::references;
use crate::training::ledger::job_name;

/// Directory of the run's document; its ConfigMap holds the pipeline's as well.
const RUN_DIR: &str = "/etc/stockpipe/run";
/// Exit code of a trainer that refuses its input.
pub const INVALID: i32 = 2;
/// What a trainer asks for besides memory. A drain gives up what was not published, so it needs no time.
const RESOURCES: Resources = Resources { cpu: "500m", memory: "384Mi", grace_seconds: 30 };

/// The Job as the API server gets it: raw, because overrides may have fields that this release does not know. The
/// server judges every field strictly and says what is wrong.
pub fn build(pipeline: &StockPipeline, run: &TrainingRun, attempt: i32, env: &Environment) -> Value {
    let template = &run.spec.template;
    let indexed = template.workers > 1;
    let job = Job {
        metadata: {
            let mut metadata = metadata(pipeline, run, job_name(run.name(), attempt));
            metadata.labels.get_or_insert_default().insert(labels::ATTEMPT.to_owned(), attempt.to_string());
            metadata
        },
        spec: Some(JobSpec {
            completion_mode: Some(if indexed { "Indexed" } else { "NonIndexed" }.to_owned()),
            completions: Some(template.workers),
            parallelism: Some(template.workers),
            backoff_limit: (!indexed).then_some(0),
            backoff_limit_per_index: indexed.then_some(template.restart_policy.max_retries),
            max_failed_indexes: indexed.then_some(0),
            // A backstop for an operator that is away: no Job outlives what the whole run may take.
            active_deadline_seconds: Some(template.active_deadline.seconds()),
            pod_replacement_policy: Some("Failed".to_owned()),
            pod_failure_policy: Some(failure_policy()),
            template: pods(pipeline, run, attempt, env),
            ..JobSpec::default()
        }),
        status: None,
    };
    // Plain values with text keys: serialising cannot fail.
    let mut object = serde_json::to_value(&job).unwrap_or_default();
    for patch in [&pipeline.spec.pod_overrides, &template.pod_overrides].into_iter().flatten() {
        if let Some(template) = object.pointer_mut("/spec/template") {
            overrides::merge(template, patch);
        }
    }
    object
}

fn failure_policy() -> PodFailurePolicy {
    let disrupted = PodFailurePolicyRule {
        action: "Ignore".to_owned(),
        on_exit_codes: None,
        on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
        }]),
    };
    let invalid = PodFailurePolicyRule {
        action: "FailJob".to_owned(),
        on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
            container_name: Some(CONTAINER.to_owned()),
            operator: "In".to_owned(),
            values: vec![INVALID],
        }),
        on_pod_conditions: None,
    };
    PodFailurePolicy { rules: vec![disrupted, invalid] }
}

fn pods(pipeline: &StockPipeline, run: &TrainingRun, attempt: i32, env: &Environment) -> PodTemplateSpec {
    let mut named = references(pipeline);
    let mut seen = BTreeSet::new();
    named.retain(|reference| {
        reference.mounted_by(None) && seen.insert((reference.kind, reference.name.clone()))
    });
    let mut mounted = volumes::mounted(&config_map::name(run.name()), &named);
    if let Some(manifest) = mounted.volumes.first() {
        // The same volume a second time: two documents, two directories, one ConfigMap.
        mounted.mounts.push(VolumeMount {
            name: manifest.name.clone(),
            mount_path: RUN_DIR.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        });
    }
    let shape = Pod {
        component: COMPONENT,
        args: args(run, attempt),
        mounted,
        resources: RESOURCES,
        serves: true,
        spread: None,
        restart_policy: Some("Never"),
        annotations: BTreeMap::new(),
    };
    let mut template = pod::template(pipeline, env, shape);
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.extend(run_labels(pipeline, run));
    labels.insert(labels::ATTEMPT.to_owned(), attempt.to_string());
    if let Some(container) = template.spec.iter_mut().flat_map(|spec| &mut spec.containers).next() {
        container.resources = Some(resources(run));
        // A trainer that works hard answers late, and it serves nobody: nothing is gained by killing it.
        container.liveness_probe = None;
        container.startup_probe = None;
        container.readiness_probe = None;
    }
    template
}

fn args(run: &TrainingRun, attempt: i32) -> Vec<String> {
    let manifest = format!("{}/{}", volumes::MANIFEST_DIR, volumes::MANIFEST_KEY);
    let document = format!("{RUN_DIR}/{}", config_map::RUN_KEY);
    let uid = run.metadata.uid.clone().unwrap_or_default();
    let attempt = attempt.to_string();
    [
        "train",
        "--in-cluster",
        "--file",
        &manifest,
        "--file",
        &document,
        "--run-uid",
        &uid,
        "--attempt",
        &attempt,
        "--no-env",
        "--mounts",
        volumes::MOUNTS,
        "--listen",
        "0.0.0.0:9500",
        "--log-format",
        "json",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Memory by estimate; processors are limited, because a trainer grows a block of trees on each it sees.
fn resources(run: &TrainingRun) -> ResourceRequirements {
    let rows = run.status.as_ref().and_then(|status| status.dataset.as_ref()).map(|dataset| dataset.rows);
    let memory = Quantity(format!("{}Mi", memory::limit_mib(rows, &run.spec.template.model)));
    let of = |cpu: String| {
        BTreeMap::from([("cpu".to_owned(), Quantity(cpu)), ("memory".to_owned(), memory.clone())])
    };
    ResourceRequirements {
        requests: Some(of(RESOURCES.cpu.to_owned())),
        limits: Some(of(memory::THREADS.to_string())),
        ..ResourceRequirements::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::samples;
    use serde_json::json;

    fn built(change: impl FnOnce(&mut StockPipeline, &mut TrainingRun)) -> Value {
        let (mut pipeline, mut run) = (samples::pipeline(), samples::run());
        change(&mut pipeline, &mut run);
        build(&pipeline, &run, 3, &samples::environment())
    }

    #[test]
    fn the_job_of_a_run_with_one_worker() {
        let golden: Value = serde_json::from_str(include_str!("job.golden.json")).unwrap();
        let job = built(|_, _| {});
        assert_eq!(job, golden, "the Job is now:\n{job:#}");
    }

    #[test]
    fn several_workers_share_an_indexed_job() {
        let job = built(|_, run| run.spec.template.workers = 4);
        let spec = &job["spec"];
        assert_eq!(
            (
                &spec["completionMode"],
                &spec["completions"],
                &spec["parallelism"],
                &spec["backoffLimitPerIndex"]
            ),
            (&json!("Indexed"), &json!(4), &json!(4), &json!(2))
        );
        assert_eq!((&spec["maxFailedIndexes"], spec.get("backoffLimit")), (&json!(0), None));
    }

    #[test]
    fn overrides_are_merged_last_the_runs_own_over_the_pipelines() {
        let patch = |memory: &str| {
            let containers = json!([{"name": CONTAINER, "resources": {"limits": {"memory": memory}}}]);
            json!({"spec": {"containers": containers, "someNewField": true}}).as_object().cloned()
        };
        let job = built(|pipeline, run| {
            pipeline.spec.pod_overrides = patch("1Gi");
            run.spec.template.pod_overrides = patch("8Gi");
        });
        let spec = &job["spec"]["template"]["spec"];
        assert_eq!(spec["containers"][0]["resources"]["limits"], json!({"cpu": "2", "memory": "8Gi"}));
        assert_eq!(spec["someNewField"], json!(true));
        assert_eq!(spec["containers"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn everything_the_pipeline_names_is_mounted_but_the_dashboards_secret() {
        let job = built(|pipeline, _| {
            let spec = json!({"name": "tls"});
            pipeline.spec.source.kafka.security.ca_secret_ref = serde_json::from_value(spec).unwrap();
            pipeline.spec.dashboard.auth =
                serde_json::from_value(json!({"secretRef": {"name": "page"}})).unwrap();
        });
        let mounts = job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"].to_string();
        assert!(mounts.contains("/etc/stockpipe/secrets/tls") && !mounts.contains("page"), "{mounts}");
    }
}

//! The two Jobs of a pipeline: one sets up what its roles need, one takes it down.
//!
//! A Job's template never changes after it was made. The init Job and its ConfigMap are named by a hash of all that they
//! set up; the cleanup Job is made once, at the end. Neither tries again by itself: whoever made it does, later and with
//! what is true then.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};

use super::deployment::common_args;
use super::identity::{CLEANUP, INIT, config_map_name, metadata};
use super::pod::{Pod, template};
use super::volumes::{mounted, mounted_references};
use super::{cleanup_job_name, config_hash, init_job_name, resources};
use crate::environment::Environment;
use crate::pipeline::desired::Desired;

/// Seconds that setting up may take: a command waits a minute for a busy server, and an image has to come.
const INIT_SECONDS: i64 = 600;
/// Seconds that taking down may take; after ten minutes the pipeline goes and its data stays.
const CLEANUP_SECONDS: i64 = 540;

/// Makes topic, directories and tables.
pub fn init(desired: &Desired, env: &Environment) -> Job {
    let name = init_job_name(desired);
    job(desired, env, INIT, &["init"], name.clone(), &name, INIT_SECONDS)
}

/// Deletes what init made.
pub fn cleanup(desired: &Desired, env: &Environment) -> Job {
    let pipeline = desired.pipeline.name();
    let config = config_map_name(pipeline, &config_hash(desired));
    let name = cleanup_job_name(pipeline);
    job(desired, env, CLEANUP, &["destroy", "--yes"], name, &config, CLEANUP_SECONDS)
}

fn job(
    desired: &Desired,
    env: &Environment,
    component: &str,
    command: &[&str],
    name: String,
    config_map: &str,
    seconds: i64,
) -> Job {
    let pipeline = &desired.pipeline;
    let mut args: Vec<String> = command.iter().map(|arg| (*arg).to_owned()).collect();
    args.extend(common_args());
    let pod = Pod {
        component,
        args,
        mounted: mounted(config_map, &mounted_references(desired, None)),
        resources: resources::JOB,
        serves: false,
        spread: None,
        restart_policy: Some("Never"),
        annotations: BTreeMap::new(),
    };
    Job {
        metadata: metadata(pipeline, name, component),
        spec: Some(JobSpec {
            backoff_limit: Some(0),
            active_deadline_seconds: Some(seconds),
            // Stopped means: no pods. Unlike its template this may change later.
            suspend: pipeline.spec.operation.stopped.then_some(true).filter(|_| component == INIT),
            pod_replacement_policy: Some("Failed".to_owned()),
            template: template(pipeline, env, pod),
            ..JobSpec::default()
        }),
        status: None,
    }
}

//! `deletionPolicy: Delete`: the pipeline stays until what it made is deleted, for ten minutes at most.
//!
//! A pipeline that cannot be cleaned up is let go all the same, and an Event names what was left behind: a finalizer
//! that waits for ever makes a namespace that cannot be deleted.

use crds::StockPipeline;
use crds::pipeline::DeletionPolicy;
use crds::reason::Reason;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use kube::{Resource as _, ResourceExt as _};
use serde_json::json;

use super::build;
use super::context::{Context, Key};
use super::converge::{Failure, prepared};
use super::dereference::dereference;
use super::desired::Desired;
use super::jobs::{Outcome, outcome};
use super::observe::{Observed, applier};
use super::status::Preparation;
use super::validate::validate;
use crate::apply::{ApplyError, Owned};
use crate::events::Notice;
use crate::labels::{FINALIZER, PIPELINE};

/// How long a pipeline waits for its cleanup.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// True where the finalizer is on the pipeline.
pub fn is_held(pipeline: &StockPipeline) -> bool {
    pipeline.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Sets the finalizer where the policy asks for it, takes it off where not. True where something was written.
pub async fn agree(ctx: &Context, key: &Key, pipeline: &StockPipeline) -> Result<bool, kube::Error> {
    let wanted = pipeline.spec.deletion_policy == DeletionPolicy::Delete;
    if wanted == is_held(pipeline) {
        return Ok(false);
    }
    write(ctx, key, pipeline, wanted).await?;
    Ok(true)
}

/// Takes the finalizer off: the pipeline goes.
pub async fn release(ctx: &Context, key: &Key, pipeline: &StockPipeline) -> Result<(), kube::Error> {
    write(ctx, key, pipeline, false).await
}

async fn write(ctx: &Context, key: &Key, pipeline: &StockPipeline, held: bool) -> Result<(), kube::Error> {
    let mut finalizers: Vec<&str> =
        pipeline.finalizers().iter().map(String::as_str).filter(|name| *name != FINALIZER).collect();
    if held {
        finalizers.push(FINALIZER);
    }
    // Merged as a whole list: the version that was read must still be the newest, or somebody else's entry would go.
    let version = pipeline.resource_version();
    let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": version}});
    let api: Api<StockPipeline> = Api::namespaced(ctx.client.clone(), &key.0);
    match api.patch(&key.1, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

/// How deletion goes on.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Everything the pipeline made is deleted, or was to stay.
    Release,
    /// It goes, and its data stays: why.
    Retain(&'static str),
    /// Not yet.
    Wait,
}

/// What can be decided without touching anything.
pub fn decide(pipeline: &StockPipeline, cleanup: &Outcome, now: Timestamp) -> Next {
    if pipeline.spec.deletion_policy == DeletionPolicy::Retain {
        return Next::Release;
    }
    if *cleanup == Outcome::Complete {
        return Next::Release;
    }
    let asked = pipeline.metadata.deletion_timestamp.as_ref().map_or(now, |time| time.0);
    if now.duration_since(asked) >= PATIENCE {
        return Next::Retain("it could not be deleted within 10 minutes");
    }
    Next::Wait
}

/// Stops everything that works on the pipeline's data, then deletes the data.
pub async fn clean_up(
    ctx: &Context,
    key: &Key,
    pipeline: &StockPipeline,
    observed: &Observed,
) -> Result<Next, Failure> {
    let job = build::cleanup_job_name(&key.1);
    let next = decide(pipeline, &outcome(&observed.jobs, &job), ctx.now());
    if next != Next::Wait || pipeline.spec.operation.reconciliation_paused {
        return Ok(next);
    }
    delete_runs(ctx, key, pipeline).await?;
    match take_down(ctx, key, pipeline, observed, job).await {
        Err(Failure::Apply(ApplyError::Forbidden { message, .. }))
            if message.contains("being terminated") =>
        {
            Ok(Next::Retain("its namespace is being deleted, where no Job can run any more"))
        }
        Err(failure) => Err(failure),
        Ok(()) => Ok(Next::Wait),
    }
}

async fn take_down(
    ctx: &Context,
    key: &Key,
    pipeline: &StockPipeline,
    observed: &Observed,
    job: String,
) -> Result<(), Failure> {
    let uid = pipeline.uid().unwrap_or_default();
    let found = dereference(&ctx.client, &key.0, pipeline).await?;
    let valid = validate(pipeline, &found, &ctx.environment)?;
    let desired = Desired { pipeline: valid, found, ingest_replicas: 0, held_config: None, cleanup: true };
    let mut children = build::build(&desired, &ctx.environment)?;
    let started = observed.jobs.iter().any(|one| one.name_any() == job);
    let may_run = started || (observed.deployments.is_empty() && is_quiet(ctx, key).await?);
    if !may_run {
        // A pod that still writes would make again what is deleted.
        children.jobs.clear();
    }
    let mut owned = Owned { uid: &uid, ..Owned::default() };
    if let (Preparation::Failed { message }, Some(left)) = prepared(ctx, key, &uid, observed, &job) {
        tracing::warn!(pipeline = key.1, namespace = key.0, "cleanup failed: {message}");
        if left.is_zero() {
            owned.replaced.insert(("Job".to_owned(), job));
        }
    }
    applier(ctx, &key.0).apply(children.into_objects(), &observed.live, &owned).await?;
    Ok(())
}

/// True where no pod of the pipeline runs. Data is deleted on this: it is asked of the API server itself.
async fn is_quiet(ctx: &Context, key: &Key) -> Result<bool, ApplyError> {
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), &key.0);
    let of_pipeline = ListParams::default().labels(&format!("{PIPELINE}={}", key.1));
    let pods = api.list(&of_pipeline).await.map_err(|error| ApplyError::of("list", "Pod", &key.1, error))?;
    Ok(pods.items.iter().all(crate::pods::is_finished))
}

/// Training runs go with their pipeline; here they go first, so that no trainer writes while data is deleted.
async fn delete_runs(ctx: &Context, key: &Key, pipeline: &StockPipeline) -> Result<(), ApplyError> {
    let api: Api<crds::TrainingRun> = Api::namespaced(ctx.client.clone(), &key.0);
    let uid = pipeline.uid().unwrap_or_default();
    let runs = api
        .list_metadata(&ListParams::default())
        .await
        .map_err(|error| ApplyError::of("list", "TrainingRun", &key.1, error))?;
    for run in runs.items.iter().filter(|run| run.owner_references().iter().any(|owner| owner.uid == uid)) {
        if run.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let preconditions = Preconditions { uid: run.uid(), resource_version: None };
        let params = DeleteParams::background().preconditions(preconditions);
        match api.delete(&run.name_any(), &params).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
            Err(error) => return Err(ApplyError::of("delete", "TrainingRun", &run.name_any(), error)),
        }
    }
    Ok(())
}

/// Tells what stays.
pub async fn tell_retained(ctx: &Context, pipeline: &StockPipeline, why: &str) {
    let spec = &pipeline.spec;
    let note = format!(
        "topic {}, directory {} and keyspace {} stay: {why}; delete them by hand, or with `stockpipe destroy`",
        spec.source.kafka.topic.name, spec.lake.root, spec.feature_store.cassandra.keyspace
    );
    ctx.events
        .tell(&pipeline.object_ref(&()), [Notice::warning(Reason::DataRetained, "CleanUp", note)])
        .await;
}

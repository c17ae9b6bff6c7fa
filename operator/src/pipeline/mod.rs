//! The pipeline controller: dereference -> validate -> build -> apply -> publish status.
//!
//! | module | what it does | pure |
//! |---|---|---|
//! | [`observe`] | looks at children and pods in the cache, asks workers | |
//! | [`dereference`] | looks up what the manifest names | |
//! | [`validate`], [`image`] | may children be made of it? | yes |
//! | [`scaling`], [`jobs`], [`rollouts`] | how many ingest pods; is init done; whose turn is it | yes |
//! | [`build`] | from a valid pipeline to every object | yes |
//! | [`converge`] | the four above in order, and the write | |
//! | [`status`], [`judge`], [`told`] | what is said of it | yes |
//! | [`publish`] | writes that, where it is new | |
//! | [`finalize`] | `deletionPolicy: Delete` | |
//! | [`controller`] | watches, retries, counts | |
//!
//! Architecture Invariant: an invalid spec changes nothing but the status: what ran before runs on.

pub mod build;
pub mod context;
pub mod controller;
pub mod converge;
pub mod dereference;
pub mod desired;
pub mod finalize;
pub mod image;
pub mod jobs;
pub mod judge;
pub mod observe;
pub mod publish;
pub mod references;
pub mod rollouts;
pub mod scaling;
pub mod status;
pub mod told;
pub mod validate;

use std::sync::Arc;
use std::time::Duration;

use crds::StockPipeline;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Resource as _, ResourceExt as _};

use self::context::{Context, Key};
use self::converge::{Converged, Failure, converge, last_preparation, running_roles};
use self::finalize::Next;
use self::observe::{Observed, observe};
use self::publish::{publish, publish_unreadable};
use self::references::references;
use self::status::{Preparation, Seen, status};
use crate::backoff::around;
use crate::conditions::holds;
use crate::pods;

/// Longest pass. The client has no limit of its own for an answer that does not come.
const PASS: Duration = Duration::from_secs(60);
/// How often a pipeline is looked at whose workers have something to tell, or whose Secrets may change: neither can be
/// watched.
const CALM: Duration = Duration::from_secs(60);
/// How often where autoscaling decides.
const WATCHFUL: Duration = Duration::from_secs(10);
/// How often where every change comes by a watch; up to three times as long.
const IDLE: Duration = Duration::from_secs(300);
/// How often while something waits for its end.
const SOON: Duration = Duration::from_secs(5);

/// Why a pass failed: it is tried again with backoff.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The children could not be made what they should be.
    #[error(transparent)]
    Converge(#[from] Failure),
    /// The pipeline itself could not be written.
    #[error("{what} of pipeline {name} could not be written: {error}; it is tried again")]
    Write {
        /// `status` or `finalizers`.
        what: &'static str,
        /// The pipeline.
        name: String,
        /// The client's words.
        error: Box<kube::Error>,
    },
    /// The API server, or a worker, took too long.
    #[error("the pass took longer than {} s; it is tried again", PASS.as_secs())]
    Timeout,
}

impl Error {
    /// One word, for metrics.
    pub fn category(&self) -> &'static str {
        match self {
            Error::Converge(failure) => failure.category(),
            Error::Write { .. } => "StatusWrite",
            Error::Timeout => "Timeout",
        }
    }
}

/// One pass over one pipeline.
pub async fn reconcile(
    object: Arc<DeserializeGuard<StockPipeline>>,
    ctx: Arc<Context>,
) -> Result<Action, Error> {
    let key = (object.namespace().unwrap_or_default(), object.name_any());
    let pass = async {
        ctx.cache.whole().await;
        match &object.0 {
            Ok(pipeline) => pass(&ctx, &key, pipeline).await,
            Err(invalid) => {
                let failed = |error| write_failed("status", &key, error);
                publish_unreadable(&ctx, &key, invalid).await.map_err(failed)?;
                Ok(Action::requeue(IDLE))
            }
        }
    };
    tokio::time::timeout(PASS, pass).await.unwrap_or(Err(Error::Timeout))
}

async fn pass(ctx: &Context, key: &Key, pipeline: &StockPipeline) -> Result<Action, Error> {
    let deleting = pipeline.meta().deletion_timestamp.is_some();
    if deleting && !finalize::is_held(pipeline) {
        // Its children are collected by their owner references; making one now would bring it back.
        ctx.forget(key);
        return Ok(Action::await_change());
    }
    let uid = pipeline.uid().unwrap_or_default();
    let mut observed = observe(ctx, key, &uid).await;
    if deleting {
        return delete(ctx, key, pipeline, &observed).await;
    }
    if pipeline.spec.operation.reconciliation_paused {
        tell(ctx, key, pipeline, &observed, None).await?;
        return Ok(Action::requeue(around(CALM, 0.5, (ctx.jitter)())));
    }
    let failed = |error| write_failed("finalizers", key, error);
    if finalize::agree(ctx, key, pipeline).await.map_err(failed)? {
        // The write brings the next pass, with the version it made.
        return Ok(Action::requeue(SOON));
    }
    let result = converge(ctx, key, pipeline, &observed).await;
    // What was just written is told in this pass: of one's own writes there is no news.
    if !result.as_ref().is_ok_and(|done| done.written.is_nothing()) {
        observed.look(ctx, key, &uid);
    }
    tell(ctx, key, pipeline, &observed, Some(&result)).await?;
    count(ctx, key, pipeline, &result);
    match result {
        Err(failure) if failure.is_transient() => Err(failure.into()),
        result => Ok(Action::requeue(next(ctx, pipeline, &observed, result.as_ref().ok()))),
    }
}

/// When to look again though nothing changed.
fn next(
    ctx: &Context,
    pipeline: &StockPipeline,
    observed: &Observed,
    converged: Option<&Converged>,
) -> Duration {
    let runs = !observed.pods.iter().all(pods::is_finished);
    let scales = pipeline.spec.ingest.autoscaling.is_some();
    let usual = match converged {
        Some(_) if runs && scales => return WATCHFUL,
        Some(_) if !runs && !scales && references(pipeline).is_empty() => around(IDLE, 2.0, (ctx.jitter)()),
        _ => around(CALM, 0.5, (ctx.jitter)()),
    };
    let again = converged.and_then(|one| one.again).and_then(|wait| Duration::try_from(wait).ok());
    again.map_or(usual, |wait| wait.clamp(Duration::from_secs(1), usual))
}

async fn delete(
    ctx: &Context,
    key: &Key,
    pipeline: &StockPipeline,
    observed: &Observed,
) -> Result<Action, Error> {
    let next = finalize::clean_up(ctx, key, pipeline, observed).await;
    match &next {
        Ok(Next::Release) => {}
        Ok(Next::Retain(why)) => finalize::tell_retained(ctx, pipeline, why).await,
        Ok(Next::Wait) => {
            tell(ctx, key, pipeline, observed, None).await?;
            return Ok(Action::requeue(SOON));
        }
        // What cannot be built cannot be cleaned up: it is tried until the time is over.
        Err(failure) => {
            tracing::warn!(pipeline = key.1, namespace = key.0, "cleanup cannot go on: {failure}");
            return Ok(Action::requeue(SOON * 2));
        }
    }
    finalize::release(ctx, key, pipeline).await.map_err(|error| write_failed("finalizers", key, error))?;
    ctx.forget(key);
    Ok(Action::await_change())
}

/// Publishes what this pass saw. `result` is absent where it did nothing but look.
async fn tell(
    ctx: &Context,
    key: &Key,
    pipeline: &StockPipeline,
    observed: &Observed,
    result: Option<&Result<Converged, Failure>>,
) -> Result<(), Error> {
    let done = result.and_then(|result| result.as_ref().ok());
    let failure = result.and_then(|result| result.as_ref().err());
    let seen = Seen {
        pipeline,
        roles: done.map_or_else(|| running_roles(observed), |done| done.roles.clone()),
        deployments: &observed.deployments,
        pods: &observed.pods,
        events: &observed.events,
        heard: &observed.heard,
        preparation: done.map_or_else(|| last_preparation(observed), |done| done.preparation.clone()),
        problem: failure.map(|failure| failure.problem(pipeline)),
        waiting: done.and_then(|done| done.waiting),
        scaling: done.and_then(|done| done.scaling.clone()),
    };
    let status = status(&seen, ctx.now());
    ctx.metrics.stated("StockPipeline", &format!("{}/{}", key.0, key.1), &status.conditions);
    if holds(&status.conditions, "Ready") && !holds(&status.conditions, "Progressing") {
        ctx.rollouts.done(key);
    }
    publish(ctx, key, pipeline, status).await.map_err(|error| write_failed("status", key, error))
}

fn count(ctx: &Context, key: &Key, pipeline: &StockPipeline, result: &Result<Converged, Failure>) {
    let Ok(done) = result else { return };
    for (kind, objects) in &done.written.repaired {
        ctx.metrics.repaired(kind, *objects);
    }
    if done.preparation == Preparation::Complete {
        let uid = pipeline.uid().unwrap_or_default();
        ctx.remember(key, &uid, |memory| memory.failed_job = (String::new(), 0));
    }
}

fn write_failed(what: &'static str, key: &Key, error: kube::Error) -> Error {
    Error::Write { what, name: key.1.clone(), error: Box::new(error) }
}

//! From a pipeline and what there is to children as they should be: dereference, validate, decide replicas and gates,
//! build, apply.

use std::collections::BTreeSet;

use crds::StockPipeline;
use crds::reason::Reason;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;

use super::build::{self, Children};
use super::context::{Context, Key};
use super::dereference::{DereferenceError, dereference};
use super::desired::{Desired, Invalid, Role};
use super::jobs::{Outcome, outcome};
use super::observe::{Observed, applier};
use super::references::Kind;
use super::scaling::{self, Verdict};
use super::status::{Preparation, Problem, running_config};
use super::validate::validate;
use crate::apply::{ApplyError, Owned, Written};
use crate::backoff::wait;
use crate::pods;

/// Why children are not as they should be.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing can be built of this spec.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// What it names could not be looked up.
    #[error(transparent)]
    Dereference(#[from] DereferenceError),
    /// A child could not be read or written.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

impl Failure {
    /// One word, for metrics.
    pub fn category(&self) -> &'static str {
        match self {
            Failure::Invalid(Invalid::Spec(_) | Invalid::Unreadable(_) | Invalid::Image(_)) => "InvalidSpec",
            Failure::Invalid(Invalid::Missing { .. } | Invalid::MissingKey { .. }) => "Missing",
            Failure::Dereference(_) => "Dereference",
            Failure::Apply(error) => error.reason().name(),
        }
    }

    /// True where the next try may go well though nobody did anything: it is tried again with backoff.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Failure::Dereference(_) | Failure::Apply(ApplyError::Api { .. } | ApplyError::Forbidden { .. })
        )
    }

    /// As the status tells it.
    pub fn problem(&self, pipeline: &StockPipeline) -> Problem {
        let reason = match self {
            Failure::Invalid(Invalid::Spec(_) | Invalid::Unreadable(_)) => Reason::InvalidSpec,
            Failure::Invalid(Invalid::Image(_)) => Reason::UnsupportedImage,
            Failure::Invalid(Invalid::Missing { kind: Kind::Secret, .. }) => Reason::MissingSecret,
            Failure::Invalid(Invalid::Missing { kind: Kind::ConfigMap, .. }) => Reason::MissingConfigMap,
            Failure::Invalid(Invalid::MissingKey { .. }) => Reason::MissingKey,
            Failure::Dereference(_) => Reason::Dereference,
            Failure::Apply(ApplyError::Refused { .. }) if has_overrides(pipeline) => Reason::InvalidOverride,
            Failure::Apply(error) => error.reason(),
        };
        Problem { reason, message: self.to_string(), transient: self.is_transient() }
    }
}

fn has_overrides(pipeline: &StockPipeline) -> bool {
    let spec = &pipeline.spec;
    [
        &spec.pod_overrides,
        &spec.ingest.pod_overrides,
        &spec.predictor.pod_overrides,
        &spec.dashboard.pod_overrides,
    ]
    .into_iter()
    .any(Option::is_some)
}

/// What one pass did and decided.
#[derive(Debug)]
pub struct Converged {
    /// Roles wanted, with their replicas.
    pub roles: Vec<(Role, i32)>,
    /// What is being prepared.
    pub preparation: Preparation,
    /// What autoscaling decided.
    pub scaling: Option<Verdict>,
    /// What waits, and why.
    pub waiting: Option<&'static str>,
    /// What was written.
    pub written: Written,
    /// When to look again, where something waits for a time.
    pub again: Option<SignedDuration>,
}

/// Makes the children what the spec says.
pub async fn converge(
    ctx: &Context,
    key: &Key,
    pipeline: &StockPipeline,
    observed: &Observed,
) -> Result<Converged, Failure> {
    let uid = pipeline.uid().unwrap_or_default();
    let found = dereference(&ctx.client, &key.0, pipeline).await?;
    let valid = validate(pipeline, &found, &ctx.environment)?;
    let (ingest_replicas, scaling) = replicas(ctx, key, &valid, observed);
    let mut desired = Desired { pipeline: valid, found, ingest_replicas, held_config: None, cleanup: false };

    let init = build::init_job_name(&desired);
    let (preparation, retry) = prepared(ctx, key, &uid, observed, &init);
    let complete = preparation == Preparation::Complete;
    if !complete {
        desired.held_config = running(observed);
    }
    let mut children = build::build(&desired, &ctx.environment)?;
    let mut waiting = None;
    if !complete && observed.deployments.is_empty() {
        children.deployments.clear();
    }
    if !may_roll(ctx, key, &desired.pipeline, &children, observed) {
        waiting = Some("other pipelines change their pods for the new operator; this one follows");
        children
            .deployments
            .retain(|new| !observed.deployments.iter().any(|old| old.metadata.name == new.metadata.name));
    }

    let mut owned = Owned { uid: &uid, kept: kept(observed), replaced: BTreeSet::new() };
    if waiting.is_some() {
        owned.kept.extend(observed.deployments.iter().map(|one| ("Deployment".to_owned(), one.name_any())));
    }
    if retry == Some(SignedDuration::ZERO) {
        owned.replaced.insert(("Job".to_owned(), init));
    }
    let written = applier(ctx, &key.0).apply(children.into_objects(), &observed.live, &owned).await?;
    if written.waiting > 0 {
        waiting = Some("an object of an earlier pass is still being deleted");
    }
    let roles = roles(&desired.pipeline, ingest_replicas);
    Ok(Converged { roles, preparation, scaling, waiting, written, again: retry })
}

/// Replicas of ingest, and what autoscaling says of them.
fn replicas(
    ctx: &Context,
    key: &Key,
    pipeline: &StockPipeline,
    observed: &Observed,
) -> (i32, Option<Verdict>) {
    let spec = &pipeline.spec;
    let Some(autoscaling) = &spec.ingest.autoscaling else { return (spec.ingest.replicas, None) };
    let partitions = spec.source.kafka.topic.partitions;
    // What was decided before is kept in the Deployment: it survives a restart of the operator. Zero is a stop.
    let current = deployment_of(observed, Role::Ingest)
        .and_then(|deployment| deployment.spec.as_ref()?.replicas)
        .filter(|replicas| *replicas > 0)
        .unwrap_or(autoscaling.min_replicas);
    let signal = scaling::signal(&observed.heard, partitions);
    let uid = pipeline.uid().unwrap_or_default();
    let verdict = ctx.remember(key, &uid, |memory| {
        let (next, verdict) =
            scaling::decide(autoscaling, partitions, current, signal, &memory.scaling, ctx.now());
        memory.scaling = next;
        verdict
    });
    (verdict.replicas, Some(verdict))
}

/// Roles that this spec wants, with their replicas.
pub fn roles(pipeline: &StockPipeline, ingest_replicas: i32) -> Vec<(Role, i32)> {
    let spec = &pipeline.spec;
    let count = |wanted: i32| if spec.operation.stopped { 0 } else { wanted };
    Role::ALL
        .into_iter()
        .filter_map(|role| match role {
            Role::Ingest => Some((role, count(ingest_replicas))),
            Role::Rekey => (!spec.source.keyed).then(|| (role, count(1))),
            Role::Predictor => spec.predictor.enabled.then(|| (role, count(1))),
            Role::Dashboard => spec.dashboard.enabled.then(|| (role, count(spec.dashboard.replicas))),
            Role::Producer => spec.producer.enabled.then(|| (role, count(1))),
        })
        .collect()
}

/// Roles that run, with their replicas: for a pass that could not read the spec.
pub fn running_roles(observed: &Observed) -> Vec<(Role, i32)> {
    let replicas = |role| {
        let spec = deployment_of(observed, role)?.spec.as_ref()?;
        Some((role, spec.replicas.unwrap_or(1)))
    };
    Role::ALL.into_iter().filter_map(replicas).collect()
}

fn deployment_of(observed: &Observed, role: Role) -> Option<&Deployment> {
    let label = "app.kubernetes.io/component";
    observed.deployments.iter().find(|one| one.labels().get(label).is_some_and(|found| found == role.name()))
}

/// What an earlier pass prepared: for a pass that does not know what is to be prepared now.
pub fn last_preparation(observed: &Observed) -> Preparation {
    let of_init = |job: &&Job| {
        job.labels()
            .get("app.kubernetes.io/component")
            .is_some_and(|component| component == build::identity::INIT)
    };
    let complete = observed
        .jobs
        .iter()
        .filter(of_init)
        .any(|job| outcome(&observed.jobs, &job.name_any()) == Outcome::Complete);
    if complete { Preparation::Complete } else { Preparation::Unknown }
}

/// How preparation stands, and how long until a failed Job is made anew; zero: now.
pub fn prepared(
    ctx: &Context,
    key: &Key,
    uid: &str,
    observed: &Observed,
    job: &str,
) -> (Preparation, Option<SignedDuration>) {
    match outcome(&observed.jobs, job) {
        Outcome::Complete => (Preparation::Complete, None),
        Outcome::Absent | Outcome::Active => (Preparation::Running, None),
        Outcome::Failed { at, uid: failed } => {
            let failures = ctx.remember(key, uid, |memory| memory.failures(&failed));
            let left = left(at, failures, ctx.now());
            (Preparation::Failed { message: last_words(observed, job) }, Some(left))
        }
    }
}

/// A Job that fails waits for a server that starts, which takes minutes: who waited for it should not wait as long again.
const LONGEST: SignedDuration = SignedDuration::from_secs(30);

/// How long until a Job that failed at `at` is made anew.
fn left(at: Timestamp, failures: u32, now: Timestamp) -> SignedDuration {
    let wait = SignedDuration::try_from(wait(failures, 0.0)).map_or(LONGEST, |wait| wait.min(LONGEST));
    // A clock that is behind the API server's must not wait for longer than the wait itself.
    let passed = now.duration_since(at).max(SignedDuration::ZERO);
    wait.checked_sub(passed).unwrap_or(SignedDuration::ZERO).max(SignedDuration::ZERO)
}

fn last_words(observed: &Observed, job: &str) -> String {
    let of_job = |pod: &&Pod| {
        let label = pod.labels().get("batch.kubernetes.io/job-name").or_else(|| pod.labels().get("job-name"));
        label.is_some_and(|name| name == job)
    };
    let pods: Vec<Pod> = observed.pods.iter().filter(of_job).cloned().collect();
    match pods::last_end(&pods) {
        Some((_, message)) if !message.is_empty() => message,
        Some((code, _)) => format!("Job {job} ended with code {code} and left no message; it is tried again"),
        None => format!("Job {job} did not end in time; it is tried again"),
    }
}

/// The configuration that roles run.
fn running(observed: &Observed) -> Option<String> {
    deployment_of(observed, Role::Ingest).or(observed.deployments.first()).and_then(running_config)
}

/// ConfigMaps that pods or Deployments still mount: they are collected when nothing does.
fn kept(observed: &Observed) -> BTreeSet<(String, String)> {
    let of_pods = observed.pods.iter().chain(&observed.training).filter_map(|pod| pod.spec.as_ref());
    let templates = observed.deployments.iter().filter_map(|one| one.spec.as_ref()?.template.spec.as_ref());
    of_pods.chain(templates).flat_map(mounted).map(|name| ("ConfigMap".to_owned(), name)).collect()
}

fn mounted(pod: &PodSpec) -> Vec<String> {
    let volumes = pod.volumes.iter().flatten();
    let names = volumes.flat_map(|volume| {
        let projected = volume.projected.iter().flat_map(|all| all.sources.iter().flatten());
        let projected = projected.filter_map(|source| Some(source.config_map.as_ref()?.name.clone()));
        volume.config_map.iter().map(|map| map.name.clone()).chain(projected).collect::<Vec<_>>()
    });
    names.collect()
}

/// False where only the operator's own new image would change pods and enough other pipelines roll already.
fn may_roll(
    ctx: &Context,
    key: &Key,
    pipeline: &StockPipeline,
    children: &Children,
    observed: &Observed,
) -> bool {
    let same_spec = pipeline.status.as_ref().and_then(|status| status.observed_generation)
        == pipeline.metadata.generation;
    let another_image = children.deployments.iter().any(|new| {
        let old = observed.deployments.iter().find(|old| old.metadata.name == new.metadata.name);
        old.is_some_and(|old| image(old) != image(new))
    });
    !(same_spec && pipeline.spec.image.reference.is_none() && another_image) || ctx.rollouts.may(key.clone())
}

fn image(deployment: &Deployment) -> Option<&str> {
    let pod = deployment.spec.as_ref()?.template.spec.as_ref()?;
    pod.containers.first()?.image.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_job_waits_longer_each_time_and_never_for_a_clock() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let seconds = |failures, now| left(at(1000), failures, at(now)).as_secs();
        assert_eq!((seconds(1, 1000), seconds(4, 1000), seconds(4, 1007), seconds(4, 1008)), (1, 8, 1, 0));
        assert_eq!(seconds(4, 2000), 0);
        assert_eq!((seconds(6, 1000), seconds(40, 1000)), (30, 30), "never longer than half a minute");
        // The API server's clock is an hour ahead of ours.
        assert_eq!(left(at(4600), 4, at(1000)).as_secs(), 8);
    }
}

//! The status of a pipeline: a pure function of what was seen in one pass.
//!
//! What moves all the time (lag, how far ticks are committed, a live skill) is written at most once a minute; everything
//! else when it changes. An unchanged status is not written.

use std::time::Duration;

use crds::StockPipeline;
use crds::pipeline::status::{Component, IngestStatus, StockPipelineStatus};
use crds::reason::Reason;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use super::build::identity::INIT;
use super::desired::Role;
use super::scaling::Verdict;
use super::{judge, told};
use crate::conditions;
use crate::events::Notice;
use crate::labels;
use crate::pods::{self, Trouble};
use crate::workers::Heard;

/// Shortest time between two writes of numbers that move all the time.
pub const VOLATILE_EVERY: Duration = Duration::from_secs(60);
/// Annotation of a pod template: the configuration its pods run.
pub const CONFIG: &str = "stockpipe.dev/config";

/// Why this pass could not do all that it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Why.
    pub reason: Reason,
    /// For people.
    pub message: String,
    /// It may be gone at the next try without anybody's help.
    pub transient: bool,
}

/// What is being prepared before roles may start with the newest configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preparation {
    /// Nothing is known of it in this pass.
    Unknown,
    /// The init Job runs.
    Running,
    /// It gave up and is tried again later.
    Failed {
        /// What it said.
        message: String,
    },
    /// Topic, directories and tables are there.
    Complete,
}

/// What was seen in one pass.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    /// The pipeline as it was read.
    pub pipeline: &'a StockPipeline,
    /// Roles that are wanted, with their replicas.
    pub roles: Vec<(Role, i32)>,
    /// The pipeline's Deployments.
    pub deployments: &'a [Deployment],
    /// The pods of its roles, of init and cleanup.
    pub pods: &'a [Pod],
    /// Warnings about them.
    pub events: &'a [Event],
    /// What its workers told.
    pub heard: &'a [Heard],
    /// What is being prepared.
    pub preparation: Preparation,
    /// What went wrong in this pass.
    pub problem: Option<Problem>,
    /// Objects that wait: for their predecessor's end, or for their turn.
    pub waiting: Option<&'static str>,
    /// What autoscaling decided; `None` where it is off.
    pub scaling: Option<Verdict>,
}

/// How one role stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleState {
    /// Its name.
    pub name: &'static str,
    /// Pods wanted, ready, of the newest template.
    pub pods: (i32, i32, i32),
    /// Its Deployment has not yet been worked off.
    pub rolling: bool,
    /// It has not moved for longer than it may.
    pub stuck: bool,
}

/// The status to publish.
pub fn status(seen: &Seen<'_>, now: Timestamp) -> StockPipelineStatus {
    let before = seen.pipeline.status.clone().unwrap_or_default();
    let generation = seen.pipeline.metadata.generation;
    let states: Vec<RoleState> =
        seen.roles.iter().map(|(role, wanted)| state(seen, *role, *wanted)).collect();
    let said = judge::conditions(seen, &states, trouble(seen).as_ref());
    let horizon = seen.pipeline.spec.predictor.horizons.first().copied().unwrap_or(1);
    let model = before.model.as_ref().filter(|_| seen.pipeline.spec.predictor.enabled);
    StockPipelineStatus {
        observed_generation: generation,
        conditions: conditions::updated(&before.conditions, said, generation, now),
        components: states.iter().map(|state| component(seen, state)).collect(),
        ingest: Some(ingest(seen, &states, before.ingest.as_ref())),
        model: told::model(seen.heard, horizon, model, now),
        last_scheduled: before.last_scheduled,
        next_training: before.next_training,
    }
}

fn deployment<'a>(seen: &Seen<'a>, role: &str) -> Option<&'a Deployment> {
    let label = "app.kubernetes.io/component";
    seen.deployments
        .iter()
        .find(|deployment| deployment.labels().get(label).is_some_and(|found| found == role))
}

fn state(seen: &Seen<'_>, role: Role, wanted: i32) -> RoleState {
    let name = role.name();
    let Some(deployment) = deployment(seen, name) else {
        return RoleState { name, pods: (wanted, 0, 0), rolling: wanted > 0, stuck: false };
    };
    let status = deployment.status.clone().unwrap_or_default();
    let (ready, updated) = (status.ready_replicas.unwrap_or(0), status.updated_replicas.unwrap_or(0));
    let stuck = status.conditions.iter().flatten().any(|condition| {
        condition.type_ == "Progressing"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
    });
    let behind = status.observed_generation.unwrap_or(0) < deployment.metadata.generation.unwrap_or(0);
    let total = status.replicas.unwrap_or(0);
    let rolling = behind || updated < wanted || ready < wanted || total > wanted;
    RoleState { name, pods: (wanted, ready, updated), rolling, stuck }
}

/// The gravest trouble of any pod, or of making it. How a pod of the preparation ended is told with it; one that never
/// begins is told here.
fn trouble(seen: &Seen<'_>) -> Option<Trouble> {
    let of_role = |pod: &&Pod| Role::ALL.iter().any(|role| role.name() == pods::role(pod));
    let prepares = |pod: &&Pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        pods::role(pod) == INIT && phase == Some("Pending")
    };
    let pods: Vec<Pod> = seen.pods.iter().filter(|pod| of_role(pod) || prepares(pod)).cloned().collect();
    let not_created = seen.deployments.iter().filter_map(|deployment| {
        let role = deployment.labels().get("app.kubernetes.io/component").map_or("pod", String::as_str);
        let conditions = deployment.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let failure = conditions
            .into_iter()
            .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
        Some(pods::not_created(role, failure.message.as_deref().unwrap_or_default()))
    });
    not_created.chain(pods::trouble(&pods, seen.events)).min()
}

fn component(seen: &Seen<'_>, state: &RoleState) -> Component {
    let (desired, ready, updated) = state.pods;
    let config_hash = deployment(seen, state.name).and_then(running_config);
    Component { name: state.name.to_owned(), desired, ready, updated, config_hash }
}

/// The configuration that a Deployment's newest pods run.
pub fn running_config(deployment: &Deployment) -> Option<String> {
    let template = &deployment.spec.as_ref()?.template;
    template.metadata.as_ref()?.annotations.as_ref()?.get(CONFIG).cloned()
}

fn ingest(seen: &Seen<'_>, states: &[RoleState], before: Option<&IngestStatus>) -> IngestStatus {
    let role = Role::Ingest.name();
    let (wanted, ready, _) =
        states.iter().find(|state| state.name == role).map_or((0, 0, 0), |state| state.pods);
    let replicas = deployment(seen, role).and_then(|found| found.status.as_ref()?.replicas).unwrap_or(0);
    let selector = labels::selector(&seen.pipeline.name_any(), role);
    let selector: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    // A pod that was not heard this time has not lost what it told before; pods that are gone have no lag.
    let kept = before.filter(|_| wanted > 0);
    IngestStatus {
        replicas,
        selector: Some(selector.join(",")),
        summary: Some(format!("{ready}/{wanted}")),
        lag_seconds: told::lag_seconds(seen.heard).or(kept.and_then(|before| before.lag_seconds)),
        committed_until: told::committed_until(seen.heard)
            .or_else(|| before.and_then(|before| before.committed_until.clone())),
    }
}

/// Whether to write `new` over `old`. `last` is the last write that this process did.
pub fn is_due(
    old: Option<&StockPipelineStatus>,
    new: &StockPipelineStatus,
    last: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let Some(old) = old else { return true };
    if old == new {
        return false;
    }
    let waited =
        last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= VOLATILE_EVERY || now < last);
    waited || steady(old) != steady(new)
}

fn steady(status: &StockPipelineStatus) -> StockPipelineStatus {
    let mut steady = status.clone();
    if let Some(ingest) = &mut steady.ingest {
        ingest.lag_seconds = None;
        ingest.committed_until = None;
    }
    if let Some(model) = &mut steady.model {
        model.skill = None;
        model.observed_at = None;
    }
    steady
}

/// What to tell people of a change: a pipeline that became ready, and everything that went wrong for a new reason.
pub fn notices(old: Option<&StockPipelineStatus>, new: &StockPipelineStatus) -> Vec<Notice> {
    let before = old.map(|old| old.conditions.as_slice()).unwrap_or_default();
    let changed = |type_: &str, status: &str| {
        let now = conditions::find(&new.conditions, type_).filter(|now| now.status == status)?;
        let same = conditions::find(before, type_)
            .is_some_and(|before| before.status == now.status && before.reason == now.reason);
        (!same).then_some(now)
    };
    let ready = changed("Ready", "True").map(|now| Notice::normal(Reason::Ready, "Observe", &now.message));
    let wrong = [("Degraded", "True"), ("DependenciesReady", "False"), ("ScalingActive", "False")]
        .into_iter()
        .filter_map(|(type_, status)| changed(type_, status))
        // Scaling that nobody asked for is nothing to tell.
        .filter(|now| now.reason != Reason::Disabled.name())
        .filter_map(|now| Some(Notice::warning(Reason::parse(&now.reason)?, "Observe", &now.message)));
    ready.into_iter().chain(wrong).collect()
}

//! Disruption budgets, where there is more than one pod to keep. They let drains pass: one pod at a time may always go,
//! and one that is not ready protects nobody. A budget for a single pod would only block the node it is on.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::deployment::{many, replicas};
use super::identity::{metadata, pods_of, role_name};
use crate::pipeline::desired::{Desired, Role};

/// The budget of a role; `None` where it has one pod, or none.
pub fn disruption_budget(desired: &Desired, role: Role) -> Option<PodDisruptionBudget> {
    let pipeline = &desired.pipeline;
    (many(role) && replicas(desired, role) > 1).then(|| PodDisruptionBudget {
        metadata: metadata(pipeline, role_name(pipeline.name(), role), role.name()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(pods_of(pipeline, role.name())),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    })
}

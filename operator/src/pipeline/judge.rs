//! The seven conditions of a pipeline. Each function says one of them; the reason that READY shows is the first that
//! keeps the pipeline from serving.

use crds::reason::Reason;

use super::status::{Preparation, Problem, RoleState, Seen};
use super::told::{self, Unavailable};
use crate::conditions::{Said, Truth};
use crate::pods::Trouble;
use crate::training::schedule::Schedule;

/// Every condition, in the order in which they are shown.
pub fn conditions(seen: &Seen<'_>, roles: &[RoleState], trouble: Option<&Trouble>) -> Vec<Said> {
    let dependencies = dependencies(seen);
    vec![
        ready(seen, roles, trouble, &dependencies),
        progressing(seen, roles),
        degraded(seen, roles, trouble),
        dependencies,
        scaling(seen),
        paused(seen),
        stopped(seen),
    ]
}

fn is_stopped(seen: &Seen<'_>) -> bool {
    seen.pipeline.spec.operation.stopped
}

fn lasting<'a>(seen: &'a Seen<'_>) -> Option<&'a Problem> {
    seen.problem.as_ref().filter(|problem| !problem.transient)
}

fn ready(seen: &Seen<'_>, roles: &[RoleState], trouble: Option<&Trouble>, dependencies: &Said) -> Said {
    let not = |reason: Reason, message: &str| Said::new("Ready", false, reason, message);
    if seen.pipeline.metadata.deletion_timestamp.is_some() {
        return not(Reason::Deleting, "the pipeline is being deleted");
    }
    if let Some(problem) = lasting(seen) {
        return not(problem.reason, &problem.message);
    }
    if is_stopped(seen) {
        return not(Reason::Stopped, "spec.operation.stopped is true: no pods run");
    }
    if dependencies.status == Truth::False {
        return not(dependencies.reason, &dependencies.message);
    }
    let waiting = unready(roles);
    if waiting.is_empty() {
        return Said::new("Ready", true, Reason::Running, "every role runs and every dependency answers");
    }
    match (&seen.preparation, trouble) {
        (Preparation::Failed { message }, _) => not(Reason::InitFailed, message),
        (_, Some(trouble)) => not(trouble.reason, &trouble.message),
        (Preparation::Running, None) if seen.deployments.is_empty() => {
            not(Reason::Initialising, "topic, directories and tables are being made")
        }
        _ => not(Reason::Starting, &format!("pods are not ready yet: {waiting}")),
    }
}

/// `ingest 1/2, predictor 0/1`: the roles that want more ready pods.
fn unready(roles: &[RoleState]) -> String {
    let waiting = roles.iter().filter(|role| role.pods.1 < role.pods.0);
    let waiting: Vec<String> =
        waiting.map(|role| format!("{} {}/{}", role.name, role.pods.1, role.pods.0)).collect();
    waiting.join(", ")
}

fn progressing(seen: &Seen<'_>, roles: &[RoleState]) -> Said {
    let yes = |reason: Reason, message: &str| Said::new("Progressing", true, reason, message);
    if seen.pipeline.metadata.deletion_timestamp.is_some() {
        return yes(Reason::Deleting, "roles are stopped, then what the pipeline made is deleted");
    }
    if seen.preparation == Preparation::Running && !is_stopped(seen) {
        return yes(Reason::Initialising, "topic, directories and tables are being made or checked");
    }
    if let Some(why) = seen.waiting {
        return yes(Reason::Waiting, why);
    }
    let rolling: Vec<&str> = roles.iter().filter(|role| role.rolling).map(|role| role.name).collect();
    if !rolling.is_empty() {
        return yes(Reason::RollingOut, &format!("pods are being changed: {}", rolling.join(", ")));
    }
    Said::new("Progressing", false, Reason::Settled, "nothing is being changed")
}

fn degraded(seen: &Seen<'_>, roles: &[RoleState], trouble: Option<&Trouble>) -> Said {
    let yes = |reason: Reason, message: &str| Said::new("Degraded", true, reason, message);
    if let Some(problem) = &seen.problem {
        return yes(problem.reason, &problem.message);
    }
    if let Preparation::Failed { message } = &seen.preparation {
        return yes(Reason::InitFailed, message);
    }
    if let Some(trouble) = trouble.filter(|_| !is_stopped(seen)) {
        return yes(trouble.reason, &trouble.message);
    }
    if let Some(role) = roles.iter().find(|role| role.stuck) {
        return yes(
            Reason::Stuck,
            &format!("{}: the rollout has not moved for longer than it may", role.name),
        );
    }
    if let Some(bad) = seen.pipeline.spec.training.as_ref().and_then(|all| Schedule::of(all).err()) {
        return yes(Reason::InvalidSchedule, &bad.to_string());
    }
    Said::new("Degraded", false, Reason::AsExpected, "nothing is wrong")
}

fn dependencies(seen: &Seen<'_>) -> Said {
    let not = |reason: Reason, message: &str| Said::new("DependenciesReady", false, reason, message);
    let is_missing = |problem: &&Problem| {
        matches!(problem.reason, Reason::MissingSecret | Reason::MissingConfigMap | Reason::MissingKey)
    };
    if let Some(problem) = lasting(seen).filter(is_missing) {
        return not(problem.reason, &problem.message);
    }
    let of_init = match &seen.preparation {
        Preparation::Failed { message } => told::named_in(message),
        _ => None,
    };
    if let Some(Unavailable { reason, message }) = of_init.or_else(|| told::unavailable(seen.heard)) {
        return not(reason, &message);
    }
    if told::connected(seen.heard) || seen.preparation == Preparation::Complete {
        return Said::new("DependenciesReady", true, Reason::Answering, "Kafka, HDFS and Cassandra answer");
    }
    Said::new("DependenciesReady", Truth::Unknown, Reason::NotAskedYet, "no pod has reached the servers yet")
}

fn scaling(seen: &Seen<'_>) -> Said {
    match &seen.scaling {
        _ if is_stopped(seen) => {
            Said::new("ScalingActive", false, Reason::Disabled, "the pipeline is stopped")
        }
        Some(verdict) => Said::new("ScalingActive", verdict.active, verdict.reason, &verdict.message),
        None if seen.pipeline.spec.ingest.autoscaling.is_some() => Said::new(
            "ScalingActive",
            Truth::Unknown,
            Reason::NotDecided,
            "this pass could not decide on replicas",
        ),
        None => Said::new("ScalingActive", false, Reason::Disabled, "spec.ingest.autoscaling is absent"),
    }
}

fn paused(seen: &Seen<'_>) -> Said {
    if seen.pipeline.spec.operation.reconciliation_paused {
        let message = "spec.operation.reconciliationPaused is true: only this status is written";
        return Said::new("ReconciliationPaused", true, Reason::Asked, message);
    }
    Said::new("ReconciliationPaused", false, Reason::NotAsked, "changes are carried out")
}

fn stopped(seen: &Seen<'_>) -> Said {
    if !is_stopped(seen) {
        return Said::new("Stopped", false, Reason::NotAsked, "roles run");
    }
    let pods = seen.pods.iter().filter(|pod| !crate::pods::is_finished(pod)).count();
    if pods == 0 {
        return Said::new("Stopped", true, Reason::Asked, "no pods run; everything stored stays");
    }
    Said::new("Stopped", false, Reason::Stopping, "pods are finishing what they have begun")
}

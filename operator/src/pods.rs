//! Why is a pod not ready? A pure function of pods and Events.
//!
//! Messages hold no pod name and no time: the same trouble says the same words after every restart.

use crds::reason::Reason;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Event, Pod};
use kube::ResourceExt as _;
use serde_json::Value;

/// What keeps pods from running.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trouble {
    /// How sure it is that waiting does not help: the least is told.
    rank: u8,
    /// Why.
    pub reason: Reason,
    /// The role and the cause, for people.
    pub message: String,
}

impl Trouble {
    fn new(rank: u8, reason: Reason, message: impl Into<String>) -> Self {
        Trouble { rank, reason, message: message.into() }
    }
}

/// True where the pod's condition Ready holds.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// True where the pod has a node and none of its containers has started: a volume may be missing.
pub fn may_wait_for_a_volume(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let has_node =
        status.conditions.iter().flatten().any(|c| c.type_ == "PodScheduled" && c.status == "True");
    let has_started = statuses(pod).any(|one| {
        one.started == Some(true)
            || ended(one.state.as_ref()).is_some()
            || ended(one.last_state.as_ref()).is_some()
    });
    has_node && !has_started && status.phase.as_deref() == Some("Pending")
}

/// True where the pod runs no more and will not again.
pub fn is_finished(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// The role that a pod belongs to; `pod` where it does not say.
pub fn role(pod: &Pod) -> &str {
    pod.labels().get("app.kubernetes.io/component").map_or("pod", String::as_str)
}

/// The gravest trouble of these pods.
pub fn trouble(pods: &[Pod], events: &[Event]) -> Option<Trouble> {
    let waiting = pods
        .iter()
        .filter(|pod| !is_ready(pod) && !is_finished(pod) && pod.metadata.deletion_timestamp.is_none());
    waiting.filter_map(|pod| of_pod(pod, events)).min()
}

fn of_pod(pod: &Pod, events: &[Event]) -> Option<Trouble> {
    let role = role(pod);
    let found = statuses(pod)
        .find_map(of_container)
        .or_else(|| unschedulable(pod))
        .or_else(|| not_mounted(pod, events));
    found.map(|mut trouble| {
        trouble.message = format!("{role}: {}", without_name(&trouble.message, &pod.name_any()));
        trouble
    })
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.iter().flat_map(|status| {
        let init = status.init_container_statuses.iter().flatten();
        init.chain(status.container_statuses.iter().flatten())
    })
}

fn of_container(status: &ContainerStatus) -> Option<Trouble> {
    let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref()).unwrap_or_default();
    let message = waiting.and_then(|waiting| waiting.message.as_deref()).unwrap_or_default();
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => Some(Trouble::new(
            0,
            Reason::ImagePull,
            format!(
                "image {} cannot be pulled ({reason}): correct spec.image, or give spec.image.pullSecrets",
                status.image
            ),
        )),
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some(Trouble::new(1, Reason::ContainerConfig, format!("the container cannot be made: {message}")))
        }
        _ => crashed(status, reason == "CrashLoopBackOff"),
    }
}

fn crashed(status: &ContainerStatus, in_a_loop: bool) -> Option<Trouble> {
    let last = ended(status.state.as_ref()).or_else(|| ended(status.last_state.as_ref()))?;
    if last.reason.as_deref() == Some("OOMKilled") {
        let remedy = "give it more by podOverrides, or fewer symbols, windows or partitions a pod";
        return Some(Trouble::new(
            2,
            Reason::OutOfMemory,
            format!("it used more memory than its limit: {remedy}"),
        ));
    }
    if !in_a_loop && last.exit_code == 0 {
        return None;
    }
    let words = last.message.as_deref().and_then(last_words);
    let words = words.unwrap_or_else(|| "it left no message; see its log".to_owned());
    let invalid = last.exit_code == 2;
    let reason = if invalid { Reason::InvalidInput } else { Reason::CrashLoop };
    Some(Trouble::new(3, reason, format!("it ended with code {}: {words}", last.exit_code)))
}

fn ended(state: Option<&ContainerState>) -> Option<&ContainerStateTerminated> {
    state.and_then(|state| state.terminated.as_ref())
}

fn unschedulable(pod: &Pod) -> Option<Trouble> {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let condition = conditions.into_iter().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    })?;
    let message = condition.message.as_deref().unwrap_or("no node takes the pod");
    Some(Trouble::new(4, Reason::Unschedulable, message))
}

/// A volume that cannot be mounted is told by Events only: the container just waits.
fn not_mounted(pod: &Pod, events: &[Event]) -> Option<Trouble> {
    let uid = pod.metadata.uid.as_deref();
    let event = events.iter().find(|event| {
        event.involved_object.uid.as_deref() == uid && event.reason.as_deref() == Some("FailedMount")
    })?;
    Some(Trouble::new(5, Reason::Volume, event.message.clone().unwrap_or_default()))
}

/// Why the controller of these pods could not make them: a quota, an admission policy. `message` is the words of the
/// API server, which begin with the name of the pod that was never made.
pub fn not_created(role: &str, message: &str) -> Trouble {
    let cause = message.split_once("is forbidden: ").map_or(message, |(_, cause)| cause);
    let reason = if cause.contains("exceeded quota") { Reason::QuotaExceeded } else { Reason::PodRefused };
    Trouble::new(0, reason, format!("{role}: pods are not created: {cause}"))
}

/// What the newest end of a container of these pods said.
pub fn last_end(pods: &[Pod]) -> Option<(i32, String)> {
    let ends = pods.iter().flat_map(statuses).flat_map(|status| {
        [ended(status.state.as_ref()), ended(status.last_state.as_ref())].into_iter().flatten()
    });
    let newest = ends.filter(|end| end.exit_code != 0).max_by_key(|end| end.finished_at.clone())?;
    Some((newest.exit_code, newest.message.as_deref().and_then(last_words).unwrap_or_default()))
}

/// The last thing a container wrote: the message of a JSON line, or the line.
fn last_words(text: &str) -> Option<String> {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let json: Option<Value> = serde_json::from_str(line).ok();
    let message = json.as_ref().and_then(|json| json.get("message")).and_then(Value::as_str);
    Some(message.unwrap_or(line).to_owned())
}

fn without_name(text: &str, name: &str) -> String {
    if name.is_empty() { text.to_owned() } else { text.replace(name, "the pod") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(status: Value) -> Pod {
        let labels = json!({"app.kubernetes.io/component": "ingest"});
        let metadata = json!({"name": "market-ingest-5f-x1", "uid": "u1", "labels": labels});
        serde_json::from_value(json!({"metadata": metadata, "status": status})).unwrap()
    }

    fn container(state: Value, last: Value) -> Pod {
        let status = json!({"name": "ingest", "image": "reg/stockpipe:1", "imageID": "", "ready": false,
                            "restartCount": 3, "state": state, "lastState": last});
        pod(json!({"phase": "Running", "containerStatuses": [status]}))
    }

    fn told(pod: Pod) -> (Reason, String) {
        let trouble = trouble(&[pod], &[]).expect("a trouble");
        (trouble.reason, trouble.message)
    }

    #[test]
    fn images_config_and_crashes_are_told() {
        let (reason, message) =
            told(container(json!({"waiting": {"reason": "ImagePullBackOff"}}), json!({})));
        assert_eq!(reason, Reason::ImagePull);
        assert!(message.starts_with("ingest: image reg/stockpipe:1"), "{message}");
        let missing = json!({"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"db\" not found"}});
        let (reason, message) = told(container(missing, json!({})));
        assert_eq!((reason, message.contains("secret \"db\"")), (Reason::ContainerConfig, true));
        let log = "first\n{\"level\":\"ERROR\",\"message\":\"Kafka at k:9092 does not answer\"}\n";
        let ended = json!({"terminated": {"exitCode": 1, "message": log}});
        let (reason, message) = told(container(
            json!({"waiting": {"reason": "CrashLoopBackOff",
            "message": "back-off 10s restarting failed container=ingest pod=market-ingest-5f-x1"}}),
            ended,
        ));
        assert_eq!(reason, Reason::CrashLoop);
        assert_eq!(message, "ingest: it ended with code 1: Kafka at k:9092 does not answer");
        let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        assert_eq!(told(container(json!({"running": {}}), killed)).0, Reason::OutOfMemory);
    }

    #[test]
    fn a_pod_that_merely_starts_is_no_trouble() {
        assert_eq!(
            trouble(&[container(json!({"waiting": {"reason": "ContainerCreating"}}), json!({}))], &[]),
            None
        );
        assert_eq!(trouble(&[container(json!({"running": {}}), json!({}))], &[]), None);
        assert_eq!(trouble(&[], &[]), None);
    }

    #[test]
    fn nodes_volumes_and_quotas_are_told_without_pod_names() {
        let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                               "message": "0/1 nodes are available: 1 Insufficient memory."});
        assert_eq!(
            told(pod(json!({"phase": "Pending", "conditions": [condition]}))).0,
            Reason::Unschedulable
        );
        let event: Event = serde_json::from_value(json!({"metadata": {}, "reason": "FailedMount",
            "involvedObject": {"kind": "Pod", "uid": "u1"},
            "message": "MountVolume.SetUp failed for market-ingest-5f-x1: secret \"tls\" not found"}))
        .unwrap();
        let found = trouble(&[pod(json!({"phase": "Pending"}))], std::slice::from_ref(&event)).unwrap();
        assert_eq!((found.reason, found.message.contains("secret \"tls\"")), (Reason::Volume, true));
        assert!(!found.message.contains("5f-x1"), "{}", found.message);
        let quota = "pods \"market-ingest-5f-x2\" is forbidden: exceeded quota: small, requested: cpu=1";
        let found = not_created("ingest", quota);
        assert_eq!(found.reason, Reason::QuotaExceeded);
        assert_eq!(found.message, "ingest: pods are not created: exceeded quota: small, requested: cpu=1");
    }

    #[test]
    fn the_gravest_trouble_is_told_and_ready_pods_have_none() {
        let crash = container(
            json!({"waiting": {"reason": "CrashLoopBackOff"}}),
            json!({"terminated": {"exitCode": 1}}),
        );
        let image = container(json!({"waiting": {"reason": "ErrImagePull"}}), json!({}));
        assert_eq!(trouble(&[crash.clone(), image], &[]).unwrap().reason, Reason::ImagePull);
        let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        assert_eq!(trouble(&[pod(ready)], &[]), None);
        assert_eq!(last_end(&[crash]), Some((1, String::new())));
    }
}

//! Plays the Job controller and the kubelet where neither runs: a Job gets its pod, the pod runs, ends, and leaves its
//! last words, in the order and with the fields of the real ones.

use crate::error::ClusterError;
use crate::request::{merge, post};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

/// How a container ended.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// What the process returned.
    pub exit_code: i32,
    /// `Completed`, `Error`, `OOMKilled`.
    pub reason: &'a str,
    /// The termination message.
    pub message: &'a str,
}

impl<'a> Ending<'a> {
    /// An end of the process's own choice.
    pub fn exit(exit_code: i32, message: &'a str) -> Ending<'a> {
        Ending { exit_code, reason: if exit_code == 0 { "Completed" } else { "Error" }, message }
    }
}

/// Gives the Job a pod that runs, and says so in its status; the pod's name.
pub async fn start(client: &Client, namespace: &str, job: &str) -> Result<String, ClusterError> {
    let found = Api::<Job>::namespaced(client.clone(), namespace).get(job).await?;
    let uid = found.uid().unwrap_or_default();
    let template = found.spec.as_ref().map(|spec| &spec.template);
    let template = serde_json::to_value(template).unwrap_or_default();
    let body = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "generateName": format!("{job}-"),
            "labels": template["metadata"]["labels"],
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": uid,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": template["spec"],
    });
    let pod: Pod = client.request(post(&format!("/api/v1/namespaces/{namespace}/pods"), &body)).await?;
    let name = pod.name_any();
    let state = json!({"running": {"startedAt": now()}});
    pod_status(client, namespace, &pod, "Running", &state).await?;
    let status = json!({"startTime": now(), "active": 1, "ready": 1});
    job_status(client, namespace, job, &status).await?;
    Ok(name)
}

/// Ends the pod, and with it the Job.
pub async fn finish(
    client: &Client,
    namespace: &str,
    job: &str,
    pod: &str,
    ending: Ending<'_>,
) -> Result<(), ClusterError> {
    let pod = Api::<Pod>::namespaced(client.clone(), namespace).get(pod).await?;
    let (at, good) = (now(), ending.exit_code == 0);
    let state = json!({"terminated": {
        "exitCode": ending.exit_code, "reason": ending.reason, "message": ending.message,
        "startedAt": at, "finishedAt": at,
    }});
    pod_status(client, namespace, &pod, if good { "Succeeded" } else { "Failed" }, &state).await?;
    // A Job is said to have ended in two steps; the API server insists on the first.
    let status = match good {
        true => json!({
            "active": 0, "ready": 0, "succeeded": 1, "completionTime": at,
            "conditions": [
                condition("SuccessCriteriaMet", "CompletionsReached", &at), condition("Complete", "CompletionsReached", &at),
            ],
        }),
        false => json!({
            "active": 0, "ready": 0, "failed": 1,
            "conditions": [
                condition("FailureTarget", "BackoffLimitExceeded", &at), condition("Failed", "BackoffLimitExceeded", &at),
            ],
        }),
    };
    job_status(client, namespace, job, &status).await
}

/// Ends a Job well that had no pod: for many at once, of which nobody reads the last words.
pub async fn complete(client: &Client, namespace: &str, job: &str) -> Result<(), ClusterError> {
    let at = now();
    let status = json!({
        "startTime": at, "active": 0, "ready": 0, "succeeded": 1, "completionTime": at,
        "conditions": [
            condition("SuccessCriteriaMet", "CompletionsReached", &at), condition("Complete", "CompletionsReached", &at),
        ],
    });
    job_status(client, namespace, job, &status).await
}

fn condition(kind: &str, reason: &str, at: &str) -> Value {
    json!({
        "type": kind, "status": "True", "reason": reason, "message": "", "lastProbeTime": at, "lastTransitionTime": at,
    })
}

async fn pod_status(
    client: &Client,
    namespace: &str,
    pod: &Pod,
    phase: &str,
    state: &Value,
) -> Result<(), ClusterError> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let ready = phase == "Running";
    let statuses: Vec<Value> = containers
        .map(|container| {
            json!({
                "name": container.name, "image": container.image, "imageID": "", "restartCount": 0,
                "ready": ready, "started": ready, "state": state,
            })
        })
        .collect();
    let path = format!("/api/v1/namespaces/{namespace}/pods/{}/status", pod.name_any());
    let status = json!({"status": {"phase": phase, "containerStatuses": statuses}});
    client.request::<Value>(merge(&path, &status)).await?;
    Ok(())
}

async fn job_status(client: &Client, namespace: &str, job: &str, status: &Value) -> Result<(), ClusterError> {
    let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs/{job}/status");
    client.request::<Value>(merge(&path, &json!({"status": status}))).await?;
    Ok(())
}

/// The API server keeps whole seconds.
fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

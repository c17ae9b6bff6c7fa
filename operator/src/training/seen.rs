//! From a Job and its pods to what a step looks at. Pure.

use crds::training_run::RunResult;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;

use super::build::job::INVALID;
use super::observed::{Cause, Failure, JobState, Stage};
use crate::conditions::shortened;
use crate::pipeline::build::pod::CONTAINER;
use crate::pods::is_finished;

/// Label that the Job controller puts on pods.
const JOB_NAME: &str = "batch.kubernetes.io/job-name";
/// Label of an Indexed Job's pods.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// Longest text taken from a trainer, in bytes.
const WORDS: usize = 512;

/// True where one of its owners has that uid.
pub fn is_owned_by(metadata: &ObjectMeta, uid: &str) -> bool {
    metadata.owner_references.iter().flatten().any(|owner| owner.uid == uid)
}

/// The Job of an attempt, and how it stands.
pub fn job_state(job: Option<&Job>, pods: &[Pod], run_uid: &str) -> JobState {
    let Some(job) = job else { return JobState::Absent };
    if !is_owned_by(&job.metadata, run_uid) {
        return JobState::Foreign;
    }
    let uid = job.metadata.uid.clone().unwrap_or_default();
    let own: Vec<&Pod> = pods.iter().filter(|pod| is_first(pod) && is_pod_of(pod, job)).collect();
    JobState::Ours { stage: stage(job, &own), uid }
}

/// Pods that have not ended.
pub fn unfinished(pods: &[Pod]) -> usize {
    pods.iter().filter(|pod| !is_finished(pod)).count()
}

/// The pod that tells of progress: the first index's, while it runs.
pub fn telling<'a>(pods: &'a [Pod], job_name: &str) -> Option<&'a Pod> {
    pods.iter().find(|pod| {
        let running = pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running");
        running && is_first(pod) && pod.labels().get(JOB_NAME).is_some_and(|name| name == job_name)
    })
}

fn is_pod_of(pod: &Pod, job: &Job) -> bool {
    job.metadata.uid.as_ref().is_some_and(|uid| is_owned_by(&pod.metadata, uid))
}

fn is_first(pod: &Pod) -> bool {
    pod.labels().get(INDEX).is_none_or(|index| index == "0")
}

fn stage(job: &Job, pods: &[&Pod]) -> Stage {
    let condition = |type_: &str| {
        let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().find(|condition| condition.type_ == type_ && condition.status == "True")
    };
    if condition("Complete").is_some() {
        let result =
            ends(pods).filter(|end| end.exit_code == 0).find_map(|end| RunResult::decode(words(end)));
        return Stage::Complete(result.map(Box::new));
    }
    if let Some(failed) = condition("Failed") {
        return Stage::Failed(failure(job, pods, failed.reason.as_deref(), failed.message.as_deref()));
    }
    if job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true) {
        return Stage::Suspended;
    }
    unscheduled(pods).map_or(Stage::Active, Stage::Unscheduled)
}

fn failure(job: &Job, pods: &[&Pod], reason: Option<&str>, message: Option<&str>) -> Failure {
    let end = ends(pods).find(|end| end.exit_code != 0);
    let exit_code = end.map(|end| end.exit_code);
    let said = end.map(words).and_then(last_words);
    let told =
        said.unwrap_or_else(|| message.unwrap_or("the trainer left no message; see its log").to_owned());
    let (cause, message) = if end.is_some_and(|end| end.reason.as_deref() == Some("OOMKilled")) {
        (Cause::OutOfMemory, out_of_memory(job))
    } else if exit_code == Some(INVALID) || reason == Some("PodFailurePolicy") {
        (Cause::Invalid, told)
    } else if reason == Some("DeadlineExceeded") {
        (Cause::TooLong, "the Job ran longer than activeDeadline; create a run with a longer one".to_owned())
    } else {
        (Cause::Passing, told)
    };
    Failure { cause, exit_code, message: shortened(&message, WORDS) }
}

fn out_of_memory(job: &Job) -> String {
    let containers =
        job.spec.iter().flat_map(|spec| spec.template.spec.iter().flat_map(|pod| &pod.containers));
    let limit = containers
        .filter(|container| container.name == CONTAINER)
        .find_map(|container| container.resources.as_ref()?.limits.as_ref()?.get("memory"))
        .map_or("its node", |limit| limit.0.as_str());
    format!(
        "the trainer used more memory than it may ({limit}, the estimate for its rows): create a run with a shorter \
         data.from or fewer symbols, or with a higher limit in podOverrides"
    )
}

/// Ends of the trainer's container, the newest first.
fn ends<'a>(pods: &[&'a Pod]) -> impl Iterator<Item = &'a ContainerStateTerminated> {
    let mut ends: Vec<&ContainerStateTerminated> = pods
        .iter()
        .flat_map(|pod| pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten()))
        .filter(|status| status.name == CONTAINER)
        .filter_map(|status| status.state.as_ref()?.terminated.as_ref())
        .collect();
    ends.sort_by_key(|end| std::cmp::Reverse(end.finished_at.as_ref().map(|time| time.0)));
    ends.into_iter()
}

fn words(end: &ContainerStateTerminated) -> &str {
    end.message.as_deref().unwrap_or_default()
}

/// Why it failed: the result's own words, else the last line of what was logged.
fn last_words(text: &str) -> Option<String> {
    if let Some(result) = RunResult::decode(text) {
        return result.error;
    }
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let json: Option<serde_json::Value> = serde_json::from_str(line).ok();
    let message = json.as_ref().and_then(|json| {
        let direct = json.get("message").or_else(|| json.pointer("/fields/message"));
        direct.and_then(serde_json::Value::as_str)
    });
    Some(message.unwrap_or(line).to_owned())
}

/// Why no node takes the pods, where none of them has one. Without the pod's name, so that it stays the same.
fn unscheduled(pods: &[&Pod]) -> Option<String> {
    let waiting: Vec<_> = pods.iter().filter(|pod| !is_finished(pod)).collect();
    let reasons: Option<Vec<&str>> = waiting
        .iter()
        .map(|pod| {
            let conditions = pod.status.as_ref()?.conditions.as_ref()?;
            let scheduled = conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
            Some(scheduled.message.as_deref().unwrap_or("no node takes the pod"))
        })
        .collect();
    reasons?.first().map(|message| shortened(message, WORDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::samples;
    use serde_json::{Value, json};

    fn job(spec: Value, status: Value) -> Job {
        let owner = json!([{"apiVersion": "stockpipe.dev/v1alpha1", "kind": "TrainingRun", "name": "r", "uid": "run-uid"}]);
        let metadata = json!({"name": "market-1-1", "uid": "job-uid", "ownerReferences": owner});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap()
    }

    fn pod(labels: Value, status: Value) -> Pod {
        let owner = json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "job-uid"}]);
        serde_json::from_value(
            json!({"metadata": {"name": "p", "labels": labels, "ownerReferences": owner}, "status": status}),
        )
        .unwrap()
    }

    fn ended(code: i32, reason: &str, message: &str) -> Pod {
        let terminated = json!({"exitCode": code, "reason": reason, "message": message});
        let status = json!({"name": CONTAINER, "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": terminated}});
        pod(json!({}), json!({"phase": "Failed", "containerStatuses": [status]}))
    }

    fn condition(type_: &str, reason: &str) -> Value {
        json!({"conditions": [{"type": type_, "status": "True", "reason": reason, "message": "the Job's own words"}]})
    }

    fn stage_of(job: Job, pods: &[Pod]) -> Stage {
        match job_state(Some(&job), pods, "run-uid") {
            JobState::Ours { uid, stage } if uid == "job-uid" => stage,
            other => panic!("{other:?}"),
        }
    }

    fn bare() -> Value {
        let limits = json!({"limits": {"memory": "768Mi"}});
        json!({"template": {"spec": {"containers": [{"name": CONTAINER, "resources": limits}]}}})
    }

    #[test]
    fn a_job_of_somebody_else_is_foreign() {
        assert_eq!(job_state(None, &[], "run-uid"), JobState::Absent);
        assert_eq!(job_state(Some(&job(bare(), json!({}))), &[], "another"), JobState::Foreign);
    }

    #[test]
    fn a_result_is_read_from_the_first_index_of_this_job() {
        let result = samples::result(1);
        let complete = || job(bare(), condition("Complete", "CompletionsReached"));
        let good = ended(0, "Completed", &result.encode());
        assert_eq!(
            stage_of(complete(), std::slice::from_ref(&good)),
            Stage::Complete(Some(Box::new(result)))
        );
        let mut second = good.clone();
        second.metadata.labels = Some([(INDEX.to_owned(), "1".to_owned())].into());
        let mut foreign = good;
        foreign.metadata.owner_references = None;
        assert_eq!(
            stage_of(complete(), &[second, foreign, ended(0, "Completed", "bye")]),
            Stage::Complete(None)
        );
    }

    #[test]
    fn failures_by_their_causes() {
        let says = |text: &str| json!({"runUid": "u", "attempt": 1, "error": text}).to_string();
        for (pods, reason, cause, code, words) in [
            (
                vec![ended(1, "Error", &says("Kafka is away"))],
                "BackoffLimitExceeded",
                Cause::Passing,
                Some(1),
                "Kafka is away",
            ),
            (
                vec![ended(2, "Error", &says("no such bar"))],
                "PodFailurePolicy",
                Cause::Invalid,
                Some(2),
                "no such bar",
            ),
            (
                vec![ended(137, "OOMKilled", "")],
                "BackoffLimitExceeded",
                Cause::OutOfMemory,
                Some(137),
                "768Mi",
            ),
            (vec![], "DeadlineExceeded", Cause::TooLong, None, "activeDeadline"),
            (vec![], "BackoffLimitExceeded", Cause::Passing, None, "the Job's own words"),
            (
                vec![ended(101, "Error", "x\n{\"level\":\"error\",\"message\":\"last line\"}\n")],
                "BackoffLimitExceeded",
                Cause::Passing,
                Some(101),
                "last line",
            ),
        ] {
            let Stage::Failed(failure) = stage_of(job(bare(), condition("Failed", reason)), &pods) else {
                panic!("{reason} is a failure")
            };
            assert_eq!((failure.cause, failure.exit_code), (cause, code), "{reason}");
            assert!(failure.message.contains(words), "{}", failure.message);
        }
    }

    #[test]
    fn waiting_for_a_queue_or_a_node() {
        let mut held = bare();
        held["suspend"] = json!(true);
        assert_eq!(stage_of(job(held, json!({})), &[]), Stage::Suspended);
        let unschedulable =
            json!([{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: memory"}]);
        let waiting = pod(json!({}), json!({"phase": "Pending", "conditions": unschedulable}));
        let running = pod(json!({}), json!({"phase": "Running"}));
        let active = || job(bare(), json!({"active": 1}));
        assert_eq!(
            stage_of(active(), std::slice::from_ref(&waiting)),
            Stage::Unscheduled("0/1 nodes: memory".into())
        );
        assert_eq!(stage_of(active(), &[waiting.clone(), running]), Stage::Active);
        assert_eq!(stage_of(active(), &[]), Stage::Active);
        assert_eq!(unfinished(&[waiting, ended(1, "Error", "")]), 1);
    }
}

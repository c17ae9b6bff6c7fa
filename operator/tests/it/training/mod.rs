//! The training controller against an API server that fails, or falls silent, at each request in turn: the end is the
//! same, and no attempt ever has two Jobs.

mod cluster;
mod server;

use cluster::Cluster;
use serde_json::{Value, json};
use server::Fault;

/// Rounds after which a story is over, faults included.
const ROUNDS: i64 = 14;

/// What happens to a run, round by round.
struct Story {
    name: &'static str,
    run: fn(&mut Value),
    /// Exit code of an attempt.
    code: fn(i64) -> i64,
    /// Whether a person has suspended it, given the names of Jobs there were.
    suspended: fn(seen: bool, round: i64) -> bool,
}

const STORIES: [Story; 4] = [
    Story { name: "it goes well", run: |_| {}, code: |_| 0, suspended: |_, _| false },
    Story {
        name: "the first attempt fails",
        run: |_| {},
        code: |attempt| i64::from(attempt == 1),
        suspended: |_, _| false,
    },
    Story { name: "its input is refused", run: |_| {}, code: |_| 2, suspended: |_, _| false },
    Story {
        name: "it is deleted some time after its end",
        run: |run| run["spec"]["ttlAfterFinished"] = json!("60s"),
        code: |_| 0,
        suspended: |_, _| false,
    },
];

/// Plays a story; the outcome, and how many requests there were.
async fn play(story: &Story, fault: Option<(usize, Fault)>) -> (Value, usize) {
    let cluster = Cluster::new(|_, run| (story.run)(run));
    if let Some((at, fault)) = fault {
        cluster.fail_at(at, fault);
    }
    for round in 0..ROUNDS {
        let seen = !cluster.server.store.lock().created.is_empty();
        let suspend = (story.suspended)(seen, round);
        cluster
            .server
            .store
            .lock()
            .change("trainingruns", "market-1", |run| run["spec"]["suspend"] = json!(suspend));
        cluster.reconcile().await;
        cluster.work_off(story.code);
        cluster.wait(30);
    }
    let store = cluster.server.store.lock();
    for (job, times) in &store.created {
        assert_eq!(*times, 1, "{}: {job} was created {times} times with {fault:?}", story.name);
    }
    let requests = store.requests;
    drop(store);
    (cluster.outcome(), requests)
}

#[tokio::test]
async fn each_request_failing_or_never_answered_leads_to_the_same_end() {
    for story in &STORIES {
        let (wanted, requests) = play(story, None).await;
        assert!(requests > 10, "{}: the story is told to the server", story.name);
        for at in 0..requests {
            for fault in Fault::ALL {
                let (got, _) = play(story, Some((at, fault))).await;
                assert_eq!(got, wanted, "{}: request {at}, {fault:?}", story.name);
            }
        }
    }
}

#[tokio::test]
async fn a_suspended_run_loses_its_job_and_goes_on_with_another() {
    // A person suspends in rounds 1 to 4, whatever the operator has done by then.
    let story = Story {
        name: "it is suspended for a while",
        run: |_| {},
        code: |_| 0,
        suspended: |_, round| (1..5).contains(&round),
    };
    let (wanted, requests) = play(&story, None).await;
    assert_eq!(
        wanted["attempts"],
        json!([[1, "Suspended", "Suspended", null], [2, "Complete", "Recorded", 0]])
    );
    for at in 0..requests {
        for fault in Fault::ALL {
            let (got, _) = play(&story, Some((at, fault))).await;
            assert_eq!(
                (&got["phase"], &got["version"]),
                (&json!("Complete"), &json!(12)),
                "request {at}, {fault:?}"
            );
            assert_eq!(got["retries"], json!(null), "request {at}, {fault:?}: a resume is not charged");
        }
    }
}

#[tokio::test]
async fn what_ended_is_looked_at_and_not_written() {
    let cluster = Cluster::new(|_, _| {});
    for _ in 0..4 {
        cluster.reconcile().await;
        cluster.work_off(|_| 0);
        cluster.wait(30);
    }
    cluster.reconcile().await;
    assert_eq!(cluster.run().unwrap()["status"]["phase"], "Complete");
    cluster.server.store.lock().writes.clear();
    for _ in 0..3 {
        cluster.wait(600);
        cluster.reconcile().await;
    }
    assert_eq!(cluster.server.store.lock().writes, Vec::<String>::new());
}

#[tokio::test]
async fn a_quota_is_waited_for_and_an_invalid_job_is_the_end() {
    let cluster = Cluster::new(|_, _| {});
    let quota = "jobs.batch \"market-1-1\" is forbidden: exceeded quota: small, requested: count/jobs=1, used: count/jobs=7";
    cluster.server.store.lock().jobs_refused = Some((403, quota.to_owned()));
    cluster.reconcile().await;
    let status = cluster.run().unwrap()["status"].clone();
    assert_eq!(
        (&status["phase"], &status["attempts"][0]["reason"]),
        (&json!("Queued"), &json!("QuotaExceeded"))
    );
    // It is tried again and again, and written once.
    cluster.wait(60);
    cluster.reconcile().await;
    assert_eq!(cluster.run().unwrap()["status"], status);
    cluster.server.store.lock().jobs_refused = Some((422, "spec.template: unknown field".to_owned()));
    cluster.reconcile().await;
    let status = cluster.run().unwrap()["status"].clone();
    assert_eq!(
        (&status["phase"], &status["attempts"][0]["reason"]),
        (&json!("Failed"), &json!("InvalidJob"))
    );
    assert!(status.to_string().contains("unknown field"));
}

#[tokio::test]
async fn a_job_of_another_owner_is_never_adopted() {
    let cluster = Cluster::new(|_, _| {});
    let foreign = json!({"metadata": {"name": "market-1-1"}, "spec": {"template": {}}});
    cluster.server.store.lock().put("jobs", foreign.clone());
    for _ in 0..3 {
        cluster.reconcile().await;
        cluster.wait(60);
    }
    let status = cluster.run().unwrap()["status"].clone();
    assert_eq!(status["phase"], "Pending");
    assert!(status.to_string().contains("NameConflict"), "{status}");
    let job = cluster.server.store.lock().get("jobs", "market-1-1").cloned().unwrap();
    assert_eq!(job["spec"], foreign["spec"]);
    // The way is free: the attempt goes on under its name.
    cluster.server.store.lock().objects.remove(&("jobs".to_owned(), "market-1-1".to_owned()));
    cluster.reconcile().await;
    assert_eq!(cluster.server.store.lock().created.get("market-1-1"), Some(&1));
}

#[tokio::test]
async fn a_run_without_its_pipeline_waits_and_is_owned_once_it_is_there() {
    let cluster = Cluster::new(|_, _| {});
    let key = ("stockpipelines".to_owned(), "market".to_owned());
    let pipeline = cluster.server.store.lock().objects.remove(&key).unwrap();
    cluster.reconcile().await;
    let run = cluster.run().unwrap();
    assert_eq!(run["status"]["conditions"][0]["reason"], "PipelineMissing");
    assert!(run["metadata"]["ownerReferences"].is_null());
    cluster.server.store.lock().put("stockpipelines", pipeline);
    cluster.reconcile().await;
    let run = cluster.run().unwrap();
    assert_eq!(run["metadata"]["ownerReferences"][0]["uid"], "pipeline-uid");
    assert_eq!(run["status"]["phase"], "Loading");
}

#[tokio::test]
async fn a_schedule_starts_one_run_an_instant_whatever_fails() {
    let scheduled = |pipeline: &mut Value, _: &mut Value| {
        pipeline["spec"]["training"] = json!({"schedule": "*/30 * * * *", "concurrencyPolicy": "Allow"});
    };
    let play = |fault: Option<(usize, Fault)>| async move {
        let cluster = Cluster::new(scheduled);
        if let Some((at, fault)) = fault {
            cluster.fail_at(at, fault);
        }
        for _ in 0..20 {
            cluster.launch().await;
            cluster.wait(120);
        }
        let store = cluster.server.store.lock();
        let runs: Vec<String> = store
            .objects
            .keys()
            .filter(|(kind, _)| kind == "trainingruns")
            .map(|(_, name)| name.clone())
            .collect();
        let status = store.get("stockpipelines", "market").unwrap()["status"].clone();
        (runs, status, store.requests)
    };
    let (runs, status, requests) = play(None).await;
    // 10:00 is due at once, since the pipeline is a minute older; 10:30 follows.
    assert_eq!(runs, ["market-1", "market-29460120", "market-29460150"]);
    assert_eq!(
        (&status["lastScheduled"], &status["nextTraining"]),
        (&json!("2026-01-05T10:30:00Z"), &json!("2026-01-05T11:00:00Z"))
    );
    for at in 0..requests {
        for fault in Fault::ALL {
            let (got, told, _) = play(Some((at, fault))).await;
            assert_eq!((&got, &told), (&runs, &status), "request {at}, {fault:?}");
        }
    }
}

//! What is around the operator in these tests: a clock that stands, Jobs that are worked off, people.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crds::training_run::RunResult;
use crds::validate::{Kind, with_defaults};
use jiff::Timestamp;
use kube::core::DeserializeGuard;
use operator::backoff::Backoff;
use operator::environment::Environment;
use operator::events::Events;
use operator::metrics::OperatorMetrics;
use operator::training::{Context, launcher, reconcile};
use serde_json::{Value, json};

use super::server::{Fault, Server};

/// The first instant: 2026-01-05T10:00:00Z.
pub const BEGIN: i64 = 1_767_607_200;

/// One namespace with an operator.
pub struct Cluster {
    /// The API server.
    pub server: Server,
    /// What the operator works with.
    pub ctx: Arc<Context>,
    clock: Arc<AtomicI64>,
}

impl Cluster {
    /// With pipeline `market` and run `market-1`, changed as a test wants them.
    pub fn new(change: impl FnOnce(&mut Value, &mut Value)) -> Self {
        let server = Server::default();
        let clock = Arc::new(AtomicI64::new(BEGIN));
        let (mut pipeline, mut run) = (pipeline(), run());
        change(&mut pipeline, &mut run);
        server.store.lock().put("stockpipelines", with_defaults(Kind::StockPipeline, pipeline));
        server.store.lock().put("trainingruns", with_defaults(Kind::TrainingRun, run));
        let told = clock.clone();
        let client = server.client();
        let ctx = Context {
            environment: Arc::new(environment()),
            clock: Arc::new(move || Timestamp::from_second(told.load(Ordering::SeqCst)).unwrap()),
            jitter: Arc::new(|| 0.0),
            events: Events::new(client.clone(), None),
            cache: Arc::default(),
            ask: operator::workers::over_http(),
            metrics: OperatorMetrics::new(&runtime::Metrics::default()).unwrap(),
            backoff: Backoff::default(),
            client,
        };
        Cluster { server, ctx: Arc::new(ctx), clock }
    }

    /// Time passes.
    pub fn wait(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The run, where it is.
    pub fn run(&self) -> Option<Value> {
        self.server.store.lock().get("trainingruns", "market-1").cloned()
    }

    /// One reconcile of the run; it ends where the server falls silent, as a process that is killed does.
    pub async fn reconcile(&self) {
        let Some(run) = self.run() else { return };
        let run: DeserializeGuard<crds::TrainingRun> = serde_json::from_value(run).unwrap();
        tokio::select! {
            _ = reconcile(Arc::new(run), self.ctx.clone()) => {}
            () = self.server.silence.notified() => {}
        }
    }

    /// One look of the launcher at the pipeline.
    pub async fn launch(&self) {
        let pipeline = self.server.store.lock().get("stockpipelines", "market").cloned().unwrap();
        let pipeline: DeserializeGuard<crds::StockPipeline> = serde_json::from_value(pipeline).unwrap();
        crate::seeing::fill(&self.ctx.cache, |kind| {
            let store = self.server.store.lock();
            let of_kind = store.objects.values().filter(|object| object["kind"] == kind);
            of_kind.cloned().collect()
        });
        tokio::select! {
            _ = launcher::reconcile(Arc::new(pipeline), self.ctx.clone()) => {}
            () = self.server.silence.notified() => {}
        }
    }

    /// Every Job goes one step: a pod starts, then it ends with the code that `code` gives for the attempt.
    pub fn work_off(&self, code: impl Fn(i64) -> i64) {
        let mut store = self.server.store.lock();
        let jobs: Vec<Value> = store
            .objects
            .iter()
            .filter(|((kind, _), _)| kind == "jobs")
            .map(|(_, job)| job.clone())
            .collect();
        // Pods go with their Job, as the garbage collector has it.
        let uids: Vec<Value> = jobs.iter().map(|job| job["metadata"]["uid"].clone()).collect();
        store.objects.retain(|(kind, _), pod| {
            kind != "pods" || uids.contains(&pod["metadata"]["ownerReferences"][0]["uid"])
        });
        for job in jobs.iter().filter(|job| job["status"]["conditions"].is_null()) {
            let name = job["metadata"]["name"].as_str().unwrap().to_owned();
            if store.get("pods", &name).is_none() {
                store.put("pods", pod(job));
                store.change("jobs", &name, |job| job["status"] = json!({"active": 1}));
                continue;
            }
            let attempt: i64 =
                job["metadata"]["labels"]["stockpipe.dev/attempt"].as_str().unwrap().parse().unwrap();
            let code = code(attempt);
            let message = message(job, attempt, code);
            store.change("pods", &name, |pod| {
                let terminated = json!({"exitCode": code, "message": message});
                pod["status"]["phase"] = json!(if code == 0 { "Succeeded" } else { "Failed" });
                pod["status"]["containerStatuses"][0]["state"] = json!({"terminated": terminated});
            });
            store.change("jobs", &name, |job| {
                let type_ = if code == 0 { "Complete" } else { "Failed" };
                job["status"] = json!({"conditions": [{"type": type_, "status": "True"}]});
            });
        }
    }

    /// What every history of one story must come to, whatever failed on the way.
    pub fn outcome(&self) -> Value {
        let Some(run) = self.run() else { return json!("deleted") };
        let status = &run["status"];
        for said in status["conditions"].as_array().into_iter().flatten() {
            let (type_, reason) = (said["type"].as_str().unwrap(), said["reason"].as_str().unwrap());
            assert!(crds::reason::row(type_, reason).is_some(), "{type_} {reason}");
        }
        let conditions: Vec<Value> = status["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|c| json!([c["type"], c["status"], c["reason"], c["message"]]))
            .collect();
        let attempts: Vec<Value> = status["attempts"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|a| json!([a["number"], a["state"], a["reason"], a["exitCode"]]))
            .collect();
        let store = self.server.store.lock();
        let children: Vec<&(String, String)> =
            store.objects.keys().filter(|(kind, _)| kind == "jobs" || kind == "configmaps").collect();
        json!({
            "phase": status["phase"], "conditions": conditions, "attempts": attempts, "version": status["version"],
            "retries": status["retries"], "metrics": status["metrics"], "children": children,
            "owners": run["metadata"]["ownerReferences"],
        })
    }

    /// The fault, from the next request on counted.
    pub fn fail_at(&self, request: usize, fault: Fault) {
        self.server.store.lock().fault = Some((request, fault));
    }
}

fn pod(job: &Value) -> Value {
    let owner = json!({"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]});
    let container = json!({"name": "stockpipe", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}}});
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": job["metadata"]["name"], "labels": job["metadata"]["labels"], "ownerReferences": [owner]},
        "status": {"phase": "Running", "containerStatuses": [container]},
    })
}

fn message(job: &Value, attempt: i64, code: i64) -> String {
    let result = RunResult {
        run_uid: job["metadata"]["ownerReferences"][0]["uid"].as_str().unwrap().to_owned(),
        attempt: i32::try_from(attempt).unwrap(),
        version: (code == 0).then_some(12),
        error: (code != 0).then(|| "the lake is away".to_owned()),
        ..RunResult::default()
    };
    result.encode()
}

fn pipeline() -> Value {
    json!({
        "apiVersion": "stockpipe.dev/v1alpha1", "kind": "StockPipeline",
        "metadata": {"name": "market", "uid": "pipeline-uid", "generation": 1, "creationTimestamp": "2026-01-05T09:59:00Z"},
        "spec": {
            "source": {"kafka": {"bootstrapServers": "kafka:9092"}},
            "lake": {"hdfs": {"uri": "hdfs://namenode:8020"}},
            "featureStore": {"cassandra": {"contactPoints": ["cassandra:9042"]}},
        },
    })
}

fn run() -> Value {
    json!({
        "apiVersion": "stockpipe.dev/v1alpha1", "kind": "TrainingRun",
        "metadata": {"name": "market-1", "uid": "run-uid", "generation": 1},
        "spec": {"pipelineRef": {"name": "market"}},
    })
}

fn environment() -> Environment {
    Environment {
        image: "example.com/stockpipe:0.1.0".to_owned(),
        version: "0.1.0".to_owned(),
        namespace: "operator".to_owned(),
        cluster_domain: "cluster.local".to_owned(),
        prometheus_operator: false,
    }
}

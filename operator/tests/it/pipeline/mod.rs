//! The pipeline controller against the API server in memory.

mod convergence;
mod deletion;
mod faults;
mod ownership;
mod preparation;
mod releases;
mod schedules;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crds::StockPipeline;
use k8s_openapi::jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use operator::environment::Environment;
use operator::metrics::OperatorMetrics;
use operator::pipeline::context::Context;
use operator::pipeline::{Error, reconcile};
use operator::workers::{Ask, Unheard};
use serde_json::{Value, json};

use crate::fake::Fake;

/// Namespace of everything here.
pub const NAMESPACE: &str = "trading";
/// Name of the pipeline.
pub const NAME: &str = "market";
/// The time at which everything begins, in seconds.
const BEGIN: i64 = 1_767_225_600;

/// A cluster in memory with one pipeline, and an operator.
pub struct World {
    /// The cluster.
    pub fake: Fake,
    /// The operator.
    pub ctx: Arc<Context>,
    /// What the operator counted.
    pub counted: runtime::Metrics,
    seconds: Arc<AtomicI64>,
}

/// A spec with every role and nearly every kind of child: as many requests as a pipeline can cost.
pub fn everything() -> Value {
    json!({
        "deletionPolicy": "Delete",
        "source": {"keyed": false},
        "ingest": {"replicas": 2},
        "dashboard": {"replicas": 2},
        "producer": {"enabled": true},
        "networkPolicy": {"mode": "Full"},
    })
}

/// Workers that nobody hears.
fn silence() -> Ask {
    Arc::new(|address| {
        Box::pin(async move { Err(Unheard { address, reason: "nobody listens in a test".to_owned() }) })
    })
}

impl World {
    /// A cluster with a pipeline of this spec, on top of the servers.
    pub fn new(spec: Value) -> Self {
        let fake = Fake::new();
        let seconds = Arc::new(AtomicI64::new(BEGIN));
        let (ctx, counted) = operator(&fake, &seconds);
        let world = World { ctx, counted, fake, seconds };
        world.set_now();
        let mut object = json!({
            "apiVersion": "stockpipe.dev/v1alpha1", "kind": "StockPipeline",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {
                "source": {"kafka": {"bootstrapServers": "kafka:9092"}},
                "lake": {"hdfs": {"uri": "hdfs://namenode:8020"}},
                "featureStore": {"cassandra": {"contactPoints": ["cassandra:9042"]}},
            },
        });
        crate::fake::apply(&mut object["spec"], &spec);
        let object = crds::validate::with_defaults(crds::validate::Kind::StockPipeline, object);
        world.fake.with(|store| store.put("stockpipelines", object));
        world
    }

    /// A new operator over the same cluster, which remembers nothing.
    pub fn restart(&mut self) {
        (self.ctx, self.counted) = operator(&self.fake, &self.seconds);
    }

    fn set_now(&self) {
        let now = Timestamp::from_second(self.seconds.load(Ordering::Relaxed)).unwrap().to_string();
        self.fake.with(|store| store.now = now);
    }

    /// Time passes.
    pub fn pass_time(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
        self.set_now();
    }

    /// The pipeline as it is stored.
    pub fn pipeline(&self) -> Option<Value> {
        self.fake.get("StockPipeline", NAME)
    }

    /// One pass over the pipeline.
    pub async fn pass(&self) -> Result<Action, Error> {
        let object = self.pipeline().expect("the pipeline");
        let object: DeserializeGuard<StockPipeline> = serde_json::from_value(object).unwrap();
        self.see();
        let passed = reconcile(Arc::new(object), self.ctx.clone()).await;
        self.check_reasons();
        passed
    }

    /// The cache gets to know what there is, as its watches would tell it.
    pub fn see(&self) {
        crate::seeing::fill(&self.ctx.cache, |kind| self.fake.with(|store| store.of_kind(kind)));
    }

    /// Whatever is said stands in the table that the reference is made of.
    fn check_reasons(&self) {
        let Some(pipeline) = self.pipeline() else { return };
        for said in pipeline["status"]["conditions"].as_array().into_iter().flatten() {
            let (type_, reason) = (said["type"].as_str().unwrap(), said["reason"].as_str().unwrap());
            assert!(crds::reason::row(type_, reason).is_some(), "{type_} {reason}");
        }
    }

    /// Reasons and notes of Events.
    pub fn events(&self) -> Vec<(String, String)> {
        let all = self.fake.with(|store| store.of_kind("Event"));
        let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
        all.iter().map(|event| (text(event, "reason"), text(event, "note"))).collect()
    }

    /// Passes and the cluster's own work in turn, until neither changes anything.
    pub async fn settle(&self) {
        for _ in 0..50 {
            let before = self.fake.with(|store| store.version());
            if self.pipeline().is_none() {
                return;
            }
            let passed = self.pass().await;
            self.play_cluster();
            // A failed pass is tried again, as the controller would.
            if passed.is_ok() && self.fake.with(|store| store.version()) == before {
                return;
            }
        }
        panic!(
            "it does not settle: {:#?}",
            self.fake.writes().iter().map(|one| one.line()).collect::<Vec<_>>()
        );
    }

    /// What the cluster's own controllers do: Jobs complete, Deployments become ready.
    pub fn play_cluster(&self) {
        let now = self.fake.with(|store| store.now.clone());
        for name in self.fake.names("Job") {
            self.fake.with(|store| {
                store.edit("Job", &name, |job| {
                    if job["status"]["conditions"].is_null() {
                        job["status"] = json!({"conditions": [
                            {"type": "Complete", "status": "True", "lastTransitionTime": now}]});
                    }
                });
            });
        }
        for name in self.fake.names("Deployment") {
            self.fake.with(|store| {
                store.edit("Deployment", &name, |deployment| {
                    let n = deployment["spec"]["replicas"].clone();
                    deployment["status"] = json!({"observedGeneration": deployment["metadata"]["generation"],
                        "replicas": n, "readyReplicas": n, "updatedReplicas": n});
                });
            });
        }
    }

    /// Changes the pipeline's spec.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        self.fake.with(|store| store.edit("StockPipeline", NAME, |object| change(&mut object["spec"])));
    }

    /// Status and reason of a condition.
    pub fn condition(&self, type_: &str) -> (String, String) {
        let pipeline = self.pipeline().expect("the pipeline");
        let all = pipeline["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = all.into_iter().find(|one| one["type"] == type_).unwrap_or_default();
        (
            found["status"].as_str().unwrap_or_default().into(),
            found["reason"].as_str().unwrap_or_default().into(),
        )
    }

    /// The message of a condition.
    pub fn message(&self, type_: &str) -> String {
        let pipeline = self.pipeline().expect("the pipeline");
        let all = pipeline["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = all.into_iter().find(|one| one["type"] == type_).unwrap_or_default();
        found["message"].as_str().unwrap_or_default().to_owned()
    }

    /// Every object but Events, without what differs between two histories of the same outcome.
    pub fn outcome(&self) -> Vec<Value> {
        let all: Vec<Value> = self.fake.with(|store| store.all().values().cloned().collect());
        let kept = all.into_iter().filter(|object| object["kind"] != "Event");
        kept.map(|mut object| {
            let metadata = object["metadata"].as_object_mut().unwrap();
            for field in ["uid", "resourceVersion", "generation", "creationTimestamp"] {
                metadata.remove(field);
            }
            metadata.remove("ownerReferences");
            object
        })
        .collect()
    }
}

fn operator(fake: &Fake, seconds: &Arc<AtomicI64>) -> (Arc<Context>, runtime::Metrics) {
    let counted = runtime::Metrics::new();
    let seconds = seconds.clone();
    let clock = Arc::new(move || Timestamp::from_second(seconds.load(Ordering::Relaxed)).unwrap());
    let metrics = OperatorMetrics::new(&counted).unwrap();
    let environment = Environment {
        image: "registry.test/stockpipe:0.1.0".to_owned(),
        version: "0.1.0".to_owned(),
        namespace: "operator-home".to_owned(),
        cluster_domain: "cluster.local".to_owned(),
        prometheus_operator: false,
    };
    let time = (clock as _, Arc::new(|| 0.5) as _);
    let ctx = Arc::new(Context::new(
        fake.client(),
        environment,
        metrics,
        silence(),
        time,
        Some("operator-0".to_owned()),
    ));
    (ctx, counted)
}

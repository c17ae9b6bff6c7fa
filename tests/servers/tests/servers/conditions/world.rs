//! One topic, one lake, and a worker over them.

use std::{sync::Arc, time::Duration};

use feature_store::MemoryStore;
use ingest::{Components, OnHalt, Phase, Roll, Settings, Status, Summary};
use lake::{
    Lake,
    hdfs::{HdfsLake, HdfsSettings},
};
use rdkafka::{
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    config::ClientConfig,
};
use runtime::{Metrics, Shutdown};
use servers::{Stack, unique};
use tick_log::{
    Log, StaticOwnership,
    kafka::{KafkaLog, KafkaSettings, Security},
};
use tokio::task::JoinHandle;

use crate::support::{Load, semantics, until};

pub const PARTITIONS: u32 = 2;
/// Within which a condition is to be seen.
pub const SEEN: Duration = Duration::from_secs(30);

pub struct World {
    pub bootstrap: String,
    pub topic: String,
    pub admin: AdminClient<DefaultClientContext>,
    pub log: KafkaLog,
    pub lake: Arc<dyn Lake>,
    pub settings: Settings,
}

/// A worker that runs.
pub struct Worker {
    pub status: Arc<Status>,
    pub metrics: Metrics,
    shutdown: Shutdown,
    running: JoinHandle<Result<Summary, ingest::Error>>,
}

pub async fn kafka(bootstrap: &str, pipeline: &str) -> KafkaLog {
    let settings = KafkaSettings {
        bootstrap: bootstrap.to_owned(),
        security: Security::default(),
        client_id: "conditions".into(),
        pipeline: pipeline.to_owned(),
        replication_factor: 1,
        fetch_bytes: 8 << 20,
    };
    KafkaLog::connect(settings).await.expect("Kafka")
}

impl World {
    /// Topics and a folder on HDFS, both new.
    pub async fn new(stack: &Stack, name: &str) -> World {
        let topic = unique(name);
        let lake = HdfsLake::connect(HdfsSettings {
            uri: Some(stack.hdfs.uri().to_owned()),
            config_dir: None,
            user: "stockpipe".into(),
            root: format!("/{topic}"),
            kerberos: None,
        });
        World::over(stack.kafka.bootstrap(), topic, Arc::new(lake.await.expect("HDFS"))).await
    }

    /// Topics, before a lake of the caller's.
    pub async fn over(bootstrap: &str, topic: String, lake: Arc<dyn Lake>) -> World {
        let log = kafka(bootstrap, &topic).await;
        let mut config = ClientConfig::new();
        let admin = config.set("bootstrap.servers", bootstrap).create().expect("an admin client");
        let mut settings = Settings::new(&topic, Arc::new(semantics(PARTITIONS)));
        settings.ticks_topic.clone_from(&topic);
        settings.on_halt = OnHalt::Keep;
        settings.roll = Roll { age: Duration::from_secs(1), ..Roll::default() };
        log.create_topic(&topic, PARTITIONS, None).await.expect("the topic");
        log.create_topic(&settings.features_topic, 1, None).await.expect("the rows' topic");
        World { bootstrap: bootstrap.to_owned(), topic, admin, log, lake, settings }
    }

    pub fn components(&self) -> Components {
        Components {
            log: Arc::new(self.log.clone()),
            ownership: Arc::new(StaticOwnership::new(0..PARTITIONS)),
            lake: self.lake.clone(),
            store: Arc::new(MemoryStore::new()),
            metrics: Metrics::new(),
            status: Arc::new(Status::new()),
            clock: tick_log::system_clock(),
            entropy: ingest::system_entropy(),
        }
    }

    pub fn start(&self) -> Worker {
        let (components, shutdown) = (self.components(), Shutdown::new());
        let (status, metrics) = (components.status.clone(), components.metrics.clone());
        let running = tokio::spawn(ingest::run(self.settings.clone(), components, shutdown.clone()));
        Worker { status, metrics, shutdown, running }
    }

    /// The records `from..to` of a load, acknowledged.
    pub async fn send(&self, from: u64, to: u64) {
        Load::default().send(&self.bootstrap, &self.topic, from, to, 0).done().await;
    }

    /// Where the log ends.
    pub async fn ends(&self) -> Vec<u64> {
        let topic = self.log.topic(&self.topic).await.expect("the topic");
        let mut ends = Vec::new();
        for p in 0..PARTITIONS {
            ends.push(topic.bounds(p).await.expect("bounds").high);
        }
        ends
    }

    /// The topic under its name is deleted; another of that name is made.
    pub async fn make_again(&self) {
        let before = self.log.topic(&self.topic).await.expect("the topic").id();
        self.log.delete_topic(&self.topic).await.expect("the topic goes");
        until("another topic has the name", SEEN, async || {
            match self.log.create_topic(&self.topic, PARTITIONS, None).await {
                Ok(topic) if topic.id() != before => Ok(()),
                Ok(_) => Err("the old one".to_owned()),
                Err(e) => Err(e.to_string()),
            }
        })
        .await;
    }
}

pub fn patient() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(SEEN)).request_timeout(Some(SEEN))
}

impl Worker {
    /// Waits until everything before `ends` is committed.
    pub async fn has_committed(&self, ends: &[u64], limit: Duration) -> Duration {
        until("everything is committed", limit, async || {
            let seen = self.status.partitions();
            let done =
                seen.len() == ends.len() && seen.iter().all(|p| p.committed == ends[p.partition as usize]);
            if done { Ok(()) } else { Err(format!("{seen:#?}\n{:#?}", self.status.conditions())) }
        })
        .await
    }

    /// Waits for a condition; gives its text.
    pub async fn says(&self, kind: &str) -> String {
        until(&format!("condition {kind}"), SEEN, async || match self.status.conditions() {
            seen if seen.iter().any(|c| c.kind == kind) => Ok(()),
            seen => Err(format!("{seen:#?}\n{:#?}", self.status.partitions())),
        })
        .await;
        let conditions = self.status.conditions();
        let found = conditions.iter().find(|c| c.kind == kind);
        found.map_or_else(String::new, |c| c.message.clone())
    }

    /// Every partition stands still.
    pub async fn stands_still(&self) {
        until("every partition stands still", SEEN, async || {
            let seen = self.status.partitions();
            let still = seen.len() == PARTITIONS as usize && seen.iter().all(|p| p.phase == Phase::Halted);
            if still { Ok(()) } else { Err(format!("{seen:#?}")) }
        })
        .await;
        assert!(!self.status.is_ready());
    }

    /// What holds now, without what passes.
    pub fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<_> = self.status.conditions().iter().map(|c| c.kind).collect();
        kinds.dedup();
        kinds
    }

    pub async fn ends(self) -> Result<Summary, ingest::Error> {
        self.shutdown.drain();
        self.running.await.expect("no panic")
    }
}

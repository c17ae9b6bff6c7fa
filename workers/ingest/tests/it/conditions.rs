//! What a topic can be that it should not be: each a condition of its own, seen while working, gone when it is over.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use ingest::{Components, Error, OnHalt, Phase};
use market::NewRecord;
use runtime::Shutdown;
use tick_log::{Log, LogError, Topic, TopicFacts};

use crate::world::{World, until};

/// A log that says of its topic what a test tells it to say.
struct Said {
    inner: Arc<dyn Log>,
    facts: Mutex<TopicFacts>,
}

impl Said {
    async fn over(world: &World) -> Arc<Self> {
        let facts = world.log.facts("ticks").await.unwrap();
        Arc::new(Self { inner: world.log.clone(), facts: Mutex::new(facts) })
    }

    fn say(&self, change: impl FnOnce(&mut TopicFacts)) {
        change(&mut self.facts.lock().unwrap());
    }
}

#[async_trait]
impl Log for Said {
    async fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        retention: Option<Duration>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.inner.create_topic(name, partitions, retention).await
    }

    async fn topic(&self, name: &str) -> Result<Arc<dyn Topic>, LogError> {
        self.inner.topic(name).await
    }

    async fn facts(&self, _: &str) -> Result<TopicFacts, LogError> {
        Ok(*self.facts.lock().unwrap())
    }

    async fn topics(&self) -> Result<Vec<String>, LogError> {
        self.inner.topics().await
    }

    async fn delete_topic(&self, name: &str) -> Result<(), LogError> {
        self.inner.delete_topic(name).await
    }

    async fn put_note(&self, key: &str, value: Vec<u8>) -> Result<(), LogError> {
        self.inner.put_note(key, value).await
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, LogError> {
        self.inner.note(key).await
    }
}

fn kinds(status: &ingest::Status) -> Vec<&'static str> {
    let mut kinds: Vec<_> = status.conditions().iter().map(|c| c.kind).collect();
    kinds.dedup();
    kinds
}

#[tokio::test]
async fn a_topic_that_cannot_be_worked_on_ends_a_worker_of_one_person() {
    let world = World::new(81, 20).await;
    let log = Said::over(&world).await;
    log.say(|f| f.compacted = true);
    let components = Components { log: log.clone(), ..world.components(Arc::new(world.lake.clone())) };
    let error = world.run_with(components).await.unwrap_err();
    assert!(matches!(error, Error::Compacted { .. }), "{error}");
    assert!(error.to_string().contains("cleanup.policy"), "{error}");
    log.say(|f| (f.compacted, f.partitions) = (false, 3));
    let components = Components { log, ..world.components(Arc::new(world.lake.clone())) };
    let error = world.run_with(components).await.unwrap_err();
    assert!(matches!(error, Error::PartitionsChanged { found: 3, configured: 2, .. }), "{error}");
    assert!(world.heads().await.is_empty(), "nothing is claimed");
}

#[tokio::test]
async fn a_topic_that_cannot_be_worked_on_is_waited_for_by_a_worker_of_many() {
    let world = World::new(82, 20).await;
    let log = Said::over(&world).await;
    log.say(|f| (f.compacted, f.log_append_time) = (true, false));
    let components = Components { log: log.clone(), ..world.components(Arc::new(world.lake.clone())) };
    let (status, shutdown) = (components.status.clone(), Shutdown::new());
    let settings = ingest::Settings { on_halt: OnHalt::Keep, ..world.settings.clone() };
    let worker = tokio::spawn(ingest::run(settings, components, shutdown.clone()));
    until("both stand still", || {
        status.partitions().len() == 2 && status.partitions().iter().all(|p| p.phase == Phase::Halted)
    })
    .await;
    assert_eq!(kinds(&status), ["TimestampsUntrusted", "Compacted"]);
    assert!(!status.is_ready() && world.heads().await.is_empty());
    log.say(|f| f.compacted = false);
    until("both go on", || status.partitions().iter().all(|p| p.offset == 20)).await;
    assert_eq!(kinds(&status), ["TimestampsUntrusted"], "works on, flagged");
    assert!(status.is_ready());
    shutdown.drain();
    worker.await.unwrap().unwrap();
    world.check().await.unwrap();
}

/// The topic is made again under a running worker, with more records than the old one held.
#[tokio::test]
async fn a_topic_made_again_is_noticed_and_goes_on_once_accepted() {
    let mut world = World::new(83, 30).await;
    world.settings.roll.rows = 25;
    let components = world.components(Arc::new(world.lake.clone()));
    let (status, shutdown) = (components.status.clone(), Shutdown::new());
    let settings = ingest::Settings { on_halt: OnHalt::Keep, ..world.settings.clone() };
    let worker = tokio::spawn(ingest::run(settings, components, shutdown.clone()));
    until("everything is read", || {
        status.partitions().len() == 2 && status.partitions().iter().all(|p| p.offset == 30)
    })
    .await;
    world.log.delete_topic("ticks").await.unwrap();
    world.log.create_topic("ticks", 2, None).await.unwrap();
    world.append(84, 60).await;
    until("both stand still", || status.partitions().iter().all(|p| p.phase == Phase::Halted)).await;
    assert_eq!(kinds(&status), ["LogDiverged"]);
    let said = status.conditions().remove(0).message;
    assert!(said.contains("stockpipe accept-topic"), "{said}");
    let components = world.components(Arc::new(world.lake.clone()));
    let accepted = ingest::accept_topic(world.settings.clone(), components, None).await.unwrap();
    assert!(accepted.iter().all(|a| a.generation == 2), "{accepted:?}");
    until("both go on by themselves", || {
        status.partitions().iter().all(|p| p.phase == Phase::Running && p.offset == 60)
    })
    .await;
    assert!(kinds(&status).is_empty() && status.is_ready());
    shutdown.drain();
    worker.await.unwrap().unwrap();
}

/// A symbol that comes through two partitions is counted and told of, and worked on.
#[tokio::test]
async fn a_symbol_in_two_partitions_is_a_condition() {
    let world = World::new(85, 30).await;
    let ticks = world.log.topic("ticks").await.unwrap();
    let there = ticks.read(0, 0, 1 << 20, Duration::ZERO).await.unwrap();
    let records = there.iter().map(|r| NewRecord { key: r.key.map(<[u8]>::to_vec), value: r.value.to_vec() });
    ticks.append(1, records.collect()).await.unwrap();
    let components = world.components(Arc::new(world.lake.clone()));
    let (status, metrics) = (components.status.clone(), components.metrics.clone());
    world.run_with(components).await.unwrap();
    let conditions = status.conditions();
    assert_eq!(conditions.iter().map(|c| c.kind).collect::<Vec<_>>(), ["KeyingViolations"], "{conditions:?}");
    assert!(conditions[0].message.contains("is in partitions"), "{conditions:?}");
    assert!(metrics.text().contains("stockpipe_misplaced_symbols_total 3"), "{}", metrics.text());
}

/// Ticks whose key is another symbol's.
#[tokio::test]
async fn a_key_that_is_not_the_symbol_is_a_condition() {
    let world = World::new(86, 30).await;
    let ticks = world.log.topic("ticks").await.unwrap();
    let there = ticks.read(0, 0, 1 << 20, Duration::ZERO).await.unwrap();
    let good = there.iter().filter(|r| market::decode(r.value, Default::default()).is_ok()).last().unwrap();
    let value = String::from_utf8(good.value.to_vec()).unwrap().replace("\"volume\":", "\"volume\":1");
    ticks.append(0, vec![NewRecord { key: Some(b"X".to_vec()), value: value.into() }]).await.unwrap();
    let components = world.components(Arc::new(world.lake.clone()));
    let status = components.status.clone();
    world.run_with(components).await.unwrap();
    assert_eq!(kinds(&status), ["KeyingViolations"], "{:?}", status.conditions());
}

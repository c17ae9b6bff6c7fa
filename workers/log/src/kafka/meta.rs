//! What can be asked of a cluster without reading records: topics, their ends, their ids; and the group's offsets.
//!
//! One client asks for all handles of a log. A thread polls it, so that its reasons are heard; now and then the thread
//! looks whether the topics are still the ones that were opened. librdkafka would go on silently in a topic that was
//! made again and holds enough records.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{IsError, KafkaError, RDKafkaErrorCode as Code},
};
use tokio::{sync::watch, task::spawn_blocking};

use super::{
    KafkaSettings, config,
    context::{Context, Reasons, Trouble},
    failure::{self, About},
    ffi,
};
use crate::{Bounds, LogError, limits};

/// How often the client is served.
const SERVE: Duration = Duration::from_millis(100);

/// A topic that some handle has open.
pub(super) struct Opened {
    pub(super) name: String,
    pub(super) id: String,
    /// Why the handle is of no use any more.
    pub(super) closed: watch::Sender<Option<LogError>>,
}

/// The asking client of one log.
pub(super) struct Meta {
    consumer: Arc<BaseConsumer<Context>>,
    reasons: Arc<Reasons>,
    pub(super) settings: KafkaSettings,
    opened: Arc<Mutex<Vec<Weak<Opened>>>>,
    closing: Arc<AtomicBool>,
}

impl Meta {
    /// Sets the client up and starts its thread. Speaks to no broker yet.
    pub(super) fn start(settings: KafkaSettings, reasons: &Arc<Reasons>) -> Result<Self, LogError> {
        let consumer: BaseConsumer<Context> = config::meta(&settings)?
            .create_with_context(Context::new("meta", reasons))
            .map_err(|e| super::unusable(&e))?;
        let this = Self {
            consumer: Arc::new(consumer),
            reasons: reasons.clone(),
            settings,
            opened: Arc::default(),
            closing: Arc::default(),
        };
        let (consumer, opened, closing) = (this.consumer.clone(), this.opened.clone(), this.closing.clone());
        thread::Builder::new()
            .name("kafka meta".into())
            .spawn(move || serve(&consumer, &opened, &closing))
            .map_err(|e| LogError::Kafka { what: "cannot start", subject: "kafka".into(), why: e.to_string() })?;
        Ok(this)
    }

    pub(super) fn reasons(&self) -> &Reasons {
        &self.reasons
    }

    /// A call that begins now.
    pub(super) fn about<'a>(&'a self, what: &'static str, subject: &'a str) -> About<'a> {
        About { what, subject, bootstrap: &self.settings.bootstrap, began: Instant::now() }
    }

    /// Watches over a topic from now on.
    pub(super) fn watch(&self, opened: &Arc<Opened>) {
        let mut all = self.opened.lock();
        all.retain(|o| o.strong_count() > 0);
        all.push(Arc::downgrade(opened));
    }

    /// Handles of a topic that this process has just deleted are closed at once.
    pub(super) fn deleted(&self, topic: &str) {
        for opened in self.opened.lock().iter().filter_map(Weak::upgrade).filter(|o| o.name == topic) {
            opened.closed.send_replace(Some(LogError::Closed { what: topic.to_owned() }));
        }
    }

    /// Runs a blocking call of the client.
    async fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        subject: &str,
        call: impl FnOnce(&BaseConsumer<Context>) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, LogError> {
        let about = self.about(what, subject);
        let consumer = self.consumer.clone();
        match spawn_blocking(move || call(&consumer)).await {
            Ok(answer) => answer.map_err(|e| about.fail(&e, &self.reasons)),
            Err(e) => Err(LogError::Kafka { what, subject: subject.to_owned(), why: e.to_string() }),
        }
    }

    /// Waits for the first answer of the cluster: within [`limits::CONNECT`], and at once where it refuses us.
    pub(super) async fn connect(&self) -> Result<(), LogError> {
        let about = self.about("cannot connect to", "kafka");
        let deadline = about.began + limits::CONNECT;
        loop {
            let topic = self.settings.notes_topic();
            let consumer = self.consumer.clone();
            let asked = spawn_blocking(move || {
                consumer.fetch_metadata(Some(&topic), Duration::from_secs(1)).map(drop)
            });
            let Ok(Err(error)) = asked.await else { return Ok(()) };
            let refused = matches!(self.reasons.since(about.began), Some((Trouble::Login | Trouble::Tls, _)));
            if refused || Instant::now() >= deadline {
                return Err(match about.fail(&error, &self.reasons) {
                    LogError::Kafka { why, .. } => {
                        LogError::Unreachable { bootstrap: self.settings.bootstrap.clone(), why }
                    }
                    error => error,
                });
            }
            tokio::time::sleep(SERVE).await;
        }
    }

    /// The number of a topic's partitions and of copies of its first one.
    pub(super) async fn shape(&self, topic: &str) -> Result<(u32, u32), LogError> {
        let name = topic.to_owned();
        let ask = move |consumer: &BaseConsumer<Context>| {
            let metadata = consumer.fetch_metadata(Some(&name), limits::ASK)?;
            let Some(found) = metadata.topics().iter().find(|t| t.name() == name) else {
                return Err(KafkaError::MetadataFetch(Code::UnknownTopicOrPartition));
            };
            // Without permission there is a topic without partitions, and the error stands in it.
            if let Some(error) = found.error().filter(IsError::is_error) {
                return Err(KafkaError::MetadataFetch(error.into()));
            }
            let copies = found.partitions().first().map_or(0, |p| p.replicas().len());
            Ok((found.partitions().len() as u32, copies as u32))
        };
        let shape = self.ask("cannot look at", topic, ask).await?;
        if shape.0 == 0 {
            return Err(LogError::UnknownTopic { topic: topic.to_owned() });
        }
        Ok(shape)
    }

    /// Names of the topics that this user may see, without Kafka's own.
    pub(super) async fn topics(&self) -> Result<Vec<String>, LogError> {
        let ask = |consumer: &BaseConsumer<Context>| {
            let metadata = consumer.fetch_metadata(None, limits::ASK)?;
            let mut names: Vec<String> = metadata.topics().iter().map(|t| t.name().to_owned()).collect();
            names.retain(|name| !name.starts_with("__"));
            names.sort();
            Ok(names)
        };
        self.ask("cannot list the topics of", "kafka", ask).await
    }

    /// The topic's id.
    pub(super) async fn topic_id(&self, topic: &str) -> Result<String, LogError> {
        let name = topic.to_owned();
        let ask = move |c: &BaseConsumer<Context>| ffi::topic_id(c.client(), &name, limits::ASK);
        self.ask("cannot look at", topic, ask).await
    }

    /// Fails where the topic is not the one that was opened.
    pub(super) async fn verify(&self, opened: &Opened) -> Result<(), LogError> {
        let has = self.topic_id(&opened.name).await?;
        if has == opened.id {
            return Ok(());
        }
        let error = LogError::Recreated { topic: opened.name.clone(), had: opened.id.clone(), has };
        opened.closed.send_replace(Some(error.clone()));
        Err(error)
    }

    /// First readable and next offset; the next one counts no record of an open transaction.
    pub(super) async fn bounds(&self, topic: &str, partition: u32) -> Result<Bounds, LogError> {
        let name = topic.to_owned();
        let ask = move |c: &BaseConsumer<Context>| {
            of_leader(c, &name, partition, |c| c.fetch_watermarks(&name, partition as i32, limits::ASK))
        };
        let (low, high) = self.ask("cannot find the ends of", topic, ask).await?;
        Ok(Bounds { low: u64::try_from(low).unwrap_or(0), high: u64::try_from(high).unwrap_or(0) })
    }

    /// The first offset at or after a record time, if there is one.
    pub(super) async fn offset_at(
        &self,
        topic: &str,
        partition: u32,
        record_ms: i64,
    ) -> Result<Option<u64>, LogError> {
        let name = topic.to_owned();
        let ask = move |c: &BaseConsumer<Context>| {
            let mut times = TopicPartitionList::with_capacity(1);
            times.add_partition_offset(&name, partition as i32, Offset::Offset(record_ms.max(0)))?;
            let found = of_leader(c, &name, partition, |c| c.offsets_for_times(times.clone(), limits::ASK))?;
            let found = found.find_partition(&name, partition as i32);
            found.map_or(Ok(None), |f| {
                f.error()?;
                Ok(match f.offset() {
                    Offset::Offset(offset) => u64::try_from(offset).ok(),
                    _ => None,
                })
            })
        };
        self.ask("cannot find a time in", topic, ask).await
    }

    /// Commits an offset for lag tools, without waiting. Refused while the group has members; those commit themselves.
    pub(super) fn commit(&self, topic: &str, partition: u32, offset: u64) {
        let mut list = TopicPartitionList::with_capacity(1);
        let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
        let listed = list.add_partition_offset(topic, partition as i32, offset);
        if let Err(error) = listed.and_then(|()| self.consumer.commit(&list, CommitMode::Async)) {
            tracing::debug!(topic, partition, "the offset for lag tools was not committed: {error}");
        }
    }

    /// The offsets that the pipeline's group has committed, by partition.
    pub(super) async fn committed(&self, topic: &str, partitions: u32) -> Result<Vec<Option<u64>>, LogError> {
        let name = topic.to_owned();
        let ask = move |c: &BaseConsumer<Context>| {
            let mut list = TopicPartitionList::new();
            list.add_partition_range(&name, 0, partitions.saturating_sub(1) as i32);
            let found = c.committed_offsets(list, limits::ASK)?;
            let offset = |partition: u32| match found.find_partition(&name, partition as i32)?.offset() {
                Offset::Offset(offset) => u64::try_from(offset).ok(),
                _ => None,
            };
            Ok((0..partitions).map(offset).collect())
        };
        self.ask("cannot read the group's offsets of", topic, ask).await
    }
}

impl Drop for Meta {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
    }
}

/// What a partition's leader answers. That a partition had no leader librdkafka keeps until its metadata are old, fifteen
/// minutes, and asks nobody meanwhile: so it is told to look again, once. A partition that is there and has no leader is
/// not an unknown one.
fn of_leader<T>(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    partition: u32,
    call: impl Fn(&BaseConsumer<Context>) -> Result<T, KafkaError>,
) -> Result<T, KafkaError> {
    let leaderless = |error: &KafkaError| {
        use Code::{LeaderNotAvailable, UnknownPartition, UnknownTopic, UnknownTopicOrPartition};
        let code = failure::code(error);
        matches!(code, Some(LeaderNotAvailable | UnknownPartition | UnknownTopic | UnknownTopicOrPartition))
    };
    match call(consumer) {
        Err(error) if leaderless(&error) => {
            let metadata = consumer.fetch_metadata(Some(topic), limits::ASK)?;
            let mut partitions =
                metadata.topics().iter().filter(|t| t.name() == topic).flat_map(|t| t.partitions());
            let there = partitions.any(|p| p.id() == partition as i32);
            call(consumer).map_err(|error| match there && leaderless(&error) {
                true => KafkaError::MetadataFetch(Code::LeaderNotAvailable),
                false => error,
            })
        }
        answer => answer,
    }
}

/// The thread: serves the client, watches the open topics.
fn serve(consumer: &BaseConsumer<Context>, opened: &Mutex<Vec<Weak<Opened>>>, closing: &AtomicBool) {
    let mut checked = Instant::now();
    let mut missing: Vec<String> = Vec::new();
    while !closing.load(Ordering::Acquire) {
        if let Some(Err(_)) = consumer.poll(SERVE) {
            // Errors come in bursts while no broker answers; the context has heard them.
            thread::sleep(SERVE);
        }
        if checked.elapsed() >= limits::TOPIC_CHECK {
            let open: Vec<_> = opened.lock().iter().filter_map(Weak::upgrade).collect();
            missing = open.iter().filter_map(|topic| look(consumer, topic, &missing)).collect();
            checked = Instant::now();
        }
    }
}

/// Looks whether a topic is the one that was opened. Its name, where it is missing: only twice in a row counts.
fn look(consumer: &BaseConsumer<Context>, opened: &Opened, missing: &[String]) -> Option<String> {
    if opened.closed.borrow().is_some() {
        return None;
    }
    let topic = opened.name.clone();
    match ffi::topic_id(consumer.client(), &topic, limits::ASK) {
        Ok(id) if id == opened.id => {}
        Ok(has) => {
            let error = LogError::Recreated { topic, had: opened.id.clone(), has };
            opened.closed.send_replace(Some(error));
        }
        Err(KafkaError::AdminOp(Code::UnknownTopicOrPartition | Code::UnknownTopic)) => {
            if missing.contains(&topic) {
                opened.closed.send_replace(Some(LogError::UnknownTopic { topic }));
                return None;
            }
            return Some(topic);
        }
        Err(_) => {}
    }
    None
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;

    /// librdkafka's own mock of a cluster: a partition of a real one is without a leader for a moment only.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_leader_that_comes_back_is_found_at_once() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("ticks", 1, 1).unwrap();
        let settings = KafkaSettings::new(cluster.bootstrap_servers(), "market");
        let meta = Meta::start(settings, &Arc::default()).unwrap();
        let empty = Bounds { low: 0, high: 0 };
        assert_eq!(meta.bounds("ticks", 0).await.unwrap(), empty);
        cluster.partition_leader("ticks", 0, None).unwrap();
        let error = loop {
            // What the client remembers of the leader it may still use.
            meta.consumer.fetch_metadata(Some("ticks"), limits::ASK).unwrap();
            if let Err(error) = meta.bounds("ticks", 0).await {
                break error;
            }
        };
        assert_eq!(error.kind(), market::ErrorKind::Unavailable, "{error}");
        cluster.partition_leader("ticks", 0, Some(1)).unwrap();
        assert_eq!(meta.bounds("ticks", 0).await.unwrap(), empty);
        assert_eq!(meta.offset_at("ticks", 0, 0).await.unwrap(), None);
    }
}

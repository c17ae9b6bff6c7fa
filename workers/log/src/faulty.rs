//! A log that fails on purpose: before a call takes effect, or after it did.
//!
//! The second is the interesting one: the caller sees an error and the records are there. Who repeats such an append
//! blindly has every record twice; who keeps a note with it does not.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use market::{NewRecord, RecordBatch};

use crate::{Appended, Bounds, Log, LogError, Topic, TopicFacts};

/// Which call is about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// [`Topic::append`] and [`Topic::append_with_note`].
    Append,
    /// [`Topic::read`].
    Read,
    /// [`Topic::bounds`] and [`Topic::offset_for_time`].
    Bounds,
    /// [`Log::put_note`].
    PutNote,
    /// [`Log::note`].
    Note,
    /// [`Log::create_topic`], [`Log::topic`], [`Log::topics`], [`Log::delete_topic`].
    Topics,
}

/// A call as the plan sees it.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is called.
    pub op: Op,
    /// Topic or note key.
    pub subject: String,
    /// Partition, where the call has one.
    pub partition: Option<u32>,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It goes through.
    None,
    /// It fails and had no effect.
    Before,
    /// It has its effect and fails.
    After,
}

type Plan = Arc<dyn Fn(&Call) -> Fault + Send + Sync>;

/// Wraps a log; a plan decides what becomes of each call.
pub struct FaultyLog {
    inner: Arc<dyn Log>,
    plan: Plan,
}

impl FaultyLog {
    /// Wraps `inner`. The plan is asked once a call, in the order of calls.
    pub fn new(inner: Arc<dyn Log>, plan: impl Fn(&Call) -> Fault + Send + Sync + 'static) -> Self {
        Self { inner, plan: Arc::new(plan) }
    }

    fn wrap(&self, inner: Arc<dyn Topic>) -> Arc<dyn Topic> {
        Arc::new(FaultyTopic { inner, plan: self.plan.clone() })
    }
}

async fn run<T>(
    plan: &Plan,
    op: Op,
    subject: &str,
    partition: Option<u32>,
    call: impl Future<Output = Result<T, LogError>>,
) -> Result<T, LogError> {
    let fail =
        || LogError::Unavailable { what: "injected fault in", file: subject.into(), why: format!("{op:?}") };
    match plan(&Call { op, subject: subject.to_owned(), partition }) {
        Fault::None => call.await,
        Fault::Before => Err(fail()),
        Fault::After => {
            call.await?;
            Err(fail())
        }
    }
}

#[async_trait]
impl Log for FaultyLog {
    async fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        retention: Option<Duration>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let call = self.inner.create_topic(name, partitions, retention);
        run(&self.plan, Op::Topics, name, None, call).await.map(|t| self.wrap(t))
    }

    async fn topic(&self, name: &str) -> Result<Arc<dyn Topic>, LogError> {
        run(&self.plan, Op::Topics, name, None, self.inner.topic(name)).await.map(|t| self.wrap(t))
    }

    async fn facts(&self, name: &str) -> Result<TopicFacts, LogError> {
        run(&self.plan, Op::Topics, name, None, self.inner.facts(name)).await
    }

    async fn topics(&self) -> Result<Vec<String>, LogError> {
        run(&self.plan, Op::Topics, "", None, self.inner.topics()).await
    }

    async fn delete_topic(&self, name: &str) -> Result<(), LogError> {
        run(&self.plan, Op::Topics, name, None, self.inner.delete_topic(name)).await
    }

    async fn put_note(&self, key: &str, value: Vec<u8>) -> Result<(), LogError> {
        run(&self.plan, Op::PutNote, key, None, self.inner.put_note(key, value)).await
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, LogError> {
        run(&self.plan, Op::Note, key, None, self.inner.note(key)).await
    }
}

struct FaultyTopic {
    inner: Arc<dyn Topic>,
    plan: Plan,
}

impl FaultyTopic {
    async fn run<T>(
        &self,
        op: Op,
        partition: u32,
        call: impl Future<Output = Result<T, LogError>>,
    ) -> Result<T, LogError> {
        run(&self.plan, op, self.inner.name(), Some(partition), call).await
    }
}

#[async_trait]
impl Topic for FaultyTopic {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn id(&self) -> String {
        self.inner.id()
    }

    fn partitions(&self) -> u32 {
        self.inner.partitions()
    }

    async fn append(&self, partition: u32, records: Vec<NewRecord>) -> Result<Appended, LogError> {
        self.run(Op::Append, partition, self.inner.append(partition, records)).await
    }

    async fn append_with_note(
        &self,
        partition: u32,
        records: Vec<NewRecord>,
        key: &str,
        value: Vec<u8>,
    ) -> Result<Appended, LogError> {
        self.run(Op::Append, partition, self.inner.append_with_note(partition, records, key, value)).await
    }

    async fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<RecordBatch, LogError> {
        self.run(Op::Read, partition, self.inner.read(partition, from, max_bytes, max_wait)).await
    }

    async fn bounds(&self, partition: u32) -> Result<Bounds, LogError> {
        self.run(Op::Bounds, partition, self.inner.bounds(partition)).await
    }

    async fn offset_for_time(&self, partition: u32, record_ms: i64) -> Result<u64, LogError> {
        self.run(Op::Bounds, partition, self.inner.offset_for_time(partition, record_ms)).await
    }

    fn release(&self, partition: u32) {
        self.inner.release(partition);
    }

    fn commit_progress(&self, partition: u32, offset: u64) {
        self.inner.commit_progress(partition, offset);
    }

    async fn verify(&self) -> Result<(), LogError> {
        self.inner.verify().await
    }
}

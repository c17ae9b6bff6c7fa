//! `stockpipe init`: topics, the claim on the lake, keyspace and tables. Idempotent, and safe from two pods at once: every
//! step is create-only or leaves what is there.
//!
//! A foreign claim is found before anything is made. On embedded stores there is nothing to prepare.

use std::time::{Duration, Instant};

use crds::StockPipeline;
use feature_store::cassandra::CassandraStore;
use lake::{Lake, hdfs::HdfsLake};
use market::ErrorKind;
use serde_json::json;
use tick_log::kafka::KafkaLog;
use tick_log::{Log, LogError, TopicFacts};

use super::{
    documents,
    made::{self, MadeTopic},
    mounts, print, stores,
};
use crate::{
    Context, Failure, cli,
    context::{
        FOLLOWED, Patience,
        claim::{self, Claim},
        connect::{ANOTHER_KEYSPACE, ANOTHER_LAKE, within},
    },
    output::Table,
    settings::{self, stores::Stores},
};

/// How long a keyspace may look wrong because another `init` is at work on it.
const HALF_MADE: Duration = Duration::from_secs(5);
/// How long tables may take on a busy cluster.
const BUSY: Duration = Duration::from_secs(60);
/// Pause before another attempt.
const PAUSE: Duration = Duration::from_millis(500);

/// One thing that was looked after.
struct Step {
    what: String,
    did: &'static str,
    note: String,
}

impl Step {
    fn new(what: impl Into<String>, made: bool, note: impl Into<String>) -> Self {
        let did = if made { "made" } else { "was there" };
        Self { what: what.into(), did, note: note.into() }
    }
}

/// Prepares everything, says what it did.
pub async fn init(args: cli::PlainArgs) -> Result<u8, Failure> {
    let documents = documents(&args.manifest)?;
    let steps = match &args.manifest.data {
        Some(dir) => {
            let context =
                Context::open(dir, documents, mounts(&args.manifest), true, Patience::Usual).await?;
            context.ticks_topic().await?;
            context.output_topics().await?;
            context.close().await?;
            vec![Step::new(format!("embedded stores in {}", dir.display()), true, "")]
        }
        None => {
            let stores = stores(&documents, &args.manifest)?;
            prepare(&documents.pipeline, &stores).await?
        }
    };
    let mut table = Table::new(["thing", "did", "note"]);
    for s in &steps {
        let note = if s.note.is_empty() { json!(null) } else { json!(s.note) };
        table.rows.push(vec![json!(s.what), json!(s.did), note]);
    }
    let value: Vec<_> =
        steps.iter().map(|s| json!({"thing": s.what, "did": s.did, "note": s.note})).collect();
    print(args.output, table, json!(value)).await
}

async fn prepare(pipeline: &StockPipeline, stores: &Stores) -> Result<Vec<Step>, Failure> {
    let ours = Claim::of(pipeline);
    let (lake_place, keyspace_place) = (stores.lake_address(), stores.keyspace_address());
    // All three answer, and nobody else's claim stands anywhere, before anything is made.
    let (lake, log, keyspace) = tokio::try_join!(
        within("HDFS", &lake_place, async { Ok(HdfsLake::connect(stores.hdfs.clone()).await?) }),
        within("Kafka", &stores.kafka.bootstrap, async {
            Ok(KafkaLog::connect(stores.kafka.clone()).await?)
        }),
        within(
            "Cassandra",
            &keyspace_place,
            patiently(HALF_MADE, || async { Ok(CassandraStore::claimed(&stores.cassandra).await?) })
        ),
    )?;
    if let Some(there) = claim::read(&lake, &lake_place, &ours).await? {
        ours.agree(&there, &lake_place, ANOTHER_LAKE)?;
    }
    if let Some(text) = &keyspace {
        let there = Claim::parse(text, &keyspace_place, &ours)?;
        ours.agree(&there, &keyspace_place, ANOTHER_KEYSPACE)?;
    }

    let mut steps = Vec::new();
    let taken = claim::take(&lake, &lake_place, ANOTHER_LAKE, &ours).await?;
    steps.push(Step::new(format!("lake {lake_place}"), taken, format!("claimed for {}", ours.pipeline)));

    let there = patiently(BUSY, || async {
        CassandraStore::init(&stores.cassandra).await?;
        let store = CassandraStore::connect(stores.cassandra.clone()).await?;
        Ok(store.put_claim(&ours.text()).await?)
    })
    .await?;
    ours.agree(&Claim::parse(&there, &keyspace_place, &ours)?, &keyspace_place, ANOTHER_KEYSPACE)?;
    steps.push(Step::new(keyspace_place, keyspace.is_none(), "tables are of this release"));

    for wanted in wanted_topics(pipeline) {
        steps.push(topic(&log, &lake, &wanted).await?);
    }
    steps.push(notes(&log, &lake, pipeline, &ours).await?);
    Ok(steps)
}

/// The log makes its topic of notes with the first note: here, so that roles need no permission to make topics.
async fn notes(
    log: &KafkaLog,
    lake: &dyn Lake,
    pipeline: &StockPipeline,
    ours: &Claim,
) -> Result<Step, Failure> {
    let name = settings::notes_topic(pipeline);
    let there = match log.topic(&name).await {
        Ok(_) => true,
        Err(LogError::UnknownTopic { .. }) => false,
        Err(e) => return Err(e.into()),
    };
    if !there {
        log.put_note("init", ours.text().into_bytes()).await?;
        made::remember(lake, &MadeTopic { id: log.topic(&name).await?.id(), topic: name.clone() }).await?;
    }
    Ok(Step::new(format!("topic {name}"), !there, "compacted: how far producers and imports have come"))
}

/// Repeats for as long as `busy` what a busy cluster did not do in time, and for a moment what another `init` can spoil: a
/// keyspace that is half made looks wrong.
async fn patiently<T, W>(busy: Duration, mut work: impl FnMut() -> W) -> Result<T, Failure>
where
    W: Future<Output = Result<T, Failure>>,
{
    let began = Instant::now();
    loop {
        let failure = match work().await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        let limit = match failure.kind {
            ErrorKind::Retry | ErrorKind::Unavailable => busy,
            ErrorKind::Misconfigured => HALF_MADE,
            _ => Duration::ZERO,
        };
        if began.elapsed() >= limit {
            return Err(failure);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A topic of the pipeline.
struct Wanted {
    name: String,
    partitions: u32,
    retention: Option<Duration>,
    /// Holds ticks: its record times decide what is too far ahead.
    ticks: bool,
    /// Ingest reads it, so the number of its partitions matters.
    read: bool,
    create: bool,
}

fn wanted_topics(pipeline: &StockPipeline) -> Vec<Wanted> {
    let source = &pipeline.spec.source;
    let partitions = settings::partitions(pipeline);
    let retention = settings::topic_retention(pipeline);
    let ticks =
        |name: String, create, read| Wanted { name, partitions, retention, ticks: true, read, create };
    let followed = |name| Wanted {
        name,
        partitions: 1,
        retention: Some(FOLLOWED),
        ticks: false,
        read: false,
        create: true,
    };
    let mut wanted = vec![ticks(source.kafka.topic.name.clone(), source.kafka.topic.create, source.keyed)];
    if !source.keyed {
        wanted.push(ticks(settings::ticks_topic(pipeline), true, true));
    }
    wanted.push(followed(settings::features_topic(pipeline)));
    wanted.push(followed(settings::predictions_topic(pipeline)));
    wanted
}

async fn topic(log: &KafkaLog, lake: &dyn Lake, wanted: &Wanted) -> Result<Step, Failure> {
    let name = &wanted.name;
    let what = format!("topic {name}");
    match log.topic(name).await {
        Ok(_) => {
            let facts = log.facts(name).await?;
            let note = fits(wanted, &facts)?;
            if wanted.ticks && !facts.log_append_time && wanted.create {
                log.stamp_at_append(name).await?;
                let note = "new records get the broker's time; those that are there keep their writers'";
                return Ok(Step { what, did: "changed", note: note.to_owned() });
            }
            return Ok(Step::new(what, false, note));
        }
        Err(LogError::UnknownTopic { .. }) if wanted.create => {}
        Err(LogError::UnknownTopic { .. }) => {
            return Err(Failure::new(
                ErrorKind::Misconfigured,
                format!(
                    "topic {name} does not exist and source.kafka.topic.create is false: make it with {} partitions \
                     and message.timestamp.type=LogAppendTime, or set create: true",
                    wanted.partitions
                ),
            ));
        }
        Err(e) => return Err(e.into()),
    }
    let topic = log.create_topic(name, wanted.partitions, wanted.retention).await?;
    made::remember(lake, &MadeTopic { topic: name.clone(), id: topic.id() }).await?;
    Ok(Step::new(what, true, format!("{} partitions, record times of the broker", wanted.partitions)))
}

/// What is to be said of a topic that others made; an error where it cannot serve.
fn fits(wanted: &Wanted, facts: &TopicFacts) -> Result<String, Failure> {
    let (name, have, asked) = (&wanted.name, facts.partitions, wanted.partitions);
    let misconfigured = |text: String| Err(Failure::new(ErrorKind::Misconfigured, text));
    if facts.compacted {
        return misconfigured(format!(
            "topic {name} is compacted: records of one symbol would replace each other. Set cleanup.policy=delete"
        ));
    }
    if !wanted.ticks {
        return Ok(String::new());
    }
    if wanted.read && have != asked {
        return misconfigured(format!(
            "topic {name} has {have} partitions, source.kafka.topic.partitions says {asked}: set it to {have}, or name \
             a new topic"
        ));
    }
    if facts.log_append_time {
        return Ok(String::new());
    }
    Ok("record times are its writers': a wrong clock can pass maxFuture. Set message.timestamp.type=LogAppendTime".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks() -> Wanted {
        Wanted { name: "ticks".into(), partitions: 4, retention: None, ticks: true, read: true, create: true }
    }

    fn facts() -> TopicFacts {
        TopicFacts {
            partitions: 4,
            replication_factor: 1,
            log_append_time: true,
            compacted: false,
            retention_ms: None,
        }
    }

    #[tokio::test]
    async fn what_passes_is_tried_again_and_what_does_not_is_told() {
        let tries = std::cell::Cell::new(0);
        let fail = |kind, times: u32| {
            tries.set(0);
            let tries = &tries;
            patiently(Duration::from_secs(3), move || async move {
                tries.set(tries.get() + 1);
                if tries.get() <= times { Err(Failure::new(kind, "no")) } else { Ok(()) }
            })
        };
        fail(ErrorKind::Unavailable, 3).await.unwrap();
        assert_eq!(tries.get(), 4);
        fail(ErrorKind::BadInput, 3).await.unwrap_err();
        assert_eq!(tries.get(), 1);
    }

    #[test]
    fn a_topic_of_others_is_looked_at() {
        assert_eq!(fits(&ticks(), &facts()).unwrap(), "");
        let other = fits(&ticks(), &TopicFacts { partitions: 3, ..facts() }).unwrap_err();
        assert!(other.text.contains("set it to 3"), "{other}");
        let copied = Wanted { read: false, ..ticks() };
        assert_eq!(fits(&copied, &TopicFacts { partitions: 3, ..facts() }).unwrap(), "");
        let compacted = fits(&ticks(), &TopicFacts { compacted: true, ..facts() }).unwrap_err();
        assert!(compacted.text.contains("cleanup.policy=delete"), "{compacted}");
        let create_time = fits(&ticks(), &TopicFacts { log_append_time: false, ..facts() }).unwrap();
        assert!(create_time.contains("LogAppendTime"), "{create_time}");
    }
}

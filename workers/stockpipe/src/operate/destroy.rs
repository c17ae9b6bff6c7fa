//! `stockpipe destroy`: deletes what `init` made, with everything that the roles have put there since. The claim goes last,
//! so that a `destroy` that was killed can be run again.
//!
//! It does not stop running roles: they fail when their stores go.

use commitlog::Layout;
use feature_store::cassandra::CassandraStore;
use lake::{Lake, hdfs::HdfsLake};
use market::ErrorKind;
use serde_json::json;
use tick_log::kafka::KafkaLog;
use tick_log::{Log, LogError};

use super::{documents, made, print, stores};
use crate::{
    Failure, cli,
    context::{
        claim::{self, CLAIM, Claim},
        connect::{ANOTHER_KEYSPACE, ANOTHER_LAKE, within},
    },
    output::Table,
    progress::Progress,
    settings,
};

/// Directories of the lake that are a pipeline's, whole.
const OURS: [&str; 5] = ["models/", "_log/", "_pending/", "_tmp/", "_init/"];
/// Directories of tables, which others may write as well: the replaced system does.
const TABLES: [&str; 3] = ["raw/ticks/", "bars/", "dead-letters/"];

/// Directories that go with their last file.
const EMPTIED: [&str; 8] = ["models", "_log", "_pending", "_tmp", "_init", "raw", "bars", "dead-letters"];

/// Deletes, or says what it would delete.
pub async fn destroy(args: cli::DestroyArgs) -> Result<u8, Failure> {
    if let Some(dir) = &args.manifest.data {
        return Err(Failure::bad_input(format!(
            "embedded stores are one directory: delete {} to destroy them",
            dir.display()
        )));
    }
    let documents = documents(&args.manifest)?;
    let (pipeline, stores) = (&documents.pipeline, stores(&documents, &args.manifest)?);
    let ours = Claim::of(pipeline);
    let (lake_place, keyspace_place) = (stores.lake_address(), stores.keyspace_address());
    let (lake, log, keyspace) = tokio::try_join!(
        within("HDFS", &lake_place, async { Ok(HdfsLake::connect(stores.hdfs.clone()).await?) }),
        within("Kafka", &stores.kafka.bootstrap, async {
            Ok(KafkaLog::connect(stores.kafka.clone()).await?)
        }),
        within("Cassandra", &keyspace_place, async { Ok(CassandraStore::claimed(&stores.cassandra).await?) }),
    )?;
    let mut table = Table::new(["thing", "did"]);
    let mut report = |thing: String, did: &str| table.rows.push(vec![json!(thing), json!(did)]);
    let (deleted, kept) = if args.yes { ("deleted", "kept") } else { ("would be deleted", "would be kept") };

    let claimed = claim::read(&lake, &lake_place, &ours).await?;
    if let Some(there) = &claimed {
        ours.agree(there, &lake_place, ANOTHER_LAKE)?;
    }
    if let Some(text) = &keyspace {
        ours.agree(&Claim::parse(text, &keyspace_place, &ours)?, &keyspace_place, ANOTHER_KEYSPACE)?;
    }
    // Without a claim nothing there is known to be ours.
    let made = if claimed.is_some() { made::topics(&lake).await? } else { Vec::new() };
    let names = [
        pipeline.spec.source.kafka.topic.name.clone(),
        settings::ticks_topic(pipeline),
        settings::features_topic(pipeline),
        settings::predictions_topic(pipeline),
        settings::notes_topic(pipeline),
    ];
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name) {
            continue;
        }
        let id = match log.topic(&name).await {
            Ok(topic) => topic.id(),
            Err(LogError::UnknownTopic { .. }) => continue,
            Err(e) => return Err(e.into()),
        };
        // The log makes its topic of notes by itself, under a name that is the pipeline's alone.
        let is_ours = claimed.is_some() && name == settings::notes_topic(pipeline)
            || made.iter().any(|m| m.topic == name && m.id == id);
        if is_ours && args.yes {
            log.delete_topic(&name).await?;
        }
        let who = if is_ours { "" } else { " (init did not make it)" };
        report(format!("topic {name}{who}"), if is_ours { deleted } else { kept });
        seen.push(name);
    }
    if keyspace.is_some() {
        if args.yes {
            CassandraStore::drop_all(&stores.cassandra).await?;
        }
        report(keyspace_place, deleted);
    }
    if claimed.is_some() {
        let (ours, foreign) = clear(&lake, args.yes).await?;
        report(format!("{ours} files below {lake_place}"), deleted);
        if foreign > 0 {
            report(format!("{foreign} files below {lake_place} that are not the pipeline's"), kept);
        }
        if args.yes {
            lake.delete(CLAIM).await?;
            for dir in EMPTIED {
                lake.delete_empty_directories(dir).await?;
            }
        }
        report(format!("claim of {lake_place}"), deleted);
    }
    let value: Vec<_> = table.rows.iter().map(|r| json!({"thing": r[0], "did": r[1]})).collect();
    let code = print(args.output, table, json!(value)).await?;
    if args.yes || value.is_empty() {
        return Ok(code);
    }
    Err(Failure::new(ErrorKind::Refused, "nothing was deleted: add --yes to delete all that is listed"))
}

/// Deletes the pipeline's files, and says how many they are and how many others there are.
async fn clear(lake: &dyn Lake, really: bool) -> Result<(u64, u64), Failure> {
    let (mut ours, mut foreign) = (Vec::new(), 0);
    for entry in lake.list("").await? {
        if is_ours(&entry.path) {
            ours.push(entry.path);
        } else if entry.path != CLAIM {
            foreign += 1;
        }
    }
    if really {
        let progress = Progress::new("deleting files", Some(ours.len() as u64));
        for (done, path) in ours.iter().enumerate() {
            lake.delete(path).await?;
            progress.at(done as u64 + 1);
        }
        progress.end();
    }
    Ok((ours.len() as u64, foreign))
}

fn is_ours(path: &str) -> bool {
    let below = |dirs: &[&str]| dirs.iter().any(|dir| path.starts_with(dir));
    below(&OURS) || (below(&TABLES) && Layout::parse_data(path).is_some())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use lake::MemoryLake;

    use super::*;

    #[tokio::test]
    async fn only_the_pipelines_files_go_and_only_when_asked() {
        let lake = MemoryLake::new();
        let raw = Layout::new("").data(&commitlog::Table::Raw, "2026-01-01", 1, 0, 0, 5);
        let of_others = "raw/ticks/date=2026-01-01/part-00000-x.snappy.parquet";
        for path in [raw.as_str(), of_others, "_log/p=00000/0.commit", "other/b", CLAIM] {
            lake.create(path, Bytes::new()).await.unwrap();
        }
        assert_eq!(clear(&lake, false).await.unwrap(), (2, 2));
        assert_eq!(lake.list("").await.unwrap().len(), 5);
        assert_eq!(clear(&lake, true).await.unwrap(), (2, 2));
        let left: Vec<String> = lake.list("").await.unwrap().into_iter().map(|e| e.path).collect();
        assert_eq!(left, [CLAIM, "other/b", of_others]);
    }
}

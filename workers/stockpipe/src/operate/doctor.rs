//! `stockpipe doctor`: the manifest against the servers as they are. It changes nothing, and never stops at the first
//! finding; exit code 1 where something cannot work.

use std::collections::BTreeMap;

use commitlog::Layout;
use crds::StockPipeline;
use feature_store::cassandra::{self, CassandraStore};
use lake::{
    Lake,
    hdfs::{self, HdfsLake},
    history,
};
use market::{Check, Verdict};
use serde_json::json;
use tick_log::kafka::{self, KafkaLog};
use tick_log::{Log, LogError};

use super::{documents, mounts, print, stores};
use crate::{
    Context, Failure, cli,
    context::{
        claim::{self, Claim},
        connect::{ANOTHER_KEYSPACE, ANOTHER_LAKE, within},
    },
    output::Table,
    settings::{self, mounts::Mounts, span, stores::Stores},
};

/// What to do where `init` has not been.
const INIT: &str = "run `stockpipe init` with this manifest";

/// Checks everything, prints it; 1 where something fails.
pub async fn doctor(args: cli::PlainArgs) -> Result<u8, Failure> {
    let documents = documents(&args.manifest)?;
    let mut checks = manifest(&documents.pipeline, &mounts(&args.manifest));
    match &args.manifest.data {
        Some(dir) => {
            let opened = super::context(documents, &args.manifest, crate::context::connect::Needs::ALL).await;
            let name = format!("embedded stores in {}", dir.display());
            match opened {
                Ok(context) => {
                    checks.push(Check::pass(name, "open"));
                    checks.extend(leftovers(&*context.lake).await);
                    context.close().await?;
                }
                Err(failure) => checks.push(Check::fail(name, failure.text, "")),
            }
        }
        None => match stores(&documents, &args.manifest) {
            Ok(stores) => checks.extend(servers(&documents.pipeline, &stores).await),
            Err(failure) => checks.push(Check::fail("addresses and credentials", failure.text, "")),
        },
    }
    let failed = checks.iter().any(|c| c.verdict == Verdict::Fail);
    let mut table = Table::new(["verdict", "check", "seen", "remedy"]);
    for c in &checks {
        let remedy = if c.remedy.is_empty() { json!(null) } else { json!(c.remedy) };
        table.rows.push(vec![json!(c.verdict), json!(c.name), json!(c.detail), remedy]);
    }
    let code = print(args.output, table, json!({"ok": !failed, "checks": checks})).await?;
    Ok(if failed { 1 } else { code })
}

/// What can be said without asking anybody.
fn manifest(pipeline: &StockPipeline, mounts: &Mounts) -> Vec<Check> {
    let mut checks = Vec::new();
    let password = || match pipeline.spec.dashboard.enabled {
        true => settings::named::credentials(pipeline, mounts).map(drop),
        false => Ok(()),
    };
    match settings::semantics(pipeline, mounts).and_then(|_| password()) {
        Ok(_) => checks.push(Check::pass("manifest", format!("pipeline {} is valid", pipeline.name()))),
        Err(failure) => checks.push(Check::fail("manifest", failure.text, "correct the manifest")),
    }
    checks.extend(late_forecasts(pipeline));
    checks
}

/// A bar of records that cover as much time as it does is closed by the next record: by then the target of the first
/// horizon has come.
fn late_forecasts(pipeline: &StockPipeline) -> Option<Check> {
    let spec = &pipeline.spec;
    let record = span(spec.source.tick_span?).micros();
    if !spec.predictor.enabled {
        return None;
    }
    let (bar, watermark) =
        (span(spec.predictor.bar.duration()).micros(), span(spec.features.watermark).micros());
    let closes_after = (watermark as u64).div_ceil(record as u64).saturating_mul(record as u64);
    let is_late = |h: &&i32| (bar as u64).saturating_mul(u64::from(h.unsigned_abs())) <= closes_after;
    let late: Vec<String> = spec.predictor.horizons.iter().filter(is_late).map(ToString::to_string).collect();
    if late.is_empty() {
        return None;
    }
    Some(Check::warn(
        "forecasts in time",
        format!(
            "a bar ends with one record and is closed by the next, {} s later: forecasts at horizon {} are LATE when \
             they are made",
            closes_after / 1_000_000,
            late.join(" and ")
        ),
        "use longer predictor.horizons, or records that cover less time; history and training are not concerned",
    ))
}

async fn servers(pipeline: &StockPipeline, stores: &Stores) -> Vec<Check> {
    let source = &pipeline.spec.source.kafka.topic;
    let expected = pipeline.spec.source.keyed.then(|| settings::partitions(pipeline));
    let (mut checks, lake, keyspace, topics, claims) = tokio::join!(
        kafka::checks(&stores.kafka, &source.name, expected),
        hdfs::checks(&stores.hdfs),
        cassandra::checks(&stores.cassandra),
        topics(pipeline, stores),
        on_the_lake(pipeline, stores),
    );
    checks.extend(topics);
    checks.extend(lake);
    checks.extend(claims);
    checks.extend(keyspace);
    checks.extend(on_the_keyspace(pipeline, stores).await);
    checks
}

/// The topics beside the source.
async fn topics(pipeline: &StockPipeline, stores: &Stores) -> Vec<Check> {
    let Ok(log) = within("Kafka", &stores.kafka.bootstrap, async {
        Ok(KafkaLog::connect(stores.kafka.clone()).await?)
    })
    .await
    else {
        // The log's own checks have told why.
        return Vec::new();
    };
    let mut names = vec![settings::features_topic(pipeline), settings::predictions_topic(pipeline)];
    if !pipeline.spec.source.keyed {
        names.insert(0, settings::ticks_topic(pipeline));
    }
    let mut checks = Vec::new();
    for name in names {
        let what = format!("kafka: topic {name}");
        checks.push(match log.topic(&name).await {
            Ok(topic) => Check::pass(what, format!("{} partitions", topic.partitions())),
            Err(LogError::UnknownTopic { .. }) => Check::fail(what, "does not exist", INIT),
            Err(e) => Check::fail(what, e.to_string(), ""),
        });
    }
    checks
}

async fn on_the_lake(pipeline: &StockPipeline, stores: &Stores) -> Vec<Check> {
    let (ours, place) = (Claim::of(pipeline), stores.lake_address());
    let connected = within("HDFS", &place, async { Ok(HdfsLake::connect(stores.hdfs.clone()).await?) }).await;
    let Ok(lake) = connected else { return Vec::new() };
    let there = claim::read(&lake, &place, &ours).await;
    let mut checks = vec![claim_check("hdfs: claim", &ours, there, &place, ANOTHER_LAKE)];
    if checks.iter().all(|c| c.verdict == Verdict::Pass) {
        checks.extend(leftovers(&lake).await);
    }
    checks
}

async fn on_the_keyspace(pipeline: &StockPipeline, stores: &Stores) -> Option<Check> {
    let (ours, place) = (Claim::of(pipeline), stores.keyspace_address());
    let text = within("Cassandra", &place, async { Ok(CassandraStore::claimed(&stores.cassandra).await?) })
        .await
        .ok()?;
    let there = text.map(|text| Claim::parse(&text, &place, &ours)).transpose();
    Some(claim_check("cassandra: claim", &ours, there, &place, ANOTHER_KEYSPACE))
}

fn claim_check(
    name: &str,
    ours: &Claim,
    there: Result<Option<Claim>, Failure>,
    place: &str,
    remedy: &str,
) -> Check {
    match there {
        Ok(None) => Check::fail(name, format!("{place} is not claimed"), INIT),
        Ok(Some(there)) => match ours.agree(&there, place, remedy) {
            Ok(()) => Check::pass(name, format!("{place} is {}'s", ours.pipeline)),
            Err(failure) => Check::fail(name, failure.text, remedy),
        },
        Err(failure) => Check::fail(name, failure.text, ""),
    }
}

/// Files of dead workers that nobody has swept yet.
async fn leftovers(lake: &dyn Lake) -> Vec<Check> {
    let name = "lake: files of dead workers";
    let heads = match history::commits(lake, Context::ROOT).await {
        Ok(heads) => heads,
        Err(e) => return vec![Check::fail("lake: commits", e.to_string(), "run `stockpipe fsck`")],
    };
    let epochs: BTreeMap<u32, u64> = heads.iter().map(|c| (c.partition, c.epoch)).collect();
    let committed = Check::pass("lake: commits", format!("{} partitions have commits", heads.len()));
    let files = match lake.list(&tmp()).await {
        Ok(files) => files,
        Err(e) => return vec![committed, Check::fail(name, e.to_string(), "")],
    };
    let dead = files.iter().filter(|e| is_dead(&e.path, &epochs)).count();
    let found = match dead {
        0 => Check::pass(name, "none"),
        n => Check::warn(
            name,
            format!("{n} below {}", tmp()),
            "they do no harm; the next owner of their partition or `stockpipe fsck --repair` removes them",
        ),
    };
    vec![committed, found]
}

/// The directory of everything uncommitted.
fn tmp() -> String {
    let of_partition = Layout::new(Context::ROOT).tmp(0);
    of_partition.rsplit_once('/').map_or(String::new(), |(dir, _)| dir.to_owned())
}

/// True for `_tmp/p=00003/e=000017-…/…` where partition 3 has been taken over since epoch 17.
fn is_dead(path: &str, epochs: &BTreeMap<u32, u64>) -> bool {
    let mut parts = path.split('/').skip_while(|part| !part.starts_with("p="));
    let mut number =
        |prefix: &str| -> Option<u64> { parts.next()?.strip_prefix(prefix)?.split('-').next()?.parse().ok() };
    let (Some(partition), Some(epoch)) = (number("p="), number("e=")) else { return false };
    u32::try_from(partition).ok().and_then(|p| epochs.get(&p)).is_some_and(|newest| epoch < *newest)
}

#[cfg(test)]
mod tests {
    use crds::{Bare, File, Manifest};

    use super::*;

    fn pipeline(spec: &str) -> StockPipeline {
        let text = format!(
            "apiVersion: stockpipe.dev/v1alpha1\nkind: StockPipeline\nmetadata: {{name: m}}\nspec:\n  lake: {{hdfs: \
             {{uri: 'hdfs://n'}}}}\n  featureStore: {{cassandra: {{contactPoints: [c]}}}}\n{spec}"
        );
        let file = File { name: "p".into(), text };
        Manifest::load(&[file], &[], Bare::Pipeline, &|_| None, false).unwrap().pipeline
    }

    #[test]
    fn minute_records_make_the_first_horizon_late() {
        let minutes =
            "  source: {tickSpan: 1m, kafka: {bootstrapServers: 'k:1'}}\n  features: {bars: [1m]}\n";
        let check = late_forecasts(&pipeline(minutes)).unwrap();
        assert_eq!(check.verdict, Verdict::Warn);
        assert!(
            check.detail.contains("60 s later") && check.detail.contains("horizon 1 are LATE"),
            "{check:?}"
        );
        let seconds = minutes.replace("tickSpan: 1m", "tickSpan: 1s");
        assert_eq!(late_forecasts(&pipeline(&seconds)), None);
        let far = format!("{minutes}  predictor: {{horizons: [2]}}\n");
        assert_eq!(late_forecasts(&pipeline(&far)), None);
        assert_eq!(late_forecasts(&pipeline(&minutes.replace("tickSpan: 1m, ", ""))), None);
    }

    #[test]
    fn only_files_of_older_epochs_are_leftovers() {
        let epochs = BTreeMap::from([(3, 17)]);
        assert!(is_dead("_tmp/p=00003/e=000016-abc/x.part", &epochs));
        assert!(!is_dead("_tmp/p=00003/e=000017-abc/x.part", &epochs));
        assert!(!is_dead("_tmp/p=00004/e=000001-abc/x.part", &epochs));
        assert!(!is_dead("_tmp/claim/x.json", &epochs));
        assert_eq!(tmp(), "_tmp");
    }
}

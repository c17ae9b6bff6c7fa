//! `stockpipe fsck`, `replay`, `compact`, `backup`, `restore`: what an operator does with stored data. Each may run beside
//! a working pipeline, but for `restore` and `fsck --take-over`.

use std::{path::Path, sync::Arc};

use lake::{Lake, LocalLake, compact};
use operations::{
    Step,
    backup::{self, BackupOptions, RestoreOptions},
    fsck::{self, FsckOptions},
    replay::{self, ReplayOptions, ReplayReport, Write},
};
use serde_json::{Value, json};

use super::{documents, mounts, print};
use crate::{
    Context, Failure, cli, commands::bound, context::connect::Needs, local::TRAINED_AT, output::Table,
    progress::Progress, settings,
};

/// Exit code of a check that has found something wrong.
const UNSOUND: u8 = 1;

/// Checks the lake; 1 where something is wrong that was not put right.
pub async fn fsck(args: cli::FsckArgs) -> Result<u8, Failure> {
    let context = super::context(documents(&args.manifest)?, &args.manifest, Needs::STORED).await?;
    let options = FsckOptions {
        repair: args.repair,
        take_over: args.take_over,
        contents: !args.quick,
        pipeline: Some(context.pipeline.name().to_owned()),
        retention: context.pipeline.spec.lake.retention.map(crds::Duration::to_std),
        semantics: Some(settings::semantics(&context.pipeline, &context.mounts)?),
        ..FsckOptions::new((context.clock)())
    };
    let shown = Arc::new(Progress::new("fsck", None));
    let said = steps(&shown);
    let checked = fsck::fsck(&*context.lake, Context::ROOT, Some(&*context.store), &options, &said);
    let report = to_its_end(&context, &shown, checked).await?;
    let mut table = Table::new(["severity", "problem", "partition", "path", "detail", "repaired", "remedy"]);
    for f in &report.findings {
        table.rows.push(vec![
            json!(f.severity),
            json!(f.problem),
            json!(f.partition),
            json!(f.path),
            json!(f.detail),
            json!(f.repaired),
            json!(f.remedy),
        ]);
    }
    let sum = |f: fn(&fsck::PartitionCheck) -> u64| report.partitions.iter().map(f).sum::<u64>();
    eprintln!(
        "{} partitions, {} commits, {} files, {} rows: {}",
        report.partitions.len(),
        sum(|p| p.commits),
        sum(|p| p.files),
        sum(|p| p.rows),
        if report.is_sound() { "sound" } else { "not sound" }
    );
    if table.rows.is_empty() && args.output == cli::Format::Table {
        return Ok(0);
    }
    let code = print(args.output, table, json!(report)).await?;
    Ok(if report.is_sound() { code } else { UNSOUND })
}

/// Computes rows again and compares; 1 where the store differs and was not repaired.
pub async fn replay(args: cli::ReplayArgs) -> Result<u8, Failure> {
    let context = super::context(documents(&args.manifest)?, &args.manifest, Needs::STORED).await?;
    let now = Some(context.now());
    let ttl = context.pipeline.spec.feature_store.ttl.as_ref().and_then(|ttl| ttl.features);
    let options = ReplayOptions {
        write: if args.write { Write::AsOfNow } else { Write::Nothing },
        from: bound("--from", args.from.as_deref(), now)?,
        to: bound("--to", args.to.as_deref(), now)?,
        now_ms: (context.clock)(),
        kept_for: ttl.map(crds::Duration::to_std),
        ..ReplayOptions::default()
    };
    let shown = Arc::new(Progress::new("replay", None));
    let said = steps(&shown);
    let replayed = replay::replay(&*context.lake, Context::ROOT, &*context.store, &options, &said);
    let report = to_its_end(&context, &shown, replayed).await?;
    for d in &report.examples {
        eprintln!(
            "{}: {} {} {}{}",
            word(json!(d.kind)),
            d.symbol,
            d.name,
            d.window_start,
            d.column.map_or(String::new(), |c| format!(
                ", {c}: stored {}, computed {}",
                d.stored.as_deref().unwrap_or("—"),
                d.computed.as_deref().unwrap_or("—")
            ))
        );
    }
    for p in report.partitions.iter().filter(|p| p.doubts > 0) {
        let first = p.first_doubt.as_deref().unwrap_or_default();
        eprintln!("partition {}: {} contradictions in the lake, the first: {first}", p.partition, p.doubts);
    }
    let code = print(args.output, replay_table(&report), json!(report)).await?;
    let agrees = report.unexpected == 0 && report.partitions.iter().all(|p| p.doubts == 0);
    let put_right = args.write && agrees && report.missing + report.different <= report.repaired;
    Ok(if report.holds() || put_right { code } else { UNSOUND })
}

fn replay_table(report: &ReplayReport) -> Table {
    counts(&[
        ("rows equal", report.equal),
        ("rows equal, repaired before", report.rewritten),
        ("rows on their way to the store", report.waiting),
        ("rows past their time to live", report.expired),
        ("rows of one symbol in two partitions", report.overridden),
        ("missing", report.missing),
        ("different", report.different),
        ("unexpected", report.unexpected),
        ("repaired", report.repaired),
    ])
}

fn counts(rows: &[(&str, u64)]) -> Table {
    let mut table = Table::new(["what", "count"]);
    table.rows = rows.iter().map(|(what, n)| vec![json!(what), json!(n)]).collect();
    table
}

/// Merges the files of closed days.
pub async fn compact(args: cli::PlainArgs) -> Result<u8, Failure> {
    let context = super::context(documents(&args.manifest)?, &args.manifest, Needs::LAKE).await?;
    let cut = context.pipeline.spec.lake.retention.map(|kept| (context.now() - settings::span(kept)).date());
    let shown = Progress::new("compact", None);
    let options = compact::Options { cut, ..compact::Options::default() };
    let said = |s: compact::Step| shown.step(&s.what, s.done, s.total);
    let done = compact::run(&*context.lake, Context::ROOT, &options, &said);
    let report = to_its_end(&context, &shown, done).await?;
    for left in &report.left {
        eprintln!("left alone: {left}");
    }
    let table = counts(&[
        ("days compacted", report.dates.len() as u64),
        ("files before", report.files_before),
        ("files after", report.files_after),
        ("rows in them", report.rows),
        ("bytes before", report.bytes_before),
        ("bytes after", report.bytes_after),
        ("runs of others finished", report.finished),
        ("days left to another process", report.contended),
    ]);
    print(args.output, table, json!(report)).await
}

/// Copies a pipeline to a directory.
pub async fn backup(args: cli::BackupArgs) -> Result<u8, Failure> {
    let context = super::context(documents(&args.manifest)?, &args.manifest, Needs::STORED).await?;
    let to = LocalLake::open(&args.to)?;
    let options = BackupOptions {
        pipeline: context.pipeline.name().to_owned(),
        notes: vec![TRAINED_AT.to_owned()],
        now_ms: (context.clock)(),
    };
    let shown = Arc::new(Progress::new("backup", None));
    let said = steps(&shown);
    let done = backup::backup(&*context.lake, Context::ROOT, &*context.store, &to, "", &options, &said);
    let report = to_its_end(&context, &shown, done).await?;
    let table = counts(&[
        ("files", report.files),
        ("bytes", report.bytes),
        ("files written by this run", report.written),
        ("rows of the feature store", report.store_rows),
    ]);
    print(args.output, table, json!(report)).await
}

/// Puts a backup into empty stores.
pub async fn restore(args: cli::RestoreArgs) -> Result<u8, Failure> {
    let documents = documents(&args.manifest)?;
    let from = existing(&args.from)?;
    let context = match &args.manifest.data {
        // An empty directory is what a restore wants.
        Some(dir) => {
            let usual = crate::context::Patience::Usual;
            Context::open(dir, documents, mounts(&args.manifest), true, usual).await?
        }
        None => super::context(documents, &args.manifest, Needs::STORED).await?,
    };
    let options = RestoreOptions { pipeline: context.pipeline.name().to_owned(), now_ms: (context.clock)() };
    let shown = Arc::new(Progress::new("restore", None));
    let said = steps(&shown);
    let done = backup::restore(&from, "", &*context.lake, Context::ROOT, &*context.store, &options, &said);
    let report = to_its_end(&context, &shown, done).await?;
    let table = counts(&[
        ("files", report.files),
        ("bytes", report.bytes),
        ("rows of the feature store", report.store_rows),
        ("bars from the lake", report.bars),
        ("rows computed again", report.rows.repaired),
    ]);
    print(args.output, table, json!(report)).await
}

/// The directory of a backup; it must be there.
fn existing(dir: &Path) -> Result<impl Lake, Failure> {
    if !dir.join(backup::MANIFEST).is_file() {
        return Err(Failure::bad_input(format!(
            "{} is no finished backup: it has no {}; name the directory that `stockpipe backup --to` has written",
            dir.display(),
            backup::MANIFEST
        )));
    }
    Ok(LocalLake::open(dir)?)
}

/// What an operation tells its steps to.
fn steps(shown: &Arc<Progress>) -> impl Fn(Step) + Send + Sync + use<> {
    let shown = shown.clone();
    move |step| shown.step(&step.what, step.done, step.total)
}

/// Runs an operation, ends its progress and closes the stores, also where it failed.
async fn to_its_end<T, E>(
    context: &Context,
    shown: &Progress,
    operation: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure>
where
    Failure: From<E>,
{
    let done = operation.await;
    shown.end();
    context.close().await?;
    Ok(done?)
}

/// A word as it stands in JSON.
fn word(value: Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

//! `stockpipe ingest --dry-run`: what a manifest would make of the records that are in the log now.
//!
//! The same role runs as always, over stores that keep nothing: the log can only be read, files lose their content, rows
//! are counted and dropped. So memory does not grow with the log, and nothing is written anywhere.

mod blank;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use market::{Reason, Timestamp};
use runtime::{Metrics, Shutdown};
use serde_json::json;
use tick_log::{StaticOwnership, Topic};
use windowing::Counters;

use self::blank::{BlankLake, BlankSink, ReadOnlyLog};
use crate::{
    Context, Failure, cli,
    commands::bound,
    context::connect::Needs,
    operate,
    output::{self, Output, Table},
    progress::Progress,
    settings,
};

/// How often it is looked whether everything has been read.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Reads what is there and prints the counts.
pub async fn dry_run(args: &cli::IngestArgs, documents: crds::Documents) -> Result<u8, Failure> {
    let context = operate::context(documents, &args.role.manifest, Needs::LOG).await?;
    let ticks = context.ticks_topic().await?;
    let from = bound("--from", Some(&args.from), Some(context.now()))?;
    let range = Range::of(&*ticks, from).await?;
    let blank = Context {
        log: Arc::new(ReadOnlyLog::new(ticks.clone(), range.starts.clone())),
        lake: Arc::new(BlankLake::default()),
        ..context
    };
    let shutdown = Shutdown::new();
    shutdown.follow_signals().map_err(|e| {
        Failure::new(market::ErrorKind::Misconfigured, format!("signals cannot be followed: {e}"))
    })?;
    let counters = count(&blank, &range, args.role.process.run_for, &shutdown).await?;
    let (out, frames) = Output::channel();
    let format = args.output;
    tokio::spawn(async move {
        let _ = print(&counters, format, &out).await;
        out.exit(0).await;
    });
    let code = output::print(frames).await;
    Ok(shutdown.signal_exit_code().unwrap_or(code))
}

/// The offsets to read, by partition.
struct Range {
    starts: BTreeMap<u32, u64>,
    ends: BTreeMap<u32, u64>,
}

impl Range {
    async fn of(ticks: &dyn Topic, from: Option<Timestamp>) -> Result<Self, Failure> {
        let mut range = Self { starts: BTreeMap::new(), ends: BTreeMap::new() };
        for p in 0..ticks.partitions() {
            let bounds = ticks.bounds(p).await?;
            let start = match from {
                Some(at) => ticks.offset_for_time(p, at.micros().div_euclid(1_000)).await?.max(bounds.low),
                None => bounds.low,
            };
            range.starts.insert(p, start);
            range.ends.insert(p, bounds.high);
        }
        Ok(range)
    }

    fn records(&self) -> u64 {
        self.ends.iter().map(|(p, end)| end.saturating_sub(self.starts.get(p).copied().unwrap_or(0))).sum()
    }
}

async fn count(
    context: &Context,
    range: &Range,
    run_for: Option<Duration>,
    shutdown: &Shutdown,
) -> Result<Counters, Failure> {
    let status = Arc::new(ingest::Status::new());
    let mut settings = settings::ingest(context)?;
    settings.on_gap = ingest::OnGap::Record;
    let components = ingest::Components {
        log: context.log.clone(),
        lake: context.lake.clone(),
        store: Arc::new(BlankSink),
        metrics: Metrics::new(),
        status: status.clone(),
        clock: context.clock.clone(),
        entropy: ingest::system_entropy(),
        ownership: Arc::new(StaticOwnership::new(range.ends.keys().copied())),
    };
    let work = shutdown.child();
    let role = tokio::spawn(ingest::run(settings, components, work.clone()));
    let progress = Progress::new("reading", Some(range.records()));
    let read = || {
        let by_partition: BTreeMap<u32, u64> =
            status.partitions().iter().map(|p| (p.partition, p.offset)).collect();
        let left: u64 = range
            .ends
            .iter()
            .map(|(p, end)| {
                let start = range.starts.get(p).copied().unwrap_or(0);
                end.saturating_sub(by_partition.get(p).copied().unwrap_or(start).max(start))
            })
            .sum();
        range.records() - left
    };
    let enough = async {
        while read() < range.records() && !role.is_finished() {
            progress.at(read());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = enough => {}
        () = shutdown.draining() => {}
        () = async { match run_for { Some(time) => tokio::time::sleep(time).await, None => std::future::pending().await } } => {}
    }
    progress.end();
    work.drain();
    let summary = role.await.map_err(|e| {
        Failure::new(market::ErrorKind::Bug, format!("the role ended unexpectedly: {e}; please report it"))
    })??;
    Ok(summary.counters)
}

async fn print(counters: &Counters, format: cli::Format, out: &Output) -> Result<(), Failure> {
    let mut table = Table::new(["what", "count"]);
    let mut line = |what: String, n: u64| table.rows.push(vec![json!(what), json!(n)]);
    line("records read".into(), counters.read);
    line("ticks stored".into(), counters.stored);
    line("late for a window or bar".into(), counters.late_ticks);
    line("not keyed by their symbol".into(), counters.key_mismatches);
    for (reason, n) in &counters.dead {
        let what = if *reason == Reason::Duplicate { "copies" } else { "dead letters" };
        line(format!("{what}: {}", reason.as_str()), *n);
    }
    for (name, n) in &counters.late {
        line(format!("late for {name}"), *n);
    }
    for (name, n) in &counters.rows {
        line(format!("final rows of {name}"), *n);
    }
    if format == cli::Format::Json {
        let text = serde_json::to_string_pretty(counters).unwrap_or_default();
        return Ok(out.out(text + "\n").await?);
    }
    out.table(format, table).await?;
    Ok(out.note("a dry run: nothing was written").await?)
}

//! `stockpipe import` and `local --input`: real data into the log.

use std::{path::PathBuf, sync::Arc};

use crds::Bare;
use producer::{
    ImportReport, ImportSettings, InputSettings,
    import::{Format, ImportComponents, Rejected, Speed},
};
use runtime::Shutdown;
use serde_json::json;
use tick_log::Topic;

use crate::{
    Context, Failure, cli,
    context::{Patience, connect::Needs},
    load,
    output::{self, Output, Table},
    progress::Progress,
    settings::{self, mounts::Mounts, stores::Stores},
};

/// Rejected rows that are told one by one; the rest is counted.
const TOLD: usize = 20;

/// `stockpipe import`: a verdict per row, counts at the end.
pub async fn import(args: cli::ImportArgs) -> Result<u8, Failure> {
    let documents = load::load(&args.manifest, Bare::Pipeline)?;
    let mounts = Mounts::new(&args.manifest.mounts);
    let semantics = settings::semantics(&documents.pipeline, &mounts)?;
    let columns = args
        .columns
        .iter()
        .map(|pair| {
            pair.split_once('=').map(|(field, column)| (field.to_owned(), column.to_owned())).ok_or_else(
                || {
                    Failure::bad_input(format!(
                        "--columns {pair}: write FIELD=COLUMN, as in ts=Date,close=Last"
                    ))
                },
            )
        })
        .collect::<Result<Vec<_>, _>>()?;
    let files = [(Format::Csv, &args.csv), (Format::Parquet, &args.parquet), (Format::Ndjson, &args.ndjson)]
        .into_iter()
        .flat_map(|(format, files)| files.iter().map(move |f| (format, f.clone())))
        .collect();
    let wanted = ImportSettings {
        files,
        columns,
        symbol: args.symbol.clone(),
        tick_span: semantics.tick_span,
        watermark: semantics.watermark,
        max_future: semantics.max_future,
        allow_ohlc_disorder: semantics.allow_ohlc_disorder,
        allow_late: args.allow_late,
        speed: match args.speed {
            cli::Speed::Max => Speed::Max,
            cli::Speed::Real => Speed::Realtime,
        },
    };
    let context = match &args.manifest.data {
        Some(dir) => Context::open(dir, documents, mounts, true, Patience::Usual).await?,
        None => {
            // One name for every import: what a killed one left open in a transaction ends at once.
            let stores = Stores::new(&documents.pipeline, &mounts, "import")?;
            Context::connect(stores, documents, mounts, Needs::LOG).await?
        }
    };
    let shutdown = Shutdown::new();
    shutdown.follow_signals().map_err(|e| {
        Failure::new(market::ErrorKind::Misconfigured, format!("signals cannot be followed: {e}"))
    })?;
    let ticks = context.source_topic().await?;
    let shown = Arc::new(Progress::new("importing", None));
    let progress = {
        let shown = shown.clone();
        move |done: u64, all: Option<u64>| match all {
            Some(all) => shown.of(done, all),
            None => shown.at(done),
        }
    };
    let rejected = |row: &Rejected| {
        tracing::info!("{}:{}: {}: {}", row.file.display(), row.line, row.reason, row.detail);
    };
    let report =
        producer::import::run(wanted, components(&context, ticks, rejected, progress), shutdown.clone())
            .await;
    shown.end();
    let report = report?;
    let (out, frames) = Output::channel();
    tokio::spawn(async move {
        let _ = print(&report, args.output, &out).await;
        out.exit(0).await;
    });
    let code = output::print(frames).await;
    context.close().await?;
    Ok(shutdown.signal_exit_code().unwrap_or(code))
}

async fn print(report: &ImportReport, format: cli::Format, out: &Output) -> Result<(), Failure> {
    for row in report.rejected_rows.iter().take(TOLD) {
        let (file, line) = (row.file.display(), row.line);
        out.note(format!("{file}:{line}: {}: {}", row.reason, row.detail)).await?;
    }
    if format == cli::Format::Json {
        let text = serde_json::to_string_pretty(report).unwrap_or_default();
        out.out(text + "\n").await?;
        return Ok(());
    }
    let mut table = Table::new(["verdict", "rows"]);
    let mut line = |verdict: &str, rows: u64| table.rows.push(vec![json!(verdict), json!(rows)]);
    line("read", report.rows);
    line("accepted", report.accepted);
    for (reason, rows) in &report.rejected {
        line(&format!("rejected: {reason}"), *rows);
    }
    line("accepted, behind the watermark", report.late);
    line("written", report.written);
    line("written by an earlier run", report.already);
    out.table(format, table).await?;
    if let (Some(first), Some(last)) = (report.first, report.last) {
        let symbols: Vec<String> = report.symbols.iter().map(|(s, n)| format!("{s} {n}")).collect();
        out.note(format!("{first} to {last}: {}", symbols.join(", "))).await?;
    }
    Ok(())
}

/// `local --input`: lines go into the log as they are, files one after another. Gives the lines that are there now.
pub async fn input(
    context: &Context,
    ticks: Arc<dyn Topic>,
    files: &[PathBuf],
    shutdown: Shutdown,
) -> Result<u64, Failure> {
    let components = components(context, ticks, |_| {}, |_, _| {});
    let report =
        producer::import::input(InputSettings { files: files.to_vec() }, components, shutdown).await?;
    Ok(report.written + report.already)
}

fn components(
    context: &Context,
    topic: Arc<dyn Topic>,
    rejected: impl Fn(&Rejected) + Send + Sync + 'static,
    progress: impl Fn(u64, Option<u64>) + Send + Sync + 'static,
) -> ImportComponents {
    ImportComponents {
        log: context.log.clone(),
        topic,
        clock: context.clock.clone(),
        rejected: Arc::new(rejected),
        progress: Arc::new(progress),
    }
}

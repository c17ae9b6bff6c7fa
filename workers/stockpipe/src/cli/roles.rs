//! What the roles, the data sources and `local` take.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::{Format, ManifestArgs, duration};

/// `stockpipe local`.
#[derive(Debug, Clone, Args)]
pub struct LocalArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Reads this NDJSON file (plain, .gz, .zst, or - for standard input) instead of running the producer. Repeatable,
    /// one after another
    #[arg(long, value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// Ends when the input is read, everything is committed and the manifest's TrainingRuns have finished
    #[arg(long)]
    pub exit_when_done: bool,
    /// Ends after this long, drained: 90s, 5m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub run_for: Option<Duration>,
    /// Prints one object at the end, for scripts
    #[arg(long, value_enum)]
    pub summary: Option<SummaryFormat>,
    /// Partitions of the ticks topic, instead of the manifest's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub partitions: Option<u32>,
    /// Address of the dashboard; port 0 takes a free one [default: 127.0.0.1 and the manifest's port]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
}

/// What `--summary` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SummaryFormat {
    /// One JSON object on stdout.
    Json,
}

/// `stockpipe produce`.
#[derive(Debug, Clone, Args)]
pub struct ProduceArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// The process that makes the prices
    #[arg(long, value_enum)]
    pub model: Option<Model>,
    /// Seed of every symbol's stream
    #[arg(long)]
    pub seed: Option<u64>,
    /// Stops after this many ticks
    #[arg(long)]
    pub count: Option<u64>,
    /// Starts this far in the past, runs flat out until now, then goes on at 1x
    #[arg(long, value_name = "DURATION")]
    pub backfill: Option<String>,
    /// How the process runs.
    #[command(flatten)]
    pub process: ProcessArgs,
}

/// The synthetic price processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum Model {
    /// Geometric Brownian motion: nothing can be forecast.
    Gbm,
    /// First-order autoregression in returns.
    Ar1,
    /// A known signal in the observable features.
    Signal,
    /// A process that changes at an instant.
    Regime,
    /// Independent closes, as the replaced producer made them.
    Iid,
}

/// `stockpipe import`.
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("sources").required(true).multiple(true).args(["csv", "parquet", "ndjson"])))]
pub struct ImportArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// A CSV file. Repeatable; all files are merged by ts
    #[arg(long, value_name = "FILE")]
    pub csv: Vec<PathBuf>,
    /// A Parquet file. Repeatable
    #[arg(long, value_name = "FILE")]
    pub parquet: Vec<PathBuf>,
    /// An NDJSON file, plain, .gz or .zst. Repeatable
    #[arg(long, value_name = "FILE")]
    pub ndjson: Vec<PathBuf>,
    /// Which column is which: ts=Date,close=Last. Common spellings are found without it
    #[arg(long, value_name = "FIELD=COLUMN,…", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// The symbol, for files without such a column
    #[arg(long)]
    pub symbol: Option<String>,
    /// `max` = as fast as it goes, `1x` = paced by ts
    #[arg(long, value_enum, default_value_t = Speed::Max)]
    pub speed: Speed,
    /// Goes on when more than 1 % of the rows are behind the watermark
    #[arg(long)]
    pub allow_late: bool,
    /// How the verdicts are printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// How fast an import runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Speed {
    /// As fast as it goes.
    Max,
    /// Paced by event time.
    #[value(name = "1x")]
    Real,
}

/// A long-running role alone.
#[derive(Debug, Clone, Args)]
pub struct RoleArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// How the process runs.
    #[command(flatten)]
    pub process: ProcessArgs,
}

/// How a long-running process runs.
#[derive(Debug, Clone, Default, Args)]
pub struct ProcessArgs {
    /// Address of /livez /readyz /metrics /status, and of the dashboard [default: 127.0.0.1 and a free port, the
    /// dashboard's the manifest's; in a cluster 0.0.0.0:9500]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Ends after this long, drained
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub run_for: Option<Duration>,
    /// A name that this process keeps over restarts, as a pod of a StatefulSet does: it gets its partitions back at once.
    /// Two processes with one name throw each other out
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    pub instance: Option<String>,
    /// The pod that this process is in, said on /status: who asks a pod's address knows whether it is still that pod
    #[arg(long, value_name = "UID", env = "POD_UID")]
    pub pod_uid: Option<String>,
}

/// `stockpipe dashboard`.
#[derive(Debug, Clone, Args)]
pub struct DashboardArgs {
    /// The role.
    #[command(flatten)]
    pub role: RoleArgs,
    /// Running ingest workers, for lag, owners, dead letters and conditions: http://ingest:9500. A name that stands for
    /// several machines stands for all of them. Repeatable
    #[arg(long, value_name = "URL")]
    pub workers: Vec<String>,
}

/// `stockpipe ingest`.
#[derive(Debug, Clone, Args)]
#[command(after_help = INGEST_EXAMPLES)]
pub struct IngestArgs {
    /// The role.
    #[command(flatten)]
    pub role: RoleArgs,
    /// Owns the partitions p with p mod REPLICAS = ORDINAL instead of joining the group: for tests and one-off work
    #[arg(long, value_name = "N", requires = "replicas")]
    pub ordinal: Option<u32>,
    /// See --ordinal
    #[arg(long, value_name = "N", requires = "ordinal", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub replicas: Option<u32>,
    /// Reads what is in the log with this manifest, prints the counts, writes nothing anywhere
    #[arg(long, conflicts_with_all = ["ordinal", "replicas"])]
    pub dry_run: bool,
    /// Where a dry run starts, by record time: an instant, -2h, or all
    #[arg(
        long,
        value_name = "INSTANT",
        default_value = "all",
        allow_hyphen_values = true,
        requires = "dry_run"
    )]
    pub from: String,
    /// How a dry run's counts are printed
    #[arg(short, long, value_enum, default_value_t = Format::Table, requires = "dry_run")]
    pub output: Format,
}

const INGEST_EXAMPLES: &str = "Examples:
  stockpipe ingest -f pipeline.yaml                                joins the group; start as many as you like
  stockpipe ingest -f pipeline.yaml --listen 0.0.0.0:9500          endpoints for probes and Prometheus
  stockpipe ingest -f new.yaml --dry-run --from -2h                what would the new manifest make of two hours?";

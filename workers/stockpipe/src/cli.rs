//! The command line: what can be typed, and nothing that acts.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

/// Real-time stock features and honest forecasts from one manifest.
#[derive(Debug, Parser)]
#[command(name = "stockpipe", version, max_term_width = 110, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Human, help_heading = "Global")]
    pub log_format: LogFormat,
    /// More log lines: -v info of every role, -vv debug. RUST_LOG overrides it.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global")]
    pub verbose: u8,
}

const EXAMPLES: &str = "Examples:
  stockpipe local -f examples/pipeline.yaml --data .demo          everything in one process
  stockpipe import -f pipeline.yaml --data DIR --csv bars.csv --symbol SPX
  stockpipe bars -f pipeline.yaml --data DIR --symbol SPX --name 1m -o csv
  stockpipe train -f pipeline.yaml --data DIR --set model.trees=50
  stockpipe models list -f pipeline.yaml --data DIR

Exit codes: 0 done, 1 failed, 2 wrong usage or invalid input, 3 refused, 130/143 on signals.";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// All roles in one process on embedded stores: the same manifest as on a cluster
    Local(LocalArgs),
    /// Synthetic ticks with a known truth into the log
    Produce(ProduceArgs),
    /// Real data into the log: CSV, Parquet or NDJSON, a verdict per row
    Import(ImportArgs),
    /// Ingest alone: ticks to Parquet, bars and features
    Ingest(RoleArgs),
    /// The predictor alone: final bars to forecasts and outcomes
    Predict(RoleArgs),
    /// The dashboard alone
    Dashboard(RoleArgs),
    /// One TrainingRun in the foreground: progress, a report, a version
    Train(TrainArgs),
    /// Windows as stored
    Features(RowsArgs),
    /// Bars with their indicators as stored
    Bars(RowsArgs),
    /// Forecasts and their outcomes
    Predictions(PredictionsArgs),
    /// Rejected records with their reasons
    DeadLetters(DeadLettersArgs),
    /// The canonical dump: raw and dead-letter rows by offset, final rows in closing order
    Dump(DumpArgs),
    /// The point-in-time training matrix, for pandas, Polars and DuckDB
    Dataset(DatasetArgs),
    /// Lag, watermark, commits, models, freshness
    Status(StatusArgs),
    /// The model registry
    Models(ModelsArgs),
}

/// Where the manifest and the stores are: on every subcommand.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
pub struct ManifestArgs {
    /// The manifest: StockPipeline and TrainingRun documents. Repeatable
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Overrides one field, paths from below spec: --set features.watermark=2s. `run.` and `pipeline.` name the document
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Ignores the STOCKPIPE_… and old environment names
    #[arg(long)]
    pub no_env: bool,
    /// Embedded stores in this directory instead of Kafka, HDFS and Cassandra
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
pub enum Format {
    /// Aligned columns for people.
    #[default]
    Table,
    /// One JSON array or object.
    Json,
    /// Comma-separated, full precision.
    Csv,
}

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
    /// Address of the HTTP endpoints [default: 127.0.0.1 and the manifest's dashboard port]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Ends after this long, drained
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub run_for: Option<Duration>,
}

/// `stockpipe train`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct TrainArgs {
    /// Manifest and stores.
    #[command(flatten)]
    #[serde(skip)]
    pub manifest: ManifestArgs,
    /// `table` = the report, `json` = the run's status object
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// Threads; the model is the same for any number [default: all cores]
    #[arg(long)]
    pub threads: Option<usize>,
}

/// `stockpipe features` and `stockpipe bars`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct RowsArgs {
    /// Manifest and stores.
    #[command(flatten)]
    #[serde(skip)]
    pub manifest: ManifestArgs,
    /// Which rows.
    #[command(flatten)]
    pub select: Select,
    /// How rows are printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// Selection by symbol, name and event time.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
pub struct Select {
    /// One symbol [default: all]
    #[arg(long)]
    pub symbol: Option<String>,
    /// Window name (sma_5) or bar size (1m) [default: all]
    #[arg(long)]
    pub name: Option<String>,
    /// First window start: an instant, or -2h before the newest [default: everything stored]
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<String>,
    /// End of the range, exclusive
    #[arg(long, allow_hyphen_values = true)]
    pub to: Option<String>,
    /// At most this many rows
    #[arg(long)]
    pub limit: Option<usize>,
}

/// `stockpipe predictions`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct PredictionsArgs {
    /// Manifest and stores.
    #[command(flatten)]
    #[serde(skip)]
    pub manifest: ManifestArgs,
    /// Which rows; --name is the bar size, --from and --to are target times
    #[command(flatten)]
    pub select: Select,
    /// One horizon, in bars [default: all]
    #[arg(long)]
    pub horizon: Option<u32>,
    /// One model version; 0 = no model [default: all]
    #[arg(long)]
    pub version: Option<u64>,
    /// How rows are printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// `stockpipe dead-letters`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct DeadLettersArgs {
    /// Manifest and stores.
    #[command(flatten)]
    #[serde(skip)]
    pub manifest: ManifestArgs,
    /// One reason (ohlc_order, duplicate, …) [default: all]
    #[arg(long)]
    pub reason: Option<String>,
    /// First record time
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<String>,
    /// End of the record time range, exclusive
    #[arg(long, allow_hyphen_values = true)]
    pub to: Option<String>,
    /// At most this many rows
    #[arg(long)]
    pub limit: Option<usize>,
    /// How rows are printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// `stockpipe dump`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct DumpArgs {
    /// Manifest and stores.
    #[command(flatten)]
    #[serde(skip)]
    pub manifest: ManifestArgs,
}

/// `stockpipe dataset`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct DatasetArgs {
    /// Manifest and stores.
    #[command(flatten)]
    #[serde(skip)]
    pub manifest: ManifestArgs,
    /// First bar end: an instant, `all`, or -14d
    #[arg(long, default_value = "all", allow_hyphen_values = true)]
    pub from: String,
    /// Last bar end: an instant or `now`
    #[arg(long, default_value = "now", allow_hyphen_values = true)]
    pub to: String,
    /// What was known at this instant: later targets are absent [default: now]
    #[arg(long, allow_hyphen_values = true)]
    pub as_of: Option<String>,
    /// `parquet` (to --out or stdout), `csv` or `json`
    #[arg(short, long, value_enum, default_value_t = DatasetFormat::Parquet)]
    pub output: DatasetFormat,
    /// File to write [default: stdout]
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub out: Option<PathBuf>,
}

/// How a dataset is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
pub enum DatasetFormat {
    /// One Parquet file.
    #[default]
    Parquet,
}

/// `stockpipe status`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct StatusArgs {
    /// Manifest and stores.
    #[command(flatten)]
    #[serde(skip)]
    pub manifest: ManifestArgs,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// `stockpipe models`.
#[derive(Debug, Clone, Args)]
pub struct ModelsArgs {
    /// What about them.
    #[command(subcommand)]
    pub command: ModelsCommand,
}

/// What `stockpipe models` can do.
#[derive(Debug, Clone, Subcommand)]
pub enum ModelsCommand {
    /// Versions with alias, data end, skill and hash
    List(ModelsListArgs),
    /// One version: its card, files with SHA-256, metrics and gates
    Show(ModelsShowArgs),
}

/// `stockpipe models list`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct ModelsListArgs {
    /// Manifest and stores.
    #[command(flatten)]
    #[serde(skip)]
    pub manifest: ManifestArgs,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// `stockpipe models show`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct ModelsShowArgs {
    /// The version: 12 or v12
    pub version: String,
    /// Manifest and stores.
    #[command(flatten)]
    #[serde(skip)]
    pub manifest: ManifestArgs,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

fn duration(text: &str) -> Result<Duration, String> {
    market::Span::parse(text)
        .map(|span| Duration::from_micros(span.micros().unsigned_abs()))
        .map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_import_needs_a_file() {
        assert!(Cli::try_parse_from(["stockpipe", "import", "-f", "p.yaml"]).is_err());
        assert!(Cli::try_parse_from(["stockpipe", "import", "-f", "p.yaml", "--csv", "a.csv"]).is_ok());
    }
}

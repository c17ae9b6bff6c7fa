//! What the commands take that read what is stored, and `train` and `models`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{Format, ManifestArgs};

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
    /// As a pod of a Job.
    #[command(flatten)]
    #[serde(skip)]
    pub pod: PodArgs,
}

/// `stockpipe train --in-cluster`: how the operator starts it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "In a cluster")]
pub struct PodArgs {
    /// The result as termination message; exit 0 for every recorded outcome, 1 = try again, 2 = never again
    #[arg(long)]
    pub in_cluster: bool,
    /// The TrainingRun's uid: a run that is published already says so and trains nothing
    #[arg(long, value_name = "UID", requires = "in_cluster", required_if_eq("in_cluster", "true"))]
    pub run_uid: Option<String>,
    /// The attempt's number
    #[arg(long, value_name = "N", default_value_t = 1, requires = "in_cluster")]
    pub attempt: i32,
    /// Address of /livez /readyz /metrics /status [default: 127.0.0.1 and a free port]
    #[arg(long, value_name = "ADDR", requires = "in_cluster")]
    pub listen: Option<SocketAddr>,
    /// The pod that this process is in, said on /status
    #[arg(long, value_name = "UID", env = "POD_UID")]
    pub pod_uid: Option<String>,
    /// Where the result goes
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log", requires = "in_cluster")]
    pub termination_log: PathBuf,
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
    /// A running worker's address, for what it says of itself: http://127.0.0.1:9500. Repeatable
    #[arg(long, value_name = "URL")]
    pub workers: Vec<String>,
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

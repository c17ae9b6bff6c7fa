//! The command line: what can be typed, and nothing that acts.

mod operations;
mod reads;
mod roles;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

pub use operations::{
    AcceptTopicArgs, BackupArgs, DestroyArgs, FsckArgs, PlainArgs, ReplayArgs, RestoreArgs, SkipArgs,
};
pub use reads::{
    DatasetArgs, DatasetFormat, DeadLettersArgs, DumpArgs, ModelsArgs, ModelsCommand, ModelsListArgs,
    ModelsShowArgs, PodArgs, PredictionsArgs, RowsArgs, Select, StatusArgs, TrainArgs,
};
pub use roles::{
    DashboardArgs, ImportArgs, IngestArgs, LocalArgs, Model, ProcessArgs, ProduceArgs, RoleArgs, Speed,
    SummaryFormat,
};

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

On Kafka, HDFS and Cassandra, as the manifest names them (no --data):
  stockpipe doctor -f pipeline.yaml                               does everything answer, is it set up well?
  stockpipe init -f pipeline.yaml                                 topics, directories, tables; again is fine
  stockpipe produce -f pipeline.yaml --count 10000                some ticks
  stockpipe ingest -f pipeline.yaml                               until Ctrl-C; start as many as you like
  stockpipe status -f pipeline.yaml

Exit codes: 0 done, 1 failed, 2 wrong usage or invalid input, 3 refused, 75 frozen for too long (start it again),
130/143 on signals.";

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
    /// Makes topics, directories and tables, and claims them for this pipeline; again is fine
    Init(PlainArgs),
    /// Deletes what init made, with everything in it
    Destroy(DestroyArgs),
    /// Checks the manifest against the servers: reachable, permitted, set up well
    Doctor(PlainArgs),
    /// Ingest alone: ticks to Parquet, bars and features
    Ingest(IngestArgs),
    /// Copies a topic without keys to `<pipeline>.ticks`, keyed by symbol, each record exactly once
    Rekey(RoleArgs),
    /// The predictor alone: final bars to forecasts and outcomes
    Predict(RoleArgs),
    /// The dashboard alone
    Dashboard(DashboardArgs),
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
    /// Computes final rows again from the lake and compares them with the feature store; --write repairs
    Replay(ReplayArgs),
    /// Merges the small files of past days
    Compact(PlainArgs),
    /// Checks every commit and file of the lake; --repair mends
    Fsck(FsckArgs),
    /// Passes over one record that halts its partition
    Skip(SkipArgs),
    /// Goes on with a topic that was made again, as a new generation
    AcceptTopic(AcceptTopicArgs),
    /// Copies a pipeline's data to a directory
    Backup(BackupArgs),
    /// Puts a backup into empty stores
    Restore(RestoreArgs),
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
    /// Secrets and ConfigMaps as files: DIR/secrets/NAME/KEY, DIR/configmaps/NAME/KEY
    #[arg(long, value_name = "DIR", default_value = "/etc/stockpipe")]
    pub mounts: PathBuf,
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
    fn a_dry_run_owns_nothing_and_static_ownership_needs_both() {
        let parse = |more: &[&str]| {
            let args = ["stockpipe", "ingest", "-f", "p.yaml"].iter().chain(more);
            Cli::try_parse_from(args.copied()).is_ok()
        };
        assert!(
            parse(&[])
                && parse(&["--dry-run", "--from", "-2h"])
                && parse(&["--ordinal", "0", "--replicas", "2"])
        );
        assert!(!parse(&["--ordinal", "0"]) && !parse(&["--from", "-2h"]));
        assert!(!parse(&["--dry-run", "--ordinal", "0", "--replicas", "2"]));
    }

    #[test]
    fn an_import_needs_a_file() {
        assert!(Cli::try_parse_from(["stockpipe", "import", "-f", "p.yaml"]).is_err());
        assert!(Cli::try_parse_from(["stockpipe", "import", "-f", "p.yaml", "--csv", "a.csv"]).is_ok());
    }
}

//! What the commands take that prepare, check and repair a pipeline.

use std::path::PathBuf;

use clap::Args;

use super::{Format, ManifestArgs};

/// A command without flags of its own: `init`, `doctor`, `compact`.
#[derive(Debug, Clone, Args)]
pub struct PlainArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// `stockpipe destroy`.
#[derive(Debug, Clone, Args)]
pub struct DestroyArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Deletes. Without it the command says what it would delete, and deletes nothing
    #[arg(long)]
    pub yes: bool,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// `stockpipe skip`.
#[derive(Debug, Clone, Args)]
pub struct SkipArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// The partition that halted
    #[arg(long, value_name = "P")]
    pub partition: u32,
    /// The record to pass over: it becomes a dead letter `skipped`
    #[arg(long, value_name = "N")]
    pub offset: u64,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// `stockpipe accept-topic`.
#[derive(Debug, Clone, Args)]
pub struct AcceptTopicArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// One partition [default: all]. Repeatable
    #[arg(long = "partition", value_name = "P")]
    pub partitions: Vec<u32>,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// `stockpipe fsck`.
#[derive(Debug, Clone, Args)]
pub struct FsckArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Finishes what was begun, removes what no commit names, makes damaged state and rows again. Never deletes data
    #[arg(long)]
    pub repair: bool,
    /// With --repair: takes every partition first, so that all unfinished work counts as dead. For a pipeline that is stopped
    #[arg(long, requires = "repair")]
    pub take_over: bool,
    /// Names, lengths, commits and states only: does not read what the files hold
    #[arg(long)]
    pub quick: bool,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// `stockpipe replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Writes the rows that are missing or differ
    #[arg(long)]
    pub write: bool,
    /// First window start: an instant, a date or -2d
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<String>,
    /// End of the range, exclusive
    #[arg(long, allow_hyphen_values = true)]
    pub to: Option<String>,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// `stockpipe backup`.
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// The directory to write to: empty, or of an earlier backup that this one goes on with
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// `stockpipe restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// Manifest and stores.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// The directory of a backup
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

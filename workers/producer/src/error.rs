//! How making or reading ticks fails.

use std::path::PathBuf;

use market::ErrorKind;
use tick_log::LogError;

/// Why the producer stopped.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProduceError {
    /// The log failed.
    #[error("the producer cannot write to the log: {0}")]
    Log(#[from] LogError),
    /// The settings contradict themselves.
    #[error("producer: {0}")]
    Settings(String),
    /// The note it left with the log cannot be read.
    #[error(
        "the producer's note {key:?} in the log is damaged ({why}): it cannot go on without a gap; use a new topic or \
         data directory"
    )]
    Note {
        /// The note's key.
        key: String,
        /// What does not fit.
        why: String,
    },
}

impl ProduceError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            ProduceError::Log(e) => e.kind(),
            ProduceError::Settings(_) => ErrorKind::BadInput,
            ProduceError::Note { .. } => ErrorKind::Corrupt,
        }
    }
}

/// Why an import stopped. Rows that are no ticks do not stop it: they get a verdict.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ImportError {
    /// The log failed.
    #[error("the import cannot write to the log: {0}")]
    Log(#[from] LogError),
    /// A file cannot be opened or read.
    #[error("cannot read {file}: {why}; check the path and its permissions")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's words.
        why: String,
    },
    /// A file is not what its flag says.
    #[error("{file} is no readable {format}: {why}")]
    Format {
        /// The file.
        file: PathBuf,
        /// `CSV`, `Parquet`, `NDJSON`.
        format: &'static str,
        /// What does not fit, and the remedy.
        why: String,
    },
    /// No column for a field, or an impossible mapping.
    #[error("{file}: {why}")]
    Columns {
        /// The file.
        file: PathBuf,
        /// What is missing, and the flag to add.
        why: String,
    },
    /// The spacing of the rows contradicts `source.tickSpan`.
    #[error("the rows are {spacing} apart, but {declared}: {remedy}. Nothing was written")]
    Spacing {
        /// The usual distance of two rows of a symbol.
        spacing: String,
        /// What the manifest says.
        declared: String,
        /// The line to add, change or remove.
        remedy: String,
    },
    /// Too many rows are behind the watermark.
    #[error(
        "{late} of {rows} rows end before {watermark}, where the stream already is: windows and bars would not count \
         them. Import old data first, use a new pipeline, or pass --allow-late. Nothing was written"
    )]
    Late {
        /// Rows behind.
        late: u64,
        /// Rows to write.
        rows: u64,
        /// The log's watermark.
        watermark: String,
    },
    /// More rows than can be sorted in memory.
    #[error("more than {0} rows: import fewer files at a time, oldest first")]
    TooManyRows(usize),
}

impl ImportError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            ImportError::Log(e) => e.kind(),
            _ => ErrorKind::BadInput,
        }
    }
}

//! What a check can find: a closed list, each with how bad it is and what to do.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is lost and nothing is wrong: somebody's work was interrupted.
    Notice,
    /// Readers may be misled; nothing is lost.
    Warning,
    /// Something is lost, or will be when ingest goes on.
    Error,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// A commit record cannot be read.
    DamagedCommit,
    /// A commit record that must be there is not.
    MissingCommit,
    /// Two records do not join.
    BrokenChain,
    /// A file of a commit is nowhere.
    MissingFile,
    /// A file of a commit has another length, checksum or content.
    DamagedFile,
    /// A committed file has not got its final name.
    Unrenamed,
    /// The state that the next owner starts from cannot be read.
    DamagedState,
    /// A state that only replays start from cannot be read.
    DamagedAnchor,
    /// A record is stored more than once.
    StoredTwice,
    /// A record is stored nowhere.
    NotStored,
    /// A file has a final name and no commit.
    Uncommitted,
    /// A name that is none of ours.
    Strange,
    /// Left by a claimant that is dead by the commit log.
    DeadTemporary,
    /// Acknowledged rows that the next owner deletes.
    OrphanSpill,
    /// An alias names a model version that is not on the lake.
    MissingModel,
}

impl Problem {
    /// How bad it is.
    pub fn severity(self) -> Severity {
        use Problem::{DamagedAnchor, DeadTemporary, OrphanSpill, Strange, Unrenamed};
        match self {
            Unrenamed | DeadTemporary | OrphanSpill => Severity::Notice,
            Strange | DamagedAnchor => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Problem::DamagedCommit | Problem::MissingCommit | Problem::BrokenChain => {
                "stop ingest, keep the lake as it is, and restore the record from a backup"
            }
            Problem::MissingFile | Problem::DamagedFile | Problem::NotStored => {
                "restore the file from a backup; without one, its records can be read again into an empty lake while the log has them"
            }
            Problem::Unrenamed => {
                "the partition's next owner renames it; `stockpipe fsck --repair` does it now"
            }
            Problem::DamagedState => {
                "`stockpipe fsck --repair` makes it again from the last readable state and the rows behind it"
            }
            Problem::DamagedAnchor => {
                "replays start from an earlier one; restore it from a backup to start from it again"
            }
            Problem::StoredTwice => {
                "stop ingest, keep the lake as it is, and report this: readers count the record twice"
            }
            Problem::Uncommitted => {
                "its commit is gone: restore the newest records of `_log` from a backup before ingest runs again"
            }
            Problem::Strange => "nothing reads it; move it out of the lake",
            Problem::DeadTemporary => {
                "the partition's next owner deletes it; `stockpipe fsck --repair` does it now"
            }
            Problem::OrphanSpill => "nothing: the partition's next owner deletes it",
            Problem::MissingModel => {
                "restore the version from a backup, or train again: the version that is promoted next takes the alias"
            }
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What.
    pub problem: Problem,
    /// How bad it is.
    pub severity: Severity,
    /// The partition concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// The file concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What does not fit.
    pub detail: String,
    /// What to do.
    pub remedy: &'static str,
    /// True once it has been put right.
    pub repaired: bool,
}

impl Finding {
    pub(super) fn new(
        problem: Problem,
        partition: Option<u32>,
        path: Option<&str>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            problem,
            severity: problem.severity(),
            partition,
            path: path.map(str::to_owned),
            detail: detail.into(),
            remedy: problem.remedy(),
            repaired: false,
        }
    }

    /// Whether a second look has found the same.
    pub(super) fn is_again(&self, other: &Finding) -> bool {
        let same_place = match (&self.path, &other.path) {
            (None, None) => self.detail == other.detail,
            (mine, theirs) => mine == theirs,
        };
        self.problem == other.problem && self.partition == other.partition && same_place
    }
}

/// How one partition stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionCheck {
    /// The partition.
    pub partition: u32,
    /// Number of its newest commit.
    pub seq: u64,
    /// First offset that is not committed.
    pub end: u64,
    /// Records read of its log.
    pub commits: u64,
    /// Data files looked at.
    pub files: u64,
    /// Rows of raw ticks and dead letters counted; 0 where contents were not read.
    pub rows: u64,
}

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FsckReport {
    /// By partition.
    pub partitions: Vec<PartitionCheck>,
    /// Everything that is wrong, worst first.
    pub findings: Vec<Finding>,
}

impl FsckReport {
    /// True where nothing is wrong that is not put right: notices aside.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|f| f.repaired || f.severity == Severity::Notice)
    }

    /// Findings of a kind.
    pub fn found(&self, problem: Problem) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |f| f.problem == problem)
    }

    /// How many were put right.
    pub fn repaired(&self) -> usize {
        self.findings.iter().filter(|f| f.repaired).count()
    }
}

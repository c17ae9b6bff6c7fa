//! The lake against its promises, and the repair of what can be repaired without losing anything.
//!
//! Checked are: records (readable, without holes, joined), files (each one named is where recovery looks for it, each one
//! there is named or known), contents (checksums, every record in exactly one file), states (the next owner's and every
//! anchor), and that every alias names a version that is there.
//!
//! Repaired are: renames that were interrupted, what dead claimants left in `_tmp`, and a state that cannot be read: it is
//! computed again from the last readable one and the rows behind it, and placed by a fence of its own. No data is ever
//! deleted or changed.
//!
//! A working pipeline is never accused of what is in flight: whatever looks wrong is looked at a second time, from the
//! newest records on, and only what is wrong both times is reported.

mod accounted;
mod chain;
mod finding;
mod offsets;
mod repair;
mod rows;
mod snapshot;
mod states;

use std::{sync::Arc, time::Duration};

use commitlog::Layout;
use feature_store::FeatureStore;
use lake::Lake;
use market::Timestamp;
use windowing::Semantics;

pub use self::finding::{Finding, FsckReport, PartitionCheck, Problem, Severity};
use self::snapshot::Snapshot;
use crate::{OperationsError, Progress, files::Files, limits};

/// How to check.
#[derive(Debug, Clone)]
pub struct FsckOptions {
    /// Put right what can be put right.
    pub repair: bool,
    /// With `repair`: fence every partition first, so that everything in `_tmp` is dead. For a pipeline that is stopped: a
    /// worker that has a partition loses it.
    pub take_over: bool,
    /// Read and check every file's content; else names, lengths, records and states only.
    pub contents: bool,
    /// The pipeline's name, to look for its models.
    pub pipeline: Option<String>,
    /// How long raw ticks are kept; absent = for ever.
    pub retention: Option<Duration>,
    /// Wall clock, in milliseconds.
    pub now_ms: i64,
    /// How long to wait before the second look.
    pub second_look: Duration,
    /// The manifest's semantics: for a partition none of whose states can be read.
    pub semantics: Option<Arc<Semantics>>,
}

impl FsckOptions {
    /// A whole check that repairs nothing.
    pub fn new(now_ms: i64) -> Self {
        Self {
            repair: false,
            take_over: false,
            contents: true,
            pipeline: None,
            retention: None,
            now_ms,
            second_look: limits::SECOND_LOOK,
            semantics: None,
        }
    }

    /// The first arrival date that is kept for certain.
    fn cut(&self) -> Option<String> {
        let kept = i64::try_from(self.retention?.as_millis()).unwrap_or(i64::MAX);
        // A worker's clock may be ahead of ours.
        let now = self.now_ms.saturating_add(limits::CLOCKS_APART_MS);
        Some(Timestamp::from_millis(now.saturating_sub(kept)).date())
    }
}

/// Checks a lake, and repairs it where asked to.
pub async fn fsck(
    lake: &dyn Lake,
    root: &str,
    store: Option<&dyn FeatureStore>,
    options: &FsckOptions,
    progress: &Progress,
) -> Result<FsckReport, OperationsError> {
    let files = Files::new(lake);
    let layout = Layout::new(root);
    let mut report = look(&files, root, &layout, store, options, options.contents, progress).await?;
    if !report.findings.is_empty() {
        tokio::time::sleep(options.second_look).await;
        let of_contents = |f: &Finding| {
            matches!(f.problem, Problem::DamagedFile | Problem::StoredTwice | Problem::NotStored)
        };
        let contents = options.contents && report.findings.iter().any(of_contents);
        let again = look(&files, root, &layout, store, options, contents, progress).await?;
        report.findings.retain(|found| again.findings.iter().any(|other| other.is_again(found)));
    }
    if options.repair {
        repair::repair(&files, root, &layout, options, &mut report, progress).await?;
    }
    report.findings.sort_by_key(|f| (std::cmp::Reverse(f.severity), f.partition, f.problem));
    Ok(report)
}

/// One look at everything.
async fn look(
    files: &Files<'_>,
    root: &str,
    layout: &Layout,
    store: Option<&dyn FeatureStore>,
    options: &FsckOptions,
    contents: bool,
    progress: &Progress,
) -> Result<FsckReport, OperationsError> {
    let snapshot = Snapshot::take(files, root, layout).await?;
    let cut = options.cut();
    let mut report = FsckReport::default();
    let out = &mut report.findings;
    for lineage in &snapshot.lineages {
        chain::check(&snapshot, layout, lineage, out);
        accounted::named(&snapshot, lineage, cut.as_deref(), out);
        states::check(files, lineage, out).await?;
        let head = lineage.head();
        report.partitions.push(PartitionCheck {
            partition: lineage.partition,
            seq: head.map_or(0, |h| h.seq),
            end: head.map_or(0, |h| h.end),
            commits: lineage.commits.len() as u64,
            ..PartitionCheck::default()
        });
    }
    accounted::there(&snapshot, layout, out);
    if contents {
        rows::check(files, &snapshot, cut.as_deref(), &mut report.partitions, out, progress).await?;
    }
    if let (Some(store), Some(pipeline)) = (store, &options.pipeline) {
        models(files, root, store, pipeline, out).await?;
    }
    // A file of another length has another content too: once is enough.
    let mut once: Vec<Finding> = Vec::new();
    for found in std::mem::take(&mut report.findings) {
        if !once.iter().any(|told| told.is_again(&found)) {
            once.push(found);
        }
    }
    report.findings = once;
    Ok(report)
}

/// Every version that an alias has ever named can be served again: a rollback wants it.
async fn models(
    files: &Files<'_>,
    root: &str,
    store: &dyn FeatureStore,
    pipeline: &str,
    out: &mut Vec<Finding>,
) -> Result<(), OperationsError> {
    let mut named = std::collections::BTreeSet::new();
    for key in store.alias_keys(pipeline).await? {
        let versions = store.alias_history(&key).await?.into_iter().filter_map(|event| event.version);
        named.extend(versions.map(|version| (key.bar.clone(), version)));
    }
    for (bar, version) in named {
        let dir = registry::paths::models_dir(root, pipeline, &bar);
        let path = registry::paths::version_file(&dir, version, "manifest.json");
        if files.stat(&path).await?.is_none() {
            let detail = format!("an alias of {bar} names version {version}");
            out.push(Finding::new(Problem::MissingModel, None, Some(&path), detail));
        }
    }
    Ok(())
}

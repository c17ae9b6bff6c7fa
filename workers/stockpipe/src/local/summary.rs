//! The object that `--summary json` prints: what is stored in the directory, and what this process did.

use feature_store::PredictionQuery;
use market::{Outcome, Reason};
use registry::Listed;
use serde_json::{Map, Value, json};
use windowing::Counters;

use crate::{Context, Failure, commands};

/// What this process did.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// Commits made.
    pub commits: u64,
    /// Event time up to which everything is committed.
    pub committed_until: Option<market::Timestamp>,
    /// Wall time.
    pub elapsed: std::time::Duration,
}

/// Collects the summary. Counts are those of the whole history of the directory, so that two runs add up.
pub async fn collect(context: &Context, counters: &Counters, work: &Work) -> Result<Value, Failure> {
    let dead: Map<String, Value> = counters
        .dead
        .iter()
        .filter(|(reason, n)| **reason != Reason::Duplicate && **n > 0)
        .map(|(reason, n)| (reason.as_str().to_owned(), json!(n)))
        .collect();
    let mut models = Vec::new();
    for registry in commands::registries(context)? {
        for listed in registry.list().await? {
            if let Listed::Version { version, manifest, aliases } = listed {
                let first = manifest.summary.horizons.first();
                models.push(json!({
                    "bar": manifest.bar,
                    "version": version,
                    "skill": first.map(|h| format!("{:.4}", h.skill)),
                    "alias": aliases.first().map(|(alias, _)| alias.as_str()),
                    "sha256": manifest.summary.model_sha256,
                }));
            }
        }
    }
    models.reverse();
    let predictions = context.store.predictions(&PredictionQuery::default()).await?;
    let outcomes = predictions.iter().filter(|p| p.outcome != Outcome::Pending).count();
    Ok(json!({
        "ticks": {
            "read": counters.read,
            "stored": counters.stored,
            "duplicates": counters.duplicates(),
            "dead_letters": dead,
            "late": counters.late,
        },
        "features": counters.rows,
        "models": models,
        "predictions": predictions.len(),
        "outcomes": outcomes,
        "commits": work.commits,
        "committed_until": work.committed_until,
        "elapsed_seconds": format!("{:.3}", work.elapsed.as_secs_f64()),
        "peak_rss_bytes": runtime::usage().peak_rss_bytes,
    }))
}

//! What is reported of a run. `train -o json` prints this object as well.

use crate::decimal::Decimal;
use crate::limits;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The observed state of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrainingRunStatus {
    /// Where it is, as one word: a summary of everything below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Suspended, Complete, Failed, DataReady, LeakageFree, FeatureParity, GatesPassed, ModelPublished, Promoted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// Percent of the work, in steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub progress_percent: Option<i32>,
    /// Seconds that are left, by what has passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_remaining_seconds: Option<i64>,
    /// The spec that the dataset was resolved for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub spec_hash: Option<String>,
    /// Failures that were answered by another attempt; a resume is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = limits::RETRIES))]
    pub retries: Option<i32>,
    /// When the time that activeDeadline counts began to run; absent before the first submission and while suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_since: Option<Time>,
    /// Seconds that ran before the last suspension.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub active_seconds: Option<i64>,
    /// The last attempts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = limits::ATTEMPTS),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["number"])
    )]
    pub attempts: Vec<Attempt>,
    /// What was asked of the model, and what it showed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub gates: Vec<Gate>,
    /// The rows, resolved once, at the first submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Dataset>,
    /// The headline bare (pooled, first horizon), others as `skill@5` and `skill@5/AAPL`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = limits::STATUS_ITEMS),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub metrics: Vec<Metric>,
    /// The version that was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// Its alias now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub alias: Option<String>,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// It waits for data or its pipeline.
    Pending,
    /// It waits for room.
    Queued,
    /// It waits for a person or a queue.
    Suspended,
    /// Reading rows.
    Loading,
    /// Looking for leaks.
    Auditing,
    /// Growing trees.
    Training,
    /// Judging folds.
    Validating,
    /// Writing the version.
    Publishing,
    /// Done, whatever the gates said.
    Complete,
    /// Not done, and it will not be.
    Failed,
}

/// One attempt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counted from 1.
    pub number: i32,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub state: Option<String>,
    /// When a backoff ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Its Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub job_name: Option<String>,
    /// Its Job's uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub job_uid: Option<String>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::STATUS_TEXT))]
    pub reason: Option<String>,
    /// How its process ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

/// One gate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// Which.
    #[schemars(length(max = limits::TEXT))]
    pub name: String,
    /// Whether it let the model through.
    pub passed: bool,
    /// What the model showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub value: Option<String>,
    /// What was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub limit: Option<String>,
}

/// The rows of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Dataset {
    /// How many.
    pub rows: i64,
    /// The first instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// The last instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
    /// Of which symbols.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::SYMBOLS), inner(length(max = limits::SYMBOL)), extend("x-kubernetes-list-type" = "atomic"))]
    pub symbols: Vec<String>,
    /// Over the rows, not the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub hash: Option<String>,
}

/// One number of the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// Its name.
    #[schemars(length(min = 1, max = limits::TEXT))]
    pub name: String,
    /// Its value.
    pub value: Decimal,
}

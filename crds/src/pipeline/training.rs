//! When models are trained, and how.

use crate::duration::{Duration, Unit};
use crate::limits;
use crate::training_run::TrainingTemplate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Training without hands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Training {
    /// A cron line of five fields. Absent: no schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT), regex(pattern = r"^\S+\s+\S+\s+\S+\s+\S+\s+\S+$"))]
    pub schedule: Option<String>,
    /// The time zone of the schedule.
    #[schemars(length(min = 1, max = limits::TEXT), regex(pattern = "^[A-Za-z0-9_+/-]+$"))]
    pub time_zone: String,
    /// What to do when a run is due and the last one still runs.
    pub concurrency_policy: ConcurrencyPolicy,
    /// How late a scheduled run may start.
    pub starting_deadline: Duration,
    /// How many finished scheduled runs are kept.
    pub history: History,
    /// What starts a run besides the schedule. Absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triggers: Option<Triggers>,
    /// What is trained: copied into every run.
    pub template: TemplateHolder,
}

impl Default for Training {
    fn default() -> Self {
        Training {
            schedule: None,
            time_zone: "Etc/UTC".to_owned(),
            concurrency_policy: ConcurrencyPolicy::Forbid,
            starting_deadline: Duration::of(5, Unit::Minute),
            history: History::default(),
            triggers: None,
            template: TemplateHolder::default(),
        }
    }
}

/// What to do when a run is due and the last one still runs: as a CronJob has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// Skip the new one.
    #[default]
    Forbid,
    /// Stop the old one.
    Replace,
    /// Run both.
    Allow,
}

/// How many finished scheduled runs are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct History {
    /// Complete ones.
    #[schemars(range(min = 0, max = limits::HISTORY))]
    pub successful: i32,
    /// Failed ones.
    #[schemars(range(min = 0, max = limits::HISTORY))]
    pub failed: i32,
}

impl Default for History {
    fn default() -> Self {
        History { successful: 3, failed: 3 }
    }
}

/// What starts a run besides the schedule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Triggers {
    /// So many final bars, over all symbols, since the last run's data. Absent: off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub new_rows: Option<i64>,
    /// Whether drift of the features starts a run.
    pub drift: bool,
}

/// Holds the template where users of Jobs look for it: `template.spec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateHolder {
    /// The template.
    pub spec: TrainingTemplate,
}

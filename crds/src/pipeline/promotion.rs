//! When a trained model may serve.

use crate::decimal::Decimal;
use crate::duration::{Duration, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rules of promotion and rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Promotion {
    /// Who decides.
    pub mode: PromotionMode,
    /// The least skill over the best naive forecast, out of sample.
    pub min_skill: Decimal,
    /// Matured forecasts a challenger makes unseen before it may replace a champion.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub shadow_bars: i32,
    /// The least time between two promotions.
    pub cooldown: Duration,
    /// What happens when a champion turns out to be worse than nothing.
    pub rollback: Rollback,
    /// Whether a model that is too good to be true is promoted without a person.
    pub allow_suspicious: bool,
    /// How much market time a champion may serve. Absent: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<Duration>,
}

impl Default for Promotion {
    fn default() -> Self {
        Promotion {
            mode: PromotionMode::Auto,
            min_skill: Decimal::zero(),
            shadow_bars: 60,
            cooldown: Duration::of(1, Unit::Hour),
            rollback: Rollback::Auto,
            allow_suspicious: false,
            expire_after: None,
        }
    }
}

/// Who decides that a model serves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PromotionMode {
    /// The gates.
    #[default]
    Auto,
    /// A person.
    Manual,
    /// Champion and challenger both predict, a split of symbols is served by each.
    Split,
}

/// Who decides that a model serves no longer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Rollback {
    /// Live skill that is significantly negative.
    #[default]
    Auto,
    /// A person.
    Manual,
}

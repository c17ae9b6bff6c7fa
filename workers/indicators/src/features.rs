//! features::v1.

use market::Span;

use crate::{Calendar, IndicatorSet};

/// The model's vector.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSchema {
    entries: Vec<String>,
}

impl FeatureSchema {
    /// features::v1 of a set, bar and calendar.
    pub fn v1(_set: &IndicatorSet, _bar: Span, _calendar: &Calendar) -> Self {
        todo!()
    }
    /// Canonical strings.
    pub fn entries(&self) -> &[String] {
        &self.entries
    }
    /// Hash over the strings.
    pub fn hash(&self) -> u64 {
        todo!()
    }
    /// Bars until the vector is complete: the vector of bar number `warmup_bars` (from 1) is the first.
    pub fn warmup_bars(&self) -> usize {
        todo!()
    }
    /// Bars after which a vector no longer depends (to 1e-9) on where the engine started.
    pub fn settle_bars(&self) -> usize {
        todo!()
    }
}

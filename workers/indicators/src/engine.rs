//! One symbol's bars of one size, one at a time.

use std::sync::Arc;

use market::Span;

use crate::{Bar, Calendar, CorruptState, FeatureSchema, IndicatorSet};

/// What an engine computes.
#[derive(Debug, Clone, PartialEq)]
pub struct BarEngineSpec {
    set: IndicatorSet,
    schema: FeatureSchema,
}

impl BarEngineSpec {
    /// The spec of a set, bar and calendar.
    pub fn new(_set: IndicatorSet, _bar: Span, _calendar: Calendar) -> Self {
        todo!()
    }
    /// The indicators.
    pub fn set(&self) -> &IndicatorSet {
        &self.set
    }
    /// The features.
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }
}

/// Everything computed from one symbol's bars of one size, one bar at a time.
#[derive(Debug, Clone)]
pub struct BarEngine {
    spec: Arc<BarEngineSpec>,
}

/// What one bar gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Computed {
    /// One entry a column, absent until warm.
    pub indicators: Vec<Option<f64>>,
    /// The model's vector, absent until warm, every entry finite.
    pub features: Option<Vec<f64>>,
}

impl BarEngine {
    /// An engine that has seen nothing.
    pub fn new(spec: Arc<BarEngineSpec>) -> Self {
        Self { spec }
    }
    /// Takes the next bar. Bars come in order of their start.
    pub fn push(&mut self, _bar: &Bar) -> Computed {
        todo!()
    }
    /// Appends the state.
    pub fn encode(&self, _out: &mut Vec<u8>) {
        todo!()
    }
    /// Takes a state from the front of `bytes`.
    pub fn decode(_spec: Arc<BarEngineSpec>, _bytes: &mut &[u8]) -> Result<Self, CorruptState> {
        todo!()
    }
    /// Bytes of memory held, about.
    pub fn state_bytes(&self) -> usize {
        todo!()
    }
}

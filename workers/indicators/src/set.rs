//! The manifest's list of indicators.

use crate::InvalidIndicator;

/// A parsed list of indicators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndicatorSet {
    columns: Vec<String>,
}

impl IndicatorSet {
    /// Parses names as written in `features.indicators`.
    pub fn parse<S: AsRef<str>>(_names: &[S]) -> Result<Self, InvalidIndicator> {
        todo!()
    }
    /// One name a column, in the manifest's order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }
    /// Canonical names.
    pub fn names(&self) -> Vec<String> {
        todo!()
    }
}

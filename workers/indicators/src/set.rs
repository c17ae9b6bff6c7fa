//! The manifest's list of indicators.

use crate::{
    InvalidIndicator,
    kind::{self, Kind},
    limits,
};

/// A parsed list of indicators: every one once, in the order written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndicatorSet {
    kinds: Vec<Kind>,
    columns: Vec<String>,
}

impl IndicatorSet {
    /// Parses names as written in `features.indicators`. `default` and `all` stand for their lists; an indicator that
    /// comes twice, also by another spelling (`macd`, `macd_12_26_9`), counts once, at its first place.
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self, InvalidIndicator> {
        let mut kinds: Vec<Kind> = Vec::new();
        for name in names {
            let written = [name.as_ref()];
            let expanded: &[&str] = match written[0] {
                "default" => &kind::DEFAULT,
                "all" => &kind::ALL,
                _ => &written,
            };
            for name in expanded {
                let kind = Kind::parse(name)?;
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            if kinds.len() > limits::INDICATORS {
                return Err(InvalidIndicator::TooMany(kinds.len()));
            }
        }
        let columns = kinds.iter().flat_map(|k| k.columns()).collect();
        Ok(Self { kinds, columns })
    }

    /// One name a column, in the manifest's order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Canonical names, one an indicator: equal sets have equal names.
    pub fn names(&self) -> Vec<String> {
        self.kinds.iter().map(|k| k.name()).collect()
    }

    /// Bars until the column has its first value, that bar included; `None` for a column that is not there.
    pub fn bars_until_warm(&self, column: &str) -> Option<usize> {
        self.kinds.iter().find(|k| k.columns().iter().any(|c| c == column)).map(|k| k.bars())
    }

    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_and_counts_once() {
        let set = IndicatorSet::parse(&["rsi_14", "default", "macd_12_26_9"]).unwrap();
        assert_eq!(set.names()[..3], ["rsi_14", "sma_5", "sma_20"]);
        assert_eq!(set.names().len(), 13);
        assert_eq!(
            IndicatorSet::parse(&["macd", "stoch", "bollinger_20", "macd_5_35_5", "stoch_5_3_3"])
                .unwrap()
                .columns(),
            [
                "macd",
                "macd_signal",
                "macd_hist",
                "stoch_k",
                "stoch_d",
                "bb_upper_20",
                "bb_middle_20",
                "bb_lower_20",
                "macd_5_35_5",
                "macd_signal_5_35_5",
                "macd_hist_5_35_5",
                "stoch_k_5_3_3",
                "stoch_d_5_3_3"
            ]
        );
    }

    #[test]
    fn canonical_names_parse_back_to_themselves() {
        let set = IndicatorSet::parse(&["all", "macd_5_35_5", "stoch_5_3_3"]).unwrap();
        assert_eq!(IndicatorSet::parse(&set.names()).unwrap(), set);
        let mut columns = set.columns().to_vec();
        columns.sort();
        columns.dedup();
        assert_eq!(columns.len(), set.columns().len(), "a column name comes twice");
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for bad in [
            "",
            "sma",
            "sma_",
            "sma_1",
            "sma_501",
            "sma_05",
            "sma_5_6",
            "SMA_5",
            "macd_26_12_9",
            "macd_12",
            "stoch_1",
            "obv_3",
            "vwap_session_3",
            "sma_9999999",
            "foo_3",
            "_",
            "_5",
            "é_5",
        ] {
            assert!(IndicatorSet::parse(&[bad]).is_err(), "{bad}");
        }
        let many: Vec<String> = (2..70).map(|n| format!("sma_{n}")).collect();
        assert!(matches!(IndicatorSet::parse(&many), Err(InvalidIndicator::TooMany(_))));
    }
}

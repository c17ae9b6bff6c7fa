//! What can be wrong with names, calendars and stored state.

use market::ErrorKind;

/// Why a list of indicator names is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIndicator {
    /// No indicator of that name.
    #[error(
        "indicator {0:?} is unknown: write a name with its periods (sma_20, rsi_14, macd, macd_12_26_9, stoch, \
         bollinger_20, vwap_20, obv), `default` or `all`"
    )]
    Unknown(String),
    /// A period out of range, or periods that contradict each other.
    #[error("indicator {name:?}: {reason}")]
    Period {
        /// The name as written.
        name: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// More indicators than the limit.
    #[error("{0} indicators: at most {max} are allowed, shorten features.indicators", max = crate::limits::INDICATORS)]
    TooMany(usize),
}

impl InvalidIndicator {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::BadInput
    }
}

/// Why bytes are no state of an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "stored indicator state is damaged or of another configuration: {0}; restore it from an older snapshot"
)]
pub struct CorruptState(pub(crate) &'static str);

impl CorruptState {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Corrupt
    }
}

//! The closed list of indicators: names, columns, warm-up.

use crate::{InvalidIndicator, limits};

/// One indicator with its periods, in bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Sma(usize),
    Ema(usize),
    Wma(usize),
    Rma(usize),
    Rsi(usize),
    Macd { fast: usize, slow: usize, signal: usize },
    Roc(usize),
    Stochastic { k: usize, slow: usize, d: usize },
    Cci(usize),
    WilliamsR(usize),
    Bollinger(usize),
    PercentB(usize),
    BollingerWidth(usize),
    Atr(usize),
    Stddev(usize),
    RealisedVol(usize),
    Parkinson(usize),
    GarmanKlass(usize),
    Vwap(usize),
    SessionVwap,
    Obv,
    Mfi(usize),
    Adx(usize),
    VolumeZ(usize),
    Imbalance(usize),
}

/// `default` of the manifest.
pub(crate) const DEFAULT: [&str; 13] = [
    "sma_5",
    "sma_20",
    "ema_12",
    "ema_26",
    "rsi_14",
    "macd",
    "stoch",
    "bollinger_20",
    "atr_14",
    "adx_14",
    "obv",
    "vwap_20",
    "mfi_14",
];

/// `all` of the manifest: every indicator at its usual periods.
pub(crate) const ALL: [&str; 28] = [
    "sma_5",
    "sma_20",
    "sma_50",
    "ema_12",
    "ema_26",
    "wma_10",
    "rma_14",
    "rsi_14",
    "macd",
    "roc_10",
    "stoch",
    "cci_20",
    "willr_14",
    "bollinger_20",
    "percent_b_20",
    "bb_width_20",
    "atr_14",
    "stddev_20",
    "realised_vol_20",
    "parkinson_20",
    "garman_klass_20",
    "vwap_20",
    "vwap_session",
    "obv",
    "mfi_14",
    "adx_14",
    "volume_z_20",
    "imbalance_20",
];

impl Kind {
    const MACD: Kind = Kind::Macd { fast: 12, slow: 26, signal: 9 };
    const STOCHASTIC: Kind = Kind::Stochastic { k: 14, slow: 3, d: 3 };

    /// Parses one name as written in a manifest.
    pub(crate) fn parse(name: &str) -> Result<Self, InvalidIndicator> {
        let unknown = || InvalidIndicator::Unknown(name.chars().take(80).collect());
        let (stem, periods) = split(name).ok_or_else(unknown)?;
        let one: Option<fn(usize) -> Kind> = match stem {
            "sma" => Some(Kind::Sma),
            "ema" => Some(Kind::Ema),
            "wma" => Some(Kind::Wma),
            "rma" => Some(Kind::Rma),
            "rsi" => Some(Kind::Rsi),
            "roc" => Some(Kind::Roc),
            "cci" => Some(Kind::Cci),
            "willr" => Some(Kind::WilliamsR),
            "bollinger" => Some(Kind::Bollinger),
            "percent_b" => Some(Kind::PercentB),
            "bb_width" => Some(Kind::BollingerWidth),
            "atr" => Some(Kind::Atr),
            "stddev" => Some(Kind::Stddev),
            "realised_vol" => Some(Kind::RealisedVol),
            "parkinson" => Some(Kind::Parkinson),
            "garman_klass" => Some(Kind::GarmanKlass),
            "vwap" => Some(Kind::Vwap),
            "mfi" => Some(Kind::Mfi),
            "adx" => Some(Kind::Adx),
            "volume_z" => Some(Kind::VolumeZ),
            "imbalance" => Some(Kind::Imbalance),
            _ => None,
        };
        let fail =
            |reason: String| InvalidIndicator::Period { name: name.chars().take(80).collect(), reason };
        for p in &periods {
            if !(limits::PERIOD_MIN..=limits::PERIOD).contains(p) {
                return Err(fail(format!(
                    "the period must be between {} and {} bars",
                    limits::PERIOD_MIN,
                    limits::PERIOD
                )));
            }
        }
        match (one, stem, periods.as_slice()) {
            (Some(make), _, [n]) => Ok(make(*n)),
            (Some(_), _, []) => Err(fail(format!("it needs its period: write {stem}_20"))),
            (Some(_), ..) => Err(fail(format!("it has one period: write {stem}_20"))),
            (None, "macd", []) => Ok(Self::MACD),
            (None, "macd", [fast, slow, signal]) if fast < slow => {
                Ok(Kind::Macd { fast: *fast, slow: *slow, signal: *signal })
            }
            (None, "macd", [_, _, _]) => Err(fail("the first period must be less than the second".into())),
            (None, "macd", _) => Err(fail("write macd, or all three periods: macd_12_26_9".into())),
            (None, "stoch", []) => Ok(Self::STOCHASTIC),
            (None, "stoch", [k, slow, d]) => Ok(Kind::Stochastic { k: *k, slow: *slow, d: *d }),
            (None, "stoch", _) => Err(fail("write stoch, or all three periods: stoch_14_3_3".into())),
            (None, "vwap_session", []) => Ok(Kind::SessionVwap),
            (None, "obv", []) => Ok(Kind::Obv),
            _ => Err(unknown()),
        }
    }

    /// The one spelling of this indicator.
    pub(crate) fn name(self) -> String {
        match self {
            Kind::Sma(n) => format!("sma_{n}"),
            Kind::Ema(n) => format!("ema_{n}"),
            Kind::Wma(n) => format!("wma_{n}"),
            Kind::Rma(n) => format!("rma_{n}"),
            Kind::Rsi(n) => format!("rsi_{n}"),
            Kind::Macd { .. } | Kind::Stochastic { .. } => {
                self.columns().swap_remove(0).replacen("_k", "", 1)
            }
            Kind::Roc(n) => format!("roc_{n}"),
            Kind::Cci(n) => format!("cci_{n}"),
            Kind::WilliamsR(n) => format!("willr_{n}"),
            Kind::Bollinger(n) => format!("bollinger_{n}"),
            Kind::PercentB(n) => format!("percent_b_{n}"),
            Kind::BollingerWidth(n) => format!("bb_width_{n}"),
            Kind::Atr(n) => format!("atr_{n}"),
            Kind::Stddev(n) => format!("stddev_{n}"),
            Kind::RealisedVol(n) => format!("realised_vol_{n}"),
            Kind::Parkinson(n) => format!("parkinson_{n}"),
            Kind::GarmanKlass(n) => format!("garman_klass_{n}"),
            Kind::Vwap(n) => format!("vwap_{n}"),
            Kind::SessionVwap => "vwap_session".into(),
            Kind::Obv => "obv".into(),
            Kind::Mfi(n) => format!("mfi_{n}"),
            Kind::Adx(n) => format!("adx_{n}"),
            Kind::VolumeZ(n) => format!("volume_z_{n}"),
            Kind::Imbalance(n) => format!("imbalance_{n}"),
        }
    }

    /// The columns it fills, in order.
    pub(crate) fn columns(self) -> Vec<String> {
        match self {
            Self::MACD => ["macd", "macd_signal", "macd_hist"].map(String::from).to_vec(),
            Kind::Macd { fast, slow, signal } => {
                ["macd", "macd_signal", "macd_hist"].map(|c| format!("{c}_{fast}_{slow}_{signal}")).to_vec()
            }
            Self::STOCHASTIC => ["stoch_k", "stoch_d"].map(String::from).to_vec(),
            Kind::Stochastic { k, slow, d } => {
                ["stoch_k", "stoch_d"].map(|c| format!("{c}_{k}_{slow}_{d}")).to_vec()
            }
            Kind::Bollinger(n) => ["bb_upper", "bb_middle", "bb_lower"].map(|c| format!("{c}_{n}")).to_vec(),
            one => vec![one.name()],
        }
    }

    /// Bars until its first value, that bar included.
    pub(crate) fn bars(self) -> usize {
        match self {
            Kind::Sma(n)
            | Kind::Ema(n)
            | Kind::Wma(n)
            | Kind::Rma(n)
            | Kind::Cci(n)
            | Kind::WilliamsR(n)
            | Kind::Bollinger(n)
            | Kind::PercentB(n)
            | Kind::BollingerWidth(n)
            | Kind::Stddev(n)
            | Kind::Parkinson(n)
            | Kind::GarmanKlass(n)
            | Kind::Vwap(n)
            | Kind::VolumeZ(n) => n,
            Kind::Rsi(n)
            | Kind::Roc(n)
            | Kind::Atr(n)
            | Kind::RealisedVol(n)
            | Kind::Mfi(n)
            | Kind::Imbalance(n) => n + 1,
            Kind::Macd { slow, signal, .. } => slow + signal - 1,
            Kind::Stochastic { k, slow, d } => k + slow + d - 2,
            Kind::Adx(n) => 2 * n,
            Kind::SessionVwap | Kind::Obv => 1,
        }
    }

    /// Bars of history its value is computed from; recursive indicators keep state of their own beside it.
    pub(crate) fn window(self) -> usize {
        if self.is_recursive() { 2 } else { self.bars() }
    }

    /// True when its value depends on more than its last [`Kind::bars`] bars.
    pub(crate) fn is_recursive(self) -> bool {
        matches!(
            self,
            Kind::Ema(_)
                | Kind::Rma(_)
                | Kind::Rsi(_)
                | Kind::Macd { .. }
                | Kind::Atr(_)
                | Kind::Adx(_)
                | Kind::SessionVwap
                | Kind::Obv
        )
    }

    /// Bars after which it has forgotten where it started, to 1e-9 of its size. `session` = bars in the longest session.
    /// OBV is a sum since the beginning and never forgets: only its change is a feature.
    pub(crate) fn settle(self, session: usize) -> usize {
        match self {
            Kind::Ema(n) => 11 * n,
            Kind::Rma(n) | Kind::Rsi(n) | Kind::Atr(n) => 20 * n,
            Kind::Adx(n) => 40 * n,
            Kind::Macd { slow, signal, .. } => 11 * (slow + signal),
            Kind::SessionVwap => session,
            finite => finite.bars(),
        }
    }
}

/// Splits `garman_klass_20` into its stem and periods. Periods have no leading zero and at most six digits.
fn split(name: &str) -> Option<(&str, Vec<usize>)> {
    let mut stem = name;
    let mut periods = Vec::new();
    while let Some((head, tail)) = stem.rsplit_once('_') {
        if tail.is_empty() || tail.len() > 6 || !tail.bytes().all(|b| b.is_ascii_digit()) {
            break;
        }
        if tail.starts_with('0') && tail.len() > 1 {
            return None;
        }
        periods.insert(0, tail.parse().ok()?);
        stem = head;
    }
    Some((stem, periods))
}

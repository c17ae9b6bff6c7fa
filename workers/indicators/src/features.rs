//! `features::v1`: the model's vector. Every entry is free of units, so price x 10 or volume x 10 leaves it unchanged,
//! and none is a sum since the beginning.
//!
//! Order: the entries every schema has, then those of the manifest's indicators, in its order. An entry that comes twice
//! (`bb_middle_20` is `sma_20`) is there once. From bar `warmup_bars` on every entry is a finite number; where one is
//! undefined at a bar it takes its neutral value:
//!
//! | entry | undefined where | neutral |
//! |---|---|---|
//! | place of the close in the bar's range, `percent_b` | the range is zero | 0.5 |
//! | volume z-scores | the volume is zero or does not change | 0 |
//! | imbalance, OBV flow, ln(close/vwap) | no volume was traded | 0 |
//! | `rsi`, `mfi` | (answered by the indicator: flat is 50) | 50 |
//! | ln(close/x) of a band | the band is not above zero | 0 |
//! | anything else | prices overflowed | 0 |

use std::f64::consts::TAU;

use market::Span;
use sha2::{Digest, Sha256};

use crate::{
    Calendar, IndicatorSet,
    history::History,
    indicator::{obv, volatility, volume},
    kind::Kind,
    limits::GAP_BARS,
};

/// Lags of the log returns, in bars.
const RETURNS: [usize; 6] = [1, 2, 3, 5, 10, 20];
/// Period of everything that every schema has, in bars.
const N: usize = 20;
const DAY: i64 = 86_400_000_000;

/// How an entry is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Formula {
    Return(usize),
    RealisedVol,
    ClosePlace,
    Range,
    Body,
    LnVolumeZ,
    Imbalance,
    TimeSin,
    TimeCos,
    BarsSinceGap,
    ObvFlow,
    /// ln(close / column).
    Level(usize),
    /// column / close.
    OverClose(usize),
    /// The column as it is, or a neutral value where it is absent.
    Plain(usize, f64),
}

/// What the model sees, in order, with a hash that says so.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSchema {
    entries: Vec<String>,
    formulas: Vec<Formula>,
    hash: u64,
    warmup: usize,
    settle: usize,
}

/// What an entry may be computed from.
pub(crate) struct Moment<'a> {
    pub history: &'a History,
    pub columns: &'a [Option<f64>],
    /// Local time of day of the bar's end, as a fraction of a day.
    pub time_of_day: f64,
}

impl FeatureSchema {
    /// The schema of a manifest's indicators over bars of one size.
    pub fn v1(set: &IndicatorSet, bar: Span, calendar: &Calendar) -> Self {
        let calendar_name = calendar.describe(bar);
        let mut all: Vec<(String, Formula)> = RETURNS
            .iter()
            .map(|k| (format!("ln(close/close[{k}])"), Formula::Return(*k)))
            .chain([
                (format!("realised_vol(close,{N})"), Formula::RealisedVol),
                ("(close-low)/(high-low)".into(), Formula::ClosePlace),
                ("(high-low)/close".into(), Formula::Range),
                ("(close-open)/close".into(), Formula::Body),
                (format!("zscore(ln(volume),{N})"), Formula::LnVolumeZ),
                (format!("imbalance(close,volume,{N})"), Formula::Imbalance),
                (format!("sin(2*pi*time_of_day({calendar_name}))"), Formula::TimeSin),
                (format!("cos(2*pi*time_of_day({calendar_name}))"), Formula::TimeCos),
                (format!("min(bars_since_gap({calendar_name}),{GAP_BARS})"), Formula::BarsSinceGap),
            ])
            .collect();
        let mut column = 0;
        for kind in set.kinds() {
            for (canonical, formula) in entries_of(*kind, column, &calendar_name) {
                if all.iter().all(|(seen, _)| *seen != canonical) {
                    all.push((canonical, formula));
                }
            }
            column += kind.columns().len();
        }
        let warmup = set.kinds().iter().map(|k| k.bars()).max().unwrap_or(0).max(N + 1);
        let session = (DAY / bar.micros()).max(1) as usize;
        let settle = set
            .kinds()
            .iter()
            .filter(|k| **k != Kind::Obv)
            .map(|k| k.settle(session))
            .max()
            .unwrap_or(0)
            .max(warmup);
        let (entries, formulas): (Vec<String>, Vec<Formula>) = all.into_iter().unzip();
        let hash = hash_of(&entries);
        Self { entries, formulas, hash, warmup, settle }
    }

    /// Canonical strings, one an entry: `ln(close/sma(close,20))`.
    pub fn entries(&self) -> &[String] {
        &self.entries
    }

    /// The first 8 bytes (big-endian) of the SHA-256 over the canonical strings, each followed by a newline.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The number of the first bar (from 1) with a vector: the longest warm-up of any entry.
    pub fn warmup_bars(&self) -> usize {
        self.warmup
    }

    /// Bars after which a vector has forgotten where the engine started, to 1e-9. A reader that wants the vectors from
    /// some bar on feeds this many bars before it.
    pub fn settle_bars(&self) -> usize {
        self.settle
    }

    /// True for an entry that follows from the calendar alone: drift in it means nothing.
    pub fn is_calendar(&self, entry: usize) -> bool {
        matches!(self.formulas.get(entry), Some(Formula::TimeSin | Formula::TimeCos | Formula::BarsSinceGap))
    }

    /// Bars of history the formulas look at.
    pub(crate) fn window(&self) -> usize {
        N + 1
    }

    pub(crate) fn vector(&self, moment: &Moment<'_>) -> Option<Vec<f64>> {
        self.formulas.iter().map(|f| f.value(moment)).collect()
    }
}

impl Formula {
    /// The entry's value, its neutral value where it is undefined; `None` only where no bar is there at all.
    fn value(self, at: &Moment<'_>) -> Option<f64> {
        let now = at.history.back(0)?;
        let column = |i: usize| at.columns.get(i).copied().flatten();
        let (value, neutral) = match self {
            Formula::Return(k) => (at.history.back(k).map(|then| libm::log(now.close / then.close)), 0.0),
            Formula::RealisedVol => (volatility::realised(at.history, N), 0.0),
            Formula::ClosePlace => {
                ((now.high > now.low).then(|| (now.close - now.low) / (now.high - now.low)), 0.5)
            }
            Formula::Range => (Some((now.high - now.low) / now.close), 0.0),
            Formula::Body => (Some((now.close - now.open) / now.close), 0.0),
            Formula::LnVolumeZ => (volume::ln_z_score(at.history, N), 0.0),
            Formula::Imbalance => (volume::imbalance(at.history, N), 0.0),
            Formula::TimeSin => (Some(libm::sin(TAU * at.time_of_day)), 0.0),
            Formula::TimeCos => (Some(libm::cos(TAU * at.time_of_day)), 1.0),
            Formula::BarsSinceGap => {
                let bars = (0..GAP_BARS).find(|back| at.history.back(*back).is_none_or(|s| s.gap));
                (Some(bars.unwrap_or(GAP_BARS) as f64), 0.0)
            }
            Formula::ObvFlow => (obv::flow(at.history, N), 0.0),
            Formula::Level(i) => (column(i).filter(|x| *x > 0.0).map(|x| libm::log(now.close / x)), 0.0),
            Formula::OverClose(i) => (column(i).map(|x| x / now.close), 0.0),
            Formula::Plain(i, neutral) => (column(i), neutral),
        };
        Some(value.filter(|v| v.is_finite()).unwrap_or(neutral))
    }
}

/// The entries that an indicator with its first column at `at` gives.
fn entries_of(kind: Kind, at: usize, calendar: &str) -> Vec<(String, Formula)> {
    let level = |x: String, i: usize| (format!("ln(close/{x})"), Formula::Level(at + i));
    let over_close = |x: String, i: usize| (format!("{x}/close"), Formula::OverClose(at + i));
    let plain = |x: String, neutral: f64| (x, Formula::Plain(at, neutral));
    match kind {
        Kind::Sma(n) => vec![level(format!("sma(close,{n})"), 0)],
        Kind::Ema(n) => vec![level(format!("ema(close,{n})"), 0)],
        Kind::Wma(n) => vec![level(format!("wma(close,{n})"), 0)],
        Kind::Rma(n) => vec![level(format!("rma(close,{n})"), 0)],
        Kind::Vwap(n) => vec![level(format!("vwap({n})"), 0)],
        Kind::SessionVwap => vec![level(format!("vwap(session {calendar})"), 0)],
        Kind::Bollinger(n) => vec![
            level(format!("bb_upper(close,{n},2)"), 0),
            level(format!("sma(close,{n})"), 1),
            level(format!("bb_lower(close,{n},2)"), 2),
        ],
        Kind::Macd { fast, slow, signal } => ["macd", "macd_signal", "macd_hist"]
            .iter()
            .enumerate()
            .map(|(i, c)| over_close(format!("{c}(close,{fast},{slow},{signal})"), i))
            .collect(),
        Kind::Atr(n) => vec![over_close(format!("atr({n})"), 0)],
        Kind::Stddev(n) => vec![over_close(format!("stddev(close,{n})"), 0)],
        Kind::Stochastic { k, slow, d } => vec![
            (format!("stoch_k({k},{slow},{d})"), Formula::Plain(at, 0.0)),
            (format!("stoch_d({k},{slow},{d})"), Formula::Plain(at + 1, 0.0)),
        ],
        Kind::Obv => vec![(format!("(obv-obv[{N}])/sum(volume,{N})"), Formula::ObvFlow)],
        Kind::Rsi(n) => vec![plain(format!("rsi(close,{n})"), 50.0)],
        Kind::Mfi(n) => vec![plain(format!("mfi({n})"), 50.0)],
        Kind::PercentB(n) => vec![plain(format!("percent_b(close,{n},2)"), 0.5)],
        Kind::BollingerWidth(n) => vec![plain(format!("bb_width(close,{n},2)"), 0.0)],
        Kind::Roc(n) => vec![plain(format!("roc(close,{n})"), 0.0)],
        Kind::Cci(n) => vec![plain(format!("cci({n})"), 0.0)],
        Kind::WilliamsR(n) => vec![plain(format!("willr({n})"), 0.0)],
        Kind::Adx(n) => vec![plain(format!("adx({n})"), 0.0)],
        Kind::RealisedVol(n) => vec![plain(format!("realised_vol(close,{n})"), 0.0)],
        Kind::Parkinson(n) => vec![plain(format!("parkinson({n})"), 0.0)],
        Kind::GarmanKlass(n) => vec![plain(format!("garman_klass({n})"), 0.0)],
        Kind::VolumeZ(n) => vec![plain(format!("zscore(volume,{n})"), 0.0)],
        Kind::Imbalance(n) => vec![plain(format!("imbalance(close,volume,{n})"), 0.0)],
    }
}

fn hash_of(entries: &[String]) -> u64 {
    let mut hasher = Sha256::new();
    for e in entries {
        hasher.update(e.as_bytes());
        hasher.update(b"\n");
    }
    let digest: [u8; 32] = hasher.finalize().into();
    digest.first_chunk::<8>().map_or(0, |head| u64::from_be_bytes(*head))
}

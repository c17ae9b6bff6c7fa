//! The indicators, one file each or one a close family. Finite windows are functions of the [`History`]; recursive ones
//! are small states beside it.

pub(crate) mod adx;
pub(crate) mod atr;
pub(crate) mod bollinger;
pub(crate) mod cci;
pub(crate) mod ema;
pub(crate) mod macd;
pub(crate) mod mfi;
pub(crate) mod obv;
pub(crate) mod roc;
pub(crate) mod rsi;
pub(crate) mod sma;
pub(crate) mod stochastic;
pub(crate) mod volatility;
pub(crate) mod volume;
pub(crate) mod vwap;
pub(crate) mod wma;

use adx::Adx;
use atr::Atr;
use ema::RecursiveMean;
use macd::Macd;
use market::Timestamp;
use obv::Obv;
use rsi::Rsi;
use vwap::SessionVwap;

use crate::{CorruptState, history::History, kind::Kind};

/// What an indicator keeps beside the history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    Finite,
    Mean(RecursiveMean),
    Rsi(Rsi),
    Macd(Macd),
    Atr(Atr),
    Adx(Adx),
    SessionVwap(SessionVwap),
    Obv(Obv),
}

/// One indicator at work on one symbol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Running {
    kind: Kind,
    state: State,
}

impl Running {
    pub(crate) fn new(kind: Kind) -> Self {
        let state = match kind {
            Kind::Ema(n) => State::Mean(RecursiveMean::ema(n)),
            Kind::Rma(n) => State::Mean(RecursiveMean::rma(n)),
            Kind::Rsi(n) => State::Rsi(Rsi::new(n)),
            Kind::Macd { fast, slow, signal } => State::Macd(Macd::new(fast, slow, signal)),
            Kind::Atr(n) => State::Atr(Atr::new(n)),
            Kind::Adx(n) => State::Adx(Adx::new(n)),
            Kind::SessionVwap => State::SessionVwap(SessionVwap::new()),
            Kind::Obv => State::Obv(Obv::new()),
            _ => State::Finite,
        };
        Self { kind, state }
    }

    /// Takes the newest bar of the history. A state that a hostile price drove to infinity starts again.
    pub(crate) fn push(&mut self, history: &History, session_start: Timestamp) {
        let Some(now) = history.back(0) else { return };
        let finite = match &mut self.state {
            State::Finite => true,
            State::Mean(s) => {
                s.push(now.close);
                s.is_finite()
            }
            State::Rsi(s) => {
                s.push(history);
                s.is_finite()
            }
            State::Macd(s) => {
                s.push(now.close);
                s.is_finite()
            }
            State::Atr(s) => {
                s.push(history);
                s.is_finite()
            }
            State::Adx(s) => {
                s.push(history);
                s.is_finite()
            }
            State::SessionVwap(s) => {
                s.push(now, session_start);
                s.is_finite()
            }
            State::Obv(s) => {
                s.push(history);
                s.is_finite()
            }
        };
        if !finite {
            *self = Self::new(self.kind);
        }
    }

    /// Appends one value a column, absent until warm and where undefined.
    pub(crate) fn values(&self, history: &History, out: &mut Vec<Option<f64>>) {
        let one = match (&self.state, self.kind) {
            (State::Mean(s), _) => s.value(),
            (State::Rsi(s), _) => s.value(),
            (State::Atr(s), _) => s.value(),
            (State::Adx(s), _) => s.value(),
            (State::SessionVwap(s), _) => s.value(),
            (State::Obv(s), _) => (history.len() > 0).then(|| s.value()),
            (State::Macd(s), _) => return spread(s.values(), out),
            (State::Finite, Kind::Stochastic { k, slow, d }) => {
                return spread(stochastic::stochastic(history, k, slow, d), out);
            }
            (State::Finite, Kind::Bollinger(n)) => return spread(bollinger::bands(history, n), out),
            (State::Finite, kind) => finite(history, kind),
        };
        out.push(one.filter(|v| v.is_finite()));
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match &self.state {
            State::Finite => {}
            State::Mean(s) => s.encode(out),
            State::Rsi(s) => s.encode(out),
            State::Macd(s) => s.encode(out),
            State::Atr(s) => s.encode(out),
            State::Adx(s) => s.encode(out),
            State::SessionVwap(s) => s.encode(out),
            State::Obv(s) => s.encode(out),
        }
    }

    pub(crate) fn decode(kind: Kind, bytes: &mut &[u8]) -> Result<Self, CorruptState> {
        let mut new = Self::new(kind);
        match &mut new.state {
            State::Finite => Ok(()),
            State::Mean(s) => s.restore(bytes),
            State::Rsi(s) => s.restore(bytes),
            State::Macd(s) => s.restore(bytes),
            State::Atr(s) => s.restore(bytes),
            State::Adx(s) => s.restore(bytes),
            State::SessionVwap(s) => s.restore(bytes),
            State::Obv(s) => s.restore(bytes),
        }?;
        Ok(new)
    }
}

fn spread<const N: usize>(values: Option<[f64; N]>, out: &mut Vec<Option<f64>>) {
    match values {
        Some(values) => out.extend(values.map(|v| v.is_finite().then_some(v))),
        None => out.extend([None; N]),
    }
}

fn finite(history: &History, kind: Kind) -> Option<f64> {
    match kind {
        Kind::Sma(n) => history.last(n).map(|bars| sma::mean(bars.map(|s| s.close))),
        Kind::Wma(n) => wma::value(history, n),
        Kind::Roc(n) => roc::value(history, n),
        Kind::Cci(n) => cci::value(history, n),
        Kind::WilliamsR(n) => stochastic::williams_r(history, n),
        Kind::PercentB(n) => bollinger::percent_b(history, n),
        Kind::BollingerWidth(n) => bollinger::width(history, n),
        Kind::Stddev(n) => history.last(n).map(|bars| sma::mean_and_deviation(bars.map(|s| s.close)).1),
        Kind::RealisedVol(n) => volatility::realised(history, n),
        Kind::Parkinson(n) => volatility::parkinson(history, n),
        Kind::GarmanKlass(n) => volatility::garman_klass(history, n),
        Kind::Vwap(n) => vwap::rolling(history, n),
        Kind::Mfi(n) => mfi::value(history, n),
        Kind::VolumeZ(n) => volume::z_score(history, n),
        Kind::Imbalance(n) => volume::imbalance(history, n),
        // More than one column, or a state of their own: answered by the caller.
        Kind::Ema(_)
        | Kind::Rma(_)
        | Kind::Rsi(_)
        | Kind::Macd { .. }
        | Kind::Stochastic { .. }
        | Kind::Bollinger(_)
        | Kind::Atr(_)
        | Kind::SessionVwap
        | Kind::Obv
        | Kind::Adx(_) => None,
    }
}

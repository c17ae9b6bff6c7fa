//! The rules on values that both decoders share.

use std::borrow::Cow;

use super::DecodeRules;
use crate::{Ohlcv, Reason, Symbol, Tick, Timestamp};

/// 2^63: the first volume that is refused.
const VOLUME_END: f64 = 9_223_372_036_854_775_808.0;

/// A record with every required key, each of the right type.
#[derive(Debug, PartialEq)]
pub(super) struct Fields<'a> {
    pub symbol: Cow<'a, str>,
    /// `None` where the text is no instant of a tick.
    pub ts: Option<Timestamp>,
    pub prices: Ohlcv,
    pub id: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    /// Verdicts 6 to 10.
    #[inline(always)]
    pub(super) fn judge(self, rules: DecodeRules) -> Result<Tick<'a>, Reason> {
        let Fields { symbol, ts, mut prices, id } = self;
        if !symbol_is_valid(&symbol) {
            return Err(Reason::SymbolInvalid);
        }
        let ts = ts.ok_or(Reason::BadTimestamp)?;
        let Ohlcv { open, high, low, close, volume } = prices;
        if open <= 0.0 || high <= 0.0 || low <= 0.0 || close <= 0.0 {
            return Err(Reason::NotPositive);
        }
        if !(0.0..VOLUME_END).contains(&volume) {
            return Err(Reason::NegativeVolume);
        }
        if !rules.allow_ohlc_disorder && (low > open.min(close) || open.max(close) > high) {
            return Err(Reason::OhlcOrder);
        }
        // -0.0 becomes 0.0, so that equal volumes have equal bits.
        prices.volume = volume + 0.0;
        Ok(Tick { symbol, ts, prices, id })
    }
}

/// [`Symbol::is_valid`] with a short way for the letters and digits of nearly every symbol.
#[inline]
fn symbol_is_valid(symbol: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic();
    (1..=16).contains(&symbol.len()) && symbol.bytes().all(plain) || Symbol::is_valid(symbol)
}

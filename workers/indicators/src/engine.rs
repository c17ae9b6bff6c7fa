//! One symbol's bars of one size, one at a time.
//!
//! ```text
//! state = version u8 | configuration u64 | last bar's end u8 flag, i64 | history | recursive indicators, in order
//! ```
//! The configuration is a hash over everything that gives the bytes their meaning: a state of another manifest is refused,
//! never misread.

use std::sync::Arc;

use market::{Span, Timestamp};
use sha2::{Digest, Sha256};

use crate::{
    Bar, Calendar, CorruptState, FeatureSchema, IndicatorSet, codec,
    features::Moment,
    history::{History, Sample},
    indicator::Running,
    kind::Kind,
};

/// Version of the encoded state.
const STATE_VERSION: u8 = 1;

/// What engines of one bar size compute. Shared by all symbols.
#[derive(Debug, Clone, PartialEq)]
pub struct BarEngineSpec {
    set: IndicatorSet,
    schema: FeatureSchema,
    bar: Span,
    calendar: Calendar,
    /// Bars of history a symbol needs.
    window: usize,
    needs_session: bool,
    fingerprint: u64,
}

impl BarEngineSpec {
    /// What a manifest's indicators ask for over bars of one size.
    pub fn new(set: IndicatorSet, bar: Span, calendar: Calendar) -> Self {
        let schema = FeatureSchema::v1(&set, bar, &calendar);
        let window = set.kinds().iter().map(|k| k.window()).max().unwrap_or(0).max(schema.window());
        let needs_session = set.kinds().contains(&Kind::SessionVwap);
        let text =
            format!("{}\n{bar}\n{}\n{:016x}", set.names().join(","), calendar.describe(bar), schema.hash());
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let fingerprint = digest.first_chunk::<8>().map_or(0, |head| u64::from_be_bytes(*head));
        Self { set, schema, bar, calendar, window, needs_session, fingerprint }
    }

    /// The indicators.
    pub fn set(&self) -> &IndicatorSet {
        &self.set
    }

    /// The features.
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// The bar size.
    pub fn bar(&self) -> Span {
        self.bar
    }

    /// The calendar.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }
}

/// Everything computed from one symbol's bars of one size.
#[derive(Debug, Clone)]
pub struct BarEngine {
    spec: Arc<BarEngineSpec>,
    last_end: Option<Timestamp>,
    /// Bars seen, up to the schema's warm-up.
    seen: u32,
    history: History,
    indicators: Vec<Running>,
}

/// What one bar gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Computed {
    /// One entry a column of the set, absent until warm and where undefined; never NaN.
    pub indicators: Vec<Option<f64>>,
    /// The model's vector: absent until warm, afterwards every entry is finite.
    pub features: Option<Vec<f64>>,
}

impl BarEngine {
    /// An engine that has seen nothing.
    pub fn new(spec: Arc<BarEngineSpec>) -> Self {
        let history = History::new(spec.window);
        let indicators = spec.set.kinds().iter().map(|k| Running::new(*k)).collect();
        Self { spec, last_end: None, seen: 0, history, indicators }
    }

    /// Takes the next bar. Bars come in order of their start, each once; prices are finite and positive.
    pub fn push(&mut self, bar: &Bar) -> Computed {
        let spec = Arc::clone(&self.spec);
        let gap = self.last_end.is_some_and(|end| bar.end > spec.calendar.advance(end, 1, spec.bar));
        if !self.history.push(Sample::new(bar, gap)) {
            return Computed { indicators: vec![None; spec.set.columns().len()], features: None };
        }
        self.last_end = Some(bar.end);
        self.seen = self.seen.saturating_add(1).min(spec.schema.warmup_bars() as u32);
        let session_start = if spec.needs_session {
            spec.calendar.session_start(Timestamp::from_micros(bar.end.micros().saturating_sub(1)), spec.bar)
        } else {
            Timestamp::MIN
        };
        let mut columns = Vec::with_capacity(spec.set.columns().len());
        for indicator in &mut self.indicators {
            indicator.push(&self.history, session_start);
            indicator.values(&self.history, &mut columns);
        }
        let warm = self.seen as usize >= spec.schema.warmup_bars();
        let features = warm.then(|| {
            let time_of_day = spec.calendar.time_of_day(bar.end, spec.bar);
            spec.schema.vector(&Moment { history: &self.history, columns: &columns, time_of_day })
        });
        Computed { indicators: columns, features: features.flatten() }
    }

    /// Appends the state.
    pub fn encode(&self, out: &mut Vec<u8>) {
        codec::put_u8(out, STATE_VERSION);
        codec::put_u64(out, self.spec.fingerprint);
        codec::put_u8(out, u8::from(self.last_end.is_some()));
        codec::put_u64(out, self.last_end.unwrap_or_default().micros() as u64);
        codec::put_u32(out, self.seen);
        self.history.encode(out);
        for indicator in &self.indicators {
            indicator.encode(out);
        }
    }

    /// Takes a state off the front of `bytes` and leaves the rest.
    pub fn decode(spec: Arc<BarEngineSpec>, bytes: &mut &[u8]) -> Result<Self, CorruptState> {
        if codec::u8(bytes)? != STATE_VERSION {
            return Err(CorruptState("its version is unknown"));
        }
        if codec::u64(bytes)? != spec.fingerprint {
            return Err(CorruptState("it was written for other indicators, another bar or another calendar"));
        }
        let has_end = match codec::u8(bytes)? {
            0 => false,
            1 => true,
            _ => return Err(CorruptState("a flag is neither 0 nor 1")),
        };
        let end = Timestamp::from_micros(codec::u64(bytes)? as i64);
        let seen = codec::u32(bytes)?;
        if seen as usize > spec.schema.warmup_bars() {
            return Err(CorruptState("it has seen more bars than it counts"));
        }
        let history = History::decode(spec.window, bytes)?;
        let indicators =
            spec.set.kinds().iter().map(|k| Running::decode(*k, bytes)).collect::<Result<_, _>>()?;
        Ok(Self { spec, last_end: has_end.then_some(end), seen, history, indicators })
    }

    /// Bytes of memory held, about: what a budget is charged with.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() + self.history.bytes() + self.indicators.len() * size_of::<Running>()
    }
}

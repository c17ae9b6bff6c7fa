//! The configuration that decides *what* is computed, and its hash.

use std::collections::BTreeSet;

use indicators::{Calendar, IndicatorSet};
use market::Span;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{InvalidSemantics, limits};

/// Version of what this program computes from a log. It is part of every semantics hash: raise it whenever the same
/// records would give other verdicts, rows or T.
pub const SEMANTICS_VERSION: u32 = 1;

/// A sliding window of event time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSpec {
    /// Name of its rows.
    pub name: String,
    /// Length.
    pub size: Span,
    /// Distance between starts; divides `size`.
    pub slide: Span,
}

/// What makes two ticks copies of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DedupBy {
    /// By id where a tick has one, else by payload.
    #[default]
    Auto,
    /// Same symbol, ts and parsed values; ids are not looked at.
    Payload,
    /// Same symbol and id; a tick without id is never a copy.
    Id,
    /// Nothing is.
    None,
}

/// How copies are recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dedup {
    /// By what.
    pub by: DedupBy,
    /// Accepted ticks remembered, over the whole topic.
    pub max_entries: u64,
    /// How far behind `max_ts` a tick is remembered; absent: longest window or bar, at most 10 min, + watermark.
    pub horizon: Option<Span>,
}

impl Default for Dedup {
    fn default() -> Self {
        Self { by: DedupBy::Auto, max_entries: 1_000_000, horizon: None }
    }
}

/// Everything that decides what a log means. Two partitions with equal semantics and equal logs are equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Semantics {
    /// What a record covers: [ts, ts + tick_span). Absent: an instant.
    pub tick_span: Option<Span>,
    /// How far the watermark stays behind the newest tick.
    pub watermark: Span,
    /// How far a tick may be ahead of its record time.
    pub max_future: Span,
    /// Copies.
    pub dedup: Dedup,
    /// `validation.ohlcOrder: Warn`.
    pub allow_ohlc_disorder: bool,
    /// Most symbols of one partition.
    pub max_symbols: u32,
    /// Partitions of the topic.
    pub partitions: u32,
    /// Sliding windows.
    pub windows: Vec<WindowSpec>,
    /// Bar sizes.
    pub bars: Vec<Span>,
    /// Indicators of every bar size, as in the manifest.
    pub indicators: Vec<String>,
    /// Market time of bars.
    pub calendar: Calendar,
    /// The record key is the symbol.
    pub keyed: bool,
}

/// The manifest's defaults, for one partition.
impl Default for Semantics {
    fn default() -> Self {
        let window = |name: &str, size, slide| WindowSpec {
            name: name.to_owned(),
            size: Span::from_secs(size),
            slide: Span::from_secs(slide),
        };
        Self {
            tick_span: None,
            watermark: Span::from_secs(5),
            max_future: Span::from_secs(10),
            dedup: Dedup::default(),
            allow_ohlc_disorder: false,
            max_symbols: 1000,
            partitions: 1,
            windows: vec![window("sma_5", 15, 5), window("sma_20", 60, 15)],
            bars: vec![Span::from_secs(5), Span::from_secs(60)],
            indicators: vec!["default".to_owned()],
            calendar: Calendar::default(),
            keyed: true,
        }
    }
}

impl Semantics {
    /// Checks every limit. A valid configuration never fails later.
    pub fn validate(&self) -> Result<(), InvalidSemantics> {
        if self.windows.len() > limits::WINDOWS {
            return Err(InvalidSemantics::TooManyWindows(self.windows.len()));
        }
        if self.bars.len() > limits::BARS {
            return Err(InvalidSemantics::TooManyBars(self.bars.len()));
        }
        let mut names = BTreeSet::new();
        for WindowSpec { name, size, slide } in &self.windows {
            let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
            // A name of dots alone would climb out of a directory.
            if name.is_empty()
                || name.len() > limits::NAME_BYTES
                || name.starts_with('.')
                || !name.bytes().all(legal)
            {
                return Err(InvalidSemantics::Name(name.chars().take(limits::NAME_BYTES).collect()));
            }
            let (name, size, slide) = (name.clone(), *size, *slide);
            if size.micros() % slide.micros() != 0 {
                return Err(InvalidSemantics::Slide { name, size, slide });
            }
            if size.micros() / slide.micros() > limits::PANES {
                return Err(InvalidSemantics::Panes { name, size, slide });
            }
            if !names.insert(name.clone()) {
                return Err(InvalidSemantics::Repeated(name));
            }
        }
        for bar in &self.bars {
            if let Some(tick_span) = self.tick_span.filter(|t| t > bar) {
                return Err(InvalidSemantics::BarBelowTick { bar: *bar, tick_span });
            }
            if !names.insert(bar.to_string()) {
                return Err(InvalidSemantics::Repeated(bar.to_string()));
            }
        }
        let spans = [
            ("source.tickSpan", self.tick_span),
            ("features.watermark", Some(self.watermark)),
            ("features.maxFuture", Some(self.max_future)),
            ("features.dedup.horizon", self.dedup.horizon),
        ];
        let spans = spans.into_iter().filter_map(|(field, span)| Some((field.to_owned(), span?)));
        let windows = self.windows.iter().map(|w| (format!("features.windows {}", w.name), w.size));
        let bars = self.bars.iter().map(|b| ("features.bars".to_owned(), *b));
        if let Some((field, span)) = spans.chain(windows).chain(bars).find(|(_, span)| *span > limits::SPAN) {
            return Err(InvalidSemantics::TooLong { field, span });
        }
        for (field, value) in [
            ("features.maxSymbols", u64::from(self.max_symbols)),
            ("topic.partitions", u64::from(self.partitions)),
            ("features.dedup.maxEntries", self.dedup.max_entries),
        ] {
            if value == 0 {
                return Err(InvalidSemantics::Zero(field));
            }
        }
        IndicatorSet::parse(&self.indicators)?;
        Ok(())
    }

    /// SHA-256 in hex over the canonical form and [`SEMANTICS_VERSION`]. Spellings that mean the same (`default`
    /// written out) hash the same; invalid semantics hash as written.
    pub fn hash(&self) -> String {
        let mut canonical = self.clone();
        if let Ok(set) = IndicatorSet::parse(&self.indicators) {
            canonical.indicators = set.names();
        }
        canonical.dedup.horizon = Some(self.dedup_horizon());
        let mut hash = Sha256::new();
        hash.update(SEMANTICS_VERSION.to_le_bytes());
        hash.update(canonical.to_json().as_bytes());
        hex::encode(hash.finalize())
    }

    /// How far behind `max_ts` ticks are remembered for dedup.
    pub fn dedup_horizon(&self) -> Span {
        let longest = self.windows.iter().map(|w| w.size).chain(self.bars.iter().copied()).max();
        let auto = longest.unwrap_or(limits::AUTO_HORIZON).min(limits::AUTO_HORIZON);
        let micros = auto.micros().saturating_add(self.watermark.micros());
        self.dedup.horizon.or(Span::from_micros(micros)).unwrap_or(auto)
    }

    /// Accepted ticks that one partition remembers for dedup.
    pub fn dedup_entries(&self) -> usize {
        let share = (self.dedup.max_entries / u64::from(self.partitions.max(1))).max(1);
        usize::try_from(share.min(u64::from(u32::MAX / 2))).unwrap_or(usize::MAX)
    }

    /// The stored form. Field order is fixed, so equal semantics give equal bytes.
    pub(crate) fn to_json(&self) -> String {
        // A struct of strings, numbers and lists always has a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

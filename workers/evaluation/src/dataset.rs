//! Rows a model may learn from: features known at an instant, and the target that came after it.
//!
//! Rows stand in (symbol, as_of) order and carry nothing about the files they came from, so that compaction or another
//! batching of the stream changes neither them nor their hash.

use forest::Matrix;
use indicators::Calendar;
use market::{Span, Timestamp};
use sha2::{Digest, Sha256};

use crate::{Close, DatasetError, Label, Target, Volatility, targets};

/// One bar of a symbol with the vector computed at it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRow {
    /// End of the bar.
    pub end: Timestamp,
    /// Last price.
    pub close: f64,
    /// The model's vector; absent until warm. Such bars still end targets.
    pub features: Option<Vec<f64>>,
}

/// The bars of one symbol, ascending by end.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// The instrument.
    pub symbol: &'a str,
    /// Watermark of its partition: what may be looked at.
    pub watermark: Option<Timestamp>,
    /// Its bars.
    pub rows: &'a [SeriesRow],
}

/// What is asked of the bars.
#[derive(Debug, Clone, Copy)]
pub struct DatasetSpec<'a> {
    /// Calendar of the pipeline.
    pub calendar: &'a Calendar,
    /// Bar size.
    pub bar: Span,
    /// Bars ahead, each a column of targets.
    pub horizons: &'a [u32],
    /// First instant a row may have; earlier bars only settle indicators.
    pub from: Option<Timestamp>,
    /// The dataset is as known at this instant: neither rows nor outcomes after it exist.
    pub to: Option<Timestamp>,
    /// Length of every feature vector.
    pub features: usize,
    /// Position of the one-bar return in it: what the autoregressive rival looks at.
    pub return_column: usize,
}

/// What identifies and scales one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowKey {
    /// Index into [`Dataset::symbols`].
    pub symbol: u32,
    /// End of the bar.
    pub as_of: Timestamp,
    /// Close of the bar.
    pub close: f64,
    /// Volatility known at the bar, greater than 0.
    pub sigma: f64,
}

/// One matured row of one horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Row of [`Dataset::x`].
    pub row: usize,
    /// Index into [`Dataset::symbols`].
    pub symbol: u32,
    /// End of the bar.
    pub as_of: Timestamp,
    /// The instant it forecasts.
    pub target_ts: Timestamp,
    /// Close of the bar.
    pub close: f64,
    /// Volatility known at the bar, greater than 0.
    pub sigma: f64,
    /// One-bar return known at the bar, from the feature vector.
    pub ret_1: f64,
    /// Log return over the horizon.
    pub y: f64,
}

/// How many targets of a horizon ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LabelCounts {
    /// Usable.
    pub matured: usize,
    /// Nothing traded until the target.
    pub void: usize,
    /// Not yet known.
    pub pending: usize,
}

impl LabelCounts {
    /// Void share of the known ones.
    pub fn void_share(&self) -> f64 {
        let known = self.matured + self.void;
        if known == 0 { 0.0 } else { self.void as f64 / known as f64 }
    }
}

/// Position of the one-bar log return among the canonical strings of a feature schema.
pub fn return_column(entries: &[String]) -> Option<usize> {
    entries.iter().position(|entry| entry == "ln(close/close[1])")
}

/// Rows, features and targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    symbols: Vec<String>,
    horizons: Vec<u32>,
    keys: Vec<RowKey>,
    x: Matrix,
    labels: Vec<Vec<Target>>,
    return_column: usize,
}

impl Dataset {
    /// Makes rows of bars. A row exists where the vector does and its instant lies in [from, to].
    pub fn build(series: &[Series<'_>], spec: &DatasetSpec<'_>) -> Result<Self, DatasetError> {
        if spec.return_column >= spec.features {
            return Err(DatasetError::ReturnColumn { column: spec.return_column, features: spec.features });
        }
        let mut sorted: Vec<&Series<'_>> = series.iter().collect();
        sorted.sort_by_key(|s| s.symbol);
        let mut dataset = Dataset {
            symbols: Vec::with_capacity(sorted.len()),
            horizons: spec.horizons.to_vec(),
            keys: Vec::new(),
            x: Matrix::with_columns(spec.features),
            labels: vec![Vec::new(); spec.horizons.len()],
            return_column: spec.return_column,
        };
        for one in sorted {
            check(one, dataset.symbols.last(), spec.features)?;
            dataset.add(one, spec)?;
        }
        Ok(dataset)
    }

    fn add(&mut self, series: &Series<'_>, spec: &DatasetSpec<'_>) -> Result<(), DatasetError> {
        let symbol = self.symbols.len() as u32;
        self.symbols.push(series.symbol.to_owned());
        let known_to = match (series.watermark, spec.to) {
            (Some(watermark), Some(to)) => Some(watermark.min(to)),
            (watermark, _) => watermark,
        };
        let closes: Vec<Close> = series.rows.iter().map(|r| Close { end: r.end, close: r.close }).collect();
        let columns: Vec<Vec<Target>> =
            spec.horizons.iter().map(|&h| targets(&closes, spec.calendar, h, spec.bar, known_to)).collect();
        let mut volatility = Volatility::default();
        for (index, row) in series.rows.iter().enumerate() {
            let sigma = volatility.push(row.close);
            let inside =
                spec.from.is_none_or(|from| row.end >= from) && spec.to.is_none_or(|to| row.end <= to);
            let Some(features) = row.features.as_ref().filter(|_| inside) else { continue };
            self.x.push_row(features).map_err(|_| DatasetError::Width {
                symbol: series.symbol.to_owned(),
                at: row.end,
                found: features.len(),
                expected: spec.features,
            })?;
            self.keys.push(RowKey { symbol, as_of: row.end, close: row.close, sigma });
            for (labels, column) in self.labels.iter_mut().zip(&columns) {
                labels.push(column[index]);
            }
        }
        Ok(())
    }

    /// Symbols, ascending; those without a row included.
    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }

    /// Horizons in the order asked.
    pub fn horizons(&self) -> &[u32] {
        &self.horizons
    }

    /// Rows in (symbol, as_of) order.
    pub fn keys(&self) -> &[RowKey] {
        &self.keys
    }

    /// Features, one row a key.
    pub fn x(&self) -> &Matrix {
        &self.x
    }

    /// Targets of a horizon, one a row; empty for a horizon that was not asked for.
    pub fn labels(&self, horizon: u32) -> &[Target] {
        let column = self.horizons.iter().position(|&h| h == horizon);
        column.map_or(&[], |index| self.labels[index].as_slice())
    }

    /// The matured rows of a horizon, in (symbol, as_of) order.
    pub fn samples(&self, horizon: u32) -> Vec<Sample> {
        let row = |(row, (key, target)): (usize, (&RowKey, &Target))| match target.y {
            Label::Matured(y) => Some(Sample {
                row,
                symbol: key.symbol,
                as_of: key.as_of,
                target_ts: target.target_ts,
                close: key.close,
                sigma: key.sigma,
                ret_1: self.x.row(row)[self.return_column],
                y,
            }),
            Label::Void | Label::Pending => None,
        };
        self.keys.iter().zip(self.labels(horizon)).enumerate().filter_map(row).collect()
    }

    /// How the targets of a horizon ended.
    pub fn counts(&self, horizon: u32) -> LabelCounts {
        let mut counts = LabelCounts::default();
        for target in self.labels(horizon) {
            match target.y {
                Label::Matured(_) => counts.matured += 1,
                Label::Void => counts.void += 1,
                Label::Pending => counts.pending += 1,
            }
        }
        counts
    }

    /// Position of the one-bar return among the features.
    pub fn return_column(&self) -> usize {
        self.return_column
    }

    /// SHA-256 over the logical rows, lower-case hex.
    pub fn hash(&self, schema_hash: u64) -> String {
        let mut digest = Sha256::new();
        digest.update(b"stockpipe dataset 1");
        digest.update(schema_hash.to_le_bytes());
        digest.update((self.x.cols() as u64).to_le_bytes());
        for horizon in &self.horizons {
            digest.update(horizon.to_le_bytes());
        }
        for (row, key) in self.keys.iter().enumerate() {
            let symbol = &self.symbols[key.symbol as usize];
            digest.update((symbol.len() as u64).to_le_bytes());
            digest.update(symbol.as_bytes());
            digest.update(key.as_of.micros().to_le_bytes());
            digest.update(key.close.to_bits().to_le_bytes());
            digest.update(key.sigma.to_bits().to_le_bytes());
            for value in self.x.row(row) {
                digest.update(value.to_bits().to_le_bytes());
            }
            for labels in &self.labels {
                let target = &labels[row];
                let (tag, bits) = match target.y {
                    Label::Matured(y) => (1_u8, y.to_bits()),
                    Label::Void => (2, 0),
                    Label::Pending => (3, 0),
                };
                digest.update(target.target_ts.micros().to_le_bytes());
                digest.update([tag]);
                digest.update(bits.to_le_bytes());
            }
        }
        hex::encode(digest.finalize())
    }
}

fn check(series: &Series<'_>, previous: Option<&String>, width: usize) -> Result<(), DatasetError> {
    let symbol = || series.symbol.to_owned();
    if previous.is_some_and(|p| p == series.symbol) {
        let at = series.rows.first().map_or(Timestamp::MIN, |r| r.end);
        return Err(DatasetError::Order { symbol: symbol(), at });
    }
    if let Some(pair) = series.rows.windows(2).find(|pair| pair[0].end >= pair[1].end) {
        return Err(DatasetError::Order { symbol: symbol(), at: pair[1].end });
    }
    for row in series.rows {
        let not_finite = |what: String| Err(DatasetError::NotFinite { symbol: symbol(), at: row.end, what });
        if !(row.close.is_finite() && row.close > 0.0) {
            return not_finite("the close".into());
        }
        let Some(features) = &row.features else { continue };
        if features.len() != width {
            let found = features.len();
            return Err(DatasetError::Width { symbol: symbol(), at: row.end, found, expected: width });
        }
        if let Some(index) = features.iter().position(|f| !f.is_finite()) {
            return not_finite(format!("feature {index}"));
        }
    }
    Ok(())
}

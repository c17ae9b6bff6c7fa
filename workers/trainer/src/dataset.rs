//! From bars to rows: features recomputed by the code that runs live, targets by evaluation's rules.

use std::{collections::BTreeMap, sync::Arc};

use evaluation::{Dataset, DatasetSpec, Series, SeriesRow};
use indicators::{Bar, BarEngine, BarEngineSpec};
use market::{FeatureRow, Span, Timestamp};

use crate::{Parity, Source, TrainError};

/// The bars of a run with their vectors, and what is known of them.
pub(crate) struct Prepared {
    pub dataset: Dataset,
    pub parity: Parity,
    pub bars: usize,
    /// First and last offset of the rows, by source partition.
    pub offsets: BTreeMap<u32, (u64, u64)>,
}

/// Which rows are wanted of a source.
pub(crate) struct Wanted<'a> {
    pub horizons: &'a [u32],
    pub from: Option<Timestamp>,
    /// Rows and outcomes as known at this instant.
    pub known_at: Timestamp,
}

/// Name of the one-bar return in every schema: what the autoregressive rival looks at.
const RETURN_ENTRY: &str = "ln(close/close[1])";

pub(crate) fn prepare(
    source: &Source,
    spec: &Arc<BarEngineSpec>,
    bar: Span,
    wanted: &Wanted<'_>,
) -> Result<Prepared, TrainError> {
    let schema = spec.schema();
    let return_column = schema.entries().iter().position(|entry| entry == RETURN_ENTRY).ok_or_else(|| {
        TrainError::BadInput {
            what: format!("the feature schema has no {RETURN_ENTRY}"),
            remedy: "use the features of this version of the program".to_owned(),
        }
    })?;
    let mut parity = Parity::default();
    let mut offsets: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    let mut symbols: Vec<(&str, Option<Timestamp>, Vec<SeriesRow>)> = Vec::new();
    for bars in source.bars.chunk_by(|a, b| a.symbol == b.symbol) {
        let Some(last) = bars.last() else { continue };
        let mut engine = BarEngine::new(spec.clone());
        let mut rows = Vec::with_capacity(bars.len());
        for (fed, row) in bars.iter().enumerate() {
            let features = engine.push(&bar_of(row)).features;
            let settled = fed >= schema.settle_bars();
            parity.compare(row, features.as_deref(), (schema.hash(), schema.entries()), settled);
            let range = offsets.entry(row.part).or_insert((row.last_offset, row.last_offset));
            *range = (range.0.min(row.last_offset), range.1.max(row.last_offset));
            rows.push(SeriesRow { end: row.window_end, close: row.prices.close, features });
        }
        let watermark = source.watermarks.get(&last.part).copied().or(source.now);
        symbols.push((last.symbol.as_str(), watermark, rows));
    }
    let series: Vec<Series<'_>> = symbols
        .iter()
        .map(|(symbol, watermark, rows)| Series { symbol, watermark: *watermark, rows })
        .collect();
    let dataset = Dataset::build(
        &series,
        &DatasetSpec {
            calendar: spec.calendar(),
            bar,
            horizons: wanted.horizons,
            from: wanted.from,
            to: Some(wanted.known_at),
            features: schema.entries().len(),
            return_column,
        },
    )?;
    Ok(Prepared { dataset, parity, bars: source.bars.len(), offsets })
}

fn bar_of(row: &FeatureRow) -> Bar {
    Bar { start: row.window_start, end: row.window_end, prices: row.prices, n: row.n, vwap: row.vwap }
}

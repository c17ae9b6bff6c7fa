//! The training matrix as it was known at an instant: for pandas, Polars, DuckDB.

use std::sync::Arc;

use bytes::Bytes;
use indicators::{BarEngineSpec, Calendar, IndicatorSet};
use lake::Lake;
use market::Timestamp;

use crate::{
    Data, Instant, TrainError,
    dataset::{Wanted, prepare},
    frames, source,
};

/// Which matrix.
#[derive(Debug, Clone)]
pub struct PointInTime {
    /// The lake's root directory.
    pub root: String,
    /// The indicators of the manifest.
    pub indicators: IndicatorSet,
    /// When the market is open.
    pub calendar: Calendar,
    /// Bar size, symbols, first and last `as_of`.
    pub data: Data,
    /// Bars ahead, each with its target instant and outcome.
    pub horizons: Vec<u32>,
    /// Neither rows nor outcomes after it exist; absent: everything committed.
    pub as_of: Option<Timestamp>,
}

/// The matrix as one Parquet file, with its number of rows.
pub async fn point_in_time(lake: &dyn Lake, wanted: &PointInTime) -> Result<(Bytes, usize), TrainError> {
    let spec =
        Arc::new(BarEngineSpec::new(wanted.indicators.clone(), wanted.data.bar, wanted.calendar.clone()));
    // Outcomes of the last rows lie after data.to: read on to what is known.
    let data = Data { to: Instant::Now, ..wanted.data.clone() };
    let source = source::read(lake, &wanted.root, &data, &spec).await?;
    let Some(now) = source.now else {
        return Err(TrainError::NotEnoughData { have: 0, need: 1, now: None });
    };
    let known_at = wanted.as_of.map_or(now, |as_of| as_of.min(now));
    let to = wanted.data.to.as_to(now);
    let rows = Wanted { horizons: &wanted.horizons, from: wanted.data.from.as_from(now), known_at };
    let prepared = prepare(&source, &spec, wanted.data.bar, &rows)?;
    let count = prepared.dataset.keys().iter().filter(|key| key.as_of <= to).count();
    Ok((frames::dataset(&prepared.dataset, spec.schema().entries(), to)?, count))
}

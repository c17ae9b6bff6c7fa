//! Windows and bars: written with T as their write timestamp, read by series and day.

use market::{FeatureRow, Ohlcv, Timestamp};

use super::{
    CassandraStore,
    cells::{Cells, Fields},
    index::{Kind, Series},
    pairing::Paired,
    send::{Write, send},
    ttl,
};
use crate::{
    StoreError, limits,
    port::{check_row, invalid},
};

/// The UTC day that a row's partition is named after.
pub(super) fn day(at: Timestamp) -> i32 {
    i32::try_from(at.day()).unwrap_or(if at.micros() < 0 { i32::MIN } else { i32::MAX })
}

/// Milliseconds of an instant that a `timestamp` column can hold.
pub(super) fn millis(what: &str, at: Timestamp) -> Result<i64, StoreError> {
    if at.micros() % 1_000 != 0 {
        return Err(invalid(format!("{what} {at}"), "Cassandra keeps whole milliseconds"));
    }
    Ok(at.micros() / 1_000)
}

impl CassandraStore {
    pub(super) fn kind_of(&self, name: &str) -> Kind {
        if self.settings.windows.iter().any(|(window, ..)| window == name) { Kind::Window } else { Kind::Bar }
    }

    fn series_of(&self, row: &FeatureRow) -> Series {
        Series { symbol: row.symbol.clone(), kind: self.kind_of(&row.name), name: row.name.clone() }
    }

    pub(super) async fn upsert(&self, rows: &[FeatureRow]) -> Result<(), StoreError> {
        for row in rows {
            check_row(row)?;
            millis("window_start", row.window_start)?;
            millis("window_end", row.window_end)?;
        }
        for rows in rows.chunks(limits::CASSANDRA_ENCODED_ROWS) {
            let kept: Vec<(&FeatureRow, i32)> = rows
                .iter()
                .filter_map(|r| Some((r, ttl::left(self.settings.features_ttl, r.write_ts)?)))
                .collect();
            let days = kept.iter().map(|(row, _)| (self.series_of(row), day(row.window_start)));
            self.index.note(&self.cluster, &self.statements, days, self.settings.features_ttl).await?;
            let paired = self.pair(&kept).await?;
            let mut writes = Vec::with_capacity(kept.len() + 2 * paired.len());
            for (row, lives) in kept {
                writes.push(self.write_of(row, lives)?);
            }
            for Paired { cells } in paired {
                writes.push(Write { statement: &self.statements.put_feature, cells: cells.clone() });
                writes.push(Write { statement: &self.statements.put_feature_by_bucket, cells });
            }
            send(&self.cluster, writes).await?;
        }
        Ok(())
    }

    /// All columns bound, null included: a null of a newer value covers what an older one had.
    fn write_of(&self, row: &FeatureRow, lives: i32) -> Result<Write<'_>, StoreError> {
        let kind = self.kind_of(&row.name);
        let mut cells = Cells::new()
            .text(row.symbol.as_str())
            .text(&row.name)
            .day(day(row.window_start))
            .i64(millis("window_end", row.window_end)?)
            .f64(row.sma)
            .i64(row.n as i64)
            .f64(row.prices.open)
            .f64(row.prices.high)
            .f64(row.prices.low)
            .f64(row.prices.close)
            .f64(row.prices.volume)
            .opt_f64(row.vwap)
            .bool(row.is_final)
            .i32(row.revision as i32)
            .i32(row.generation as i32)
            .bool(row.partial)
            .i32(row.part as i32)
            .i64(row.last_offset as i64)
            .i32(row.index as i32)
            .i64(millis("window_start", row.window_start)?);
        if kind == Kind::Bar {
            let features = row.features.as_ref();
            cells =
                cells.list(features.map(|f| f.iter().map(|v| v.to_be_bytes()))).i64(row.schema_hash as i64);
            for value in self.indicators_of(row) {
                cells = cells.opt_f64(value);
            }
        }
        let statement =
            if kind == Kind::Bar { &self.statements.put_bar } else { &self.statements.put_window };
        Ok(Write { statement, cells: cells.i64(row.write_ts).i32(lives) })
    }

    /// One value a column of this manifest. A row of another manifest (it waited while the cluster was away) has other
    /// columns: its values would stand under wrong names, so they are left out.
    fn indicators_of(&self, row: &FeatureRow) -> impl Iterator<Item = Option<f64>> {
        let columns = self.schema.indicator_columns().len();
        let fit = row.indicators.len() == columns;
        if !fit && !row.indicators.is_empty() {
            self.misfits.say(|times| {
                tracing::warn!(
                    symbol = %row.symbol, name = &*row.name, revision = row.revision, times,
                    has = row.indicators.len(), wanted = columns,
                    "a bar of another manifest: its indicators are stored as null"
                );
            });
        }
        let values = if fit { row.indicators.clone() } else { vec![None; columns] };
        values.into_iter()
    }

    /// A row, or nothing where a delete by hand left its key alone.
    pub(super) fn row_from(
        &self,
        series: &Series,
        fields: &mut Fields<'_>,
    ) -> Result<Option<FeatureRow>, String> {
        let instant = |ms: i64| Timestamp::from_millis(ms);
        let end = fields.opt_i64()?;
        let sma = fields.opt_f64()?;
        let Some(n) = fields.opt_i64()? else { return Ok(None) };
        let mut row = FeatureRow {
            symbol: series.symbol.clone(),
            name: series.name.clone(),
            window_end: instant(end.ok_or("window_end is null")?),
            sma: sma.ok_or("sma is null")?,
            n: n as u64,
            prices: Ohlcv {
                open: fields.f64()?,
                high: fields.f64()?,
                low: fields.f64()?,
                close: fields.f64()?,
                volume: fields.f64()?,
            },
            vwap: fields.opt_f64()?,
            is_final: fields.bool()?,
            revision: fields.i32()? as u32,
            generation: fields.i32()? as u32,
            partial: fields.bool()?,
            part: fields.i32()? as u32,
            last_offset: fields.i64()? as u64,
            index: fields.i32()? as u32,
            window_start: instant(fields.i64()?),
            write_ts: 0,
            indicators: Vec::new(),
            features: None,
            schema_hash: 0,
        };
        if series.kind == Kind::Bar {
            let vector = fields.opt_list()?.map(|items| {
                items.into_iter().map(|v| v.try_into().map(f64::from_be_bytes)).collect::<Result<_, _>>()
            });
            row.features = vector.transpose().map_err(|_| "features is no list of doubles")?;
            row.schema_hash = fields.opt_i64()?.unwrap_or(0) as u64;
            for _ in self.schema.indicator_columns() {
                row.indicators.push(fields.opt_f64()?);
            }
        }
        row.write_ts = fields.i64()?;
        Ok(Some(row))
    }
}

//! Forecasts and their outcomes.
//!
//! The first forecast made must win whatever the order of arrival, and Cassandra keeps the greatest write timestamp:
//! so a forecast is written with the time from `made_at` to the year 2100. Its outcome has columns of its own: one
//! that comes with the forecast is written below all real times, a later one with the wall clock, so that what
//! [`put_outcomes`](crate::FeatureStore::put_outcomes) says last stays.

use market::{Flag, Outcome, PredictionRow, Role, Timestamp};
use serde::de::DeserializeOwned;

use super::{
    CassandraError, CassandraStore,
    cells::{Cells, Fields},
    index::{Kind, Series},
    rows::{day, millis},
    send::{Write, at_once, send},
    ttl,
};
use crate::{StoreError, limits, port::check_prediction};

/// Microseconds from 1970 to 2100.
const END_OF_TIME: i64 = 4_102_444_800_000_000;

/// The write timestamp of a forecast: the earlier it was made, the greater.
fn precedence(made_at: Timestamp) -> i64 {
    END_OF_TIME - made_at.micros().clamp(0, END_OF_TIME)
}

/// The write timestamp of a row of `predictions`, whose key has no horizon: first made, then shortest.
fn paired_precedence(row: &PredictionRow) -> i64 {
    precedence(row.made_at) * 1_024 + i64::from(1_023 - row.horizon.min(1_023))
}

impl CassandraStore {
    fn forecast_series(row: &PredictionRow) -> Series {
        Series { symbol: row.symbol.clone(), kind: Kind::Forecast, name: row.bar.clone() }
    }

    pub(super) async fn put_forecasts(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        for row in rows {
            check_prediction(row)?;
            millis("target_ts", row.target_ts)?;
            millis("as_of", row.as_of)?;
        }
        let lives = self.settings.predictions_ttl;
        for rows in rows.chunks(limits::CASSANDRA_ENCODED_ROWS) {
            let kept: Vec<_> =
                rows.iter().filter_map(|row| Some((row, ttl::left(lives, row.made_at.micros())?))).collect();
            let days = kept.iter().map(|(row, _)| (Self::forecast_series(row), day(row.target_ts)));
            self.index.note(&self.cluster, &self.statements, days, lives).await?;
            let mut writes = Vec::with_capacity(2 * kept.len());
            for (row, lives) in kept {
                writes.push(Write {
                    statement: &self.statements.put_forecast,
                    cells: forecast_cells(row)?.i64(precedence(row.made_at)).i32(lives),
                });
                if row.outcome != Outcome::Pending {
                    // Divided, so that it is below every clock and still the first made wins.
                    let below = precedence(row.made_at) / 4_096;
                    writes.push(Write {
                        statement: &self.statements.put_outcome,
                        cells: outcome_cells(row)?.i64(below).i32(lives),
                    });
                }
                if row.role != Role::Challenger {
                    writes.push(Write {
                        statement: &self.statements.put_paired_prediction,
                        cells: paired_cells(row)?.i64(paired_precedence(row)).i32(lives),
                    });
                }
            }
            send(&self.cluster, writes).await?;
        }
        Ok(())
    }

    pub(super) async fn set_outcomes(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        for rows in rows.chunks(limits::CASSANDRA_ENCODED_ROWS) {
            let asked = rows.iter().map(|row| self.has_forecast(row)).collect();
            let found = at_once(asked, limits::CASSANDRA_READS).await?;
            let mut writes = Vec::with_capacity(rows.len());
            for (row, _) in rows.iter().zip(found).filter(|(_, found)| *found) {
                let Some(lives) = ttl::left(self.settings.predictions_ttl, row.made_at.micros()) else {
                    continue;
                };
                let cells = outcome_cells(row)?.i64(self.cluster.now()).i32(lives);
                writes.push(Write { statement: &self.statements.put_outcome, cells });
            }
            send(&self.cluster, writes).await?;
        }
        Ok(())
    }

    async fn has_forecast(&self, row: &PredictionRow) -> Result<bool, CassandraError> {
        let Ok(key) = key_cells(row) else { return Ok(false) };
        let found = self.cluster.collect("look for a forecast", &self.statements.has_forecast, &key, |f| {
            Ok(f.opt_i64()?.is_some())
        });
        Ok(found.await?.contains(&true))
    }

    /// A forecast; nothing where an outcome stands alone.
    pub(super) fn forecast_from(
        &self,
        series: &Series,
        fields: &mut Fields<'_>,
    ) -> Result<Option<PredictionRow>, String> {
        let target_ts = Timestamp::from_millis(fields.i64()?);
        let (horizon, version) = (fields.i32()? as u32, fields.i64()? as u64);
        let Some(made_at) = fields.opt_i64()? else { return Ok(None) };
        let mut row = PredictionRow {
            symbol: series.symbol.clone(),
            bar: series.name.clone(),
            horizon,
            made_at: Timestamp::from_micros(made_at),
            as_of: Timestamp::from_millis(fields.i64()?),
            target_ts,
            close: fields.f64()?,
            y_pred: fields.f64()?,
            lo: fields.opt_f64()?,
            hi: fields.opt_f64()?,
            y_naive: fields.f64()?,
            version,
            role: word(fields.text()?)?,
            flags: Vec::new(),
            outcome: Outcome::Pending,
        };
        for flag in fields.opt_list()?.unwrap_or_default() {
            row.flags.push(word(std::str::from_utf8(flag).map_err(|_| "a flag is no text")?)?);
        }
        row.outcome = match fields.opt_text()? {
            None => Outcome::Pending,
            Some(VOID) => Outcome::Void,
            Some(JOINED) => Outcome::Joined { y_true: fields.f64()?, err: fields.f64()? },
            Some(other) => return Err(format!("{other:?} is no outcome")),
        };
        Ok(Some(row))
    }
}

const VOID: &str = "void";
const JOINED: &str = "joined";

/// A role or flag from its name.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| e.to_string())
}

fn key_cells(row: &PredictionRow) -> Result<Cells, StoreError> {
    Ok(Cells::new()
        .text(row.symbol.as_str())
        .text(&row.bar)
        .day(day(row.target_ts))
        .i64(millis("target_ts", row.target_ts)?)
        .i32(row.horizon as i32)
        .i64(row.version as i64))
}

fn forecast_cells(row: &PredictionRow) -> Result<Cells, StoreError> {
    Ok(key_cells(row)?
        .i64(row.made_at.micros())
        .i64(millis("as_of", row.as_of)?)
        .f64(row.close)
        .f64(row.y_pred)
        .opt_f64(row.lo)
        .opt_f64(row.hi)
        .f64(row.y_naive)
        .text(row.role.as_str())
        .list(Some(row.flags.iter().map(|flag: &Flag| flag.as_str()))))
}

fn outcome_cells(row: &PredictionRow) -> Result<Cells, StoreError> {
    let (name, values) = match row.outcome {
        Outcome::Pending => (None, None),
        Outcome::Void => (Some(VOID), None),
        Outcome::Joined { y_true, err } => (Some(JOINED), Some((y_true, err))),
    };
    Ok(key_cells(row)?.opt_text(name).opt_f64(values.map(|v| v.0)).opt_f64(values.map(|v| v.1)))
}

/// The replaced system's row: a price, at the end of the bar it was made from.
fn paired_cells(row: &PredictionRow) -> Result<Cells, StoreError> {
    Ok(Cells::new()
        .text(row.symbol.as_str())
        .i64(millis("as_of", row.as_of)?)
        .f64(row.close * row.y_pred.exp())
        .text(&format!("v{}", row.version))
        .text(&format!("t+{}", row.horizon)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::prediction;

    #[test]
    fn the_earlier_the_greater() {
        let at = |s: i64| Timestamp::from_micros(s);
        let order = [at(i64::MIN), at(1), at(2), at(1_800_000_000_000_000), at(END_OF_TIME), at(i64::MAX)];
        assert!(order.windows(2).all(|w| precedence(w[0]) >= precedence(w[1])));
        assert!(precedence(order[1]) > precedence(order[2]) && precedence(order[5]) == 0);
        let now = precedence(at(1_800_000_000_000_000));
        assert!(now / 4_096 < 1_000_000_000_000, "below every clock: {}", now / 4_096);
        let of = |horizon, made| paired_precedence(&prediction("A", horizon, 600, made));
        assert!(of(1, 10) > of(5, 10) && of(5, 9) > of(1, 10) && of(5_000, 0) > 0);
    }

    #[test]
    fn words_have_one_spelling() {
        for role in [Role::Champion, Role::Challenger, Role::Baseline] {
            assert_eq!(word::<Role>(role.as_str()), Ok(role));
        }
        for flag in [Flag::Late, Flag::InSample, Flag::OutOfDomain, Flag::StaleModel, Flag::SchemaMismatch] {
            assert_eq!(word::<Flag>(flag.as_str()), Ok(flag));
        }
        assert!(word::<Role>("king").is_err());
    }
}

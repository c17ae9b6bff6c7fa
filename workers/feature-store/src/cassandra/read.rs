//! Reading windows, bars and forecasts: which series, which of their days, and one page after the other until the
//! limit is reached.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use market::{FeatureRow, PredictionRow, Symbol, Timestamp};
use scylla::{response::PagingState, statement::prepared::PreparedStatement};

use super::{
    CassandraError, CassandraStore,
    cells::{Cells, Fields},
    index::{self, Days, Kind, Series},
    slice::{Bound, Slice},
};
use crate::{PredictionQuery, RowQuery, limits};

impl CassandraStore {
    pub(super) async fn read_rows(&self, query: &RowQuery) -> Result<Vec<FeatureRow>, CassandraError> {
        let slice = Slice::new(query.from, query.to, query.newest_first, query.limit);
        let keep = |row: &FeatureRow| row.is_final || !query.finals_only;
        let take = |series: &Series, fields: &mut Fields<'_>| {
            Ok(self.row_from(series, fields)?.filter(|row| keep(row)))
        };
        let mut rows = Vec::new();
        if slice.is_empty() {
            return Ok(rows);
        }
        if let (Some(symbol), Some(name)) = (&query.symbol, &query.name) {
            let mut kind = self.kind_of(name);
            // A window that has left the manifest, or a name that was a bar before.
            let other = if kind == Kind::Bar { Kind::Window } else { Kind::Bar };
            for _ in 0..2 {
                let series = Series { symbol: symbol.clone(), kind, name: name.as_str().into() };
                rows = self.read_series(&series, slice, &take).await?;
                if !rows.is_empty() {
                    break;
                }
                kind = other;
            }
        } else {
            let wanted = |s: &Series| {
                s.kind != Kind::Forecast && query.name.as_deref().is_none_or(|name| name == &*s.name)
            };
            let symbols = self.symbols_of(Kind::Bar, query.symbol.as_ref()).await?;
            let cut = |rows: &mut Vec<FeatureRow>| {
                query.arrange(rows);
                rows.last().map(|row| row.window_start)
            };
            rows = self.read_many(symbols, wanted, slice, &take, cut).await?;
        }
        query.arrange(&mut rows);
        Ok(rows)
    }

    pub(super) async fn read_forecasts(
        &self,
        query: &PredictionQuery,
    ) -> Result<Vec<PredictionRow>, CassandraError> {
        let slice = Slice::new(query.from, query.to, query.newest_first, query.limit);
        let take = |series: &Series, fields: &mut Fields<'_>| {
            Ok(self.forecast_from(series, fields)?.filter(|row| query.matches(row)))
        };
        if slice.is_empty() {
            return Ok(Vec::new());
        }
        let wanted =
            |s: &Series| s.kind == Kind::Forecast && query.bar.as_deref().is_none_or(|bar| bar == &*s.name);
        let symbols = self.symbols_of(Kind::Forecast, query.symbol.as_ref()).await?;
        let cut = |rows: &mut Vec<PredictionRow>| {
            query.arrange(rows);
            rows.last().map(|row| row.target_ts)
        };
        let mut rows = if query.pending_only {
            self.read_pending(symbols, wanted, slice, &take).await?
        } else {
            self.read_many(symbols, wanted, slice, &take, cut).await?
        };
        query.arrange(&mut rows);
        Ok(rows)
    }

    async fn symbols_of(&self, kind: Kind, one: Option<&Symbol>) -> Result<Vec<Symbol>, CassandraError> {
        match one {
            Some(symbol) => Ok(vec![symbol.clone()]),
            None => index::symbols(&self.cluster, &self.statements, kind).await,
        }
    }

    async fn wanted_series(
        &self,
        symbol: &Symbol,
        wanted: &(impl Fn(&Series) -> bool + Sync),
    ) -> Result<Vec<Series>, CassandraError> {
        let mut all = index::series(&self.cluster, &self.statements, symbol).await?;
        all.retain(|series| wanted(series));
        Ok(all)
    }

    /// All wanted series of the symbols. `cut` keeps what the limit allows and names the worst row of it.
    async fn read_many<T: Send>(
        &self,
        symbols: Vec<Symbol>,
        wanted: impl Fn(&Series) -> bool + Sync,
        slice: Slice,
        take: &(impl Fn(&Series, &mut Fields<'_>) -> Result<Option<T>, String> + Sync),
        cut: impl Fn(&mut Vec<T>) -> Option<Timestamp>,
    ) -> Result<Vec<T>, CassandraError> {
        let bound = Bound::new(slice.newest_first);
        let (bound, wanted) = (&bound, &wanted);
        let mut reading = stream::iter(symbols)
            .map(|symbol| async move {
                let mut rows = Vec::new();
                for series in self.wanted_series(&symbol, wanted).await? {
                    rows.extend(self.read_series(&series, bound.narrow(slice), take).await?);
                }
                Ok::<_, CassandraError>(rows)
            })
            .buffer_unordered(limits::CASSANDRA_READS);
        let mut rows = Vec::new();
        while let Some(more) = reading.try_next().await? {
            let grew = !more.is_empty();
            rows.extend(more);
            if grew
                && rows.len() >= slice.limit
                && let Some(worst) = cut(&mut rows)
            {
                bound.tighten(worst);
            }
        }
        Ok(rows)
    }

    /// Forecasts without an outcome: from the newest day of each series back, until some days hold none. Targets
    /// mature in order, so pending forecasts are the newest of their series.
    async fn read_pending<T: Send>(
        &self,
        symbols: Vec<Symbol>,
        wanted: impl Fn(&Series) -> bool + Sync,
        slice: Slice,
        take: &(impl Fn(&Series, &mut Fields<'_>) -> Result<Option<T>, String> + Sync),
    ) -> Result<Vec<T>, CassandraError> {
        let whole = Slice { newest_first: true, limit: usize::MAX, ..slice };
        let wanted = &wanted;
        let reading = stream::iter(symbols).map(|symbol| async move {
            let mut rows = Vec::new();
            for series in self.wanted_series(&symbol, wanted).await? {
                let page = limits::CASSANDRA_SETTLED_DAYS + 1;
                let mut days = Days::of(&self.cluster, &self.statements, &series, whole.days(), true, page);
                let mut settled = 0;
                'days: while let Some(some) = days.next().await? {
                    for day in some {
                        let found = self.read_day(&series, day, whole, take).await?;
                        settled = if found.is_empty() { settled + 1 } else { 0 };
                        rows.extend(found);
                        if settled >= limits::CASSANDRA_SETTLED_DAYS {
                            break 'days;
                        }
                    }
                }
            }
            Ok::<_, CassandraError>(rows)
        });
        let found: Vec<Vec<T>> = reading.buffer_unordered(limits::CASSANDRA_READS).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// One series: day by day until there is enough. How many days are read at once grows, because a day may hold a
    /// thousand bars of a minute or one bar of a day.
    async fn read_series<T: Send>(
        &self,
        series: &Series,
        slice: Slice,
        take: &(impl Fn(&Series, &mut Fields<'_>) -> Result<Option<T>, String> + Sync),
    ) -> Result<Vec<T>, CassandraError> {
        let mut rows = Vec::new();
        if slice.is_empty() {
            return Ok(rows);
        }
        let limited = slice.limit <= limits::CASSANDRA_PAGE_ROWS;
        let page = if limited { limits::CASSANDRA_DAYS_AT_ONCE } else { limits::CASSANDRA_PAGE_ROWS };
        let mut width = if limited { 1 } else { limits::CASSANDRA_DAYS_AT_ONCE };
        let mut days =
            Days::of(&self.cluster, &self.statements, series, slice.days(), slice.newest_first, page);
        while let Some(some) = days.next().await? {
            let mut rest = some.as_slice();
            while !rest.is_empty() {
                let (now, later) = rest.split_at(width.min(rest.len()));
                rest = later;
                let left = Slice { limit: slice.limit - rows.len(), ..slice };
                let reads = now.iter().map(|day| self.read_day(series, *day, left, take)).collect();
                for found in super::send::at_once(reads, width).await? {
                    rows.extend(found);
                }
                if rows.len() >= slice.limit {
                    rows.truncate(slice.limit);
                    return Ok(rows);
                }
                width = (width * 2).min(limits::CASSANDRA_DAYS_AT_ONCE);
            }
        }
        Ok(rows)
    }

    fn of_kind(&self, kind: Kind, newest_first: bool) -> &PreparedStatement {
        let ranged = match kind {
            Kind::Window => &self.statements.windows,
            Kind::Bar => &self.statements.bars,
            Kind::Forecast => &self.statements.forecasts,
        };
        ranged.in_order(newest_first)
    }

    /// One partition, in order, at most `slice.limit` of what `take` keeps.
    async fn read_day<T>(
        &self,
        series: &Series,
        day: i32,
        slice: Slice,
        take: &(impl Fn(&Series, &mut Fields<'_>) -> Result<Option<T>, String> + Sync),
    ) -> Result<Vec<T>, CassandraError> {
        let mut statement = self.of_kind(series.kind, slice.newest_first).clone();
        statement.set_page_size(slice.page_rows());
        let (from, to) = slice.millis();
        let values = Cells::new().text(series.symbol.as_str()).text(&series.name).day(day).i64(from).i64(to);
        let place = format!("{} of {} on day {day}", series.name, series.symbol);
        let (mut rows, mut next) = (Vec::new(), Some(PagingState::start()));
        while let Some(from) = next.take()
            && rows.len() < slice.limit
        {
            let (page, more) = self.cluster.page("read rows", &statement, &values, from).await?;
            self.cluster.each(&place, &page, |fields| {
                if rows.len() < slice.limit {
                    rows.extend(take(series, fields)?);
                }
                Ok(())
            })?;
            next = more;
        }
        Ok(rows)
    }
}

//! What there is: symbols, the series of each, the days of each series.
//!
//! Rows live in partitions of one series and day, and Cassandra cannot list partitions cheaply. So the first row that
//! a process writes of a series and day is preceded by three small index rows; the process remembers the last two days
//! it has indexed of each series (around midnight a series has two). A day in the index may be empty; a row whose day is missing there cannot be.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use market::{RowName, Symbol};
use parking_lot::Mutex;
use scylla::response::PagingState;

use super::{
    CassandraError,
    cells::Cells,
    cluster::Cluster,
    send::{Write, send},
    statements::Statements,
    ttl,
};
use crate::limits;

/// What a series holds, which says where it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Window,
    Bar,
    Forecast,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Window => "window",
            Kind::Bar => "bar",
            Kind::Forecast => "forecast",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Kind::Window, Kind::Bar, Kind::Forecast].into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whose symbols [`symbols`] lists: rows have one list, forecasts another.
    fn shelf(self) -> &'static str {
        match self {
            Kind::Window | Kind::Bar => "row",
            Kind::Forecast => "forecast",
        }
    }
}

/// One window, bar size or forecast bar of one symbol.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Series {
    pub symbol: Symbol,
    pub kind: Kind,
    pub name: RowName,
}

/// The last two days of a series that this process has put into the index, and when.
type Known = [Option<(i32, Instant)>; 2];

/// What this process has put into the index.
#[derive(Default)]
pub(super) struct Index {
    known: Mutex<HashMap<Series, Known>>,
}

impl Index {
    /// Puts the days into the index that this process has not put there.
    pub async fn note(
        &self,
        cluster: &Cluster,
        statements: &Statements,
        days: impl Iterator<Item = (Series, i32)>,
        ttl: Option<Duration>,
    ) -> Result<(), CassandraError> {
        let again = Duration::from_secs(limits::CASSANDRA_INDEX_AGAIN_S);
        let mut new = BTreeSet::new();
        let mut first = BTreeSet::new();
        {
            let known = self.known.lock();
            for (series, day) in days {
                let there = known.get(&series);
                let is_known = |days: &Known| {
                    days.iter().flatten().any(|(known, at)| *known == day && at.elapsed() < again)
                };
                if there.is_some_and(is_known) {
                    continue;
                }
                if there.is_none() {
                    first.insert(series.clone());
                }
                new.insert((series, day));
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let now = cluster.now();
        // The index outlives what it points to: the last row of a day may come when the day is over.
        let ttl = ttl.map(|ttl| ttl + Duration::from_secs(2 * 86_400));
        let lives = ttl::seconds(ttl);
        let mut writes = Vec::with_capacity(new.len() + 2 * first.len());
        for series in &first {
            let (symbol, kind) = (series.symbol.as_str(), series.kind);
            let cells = Cells::new().text(kind.shelf()).text(symbol).i64(now).i32(0);
            writes.push(Write { statement: &statements.put_symbol, cells });
            let cells = Cells::new().text(symbol).text(kind.as_str()).text(&series.name).i64(now).i32(0);
            writes.push(Write { statement: &statements.put_series, cells });
        }
        for (series, day) in &new {
            let cells =
                Cells::new().text(series.symbol.as_str()).text(series.kind.as_str()).text(&series.name);
            writes.push(Write { statement: &statements.put_day, cells: cells.day(*day).i64(now).i32(lives) });
        }
        send(cluster, writes).await?;
        let mut known = self.known.lock();
        if known.len() > limits::CASSANDRA_KNOWN_SERIES {
            known.clear();
        }
        let at = Instant::now();
        for (series, day) in new {
            let days = known.entry(series).or_default();
            let older = days[0].filter(|(other, _)| *other != day);
            *days = [Some((day, at)), older];
        }
        Ok(())
    }
}

/// All symbols of a shelf, in byte order.
pub(super) async fn symbols(
    cluster: &Cluster,
    statements: &Statements,
    kind: Kind,
) -> Result<Vec<Symbol>, CassandraError> {
    let values = Cells::new().text(kind.shelf());
    cluster
        .collect("list the symbols", &statements.symbols, &values, |f| {
            Symbol::parse(f.text()?).map_err(|e| e.to_string())
        })
        .await
}

/// The series of a symbol.
pub(super) async fn series(
    cluster: &Cluster,
    statements: &Statements,
    symbol: &Symbol,
) -> Result<Vec<Series>, CassandraError> {
    let values = Cells::new().text(symbol.as_str());
    cluster
        .collect("list the series of a symbol", &statements.series, &values, |f| {
            let kind = f.text()?;
            let kind = Kind::parse(kind).ok_or_else(|| format!("{kind:?} is no kind of series"))?;
            Ok(Series { symbol: symbol.clone(), kind, name: f.text()?.into() })
        })
        .await
}

/// The days of one series, page by page.
pub(super) struct Days<'c> {
    cluster: &'c Cluster,
    statement: scylla::statement::prepared::PreparedStatement,
    values: Cells,
    next: Option<PagingState>,
}

impl<'c> Days<'c> {
    /// Days in `from..=to`, some at a time.
    pub fn of(
        cluster: &'c Cluster,
        statements: &Statements,
        series: &Series,
        (from, to): (i32, i32),
        newest_first: bool,
        page: usize,
    ) -> Self {
        let values = Cells::new().text(series.symbol.as_str()).text(series.kind.as_str()).text(&series.name);
        let mut statement = statements.days.in_order(newest_first).clone();
        statement.set_page_size(i32::try_from(page.clamp(1, limits::CASSANDRA_PAGE_ROWS)).unwrap_or(1));
        Self { cluster, statement, values: values.day(from).day(to), next: Some(PagingState::start()) }
    }

    /// The next days; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<i32>>, CassandraError> {
        let Some(from) = self.next.take() else { return Ok(None) };
        let (page, next) =
            self.cluster.page("list the days of a series", &self.statement, &self.values, from).await?;
        self.next = next;
        let mut days = Vec::new();
        self.cluster.each("days", &page, |f| {
            days.push(f.day()?);
            Ok(())
        })?;
        Ok(Some(days))
    }
}

//! Events of the stream, how records become events, and which of several a client needs.

use std::collections::HashSet;
use std::sync::Arc;

use market::{FeatureRow, Outcome, PredictionRow};

use super::cursor::Source;

/// Where in a topic an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub source: Source,
    pub partition: u32,
    pub offset: u64,
}

/// One event. Without a place it is a report (run, alias, health) that a resuming client asks the API for instead.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// SSE event name.
    pub name: &'static str,
    /// Two events with one key are two values of one thing: the later is enough.
    pub key: String,
    /// JSON on one line.
    pub data: Arc<str>,
    pub place: Option<Place>,
}

/// What a final row on the features topic says about its symbol. A provisional one says nothing: its end lies ahead.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub symbol: market::Symbol,
    pub end: market::Timestamp,
}

/// The event of a record of the features topic; absent for bytes that are no row.
pub(crate) fn of_feature(value: &[u8], bars: &[String], place: Place) -> Option<(Event, Option<Seen>)> {
    let mut row: FeatureRow = serde_json::from_slice(value).ok()?;
    // The model's vector is no business of a browser, and the longest part of the row.
    row.features = None;
    let name = if bars.iter().any(|b| **b == *row.name) { "bar" } else { "feature" };
    let key = format!("{name} {} {} {}", row.name, row.window_start.micros(), row.symbol);
    let data = serde_json::to_string(&row).ok()?.into();
    let seen = row.is_final.then_some(Seen { symbol: row.symbol, end: row.window_end });
    Some((Event { name, key, data, place: Some(place) }, seen))
}

/// The event of a record of the predictions topic; absent for bytes that are no row.
pub(crate) fn of_prediction(value: &[u8], place: Place) -> Option<Event> {
    let row: PredictionRow = serde_json::from_slice(value).ok()?;
    let name = if row.outcome == Outcome::Pending { "prediction" } else { "outcome" };
    let key = format!(
        "{name} {} {} {} {} {}",
        row.bar,
        row.horizon,
        row.target_ts.micros(),
        row.version,
        row.symbol
    );
    let data = serde_json::to_string(&row).ok()?.into();
    Some(Event { name, key, data, place: Some(place) })
}

/// Keeps the last event of every key, in order.
pub(crate) fn coalesce(events: Vec<Arc<Event>>) -> Vec<(Arc<Event>, bool)> {
    let mut seen = HashSet::new();
    let mut kept: Vec<(Arc<Event>, bool)> = Vec::with_capacity(events.len());
    for event in events.into_iter().rev() {
        let newest = seen.insert(event.key.clone());
        kept.push((event, newest));
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(key: &str, data: &str) -> Arc<Event> {
        Arc::new(Event { name: "bar", key: key.into(), data: data.into(), place: None })
    }

    #[test]
    fn the_last_value_of_a_key_survives_in_its_own_position() {
        let kept: Vec<_> = coalesce(vec![event("a", "1"), event("b", "2"), event("a", "3"), event("c", "4")])
            .into_iter()
            .filter(|(_, newest)| *newest)
            .map(|(e, _)| e.data.to_string())
            .collect();
        assert_eq!(kept, ["2", "3", "4"]);
    }

    #[test]
    fn only_a_final_row_tells_how_fresh_its_symbol_is() {
        let mut row = FeatureRow {
            symbol: market::Symbol::parse("AAPL").unwrap(),
            name: "5s".into(),
            window_start: market::Timestamp::from_micros(0),
            window_end: market::Timestamp::from_micros(5_000_000),
            sma: 1.0,
            n: 1,
            prices: market::Ohlcv { open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 1.0 },
            vwap: None,
            is_final: true,
            revision: 0,
            partial: false,
            generation: 1,
            part: 0,
            last_offset: 0,
            index: 0,
            write_ts: 1,
            indicators: Vec::new(),
            features: None,
            schema_hash: 0,
        };
        let place = Place { source: Source::Features, partition: 0, offset: 0 };
        let seen = |row: &FeatureRow| {
            of_feature(&serde_json::to_vec(row).unwrap(), &["5s".to_owned()], place).unwrap().1
        };
        assert_eq!(seen(&row).map(|s| s.end), Some(row.window_end));
        // The window of a provisional row ends in the future.
        row.is_final = false;
        assert_eq!(seen(&row), None);
    }

    #[test]
    fn bytes_that_are_no_row_make_no_event() {
        let place = Place { source: Source::Features, partition: 0, offset: 0 };
        assert_eq!(of_feature(b"{}", &[], place), None);
        assert_eq!(of_prediction(b"\xff", place), None);
    }
}

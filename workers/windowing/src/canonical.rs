//! One line of text a row, the same wherever a row comes from: what dumps print and tests compare.
//!
//! Floats are the shortest text that reads back as the same bits; nothing of a clock, a file or an epoch is in a line.

use std::fmt::Write;

use market::{FeatureRow, Ohlcv};

use crate::{DeadLetter, RawRow};

/// `raw` and the row's columns, of one stored tick.
pub fn canonical_raw(row: &RawRow<'_>) -> String {
    let mut out = String::with_capacity(192);
    let RawRow { symbol, ts, prices, tick_id, generation, partition, offset, record_ms, watermark, late } =
        row;
    let _ = write!(out, "raw g{generation} p{partition} o{offset} record_ms={record_ms} ");
    text(&mut out, symbol);
    let _ = write!(out, " {ts}");
    put_prices(&mut out, prices);
    out.push_str(" id=");
    match tick_id {
        Some(id) => text(&mut out, id),
        None => out.push('-'),
    }
    out.push_str(" watermark=");
    match watermark {
        Some(at) => {
            let _ = write!(out, "{at}");
        }
        None => out.push('-'),
    }
    let _ = write!(out, " late={late}");
    out
}

/// `dead` and the row's columns, of one rejected record.
pub fn canonical_dead(row: &DeadLetter<'_>) -> String {
    let DeadLetter { generation, partition, offset, record_ms, reason, first_offset, length, sha256, bytes } =
        row;
    let mut out = String::with_capacity(192 + bytes.len() * 2);
    let _ =
        write!(out, "dead g{generation} p{partition} o{offset} record_ms={record_ms} {reason} first_offset=");
    match first_offset {
        Some(o) => {
            let _ = write!(out, "{o}");
        }
        None => out.push('-'),
    }
    let _ = write!(out, " length={length} sha256={} bytes={}", hex::encode(sha256), hex::encode(bytes));
    out
}

/// `row` and the row's columns, of one window or bar.
pub fn canonical_row(row: &FeatureRow) -> String {
    let FeatureRow {
        symbol,
        name,
        window_start,
        window_end,
        sma,
        n,
        prices,
        vwap,
        is_final,
        revision,
        partial,
        generation,
        part,
        last_offset,
        index,
        write_ts,
        indicators,
        features,
        schema_hash,
    } = row;
    let mut out = String::with_capacity(256);
    let _ = write!(out, "row g{generation} p{part} o{last_offset} i{index} t{write_ts} ");
    text(&mut out, symbol.as_str());
    let _ = write!(out, " {name} {window_start} {window_end} sma=");
    float(&mut out, *sma);
    let _ = write!(out, " n={n}");
    put_prices(&mut out, prices);
    out.push_str(" vwap=");
    optional(&mut out, *vwap);
    let _ = write!(out, " final={is_final} revision={revision} partial={partial} indicators=[");
    for (i, value) in indicators.iter().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        optional(&mut out, *value);
    }
    out.push_str("] features=");
    match features {
        Some(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(' ');
                }
                float(&mut out, *value);
            }
            out.push(']');
        }
        None => out.push('-'),
    }
    let _ = write!(out, " schema={schema_hash:016x}");
    out
}

fn put_prices(out: &mut String, prices: &Ohlcv) {
    let Ohlcv { open, high, low, close, volume } = prices;
    for (key, value) in [(" o=", open), (" h=", high), (" l=", low), (" c=", close), (" v=", volume)] {
        out.push_str(key);
        float(out, *value);
    }
}

fn float(out: &mut String, value: f64) {
    let _ = write!(out, "{value:?}");
}

fn optional(out: &mut String, value: Option<f64>) {
    match value {
        Some(v) => float(out, v),
        None => out.push('-'),
    }
}

/// Quoted and escaped, so that a line stays a line and its fields stay apart.
fn text(out: &mut String, value: &str) {
    let _ = write!(out, "{value:?}");
}

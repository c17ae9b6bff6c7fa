//! `stockpipe dump`: the canonical dump. Two stores that hold the same print the same bytes.
//!
//! Raw rows, then dead letters, in (generation, partition, offset) order, from the committed files of the lake; then
//! final rows in closing order, from the feature store.

use feature_store::RowQuery;
use lake::history;
use windowing::{canonical_dead, canonical_raw, canonical_row};

use crate::{Context, Failure, output::Output};

/// Lines rendered into one frame.
const LINES: usize = 2_000;

/// Prints everything.
pub async fn dump(context: &Context, out: &Output) -> Result<(), Failure> {
    let raw = history::raw(&*context.lake, Context::ROOT).await?;
    for chunk in raw.chunks(LINES) {
        out.out(lines(chunk.iter().map(|row| canonical_raw(&row.as_row())))).await?;
    }
    drop(raw);
    let dead = history::dead(&*context.lake, Context::ROOT).await?;
    for chunk in dead.chunks(LINES) {
        out.out(lines(chunk.iter().map(|row| canonical_dead(&row.as_letter())))).await?;
    }
    drop(dead);
    let mut rows = context.store.rows(&RowQuery { finals_only: true, ..RowQuery::default() }).await?;
    rows.sort_by_key(|r| (r.generation, r.part, r.last_offset, r.index));
    for chunk in rows.chunks(LINES) {
        out.out(lines(chunk.iter().map(canonical_row))).await?;
    }
    Ok(())
}

fn lines(rows: impl Iterator<Item = String>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        bytes.extend_from_slice(row.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

//! One core, no IO: decode, windows, Parquet.

use std::{error::Error, hint::black_box, sync::Arc, time::Duration};

use lake::tables::{BarWriter, RawWriter};
use market::FeatureRow;
use windowing::{DeadLetter, Partition, RawRow, Semantics, Sink};

use crate::{
    figures::{Measured, Side},
    naive::Windows,
    ticks::{DENSITY, Ticks},
};

const TICKS: u64 = 3_000_000;
const BATCH: u64 = 20_000;
const SYMBOLS: usize = 20;

/// Counts, and keeps the rows as Parquet where asked to.
#[derive(Default)]
struct Rows {
    raw: u64,
    dead: u64,
    closed: u64,
    files: Option<(RawWriter, BarWriter)>,
}

impl Sink for Rows {
    fn raw(&mut self, row: RawRow<'_>) {
        self.raw += 1;
        if let Some((raw, _)) = &mut self.files {
            raw.push(&row);
        }
    }

    fn dead(&mut self, _row: DeadLetter<'_>) {
        self.dead += 1;
    }

    fn row(&mut self, row: FeatureRow) {
        self.closed += 1;
        if let Some((_, bars)) = &mut self.files
            && row.schema_hash != 0
        {
            bars.push(&row);
        }
    }
}

/// CPU time of `work` alone, added to `total`.
fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let before = runtime::usage().cpu;
    let done = work();
    *total += runtime::usage().cpu - before;
    done
}

/// Decode, verdicts, dedup, windows, bars, indicators.
pub fn decode_windows(side: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    run(side, quick, false)
}

/// The same, raw ticks and bars encoded as Parquet.
pub fn decode_windows_parquet(side: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    run(side, quick, true)
}

fn run(side: Side, quick: bool, files: bool) -> Result<Measured, Box<dyn Error>> {
    let ticks = if quick { TICKS / 10 } else { TICKS };
    let mut source = Ticks::new(SYMBOLS, DENSITY);
    let mut cpu = Duration::ZERO;
    let mut partition = Partition::new(Arc::new(Semantics::default()), 0, 1)?;
    let mut rows = Rows { files: files.then(|| (RawWriter::new(), BarWriter::mixed())), ..Rows::default() };
    let mut naive = Windows::default();
    let mut lines = Vec::new();
    for offset in (0..ticks).step_by(BATCH as usize) {
        let batch = source.batch(offset, BATCH);
        timed(&mut cpu, || match side {
            Side::Own => batch.iter().for_each(|record| partition.apply(record, &mut rows)),
            Side::Peer => {
                for record in batch.iter() {
                    if let Ok(tick) = naive.apply(record.value)
                        && files
                        && serde_json::to_writer(&mut lines, &tick).is_ok()
                    {
                        lines.push(b'\n');
                    }
                }
                lines.clear();
            }
        });
    }
    if let Some((raw, bars)) = rows.files.take() {
        timed(&mut cpu, || {
            raw.finish().and_then(|raw| bars.finish().map(|bars| black_box(raw.len() + bars.len())))
        })?;
    }
    if side == Side::Own && (rows.raw != ticks || rows.dead > 0 || rows.closed == 0) {
        return Err(format!("{} of {ticks} ticks, {} dead, {} rows", rows.raw, rows.dead, rows.closed).into());
    }
    Ok(Measured::new(ticks as f64 / cpu.as_secs_f64(), cpu))
}

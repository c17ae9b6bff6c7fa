//! `stockpipe dump`: the canonical dump. Two stores that hold the same print the same bytes.

use crate::{Context, Failure, output::Output};

/// Lines rendered into one frame.
const LINES: usize = 2_000;

/// Prints everything, one line a row: raw rows, dead letters, then final rows in closing order.
pub async fn dump(context: &Context, out: &Output) -> Result<(), Failure> {
    let dump = ingest::dump::canonical(&*context.lake, Context::ROOT, &*context.store).await?;
    let lines: Vec<&str> = dump.lines().collect();
    for chunk in lines.chunks(LINES) {
        let mut text = chunk.join("\n");
        text.push('\n');
        out.out(text).await?;
    }
    Ok(())
}

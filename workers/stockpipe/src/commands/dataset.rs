//! `stockpipe dataset`: the point-in-time training matrix as one Parquet file.

use std::collections::BTreeMap;

use super::{bars, select, train::Run};
use crate::{Context, Failure, cli, output::Output, settings};

/// Bytes of a frame.
const CHUNK: usize = 1 << 20;

/// Writes the matrix to stdout; `--out` is the caller's business.
pub async fn dataset(context: &Context, args: &cli::DatasetArgs, out: &Output) -> Result<(), Failure> {
    let as_of = select::bound("--as-of", args.as_of.as_deref(), bars::newest(context).await?)?;
    let instant = |flag: &str, text: &str| {
        trainer::Instant::parse(text).map_err(|e| Failure::bad_input(format!("{flag}: {e}")))
    };
    let run = Run::named(context, crds::run_from_pipeline(&context.pipeline), None);
    let settings = settings::trainer(context, &run, BTreeMap::new())?;
    let wanted = trainer::PointInTime {
        root: settings.root,
        indicators: settings.indicators,
        calendar: settings.calendar,
        data: trainer::Data {
            from: instant("--from", &args.from)?,
            to: instant("--to", &args.to)?,
            ..settings.data
        },
        horizons: settings.horizons,
        as_of,
    };
    let (matrix, rows) = trainer::point_in_time(&*context.lake, &wanted).await?;
    out.note(format!("{rows} rows")).await?;
    for chunk in matrix.chunks(CHUNK) {
        out.out(chunk.to_vec()).await?;
    }
    Ok(())
}

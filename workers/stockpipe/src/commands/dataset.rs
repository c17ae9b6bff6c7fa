//! `stockpipe dataset`: the point-in-time training matrix as one Parquet file.

use super::{bars, select};
use crate::{Context, Failure, cli, output::Output, settings};

/// Bytes of a frame.
const CHUNK: usize = 1 << 20;

/// Writes the matrix to stdout; `--out` is the caller's business.
pub async fn dataset(context: &Context, args: &cli::DatasetArgs, out: &Output) -> Result<(), Failure> {
    let newest = bars::newest(context).await?;
    let from = select::bound("--from", Some(&args.from), newest)?;
    let to = select::bound("--to", Some(&args.to), newest)?;
    let as_of = select::bound("--as-of", args.as_of.as_deref(), newest)?.or(newest);
    let run = crds::run_from_pipeline(&context.pipeline);
    let settings = settings::trainer(
        &context.pipeline,
        &run,
        "dataset".to_owned(),
        "dataset".to_owned(),
        Context::ROOT,
        None,
        Default::default(),
    )?;
    let matrix = trainer::dataset(&settings, context.lake.clone(), from, to, as_of).await?;
    for chunk in matrix.chunks(CHUNK) {
        out.out(chunk.to_vec()).await?;
    }
    Ok(())
}

//! `stockpipe dead-letters`: rejected records as committed to the lake.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lake::history;
use market::{Reason, Timestamp};
use serde_json::json;

use super::select;
use crate::{
    Context, Failure, cli,
    output::{Output, Table},
};

/// All selected dead letters, by (generation, partition, offset).
pub async fn dead_letters(
    context: &Context,
    args: &cli::DeadLettersArgs,
    out: &Output,
) -> Result<(), Failure> {
    let reason = args
        .reason
        .as_deref()
        .map(|name| {
            Reason::from_name(name).ok_or_else(|| {
                let known = Reason::ALL.map(Reason::as_str).join(", ");
                Failure::bad_input(format!("--reason {name} is none: there are {known}"))
            })
        })
        .transpose()?;
    let now = Some(context.now());
    let from = select::bound("--from", args.from.as_deref(), now)?;
    let to = select::bound("--to", args.to.as_deref(), now)?;
    let mut table = Table::new([
        "generation",
        "partition",
        "offset",
        "record_ts",
        "reason",
        "first_offset",
        "length",
        "sha256",
        "bytes",
    ]);
    for row in history::dead(&*context.lake, Context::ROOT).await? {
        let at = Timestamp::from_millis(row.record_ms);
        if reason.is_some_and(|r| r != row.reason)
            || from.is_some_and(|f| at < f)
            || to.is_some_and(|t| at >= t)
        {
            continue;
        }
        if table.rows.len() >= args.limit.unwrap_or(usize::MAX) {
            break;
        }
        table.rows.push(vec![
            json!(row.generation),
            json!(row.partition),
            json!(row.offset),
            json!(at),
            json!(row.reason.as_str()),
            json!(row.first_offset),
            json!(row.length),
            json!(hex::encode(row.sha256)),
            json!(STANDARD.encode(&row.bytes)),
        ]);
    }
    Ok(out.table(args.output, table).await?)
}

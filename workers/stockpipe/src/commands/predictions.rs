//! `stockpipe predictions`: forecasts with their outcomes.

use feature_store::PredictionQuery;
use market::{Flag, Outcome};
use serde_json::{Value, json};

use super::{bars, select};
use crate::{
    Context, Failure, cli,
    output::{Output, Table},
};

/// All selected predictions, by target.
pub async fn predictions(
    context: &Context,
    args: &cli::PredictionsArgs,
    out: &Output,
) -> Result<(), Failure> {
    let selected = select::resolve(&args.select, bars::newest(context).await?)?;
    let query = PredictionQuery {
        symbol: selected.symbol,
        bar: args.select.name.clone(),
        horizon: args.horizon,
        version: args.version,
        from: selected.from,
        to: selected.to,
        limit: args.select.limit,
        ..PredictionQuery::default()
    };
    let mut table = Table::new([
        "symbol",
        "bar",
        "horizon",
        "made_at",
        "as_of",
        "target_ts",
        "y_pred",
        "lo",
        "hi",
        "y_naive",
        "version",
        "role",
        "flags",
        "y_true",
        "err",
    ]);
    for row in context.store.predictions(&query).await? {
        let (y_true, err) = match row.outcome {
            Outcome::Joined { y_true, err } => (json!(y_true), json!(err)),
            Outcome::Pending | Outcome::Void => (Value::Null, Value::Null),
        };
        let flags: Vec<&str> = row.flags.iter().copied().map(Flag::as_str).collect();
        table.rows.push(vec![
            json!(row.symbol.as_str()),
            json!(&*row.bar),
            json!(row.horizon),
            json!(row.made_at),
            json!(row.as_of),
            json!(row.target_ts),
            json!(row.y_pred),
            json!(row.lo),
            json!(row.hi),
            json!(row.y_naive),
            json!(row.version),
            json!(row.role.as_str()),
            json!(flags.join(" ")),
            y_true,
            err,
        ]);
    }
    Ok(out.table(args.output, table).await?)
}

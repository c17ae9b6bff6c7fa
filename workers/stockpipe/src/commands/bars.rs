//! `stockpipe features` and `stockpipe bars`: rows as the feature store has them.

use feature_store::RowQuery;
use market::{FeatureRow, Timestamp};
use serde_json::{Value, json};

use super::select;
use crate::{
    Context, Failure, cli,
    output::{Output, Table},
    settings,
};

/// Window rows.
pub async fn features(context: &Context, args: &cli::RowsArgs, out: &Output) -> Result<(), Failure> {
    let names: Vec<String> = context.pipeline.spec.features.windows.iter().map(|w| w.name.clone()).collect();
    let mut table = Table::new([
        "symbol",
        "name",
        "window_start",
        "window_end",
        "sma",
        "n",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "vwap",
        "final",
        "revision",
    ]);
    for row in rows(context, &args.select, &names, "window").await? {
        table.rows.push(vec![
            json!(row.symbol.as_str()),
            json!(&*row.name),
            json!(row.window_start),
            json!(row.window_end),
            json!(row.sma),
            json!(row.n),
            json!(row.prices.open),
            json!(row.prices.high),
            json!(row.prices.low),
            json!(row.prices.close),
            json!(row.prices.volume),
            json!(row.vwap),
            json!(row.is_final),
            json!(row.revision),
        ]);
    }
    Ok(out.table(args.output, table).await?)
}

/// Bar rows with their indicators.
pub async fn bars(context: &Context, args: &cli::RowsArgs, out: &Output) -> Result<(), Failure> {
    let names: Vec<String> = context
        .pipeline
        .spec
        .features
        .bars
        .iter()
        .map(|b| settings::span(b.duration()).to_string())
        .collect();
    let indicators = settings::indicators(&context.pipeline)?;
    let mut head: Vec<String> = [
        "symbol",
        "name",
        "window_start",
        "window_end",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "vwap",
        "n",
        "final",
        "revision",
    ]
    .map(str::to_owned)
    .to_vec();
    head.extend(indicators.columns().iter().cloned());
    let mut table = Table::new(head);
    for row in rows(context, &args.select, &names, "bar size").await? {
        let mut cells = vec![
            json!(row.symbol.as_str()),
            json!(&*row.name),
            json!(row.window_start),
            json!(row.window_end),
            json!(row.prices.open),
            json!(row.prices.high),
            json!(row.prices.low),
            json!(row.prices.close),
            json!(row.prices.volume),
            json!(row.vwap),
            json!(row.n),
            json!(row.is_final),
            json!(row.revision),
        ];
        // A row of an older configuration may have other columns: show what is there, absent else.
        cells.extend((0..indicators.columns().len()).map(|i| match row.indicators.get(i) {
            Some(Some(value)) => json!(value),
            _ => Value::Null,
        }));
        table.rows.push(cells);
    }
    Ok(out.table(args.output, table).await?)
}

async fn rows(
    context: &Context,
    select: &cli::Select,
    names: &[String],
    what: &str,
) -> Result<Vec<FeatureRow>, Failure> {
    if let Some(name) = &select.name
        && !names.contains(name)
    {
        return Err(Failure::bad_input(format!(
            "--name {name} is no {what} of this manifest: it has {}",
            names.join(", ")
        )));
    }
    let selected = select::resolve(select, newest(context).await?)?;
    let mut found = Vec::new();
    for name in names.iter().filter(|n| select.name.as_ref().is_none_or(|asked| asked == *n)) {
        let query = RowQuery {
            symbol: selected.symbol.clone(),
            name: Some(name.clone()),
            from: selected.from,
            to: selected.to,
            limit: select.limit,
            ..RowQuery::default()
        };
        found.extend(context.store.rows(&query).await?);
    }
    found.sort_by(|a, b| (a.window_start, &a.symbol, &a.name).cmp(&(b.window_start, &b.symbol, &b.name)));
    found.truncate(select.limit.unwrap_or(usize::MAX));
    Ok(found)
}

/// The end of the newest row: what `now` means for what is stored.
pub async fn newest(context: &Context) -> Result<Option<Timestamp>, Failure> {
    let query = RowQuery { limit: Some(1), newest_first: true, ..RowQuery::default() };
    Ok(context.store.rows(&query).await?.first().map(|row| row.window_end))
}

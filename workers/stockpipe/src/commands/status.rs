//! `stockpipe status`: lag, watermark, commits, models, freshness. Measured values only, each with its instant.

use std::fmt::Write as _;

use feature_store::RowQuery;
use lake::history;
use market::{Alias, Timestamp};
use registry::at;
use serde_json::{Value, json};

use super::models;
use crate::{Context, Failure, cli, output::Output, settings};

/// Prints where everything stands.
pub async fn status(context: &Context, args: &cli::StatusArgs, out: &Output) -> Result<(), Failure> {
    let value = collect(context).await?;
    match args.output {
        cli::Format::Json => out.out(format!("{value:#}\n")).await?,
        cli::Format::Table | cli::Format::Csv => out.out(for_people(&value)).await?,
    }
    Ok(())
}

async fn collect(context: &Context) -> Result<Value, Failure> {
    let topic = context.log.topic(&context.pipeline.spec.source.kafka.topic.name).await.ok();
    let mut partitions = Vec::new();
    for head in history::partitions(&*context.lake, Context::ROOT).await? {
        let log_end = match &topic {
            Some(topic) => Some(topic.bounds(head.partition).await?.high),
            None => None,
        };
        partitions.push(json!({
            "partition": head.partition,
            "commit": head.seq,
            "committed": head.end,
            "log_end": log_end,
            "uncommitted": log_end.map(|end| end.saturating_sub(head.end)),
            "watermark": head.watermark,
            "ticks": head.counters,
        }));
    }
    let mut champions = Vec::new();
    for registry in models::registries(context)? {
        for horizon in &context.pipeline.spec.predictor.horizons {
            let horizon = u32::try_from(*horizon).unwrap_or(0);
            let history = registry.alias_history(horizon).await?;
            if let Some(version) = at(&history, Alias::Champion, Timestamp::MAX) {
                champions.push(json!({"bar": &**registry.bar(), "horizon": horizon, "champion": version}));
            }
        }
    }
    let bar = settings::span(context.pipeline.spec.predictor.bar.duration()).to_string();
    let mut freshness = Vec::new();
    for symbol in context.store.symbols().await? {
        let query = RowQuery {
            symbol: Some(symbol.clone()),
            name: Some(bar.clone()),
            finals_only: true,
            limit: Some(1),
            newest_first: true,
            ..RowQuery::default()
        };
        let newest = context.store.rows(&query).await?.first().map(|r| r.window_end);
        freshness.push(json!({"symbol": symbol.as_str(), "bar": bar, "newest": newest}));
    }
    Ok(json!({
        "pipeline": context.pipeline.name(),
        "at": context.now(),
        "partitions": partitions,
        "models": champions,
        "freshness": freshness,
        "live": context.live.as_ref().map(|live| live()),
    }))
}

fn for_people(value: &Value) -> String {
    let mut text = String::new();
    let show = |v: &Value| match v {
        Value::Null => "—".to_owned(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    let running = if value["live"].is_null() { "not running" } else { "running" };
    let _ = writeln!(text, "pipeline {} at {} ({running})", show(&value["pipeline"]), show(&value["at"]));
    let _ = writeln!(text, "\nPARTITION  COMMIT  COMMITTED  LOG END  UNCOMMITTED  WATERMARK");
    for p in value["partitions"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "{:>9}  {:>6}  {:>9}  {:>7}  {:>11}  {}",
            show(&p["partition"]),
            show(&p["commit"]),
            show(&p["committed"]),
            show(&p["log_end"]),
            show(&p["uncommitted"]),
            show(&p["watermark"])
        );
    }
    let _ = writeln!(text, "\nMODELS");
    if value["models"].as_array().is_none_or(Vec::is_empty) {
        let _ = writeln!(text, "No model has passed yet. The last value is served, marked BASELINE.");
    }
    for m in value["models"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "{} horizon {}: v{} is served",
            show(&m["bar"]),
            show(&m["horizon"]),
            show(&m["champion"])
        );
    }
    let _ = writeln!(text, "\nSYMBOLS");
    for f in value["freshness"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "{:<16} newest {} bar ends {}",
            show(&f["symbol"]),
            show(&f["bar"]),
            show(&f["newest"])
        );
    }
    text
}

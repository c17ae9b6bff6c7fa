//! `stockpipe status`: lag, watermark, commits, models, freshness, and what running workers say of themselves. Measured
//! values only, each with its instant.

use std::{fmt::Write as _, time::Duration};

use feature_store::RowQuery;
use lake::history;
use market::{Alias, Timestamp};
use registry::at;
use serde_json::{Value, json};
use tick_log::Topic;

use super::models;
use crate::{Context, Failure, cli, http, output::Output, settings};

/// Longest wait for the record that is to be committed next.
const RECORD_WAIT: Duration = Duration::from_secs(2);

/// Prints where everything stands.
pub async fn status(context: &Context, args: &cli::StatusArgs, out: &Output) -> Result<(), Failure> {
    let mut value = collect(context).await?;
    let mut workers = Vec::new();
    for url in &args.workers {
        workers.push(match http::get_json(url, "/status").await {
            Ok(status) => json!({"url": url, "status": status}),
            Err(failure) => json!({"url": url, "error": failure.text}),
        });
    }
    value["workers"] = json!(workers);
    match args.output {
        cli::Format::Json => out.out(format!("{value:#}\n")).await?,
        cli::Format::Table | cli::Format::Csv => out.out(for_people(&value)).await?,
    }
    Ok(())
}

async fn collect(context: &Context) -> Result<Value, Failure> {
    let name = match context.is_embedded() {
        true => context.pipeline.spec.source.kafka.topic.name.clone(),
        false => settings::ticks_topic(&context.pipeline),
    };
    let topic = context.log.topic(&name).await.ok();
    let mut partitions = Vec::new();
    for head in history::partitions(&*context.lake, Context::ROOT).await? {
        let (mut log_end, mut lag) = (None, None);
        if let Some(topic) = &topic {
            let high = topic.bounds(head.partition).await?.high;
            (log_end, lag) =
                (Some(high), lag_seconds(context, &**topic, head.partition, head.end, high).await);
        }
        partitions.push(json!({
            "partition": head.partition,
            "commit": head.seq,
            "committed": head.end,
            "log_end": log_end,
            "uncommitted": log_end.map(|end| end.saturating_sub(head.end)),
            "lag_seconds": lag,
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

/// How long the next record to be committed has waited; nothing where it cannot be had in time.
async fn lag_seconds(context: &Context, topic: &dyn Topic, p: u32, from: u64, high: u64) -> Option<f64> {
    if from >= high {
        return Some(0.0);
    }
    let read = topic.read(p, from, 1, RECORD_WAIT);
    let batch = tokio::time::timeout(RECORD_WAIT * 2, read).await.ok()?.ok()?;
    topic.release(p);
    let waited = (context.clock)().saturating_sub(batch.get(0)?.record_ms).max(0);
    Some(waited as f64 / 1e3)
}

fn for_people(value: &Value) -> String {
    let mut text = String::new();
    let show = |v: &Value| match v {
        Value::Null => "—".to_owned(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    let running = if value["live"].is_null() { "" } else { " (running)" };
    let _ = writeln!(text, "pipeline {} at {}{running}", show(&value["pipeline"]), show(&value["at"]));
    let _ = writeln!(text, "\nPARTITION  COMMIT  COMMITTED  LOG END  UNCOMMITTED  LAG s  WATERMARK");
    for p in value["partitions"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "{:>9}  {:>6}  {:>9}  {:>7}  {:>11}  {:>5}  {}",
            show(&p["partition"]),
            show(&p["commit"]),
            show(&p["committed"]),
            show(&p["log_end"]),
            show(&p["uncommitted"]),
            p["lag_seconds"].as_f64().map_or("—".to_owned(), |s| format!("{s:.1}")),
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
    for worker in value["workers"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "\nWORKER {}", show(&worker["url"]));
        text.push_str(&of_worker(worker));
    }
    text
}

/// What one worker says: who it is, how its partitions stand, and every condition.
fn of_worker(worker: &Value) -> String {
    let mut text = String::new();
    if let Some(error) = worker["error"].as_str() {
        let _ = writeln!(text, "{error}");
        return text;
    }
    let (status, process) = (&worker["status"], &worker["status"]["process"]);
    let _ = writeln!(
        text,
        "{} pid {}{} since {}, {} MiB",
        process["role"].as_str().unwrap_or("a worker"),
        process["pid"],
        process["host"].as_str().map(|host| format!(" on {host}")).unwrap_or_default(),
        process["since"].as_str().unwrap_or("—"),
        process["rssBytes"].as_u64().unwrap_or(0) >> 20
    );
    if let Some(reason) = status["connection"]["reason"].as_str() {
        let _ = writeln!(text, "not connected: {reason}");
    }
    for p in status["ingest"]["partitions"].as_array().into_iter().flatten() {
        let _ = write!(
            text,
            "partition {} {}, lag {:.1} s",
            p["partition"],
            p["phase"].as_str().unwrap_or("—"),
            p["lag_seconds"].as_f64().unwrap_or(0.0)
        );
        let _ = match p["reason"].as_str() {
            Some(reason) => writeln!(text, ": {reason}"),
            None => writeln!(text),
        };
    }
    for c in status["ingest"]["conditions"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "condition {}: {}",
            c["kind"].as_str().unwrap_or("—"),
            c["message"].as_str().unwrap_or("")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workers_conditions_are_told() {
        let worker = json!({"url": "http://w:1", "status": {
            "process": {"role": "ingest", "pid": 7, "host": "h", "since": "now", "rssBytes": 5 << 20},
            "ingest": {
                "partitions": [{"partition": 3, "phase": "halted", "lag_seconds": 1.25, "reason": "gap"}],
                "conditions": [{"kind": "Gap", "message": "offsets 1 to 5 are gone", "partition": 3}],
            },
        }});
        let text = of_worker(&worker);
        for part in
            ["ingest pid 7 on h", "5 MiB", "partition 3 halted, lag 1.2 s: gap", "condition Gap: offsets"]
        {
            assert!(text.contains(part), "{text}");
        }
        let gone = of_worker(&json!({"url": "u", "error": "http://u: refused"}));
        assert_eq!(gone, "http://u: refused\n");
        let waiting =
            of_worker(&json!({"status": {"connection": {"connected": false, "reason": "no Kafka"}}}));
        assert!(waiting.contains("not connected: no Kafka"), "{waiting}");
    }
}

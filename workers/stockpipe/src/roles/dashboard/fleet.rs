//! What the running ingest workers say of themselves, collected for the page. Each figure carries the instant it was
//! fetched at; a worker that does not answer is a condition, and its figures are absent, never stale.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dashboard::health::{Condition, DeadLetterCounts, Measurements, PartitionHealth, Tile};
use market::Timestamp;
use runtime::Shutdown;
use serde_json::Value;
use tick_log::Clock;

use crate::http;

/// How often every worker is asked.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// Workers that are asked at once, over all addresses.
const WORKERS: usize = 64;

/// The newest answers.
pub struct Fleet {
    clock: Clock,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    workers: Vec<(Timestamp, Value)>,
    /// Since when a condition holds, by kind and message.
    since: BTreeMap<(String, String), Timestamp>,
}

impl Fleet {
    /// Asks the workers behind these addresses until drained. A name that stands for several machines stands for all.
    pub fn watch(urls: Vec<String>, clock: Clock, shutdown: Shutdown) -> Arc<Self> {
        let fleet = Arc::new(Self { clock, seen: Mutex::default() });
        if !urls.is_empty() {
            let asking = fleet.clone();
            tokio::spawn(async move {
                while !shutdown.is_draining() {
                    asking.ask(&urls).await;
                    tokio::select! {
                        () = tokio::time::sleep(ASK_EVERY) => {}
                        () = shutdown.draining() => {}
                    }
                }
            });
        }
        fleet
    }

    async fn ask(&self, urls: &[String]) {
        let mut addresses = Vec::new();
        let mut silent = 0;
        for url in urls {
            let host = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
            match tokio::net::lookup_host(host).await {
                Ok(found) => addresses.extend(found),
                Err(_) => silent += 1,
            }
        }
        addresses.sort();
        addresses.dedup();
        addresses.truncate(WORKERS);
        let asked: Vec<_> = addresses
            .into_iter()
            .map(|address| tokio::spawn(async move { http::get_json(&address.to_string(), "/status").await }))
            .collect();
        let mut workers = Vec::new();
        for answer in asked {
            match answer.await {
                Ok(Ok(status)) => workers.push((Timestamp::from_millis((self.clock)()), status)),
                Ok(Err(_)) | Err(_) => silent += 1,
            }
        }
        self.take(workers, silent);
    }

    fn take(&self, workers: Vec<(Timestamp, Value)>, silent: usize) {
        let now = Timestamp::from_millis((self.clock)());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let holding = conditions(&workers, silent);
        let since = std::mem::take(&mut seen.since);
        seen.since =
            holding.into_iter().map(|key| (key.clone(), since.get(&key).copied().unwrap_or(now))).collect();
        seen.workers = workers;
    }

    /// Adds to what the dashboard's own process measured.
    pub fn add_to(&self, mut measured: Measurements) -> Measurements {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for ((at, status), owner) in seen.workers.iter().zip(owners(&seen.workers)) {
            let partitions = status["ingest"]["partitions"].as_array().into_iter().flatten();
            measured.partitions.extend(partitions.filter_map(|p| partition(p, &owner, *at)));
        }
        measured.partitions.sort_by_key(|p| p.partition);
        measured.conditions.extend(seen.since.iter().map(|((kind, reason), since)| Condition {
            kind: kind.clone(),
            status: "True".to_owned(),
            reason: reason.clone(),
            since: *since,
        }));
        let Some(at) = seen.workers.iter().map(|(at, _)| *at).min() else { return measured };
        let lag = measured.partitions.iter().filter_map(|p| p.lag_seconds).reduce(f64::max);
        let tile = |id: &str, label: &str, value, unit: &str, digits| Tile {
            id: id.to_owned(),
            label: label.to_owned(),
            value,
            unit: unit.to_owned(),
            digits,
            at,
        };
        measured.tiles.insert(0, tile("lag", "Lag", lag, "s", 1));
        measured.tiles.insert(1, tile("workers", "Ingest workers", Some(seen.workers.len() as f64), "", 0));
        measured.dead_letters = Some(dead_letters(&seen.workers, at));
        measured
    }
}

/// What workers are called: their names, or those of their machines, which in a cluster are their pods'. Several without
/// a name on one machine are told apart by their process.
fn owners(workers: &[(Timestamp, Value)]) -> Vec<String> {
    let name = |status: &Value| {
        let process = &status["process"];
        process["instance"].as_str().or(process["host"].as_str()).map(str::to_owned)
    };
    let named: Vec<Option<String>> = workers.iter().map(|(_, status)| name(status)).collect();
    let owner = |(own, (_, status)): (&Option<String>, &(Timestamp, Value))| {
        let pid = &status["process"]["pid"];
        match own {
            Some(name) if named.iter().filter(|other| *other == own).count() == 1 => name.clone(),
            Some(name) => format!("{name}, pid {pid}"),
            None => format!("pid {pid}"),
        }
    };
    named.iter().zip(workers).map(owner).collect()
}

fn partition(p: &Value, owner: &str, at: Timestamp) -> Option<PartitionHealth> {
    let instant = |v: &Value| v.as_str().and_then(|text| Timestamp::parse(text).ok());
    let committed_at = p["commit_age_seconds"].as_f64().map(|age| at.micros() - (age * 1e6) as i64);
    Some(PartitionHealth {
        partition: u32::try_from(p["partition"].as_u64()?).ok()?,
        owner: Some(owner.to_owned()),
        epoch: None,
        committed_to: p["sequence"].as_u64().and(p["committed"].as_u64()),
        lag_records: p["lag_records"].as_u64(),
        lag_seconds: p["lag_seconds"].as_f64(),
        watermark: instant(&p["watermark"]),
        committed_at: committed_at.map(Timestamp::from_micros),
        at,
    })
}

fn dead_letters(workers: &[(Timestamp, Value)], at: Timestamp) -> DeadLetterCounts {
    let mut sum =
        DeadLetterCounts { read: 0, duplicates: 0, by_reason: BTreeMap::new(), samples: Vec::new(), at };
    for (_, status) in workers {
        let counters = &status["ingest"]["counters"];
        sum.read += counters["read"].as_u64().unwrap_or(0);
        for (reason, n) in counters["dead"].as_object().into_iter().flatten() {
            let n = n.as_u64().unwrap_or(0);
            match reason.as_str() {
                "duplicate" => sum.duplicates += n,
                _ => *sum.by_reason.entry(reason.clone()).or_default() += n,
            }
        }
    }
    sum
}

/// Everything that is not as it should be, by kind and reason.
fn conditions(workers: &[(Timestamp, Value)], silent: usize) -> Vec<(String, String)> {
    let mut holding = Vec::new();
    if silent > 0 {
        holding.push(("WorkersSilent".to_owned(), format!("{silent} do not answer")));
    }
    for (_, status) in workers {
        for c in status["ingest"]["conditions"].as_array().into_iter().flatten() {
            let Some(kind) = c["kind"].as_str() else { continue };
            holding.push((kind.to_owned(), c["message"].as_str().unwrap_or_default().to_owned()));
        }
    }
    holding
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fleet(now: i64) -> Fleet {
        Fleet { clock: Arc::new(move || now), seen: Mutex::default() }
    }

    #[test]
    fn workers_become_partitions_counts_and_conditions() {
        let fleet = fleet(5_000);
        let at = Timestamp::from_millis(5_000);
        let worker = |pid: u64, partition: u64, lag: f64| {
            json!({
                "process": {"pid": pid, "instance": null},
                "ingest": {
                    "partitions": [{"partition": partition, "lag_seconds": lag, "lag_records": 3, "sequence": 1,
                        "committed": 9, "watermark": "1970-01-01T00:00:01Z", "commit_age_seconds": 2.0}],
                    "counters": {"read": 10, "dead": {"duplicate": 1, "malformed_json": 2}},
                    "conditions": [{"kind": "Gap", "message": "offsets are gone"}],
                },
            })
        };
        assert_eq!(fleet.add_to(Measurements::default()), Measurements::default(), "nobody has answered yet");
        fleet.take(vec![(at, worker(7, 1, 0.5)), (at, worker(8, 0, 1.5))], 1);
        let measured = fleet.add_to(Measurements::default());
        assert_eq!(measured.partitions.iter().map(|p| p.partition).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(measured.partitions[1].owner.as_deref(), Some("pid 7"));
        assert_eq!(measured.partitions[0].committed_at, Some(Timestamp::from_millis(3_000)));
        assert_eq!(measured.tiles[0].value, Some(1.5), "the greatest lag");
        let dead = measured.dead_letters.unwrap();
        assert_eq!((dead.read, dead.duplicates, dead.by_reason["malformed_json"]), (20, 2, 4));
        let kinds: Vec<&str> = measured.conditions.iter().map(|c| c.kind.as_str()).collect();
        assert_eq!(kinds, ["Gap", "WorkersSilent"]);
        let owners = |workers: &[(u64, Value, Value)]| {
            let status = |(pid, instance, host): &(u64, Value, Value)| {
                (at, json!({"process": {"pid": pid, "instance": instance, "host": host}}))
            };
            super::owners(&workers.iter().map(status).collect::<Vec<_>>())
        };
        let (a, b, none) = (json!("market-ingest-a"), json!("market-ingest-b"), json!(null));
        let pods = [(1, none.clone(), a.clone()), (1, none.clone(), b.clone())];
        assert_eq!(owners(&pods), ["market-ingest-a", "market-ingest-b"]);
        let laptop =
            [(7, none.clone(), a.clone()), (8, none.clone(), a.clone()), (9, b, a), (6, none.clone(), none)];
        assert_eq!(
            owners(&laptop),
            ["market-ingest-a, pid 7", "market-ingest-a, pid 8", "market-ingest-b", "pid 6"]
        );
        fleet.take(Vec::new(), 2);
        let measured = fleet.add_to(Measurements::default());
        assert!(measured.partitions.is_empty(), "no stale figures");
        assert_eq!(measured.conditions.len(), 1);
    }
}

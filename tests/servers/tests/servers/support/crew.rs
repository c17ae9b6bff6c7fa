//! Ingest workers as a crowd: what they own and how far they have committed, and what keeps them running.

use super::program::{Program, Worker};
use super::wait::until;
use std::collections::BTreeMap;
use std::time::Duration;

/// Ingest workers of one pipeline.
pub struct Crew {
    /// Each a process of its own.
    pub workers: Vec<Worker>,
}

/// A partition as one worker sees it.
#[derive(Debug, Clone)]
pub struct Owned {
    /// Who says so.
    pub worker: String,
    /// What it is doing.
    pub phase: String,
    /// First offset that is not committed.
    pub committed: u64,
    /// Final rows that the feature store or the features log has not taken.
    pub pending: u64,
    /// Why it stands still.
    pub reason: Option<String>,
}

impl std::fmt::Display for Owned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is {} at {}, {} pending", self.worker, self.phase, self.committed, self.pending)?;
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

impl Crew {
    /// `count` workers that share the partitions by the group.
    pub fn new(program: &Program, count: usize) -> Crew {
        let workers = (0..count).map(|n| program.spawn(&format!("ingest-{n}"), &["ingest"])).collect();
        Crew { workers }
    }

    /// Every partition that anybody works on.
    pub async fn partitions(&self) -> BTreeMap<u32, Vec<Owned>> {
        let mut partitions: BTreeMap<u32, Vec<Owned>> = BTreeMap::new();
        for worker in self.workers.iter().filter(|worker| worker.runs()) {
            let Some(status) = worker.status().await else { continue };
            for p in status["ingest"]["partitions"].as_array().into_iter().flatten() {
                let owned = Owned {
                    worker: worker.name.clone(),
                    phase: p["phase"].as_str().unwrap_or("").to_owned(),
                    committed: p["committed"].as_u64().unwrap_or(0),
                    pending: p["pending_rows"].as_u64().unwrap_or(u64::MAX),
                    reason: p["reason"].as_str().map(str::to_owned),
                };
                let number = p["partition"].as_u64().unwrap_or(u64::MAX) as u32;
                partitions.entry(number).or_default().push(owned);
            }
        }
        partitions
    }

    /// Waits until everything is committed and every final row is taken; gives how long that took.
    pub async fn committed(&mut self, ends: &[u64], limit: Duration) -> Duration {
        until("everything is committed", limit, async || {
            self.revive();
            let seen = self.partitions().await;
            let behind: Vec<String> = (0..)
                .zip(ends)
                .filter(|(p, end)| {
                    **end > 0
                        && !seen
                            .get(p)
                            .is_some_and(|all| all.iter().any(|o| o.committed == **end && o.pending == 0))
                })
                .map(|(p, end)| {
                    let all = seen.get(&p).into_iter().flatten().map(Owned::to_string).collect::<Vec<_>>();
                    format!("p{p} of {end}: {}", all.join(", "))
                })
                .collect();
            if behind.is_empty() { Ok(()) } else { Err(behind.join("\n")) }
        })
        .await
    }

    /// Starts what has ended by itself, as whoever runs the workers does; gives who that was and how it ended.
    pub fn revive(&mut self) -> Vec<String> {
        let mut ended = Vec::new();
        for worker in &mut self.workers {
            if let Some(code) = worker.ended() {
                ended.push(format!("{} ended by itself with {code:?}", worker.name));
                worker.start();
            }
        }
        ended
    }

    /// Ends all in good order.
    pub async fn drain(&mut self, limit: Duration) {
        for worker in &mut self.workers {
            let code = worker.drain(limit).await;
            assert!(
                matches!(code, None | Some(0 | 143)),
                "{} ended with {code:?}\n{}",
                worker.name,
                tail(worker)
            );
        }
    }

    /// No worker has panicked or flooded its log.
    pub fn assert_quiet(&self) {
        for worker in &self.workers {
            let log = worker.log();
            assert!(!log.contains("panicked"), "{}: {}", worker.name, tail(worker));
            let lines = log.lines().count();
            assert!(lines < 20_000, "{} wrote {lines} lines: {}", worker.name, tail(worker));
        }
    }
}

/// The end of a worker's log.
pub fn tail(worker: &Worker) -> String {
    let log = worker.log();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

//! One worker, three, two, under load: the same result, nobody restarted, no partition left alone for long.

use crate::support::{
    Crew, Load, Program, Reference, assert_exactly_once, assert_same, ends, semantics, until,
};
use serde_json::json;
use servers::shared;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const PARTITIONS: u32 = 8;
const TICKS: u64 = 120_000;
const PER_SECOND: u64 = 2_500;
const SOON: Duration = Duration::from_secs(90);
/// The longest that a partition may be nobody's.
const ALONE: Duration = Duration::from_secs(15);

/// When somebody last worked on each partition, and the longest it was nobody's.
#[derive(Default)]
struct Watch {
    seen: BTreeMap<u32, Instant>,
    longest: BTreeMap<u32, Duration>,
}

impl Watch {
    async fn look(&mut self, crew: &Crew) -> BTreeMap<u32, usize> {
        let mut owners = BTreeMap::new();
        for (partition, owned) in crew.partitions().await {
            let working =
                owned.iter().filter(|owned| matches!(owned.phase.as_str(), "running" | "paused")).count();
            if working == 0 {
                continue;
            }
            let now = Instant::now();
            if let Some(before) = self.seen.insert(partition, now) {
                let alone = self.longest.entry(partition).or_default();
                *alone = (*alone).max(now - before);
            }
            owners.insert(partition, working);
        }
        owners
    }

    /// Waits until all partitions are owned once and every one of `members` workers owns some.
    async fn shared_by(&mut self, crew: &Crew, members: usize) {
        until(&format!("{members} workers share all partitions"), SOON, async || {
            let owners = self.look(crew).await;
            let mut of: BTreeMap<String, usize> = BTreeMap::new();
            for owned in
                crew.partitions().await.into_values().flatten().filter(|owned| owned.phase == "running")
            {
                *of.entry(owned.worker).or_default() += 1;
            }
            let whole =
                owners.len() == PARTITIONS as usize && of.values().sum::<usize>() == PARTITIONS as usize;
            if whole && of.len() == members { Ok(()) } else { Err(format!("{of:?}")) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_come_and_go_and_nothing_changes() {
    let stack = shared().await;
    let program = Program::new(stack, "scaling", PARTITIONS, json!({"lake": {"roll": {"age": "4s"}}}));
    let bootstrap = stack.kafka.bootstrap();
    program.ok(&["init"]).await;
    let sending = Load::default().send(bootstrap, &program.name, 0, TICKS, PER_SECOND);
    let (mut crew, mut watch) = (Crew::new(&program, 1), Watch::default());
    watch.shared_by(&crew, 1).await;

    for n in 1..3 {
        crew.workers.push(program.spawn(&format!("ingest-{n}"), &["ingest"]));
    }
    watch.shared_by(&crew, 3).await;
    let first = crew.workers[0].pid();

    let mut leaving = crew.workers.remove(1);
    let draining = leaving.drain(SOON);
    let watching = watch.shared_by(&crew, 2);
    let (code, ()) = tokio::join!(draining, watching);
    assert_eq!(code, Some(143), "the worker that leaves drains");
    until("every record is acknowledged", SOON, async || {
        watch.look(&crew).await;
        let acknowledged = sending.acknowledged();
        if acknowledged == TICKS { Ok(()) } else { Err(acknowledged) }
    })
    .await;
    sending.done().await;

    let ends = ends(bootstrap, &program.name, PARTITIONS).await;
    until("everything is committed", SOON, async || {
        watch.look(&crew).await;
        let seen = crew.partitions().await;
        let done = (0..).zip(&ends).all(|(p, end)| {
            *end == 0 || seen.get(&p).is_some_and(|all| all.iter().any(|owned| owned.committed == *end))
        });
        if done { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
    assert_eq!(crew.workers[0].pid(), first);
    assert!(crew.workers.iter().all(|worker| worker.lives == 1), "nobody was restarted");
    assert_eq!(crew.revive(), Vec::<String>::new(), "nobody ended by itself");
    crew.drain(SOON).await;
    crew.assert_quiet();
    let longest = watch.longest.values().max().copied().unwrap_or_default();
    assert!(longest <= ALONE, "a partition was nobody's for {longest:?}: {:?}", watch.longest);

    let expected = Reference::of(bootstrap, &program.name, semantics(PARTITIONS)).await;
    let dump = program.ok(&["dump"]).await;
    assert_exactly_once(&dump, &expected.ends);
    assert_same(&expected.lines, &dump, "scaled");
}

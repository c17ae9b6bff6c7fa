//! How many ingest pods: by lag in seconds, slowly, and never on half an answer.
//!
//! | rule | why |
//! |---|---|
//! | out after [`OUT_AFTER`] above the target, doubled | a burst is not a load |
//! | in after [`IN_AFTER`] below half of it, by one | a partition that moves costs a restore |
//! | nothing while a partition is restored | its lag says nothing yet |
//! | in only where every partition was heard | who is not heard may be the one that lags |
//! | not further out where the last step did not help | then the cause is not the number of pods |
//! | nothing without a signal; after [`SILENCE`] it is told | replicas stay |

use std::collections::BTreeMap;

use crds::pipeline::Autoscaling;
use crds::reason::Reason;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::workers::Heard;

/// How long the lag is above the target before pods are added.
const OUT_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// How long the lag is below half of the target before one pod goes.
const IN_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// How long nothing is heard before that is told.
const SILENCE: SignedDuration = SignedDuration::from_mins(5);
/// A step helped where the lag is at most this much of what it was.
const HELPED: f64 = 0.9;

/// What the ingest pods said, together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signal {
    /// The greatest lag of any partition that was heard, in seconds.
    pub lag: f64,
    /// Some partition is still being restored, or was just lost.
    pub restoring: bool,
    /// Every partition was heard.
    pub complete: bool,
}

/// What is remembered between two looks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    above_since: Option<Timestamp>,
    below_since: Option<Timestamp>,
    heard: Option<Timestamp>,
    began: Option<Timestamp>,
    lag_at_last_step: Option<f64>,
}

/// How many, and what to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Pods wanted.
    pub replicas: i32,
    /// Whether scaling works.
    pub active: bool,
    /// Why.
    pub reason: Reason,
    /// Why, for people.
    pub message: String,
}

impl Verdict {
    fn new(replicas: i32, active: bool, reason: Reason, message: impl Into<String>) -> Self {
        Verdict { replicas, active, reason, message: message.into() }
    }
}

/// What the ingest pods said; `None` where nobody was heard of any partition.
pub fn signal(heard: &[Heard], partitions: i32) -> Option<Signal> {
    let mut all: BTreeMap<u64, (f64, bool)> = BTreeMap::new();
    for partition in heard.iter().filter_map(|one| one.status.as_ref()).flat_map(ingest_partitions) {
        let Some(number) = partition["partition"].as_u64() else { continue };
        let restoring = !matches!(partition["phase"].as_str(), Some("running" | "paused"));
        let lag = partition["lag_seconds"].as_f64().unwrap_or(0.0);
        let entry = all.entry(number).or_insert((0.0, false));
        *entry = (entry.0.max(lag), entry.1 || restoring);
    }
    if all.is_empty() {
        return None;
    }
    Some(Signal {
        lag: all.values().map(|(lag, _)| *lag).fold(0.0, f64::max),
        restoring: all.values().any(|(_, restoring)| *restoring),
        complete: i32::try_from(all.len()).is_ok_and(|n| n >= partitions),
    })
}

/// The partitions of one ingest pod's `/status`.
pub fn ingest_partitions(status: &Value) -> impl Iterator<Item = &Value> {
    status["ingest"]["partitions"].as_array().into_iter().flatten()
}

/// How many pods, given how many there are and what was heard.
pub fn decide(
    spec: &Autoscaling,
    partitions: i32,
    current: i32,
    signal: Option<Signal>,
    memory: &Memory,
    now: Timestamp,
) -> (Memory, Verdict) {
    let most = spec.max_replicas.min(partitions).max(1);
    let least = spec.min_replicas.clamp(1, most);
    let current = current.clamp(least, most);
    let mut next = memory.clone();
    next.began.get_or_insert(now);
    let Some(signal) = signal else {
        let verdict = silent(&mut next, current, now);
        return (next, verdict);
    };
    next.heard = Some(now);
    if signal.restoring {
        (next.above_since, next.below_since) = (None, None);
        let message = "partitions are being restored, or stand still; lag is judged when all of them run";
        return (next, Verdict::new(current, true, Reason::Restoring, message));
    }
    let target = spec.target_lag.seconds() as f64;
    next.above_since = since(signal.lag > target, next.above_since, now);
    next.below_since = since(signal.complete && signal.lag <= target / 2.0, next.below_since, now);
    if signal.lag <= target {
        next.lag_at_last_step = None;
    }
    let verdict = step(&mut next, signal, current, (least, most), now);
    (next, verdict)
}

fn silent(memory: &mut Memory, current: i32, now: Timestamp) -> Verdict {
    (memory.above_since, memory.below_since) = (None, None);
    let last = memory.heard.or(memory.began).unwrap_or(now);
    if now.duration_since(last) >= SILENCE {
        let message =
            "no ingest pod told its lag for 5 minutes: replicas stay as they are; look at the ingest pods";
        return Verdict::new(current, false, Reason::NoSignal, message);
    }
    Verdict::new(current, true, Reason::WaitingForLag, "ingest pods have not told their lag yet")
}

fn since(holds: bool, before: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    holds.then(|| before.unwrap_or(now))
}

fn step(
    memory: &mut Memory,
    signal: Signal,
    current: i32,
    (least, most): (i32, i32),
    now: Timestamp,
) -> Verdict {
    let passed =
        |since: Option<Timestamp>, wait| since.is_some_and(|since| now.duration_since(since) >= wait);
    if passed(memory.above_since, OUT_AFTER) {
        if current >= most {
            return Verdict::new(
                current,
                true,
                Reason::AtMaximum,
                "the lag is above its target with as many pods as allowed",
            );
        }
        if memory.lag_at_last_step.is_some_and(|before| signal.lag > before * HELPED) {
            let message = "the lag is above its target, and the last pods that were added did not help: \
                           look at Cassandra, HDFS and at one symbol that has most of the ticks";
            return Verdict::new(current, true, Reason::NoHelp, message);
        }
        memory.lag_at_last_step = Some(signal.lag);
        memory.above_since = None;
        return Verdict::new(
            current.saturating_mul(2).min(most),
            true,
            Reason::ScaledOut,
            "the lag was above its target",
        );
    }
    if passed(memory.below_since, IN_AFTER) && current > least {
        memory.below_since = None;
        return Verdict::new(current - 1, true, Reason::ScaledIn, "the lag was far below its target");
    }
    if memory.above_since.is_some() {
        return Verdict::new(
            current,
            true,
            Reason::AboveTarget,
            "the lag is above its target; pods are added if it stays there",
        );
    }
    Verdict::new(current, true, Reason::Steady, "the lag is at its target or below")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Twenty partitions, one to eight pods, ten seconds; looks every ten seconds.
    struct Sim {
        memory: Memory,
        now: Timestamp,
        replicas: i32,
    }

    impl Sim {
        fn new() -> Self {
            Sim { memory: Memory::default(), now: Timestamp::UNIX_EPOCH, replicas: 2 }
        }

        fn look(&mut self, signal: Option<Signal>) -> Verdict {
            let spec = Autoscaling { min_replicas: 1, max_replicas: 8, ..Autoscaling::default() };
            let (memory, verdict) = decide(&spec, 20, self.replicas, signal, &self.memory, self.now);
            (self.memory, self.replicas) = (memory, verdict.replicas);
            self.now += SignedDuration::from_secs(10);
            verdict
        }

        fn looks(&mut self, n: usize, signal: Option<Signal>) -> Verdict {
            (0..n).map(|_| self.look(signal)).last().unwrap()
        }
    }

    fn lag(lag: f64) -> Option<Signal> {
        Some(Signal { lag, restoring: false, complete: true })
    }

    #[test]
    fn out_after_a_minute_in_after_ten() {
        let mut sim = Sim::new();
        assert_eq!(sim.looks(6, lag(30.0)).replicas, 2);
        assert_eq!(sim.look(lag(30.0)).reason, Reason::ScaledOut);
        assert_eq!(sim.replicas, 4);
        assert_eq!(sim.looks(60, lag(1.0)).replicas, 4);
        assert_eq!(sim.look(lag(1.0)).reason, Reason::ScaledIn);
        assert_eq!(sim.replicas, 3);
        assert_eq!(sim.looks(59, lag(1.0)).replicas, 3);
    }

    #[test]
    fn a_burst_is_not_a_load() {
        let mut sim = Sim::new();
        for _ in 0..20 {
            sim.looks(5, lag(30.0));
            sim.look(lag(2.0));
        }
        assert_eq!(sim.replicas, 2);
    }

    #[test]
    fn nothing_happens_while_partitions_are_restored() {
        let mut sim = Sim::new();
        let restoring = Some(Signal { lag: 500.0, restoring: true, complete: true });
        assert_eq!(sim.looks(100, restoring).reason, Reason::Restoring);
        assert_eq!(sim.looks(6, lag(500.0)).replicas, 2);
        assert_eq!(sim.look(lag(500.0)).replicas, 4);
    }

    #[test]
    fn half_an_answer_never_scales_in() {
        let mut sim = Sim::new();
        let partial = |lag| Some(Signal { lag, restoring: false, complete: false });
        assert_eq!(sim.looks(1000, partial(0.0)).replicas, 2);
        assert_eq!(sim.looks(7, partial(30.0)).replicas, 4);
    }

    #[test]
    fn a_step_that_did_not_help_is_the_last() {
        let mut sim = Sim::new();
        assert_eq!(sim.looks(7, lag(100.0)).replicas, 4);
        assert_eq!(sim.looks(500, lag(100.0)).reason, Reason::NoHelp);
        assert_eq!(sim.replicas, 4);
        assert_eq!(sim.look(lag(50.0)).reason, Reason::ScaledOut);
        assert_eq!(sim.replicas, 8);
        assert_eq!(sim.looks(100, lag(40.0)).reason, Reason::AtMaximum);
    }

    #[test]
    fn silence_changes_nothing_and_is_told_after_five_minutes() {
        let mut sim = Sim::new();
        sim.look(lag(1.0));
        assert!(sim.looks(29, None).active);
        let verdict = sim.looks(2, None);
        assert_eq!((verdict.active, verdict.reason, verdict.replicas), (false, Reason::NoSignal, 2));
        assert!(sim.look(lag(1.0)).active);
    }

    #[test]
    fn bounds_hold_whatever_was_there() {
        let spec = Autoscaling { min_replicas: 3, max_replicas: 64, ..Autoscaling::default() };
        let decided =
            |current| decide(&spec, 4, current, lag(0.0), &Memory::default(), Timestamp::UNIX_EPOCH).1;
        assert_eq!((decided(1).replicas, decided(50).replicas), (3, 4));
    }

    #[test]
    fn the_signal_is_the_greatest_lag_and_knows_what_is_missing() {
        let heard = |partitions: Value| Heard {
            pod: "p".into(),
            role: "ingest".into(),
            status: Some(json!({"ingest": {"partitions": partitions}})),
        };
        let one = heard(json!([{"partition": 0, "phase": "running", "lag_seconds": 3.5}]));
        let two = heard(json!([{"partition": 1, "phase": "restoring", "lag_seconds": 0.0}]));
        let silent = Heard { pod: "q".into(), role: "ingest".into(), status: None };
        assert_eq!(
            signal(&[one.clone(), silent.clone()], 2),
            Some(Signal { lag: 3.5, restoring: false, complete: false })
        );
        assert_eq!(signal(&[one, two], 2), Some(Signal { lag: 3.5, restoring: true, complete: true }));
        assert_eq!(signal(&[silent], 2), None);
    }
}

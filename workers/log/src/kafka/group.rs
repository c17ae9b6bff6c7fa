//! Ownership by a consumer group whose members fetch nothing.
//!
//! The member answers what the group assigns and revokes with an *empty* list: it owns its partitions in the group and
//! never touches them; records come by the topic's own data consumer. A thread polls; everything that takes longer than
//! a moment (a drain) is answered from its loop, because returning from the callback without an answer is allowed and
//! sleeping in it stops the heartbeats' companion, the poll.
//!
//! What can go wrong and what is done:
//! - a drain that outlasts `max.poll.interval.ms` loses everything without a warning: at its deadline it is answered;
//! - an unanswered revoke makes the end of the consumer hang: while closing, answers are given inside the callback;
//! - a member that was frozen for a session and more must not come back under its old name, it would fence its
//!   replacement: `on_frozen` is called before anything is answered, and is expected to end the process;
//! - a member that is told that it lost everything, also after a long outage, stays: it gets `Lost`, later `Own`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parking_lot::Mutex;
use rdkafka::{
    ClientContext, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol},
    error::KafkaError,
    types::RDKafkaRespErr as Answer,
};
use tokio::sync::mpsc as channel;

use super::{
    KafkaSettings, config,
    context::{Context, Reasons},
    members,
};
use crate::{LogError, Ownership, OwnershipEvent};

/// How often the thread looks around.
const POLL: Duration = Duration::from_millis(100);
/// How long the thread serves a member after it unsubscribed, for the group to hear it.
const FAREWELL: Duration = Duration::from_millis(500);

/// The times of a group. The usual ones lose a killed process in 10 s and move a partition in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupTimes {
    /// Silence after which the group gives a member's partitions to others.
    pub session: Duration,
    /// Time between two signs of life; how long a moved partition is without owner.
    pub heartbeat: Duration,
    /// Silence of the thread after which a member counts as stuck; longer than any drain.
    pub max_poll: Duration,
    /// What a drain may take.
    pub drain: Duration,
}

impl Default for GroupTimes {
    fn default() -> Self {
        Self {
            session: Duration::from_secs(10),
            heartbeat: Duration::from_secs(1),
            max_poll: Duration::from_secs(60),
            drain: Duration::from_secs(20),
        }
    }
}

impl GroupTimes {
    /// How much of a session before its end the hints stop being relied upon.
    fn margin(&self) -> Duration {
        Duration::from_secs(2).min(self.session / 4)
    }
}

type Frozen = Box<dyn Fn() + Send + Sync>;

/// When the group was last heard, on a clock that goes on while the process is stopped.
struct Pulse {
    start: Instant,
    millis: AtomicU64,
    session: Duration,
    on_frozen: Frozen,
}

impl Pulse {
    fn age(&self) -> Duration {
        self.start.elapsed().saturating_sub(Duration::from_millis(self.millis.load(Ordering::Acquire)))
    }

    /// Beats; tells of a freeze first.
    fn beat(&self) {
        self.look();
        self.millis.store(self.start.elapsed().as_millis() as u64, Ordering::Release);
    }

    fn look(&self) {
        if self.age() >= self.session {
            (self.on_frozen)();
        }
    }
}

/// The member's side of the group's callbacks.
pub(super) struct Member {
    context: Context,
    events: channel::UnboundedSender<OwnershipEvent>,
    drain: Duration,
    unanswered: Mutex<Option<Instant>>,
    closing: AtomicBool,
    pulse: Arc<Pulse>,
}

impl Member {
    fn tell(&self, event: OwnershipEvent) {
        // Nobody listens any more: the owner is gone.
        let _ = self.events.send(event);
    }
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }
}

impl ConsumerContext for Member {
    /// Runs inside the poll, and never waits.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: Answer, list: &mut TopicPartitionList) {
        // The freeze may fall into the poll itself.
        self.pulse.look();
        let partitions: Vec<u32> =
            list.elements().iter().filter_map(|e| u32::try_from(e.partition()).ok()).collect();
        match what {
            Answer::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                answer(consumer, true);
                if !partitions.is_empty() && !self.closing.load(Ordering::Acquire) {
                    self.tell(OwnershipEvent::Own(partitions));
                }
            }
            Answer::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS
                if !consumer.assignment_lost() && !self.closing.load(Ordering::Acquire) =>
            {
                let by = Instant::now() + self.drain;
                *self.unanswered.lock() = Some(by);
                self.tell(OwnershipEvent::Drain { partitions, by });
            }
            _ => {
                // A drain that was under way is over: the group does not wait for it any more.
                *self.unanswered.lock() = None;
                if !self.closing.load(Ordering::Acquire) {
                    self.tell(OwnershipEvent::Lost(partitions));
                }
                answer(consumer, false);
            }
        }
    }
}

/// Answers with the empty list: the member owns, and fetches nothing.
fn answer(consumer: &BaseConsumer<Member>, assign: bool) {
    let none = TopicPartitionList::new();
    let answered = match (consumer.rebalance_protocol(), assign) {
        (RebalanceProtocol::Cooperative, true) => consumer.incremental_assign(&none),
        (RebalanceProtocol::Cooperative, false) => consumer.incremental_unassign(&none),
        (_, true) => consumer.assign(&none),
        (_, false) => consumer.unassign(),
    };
    if let Err(error) = answered {
        tracing::warn!("the group's change was not answered: {error}");
    }
}

enum Command {
    Drained,
    Leave,
}

/// Which partitions of a topic this process should work on, as its consumer group says.
pub struct KafkaOwnership {
    events: tokio::sync::Mutex<channel::UnboundedReceiver<OwnershipEvent>>,
    commands: mpsc::Sender<Command>,
    pulse: Arc<Pulse>,
    margin: Duration,
}

impl KafkaOwnership {
    /// Joins `group` for `topic` with the usual times. Returns at once; what follows comes by [`Ownership::next`].
    ///
    /// `instance_id`: a name that the process keeps over restarts (the pod's), or none. `on_frozen` is called when the
    /// process did not run for a session: it must end the process, which else would push its replacement out.
    pub fn join(
        settings: &KafkaSettings,
        topic: &str,
        group: &str,
        instance_id: Option<String>,
        on_frozen: Frozen,
    ) -> Result<Self, LogError> {
        Self::join_with(settings, topic, group, instance_id, on_frozen, GroupTimes::default())
    }

    /// Joins with times of one's own.
    pub fn join_with(
        settings: &KafkaSettings,
        topic: &str,
        group: &str,
        instance_id: Option<String>,
        on_frozen: Frozen,
        times: GroupTimes,
    ) -> Result<Self, LogError> {
        let instance = instance_id.as_deref();
        let config =
            config::member(settings, group, instance, times.session, times.heartbeat, times.max_poll)?;
        let (events, next) = channel::unbounded_channel();
        let pulse = Arc::new(Pulse {
            start: Instant::now(),
            millis: AtomicU64::new(0),
            session: times.session,
            on_frozen,
        });
        let member = Member {
            context: Context::new("member", &Arc::new(Reasons::default())),
            events: events.clone(),
            drain: times.drain,
            unanswered: Mutex::default(),
            closing: AtomicBool::new(false),
            pulse: pulse.clone(),
        };
        let consumer: BaseConsumer<Member> =
            config.create_with_context(member).map_err(|e| super::unusable(&e))?;
        let unusable = |e: KafkaError| LogError::Kafka {
            what: "cannot join the group of",
            subject: topic.to_owned(),
            why: e.to_string(),
        };
        consumer.subscribe(&[topic]).map_err(unusable)?;
        let consumer = Arc::new(consumer);
        members::joined(&settings.bootstrap, group, topic, &consumer);
        let (commands, given) = mpsc::channel();
        let name = group.to_owned();
        thread::Builder::new()
            .name("kafka group".into())
            .spawn(move || run(&consumer, &given, &name))
            .map_err(|e| LogError::Kafka {
                what: "cannot join group",
                subject: group.to_owned(),
                why: e.to_string(),
            })?;
        let margin = times.margin();
        Ok(Self { events: tokio::sync::Mutex::new(next), commands, pulse, margin })
    }
}

#[async_trait]
impl Ownership for KafkaOwnership {
    async fn next(&self) -> Option<OwnershipEvent> {
        self.events.lock().await.recv().await
    }

    fn drained(&self) {
        // The thread is gone: there is nothing to answer any more.
        let _ = self.commands.send(Command::Drained);
    }

    fn leave(&self) {
        let _ = self.commands.send(Command::Leave);
    }

    fn is_sure(&self) -> bool {
        self.pulse.age() + self.margin < self.pulse.session
    }
}

/// The thread. Ends after a farewell, a fatal error, or when the owner is dropped; dropping the consumer closes it.
fn run(consumer: &BaseConsumer<Member>, commands: &mpsc::Receiver<Command>, group: &str) {
    let member = consumer.context();
    let mut left: Option<Instant> = None;
    loop {
        member.pulse.beat();
        match consumer.poll(POLL) {
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                let error = LogError::Fenced { subject: format!("group {group}"), why: code.to_string() };
                member.tell(OwnershipEvent::Failed(error));
                break;
            }
            // Errors come in bursts while no broker answers; the context has heard them.
            Some(Err(_)) => thread::sleep(POLL),
            Some(Ok(_)) | None => {}
        }
        let mut drained = false;
        loop {
            match commands.try_recv() {
                Ok(Command::Drained) => drained = true,
                Ok(Command::Leave) | Err(mpsc::TryRecvError::Disconnected) => {
                    drained = true;
                    if left.is_none() {
                        member.closing.store(true, Ordering::Release);
                        left = Some(Instant::now());
                    }
                    break;
                }
                Err(mpsc::TryRecvError::Empty) => break,
            }
        }
        {
            let mut unanswered = member.unanswered.lock();
            if unanswered.is_some_and(|by| drained || Instant::now() >= by) {
                *unanswered = None;
                drop(unanswered);
                answer(consumer, false);
            }
        }
        match left {
            Some(since) if since.elapsed() >= FAREWELL => break,
            Some(since) if since.elapsed() < POLL => consumer.unsubscribe(),
            _ => {}
        }
    }
    member.closing.store(true, Ordering::Release);
    let unanswered = member.unanswered.lock().take();
    if unanswered.is_some() {
        answer(consumer, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    fn pulse(heard_ago: Duration, frozen: &Arc<AtomicU32>) -> Pulse {
        let start = Instant::now().checked_sub(heard_ago).unwrap();
        let frozen = frozen.clone();
        let on_frozen = Box::new(move || {
            frozen.fetch_add(1, Ordering::Relaxed);
        });
        Pulse { start, millis: AtomicU64::new(0), session: Duration::from_secs(10), on_frozen }
    }

    #[test]
    fn a_freeze_is_told_before_the_next_beat() {
        let frozen = Arc::new(AtomicU32::new(0));
        let short = pulse(Duration::from_secs(9), &frozen);
        short.beat();
        assert_eq!(frozen.load(Ordering::Relaxed), 0);
        let long = pulse(Duration::from_secs(11), &frozen);
        long.look();
        assert_eq!(frozen.load(Ordering::Relaxed), 1);
        long.beat();
        long.look();
        assert_eq!(frozen.load(Ordering::Relaxed), 2, "told once more by the beat, then it goes on");
        assert!(long.age() < Duration::from_secs(1));
    }

    #[test]
    fn the_hints_are_not_relied_upon_near_the_end_of_a_session() {
        let frozen = Arc::new(AtomicU32::new(0));
        for (heard_ago, sure) in [(0, true), (7, true), (9, false), (20, false)] {
            let owner = KafkaOwnership {
                events: tokio::sync::Mutex::new(channel::unbounded_channel().1),
                commands: mpsc::channel().0,
                pulse: Arc::new(pulse(Duration::from_secs(heard_ago), &frozen)),
                margin: GroupTimes::default().margin(),
            };
            assert_eq!(owner.is_sure(), sure, "{heard_ago} s");
        }
    }
}

//! Everything fails, at random and repeatedly, while ticks flow: workers are killed, two claim the same partitions, each
//! server is restarted, paused or away for long. Afterwards every record is stored once, the dump is that of an undisturbed
//! run, and nothing was needed from anybody.
//!
//! `STOCKPIPE_SEED=N` repeats a run's order of faults; `STOCKPIPE_LONG=1` runs the full size.

use crate::support::load::mixed;
use crate::support::{
    Crew, Load, Program, Reference, assert_exactly_once, assert_same, assert_tidy, ends, semantics,
};
use serde_json::json;
use servers::{Options, Server, Stack};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PARTITIONS: u32 = 16;
/// From the moment the last server answers again until everything is committed.
const RECOVERED: Duration = Duration::from_secs(60);
const DRAINED: Duration = Duration::from_secs(60);

struct Size {
    ticks: u64,
    per_second: u64,
    rounds: u64,
    paused: Duration,
    cassandra_away: Duration,
}

fn size() -> Size {
    let seconds = Duration::from_secs;
    match std::env::var_os("STOCKPIPE_LONG") {
        Some(_) => Size {
            ticks: 2_000_000,
            per_second: 3_000,
            rounds: 6,
            paused: seconds(20),
            cassandra_away: seconds(300),
        },
        None => Size {
            ticks: 300_000,
            per_second: 5_000,
            rounds: 1,
            paused: seconds(5),
            cassandra_away: seconds(45),
        },
    }
}

/// What was done to whom and when; told when the test fails.
struct Story {
    seed: u64,
    began: Instant,
    lines: Mutex<Vec<String>>,
}

impl Story {
    fn new() -> Story {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = std::env::var("STOCKPIPE_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(mixed(now.as_nanos() as u64) % 1_000_000);
        Story { seed, began: Instant::now(), lines: Mutex::default() }
    }

    fn tell(&self, line: impl Into<String>) {
        let line = format!("{:7.1} s  {}", self.began.elapsed().as_secs_f64(), line.into());
        if let Ok(mut lines) = self.lines.lock() {
            lines.push(line);
        }
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() || std::env::var_os("STOCKPIPE_STORY").is_some() {
            let lines = self.lines.lock().map(|lines| lines.join("\n")).unwrap_or_default();
            eprintln!("what was done, STOCKPIPE_SEED={}:\n{lines}", self.seed);
        }
    }
}

/// A sequence of choices.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = mixed(self.0);
        (self.0 >> 16) % n
    }

    /// Time passes between two faults: that is their instant, not a wait for something.
    async fn pass(&mut self, millis: std::ops::Range<u64>) {
        let time = millis.start + self.below(millis.end - millis.start);
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    WorkerKilled,
    TwoClaim,
    KafkaRestarted,
    NameNodeRestarted,
    DataNodePaused,
    DataNodeKilled,
}

const FAULTS: [Fault; 8] = [
    Fault::WorkerKilled,
    Fault::TwoClaim,
    Fault::KafkaRestarted,
    Fault::NameNodeRestarted,
    Fault::DataNodePaused,
    Fault::DataNodeKilled,
    Fault::WorkerKilled,
    Fault::WorkerKilled,
];

/// Faults of the first round before Cassandra goes.
const HALF: usize = 5;

struct Scene<'a> {
    stack: &'a Stack,
    program: &'a Program,
    crew: Crew,
    dice: Dice,
    story: &'a Story,
    size: Size,
}

impl Scene<'_> {
    async fn suffer(&mut self, fault: Fault) {
        self.story.tell(format!("{fault:?}"));
        match fault {
            Fault::WorkerKilled => self.kill_worker().await,
            Fault::TwoClaim => self.two_claim().await,
            Fault::KafkaRestarted => self.restart(&self.stack.kafka).await,
            Fault::NameNodeRestarted => self.restart(&self.stack.hdfs.namenode).await,
            Fault::DataNodeKilled => self.restart(&self.stack.hdfs.datanode).await,
            Fault::DataNodePaused => {
                self.stack.hdfs.datanode.pause().expect("the DataNode is paused");
                tokio::time::sleep(self.size.paused).await;
                self.stack.hdfs.datanode.resume().expect("the DataNode goes on");
            }
        }
        for ended in self.crew.revive() {
            self.story.tell(ended);
        }
    }

    async fn restart(&mut self, server: &Server) {
        server.kill().expect("a server is killed");
        // Sometimes a worker dies while a server is away.
        if self.dice.below(2) == 0 {
            self.kill_worker().await;
        }
        self.dice.pass(0..4_000).await;
        server.start().expect("a server starts");
        server.wait_ready().await.expect("a server is ready again");
        self.story.tell(format!("{} is ready", server.name()));
    }

    async fn kill_worker(&mut self) {
        let n = self.dice.below(self.crew.workers.len() as u64) as usize;
        self.crew.workers[n].kill();
        self.story.tell(format!("{} killed", self.crew.workers[n].name));
        self.dice.pass(0..2_000).await;
        self.crew.workers[n].start();
    }

    /// Two workers that own everything whatever the group says, beside those of the group.
    async fn two_claim(&mut self) {
        let claim = ["ingest", "--ordinal", "0", "--replicas", "1"];
        let mut twins = [self.program.spawn("twin-a", &claim), self.program.spawn("twin-b", &claim)];
        self.dice.pass(3_000..8_000).await;
        for twin in &mut twins {
            twin.kill();
        }
        self.story.tell("both claimants are gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_fails_changes_the_result() {
    let stack = Stack::start(Options::default()).await.expect("a stack of its own");
    // Sixteen partitions close five files each: more often than this, and files are all that HDFS does.
    let program = Program::new(&stack, "faults", PARTITIONS, json!({"lake": {"roll": {"age": "5s"}}}));
    let (story, size) = (Story::new(), size());
    program.ok(&["init"]).await;

    let bootstrap = stack.kafka.bootstrap();
    let load = Load { seed: story.seed, ..Load::default() };
    let sending = load.send(bootstrap, &program.name, 0, size.ticks, size.per_second);
    let (rounds, away) = (size.rounds, size.cassandra_away);
    let crew = Crew::new(&program, 2);
    let mut scene =
        Scene { stack: &stack, program: &program, crew, dice: Dice(story.seed), story: &story, size };

    // Cassandra is away for long while the rest goes on. Not from the start: a worker that begins without it waits.
    let (half, begun) = tokio::sync::oneshot::channel();
    let long_absence = async {
        begun.await.expect("half of the first round");
        story.tell("cassandra killed");
        stack.cassandra.kill().expect("cassandra is killed");
        tokio::time::sleep(away).await;
        stack.cassandra.start().expect("cassandra starts");
        stack.cassandra.wait_ready().await.expect("cassandra is ready again");
        story.tell("cassandra is ready");
    };
    let others = async {
        let mut half = Some(half);
        for _ in 0..rounds {
            let mut order = FAULTS;
            for n in (1..order.len()).rev() {
                order.swap(n, scene.dice.below(n as u64 + 1) as usize);
            }
            // Two that claim are to meet all stores at work.
            let claim = order.iter().position(|fault| matches!(fault, Fault::TwoClaim)).unwrap_or(0);
            order.swap(claim, claim % HALF);
            for (n, fault) in order.into_iter().enumerate() {
                if n == HALF {
                    half.take().map(|half| half.send(()));
                }
                scene.dice.pass(500..4_000).await;
                scene.suffer(fault).await;
            }
        }
        scene
    };
    let ((), scene) = tokio::join!(long_absence, others);
    let mut crew = scene.crew;
    sending.done().await;
    story.tell("every record is acknowledged");

    let ends = ends(bootstrap, &program.name, PARTITIONS).await;
    assert_eq!(ends.iter().sum::<u64>(), load_size(), "the producer lost or doubled records");
    let took = crew.committed(&ends, RECOVERED).await;
    story.tell(format!("everything is committed {:.1} s after the last server answered", took.as_secs_f64()));
    crew.drain(DRAINED).await;
    crew.assert_quiet();

    program.ok(&["fsck", "--repair"]).await;
    assert_tidy(stack.hdfs.uri(), &format!("/{}", program.name)).await;
    let expected = Reference::of(bootstrap, &program.name, semantics(PARTITIONS)).await;
    let dump = program.ok(&["dump"]).await;
    assert_exactly_once(&dump, &expected.ends);
    assert_same(&expected.lines, &dump, &format!("seed {}", story.seed));
}

fn load_size() -> u64 {
    size().ticks
}

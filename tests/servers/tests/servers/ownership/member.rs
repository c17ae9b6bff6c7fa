//! A member of a group as a process, and the judge of all members of a group.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tick_log::{
    Ownership as _, OwnershipEvent,
    kafka::{KafkaOwnership, KafkaSettings},
};

use super::times;

const CHILD: &str = "STOCKPIPE_MEMBER_CHILD";
const TEST: &str = "ownership::member::child_that_owns_until_it_is_told_to_leave";

/// What a member does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// How long a drain takes; absent: for ever.
    pub(super) drain: Option<Duration>,
    /// Join under a name that is kept.
    pub(super) instance: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { drain: Some(Duration::from_millis(50)), instance: false }
    }
}

/// Who owns what, in the order in which it was heard.
#[derive(Default)]
struct Books {
    owners: BTreeMap<u32, BTreeSet<u32>>,
    overlaps: Vec<String>,
}

/// All members of a group.
pub(super) struct Group {
    pub(super) settings: KafkaSettings,
    topic: String,
    books: Arc<Mutex<Books>>,
    next: AtomicU32,
}

#[derive(Default)]
struct Heard {
    owned: BTreeSet<u32>,
    drained: BTreeSet<u32>,
    drains: u32,
    events: u32,
    frozen: bool,
}

/// One member.
pub(super) struct Member {
    number: u32,
    name: String,
    heard: Arc<Mutex<Heard>>,
    child: Mutex<Child>,
    input: Mutex<ChildStdin>,
    books: Arc<Mutex<Books>>,
}

impl Group {
    pub(super) fn new(settings: &KafkaSettings, topic: &str) -> Self {
        Self {
            settings: settings.clone(),
            topic: topic.to_owned(),
            books: Arc::default(),
            next: AtomicU32::new(0),
        }
    }

    pub(super) fn start(&self, plan: Plan) -> Member {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.spawn(number, format!("pod-{number}"), plan)
    }

    /// Another process under the name of a member.
    pub(super) fn start_as(&self, member: &Member, plan: Plan) -> Member {
        self.spawn(self.next.fetch_add(1, Ordering::Relaxed), member.name.clone(), plan)
    }

    fn spawn(&self, number: u32, name: String, plan: Plan) -> Member {
        let drain = plan.drain.map_or(-1, |d| d.as_millis() as i64);
        let instance = if plan.instance { name.as_str() } else { "" };
        let told =
            [&self.settings.bootstrap, &self.settings.pipeline, &self.topic, instance, &drain.to_string()]
                .join("|");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture"])
            .env(CHILD, told)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let (out, listener, books) = (child.stdout.take().unwrap(), heard.clone(), self.books.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some((_, said)) = line.split_once("member ") {
                    listen(number, said, &listener, &books);
                }
            }
        });
        let input = child.stdin.take().unwrap();
        let (child, input) = (Mutex::new(child), Mutex::new(input));
        Member { number, name, heard, child, input, books: self.books.clone() }
    }

    /// The partitions that have an owner.
    pub(super) fn covered(&self) -> BTreeSet<u32> {
        let books = self.books.lock().unwrap();
        books.owners.iter().filter(|(_, owners)| !owners.is_empty()).map(|(p, _)| *p).collect()
    }

    pub(super) fn overlaps(&self) -> usize {
        self.books.lock().unwrap().overlaps.len()
    }

    pub(super) fn assert_no_overlap(&self) {
        let books = self.books.lock().unwrap();
        assert!(books.overlaps.is_empty(), "{}", books.overlaps.join("\n"));
    }
}

fn listen(number: u32, said: &str, heard: &Mutex<Heard>, books: &Mutex<Books>) {
    let (what, list) = said.split_once(' ').unwrap_or((said, ""));
    let partitions: BTreeSet<u32> = list.split(',').filter_map(|p| p.trim().parse().ok()).collect();
    let mut heard = heard.lock().unwrap();
    let mut books = books.lock().unwrap();
    heard.events += 1;
    match what {
        "owns" => {
            for p in &partitions {
                let owners = books.owners.entry(*p).or_default();
                owners.insert(number);
                let now = format!("partition {p}: {owners:?}");
                if owners.len() > 1 {
                    books.overlaps.push(now);
                }
            }
            heard.owned.extend(partitions);
        }
        "drains" => heard.drains += 1,
        "released" | "lost" => {
            for p in &partitions {
                books.owners.entry(*p).or_default().remove(&number);
            }
            if what == "released" {
                heard.drained.extend(&partitions);
            }
            heard.owned.retain(|p| !partitions.contains(p));
        }
        "frozen" => heard.frozen = true,
        _ => {}
    }
}

impl Member {
    pub(super) fn owned(&self) -> BTreeSet<u32> {
        self.heard.lock().unwrap().owned.clone()
    }

    pub(super) fn drained(&self) -> BTreeSet<u32> {
        self.heard.lock().unwrap().drained.clone()
    }

    pub(super) fn drains(&self) -> u32 {
        self.heard.lock().unwrap().drains
    }

    pub(super) fn events(&self) -> u32 {
        self.heard.lock().unwrap().events
    }

    pub(super) fn was_frozen(&self) -> bool {
        self.heard.lock().unwrap().frozen
    }

    pub(super) fn leave(&self) {
        writeln!(self.input.lock().unwrap(), "leave").unwrap();
    }

    /// `kill -9`: it owns nothing from now on.
    pub(super) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        self.gone();
    }

    /// What it owned is nobody's.
    fn gone(&self) {
        let mut books = self.books.lock().unwrap();
        for owners in books.owners.values_mut() {
            owners.remove(&self.number);
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.lock().unwrap().id();
        kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
    }

    /// SIGSTOP. It cannot work while it stands still: it owns nothing.
    pub(super) fn stop(&self) {
        self.signal(Signal::STOP);
        self.gone();
    }

    pub(super) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Its exit code.
    pub(super) async fn wait(&self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.lock().unwrap().try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{} does not end", self.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        // It may have ended already.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Not a test of its own: a member.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_owns_until_it_is_told_to_leave() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let told: Vec<&str> = told.split('|').collect();
    let [bootstrap, pipeline, topic, instance, drain] = told[..] else { panic!("{told:?}") };
    let settings = KafkaSettings::new(bootstrap, pipeline);
    let drain = drain.parse::<i64>().ok().and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
    let frozen = Box::new(|| {
        println!("member frozen");
        std::process::exit(75)
    });
    let name = (!instance.is_empty()).then(|| instance.to_owned());
    let owner =
        KafkaOwnership::join_with(&settings, topic, &settings.group(), name, frozen, times()).unwrap();
    let owner = Arc::new(owner);
    let said = |what: &str, partitions: &[u32]| {
        let list: Vec<String> = partitions.iter().map(u32::to_string).collect();
        println!("member {what} {}", list.join(","));
    };
    let mut owned = BTreeSet::new();
    let (leave, mut asked) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if line == "leave" && leave.send(()).is_err() {
                break;
            }
        }
    });
    loop {
        tokio::select! {
            Some(()) = asked.recv() => {
                said("released", &owned.iter().copied().collect::<Vec<_>>());
                owner.leave();
            }
            event = owner.next() => match event {
                None => std::process::exit(0),
                Some(OwnershipEvent::Own(partitions)) => {
                    owned.extend(partitions.iter().copied());
                    said("owns", &partitions);
                }
                Some(OwnershipEvent::Drain { partitions, .. }) => {
                    said("drains", &partitions);
                    if let Some(drain) = drain {
                        tokio::time::sleep(drain).await;
                        owned.retain(|p| !partitions.contains(p));
                        said("released", &partitions);
                        owner.drained();
                    }
                }
                Some(OwnershipEvent::Lost(partitions)) => {
                    owned.retain(|p| !partitions.contains(p));
                    said("lost", &partitions);
                }
                Some(OwnershipEvent::Failed(error)) => {
                    println!("member failed {error}");
                    std::process::exit(3);
                }
            }
        }
    }
}

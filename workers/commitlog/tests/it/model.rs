//! The commit log against a plain list of what was committed.
//!
//! A directory is played by a map from path to bytes. Owners write, die at any step, wake up as zombies and are taken
//! over; now and then old records are swept. The reference is a `Vec` with one entry a record, pushed where a rename
//! took its name. What a recovery finds must be what the `Vec` says, after every step.

use std::collections::BTreeMap;

use commitlog::{
    Commit, FileRef, Gap, Kind, LastRecord, Layout, LogName, Table, invariants, limits,
    recovery::{self, LogCheck, Placed, Redo},
    upkeep,
};
use proptest::{collection::vec, prelude::*};

const PARTITION: u32 = 3;

/// Where an owner dies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Death {
    /// After its data lies at tmp.
    BeforeTheRecord,
    /// After the record has its name, before its file has.
    BeforeTheFile,
    /// Not at all.
    Never,
}

#[derive(Debug, Clone)]
enum Step {
    /// The owner stores so many records.
    Data(u64, Death),
    /// The log has lost so many records.
    Lost(u64, Death),
    /// A new owner comes.
    TakeOver,
    /// An owner of long ago, who noticed nothing, stores what it had in hand; which one.
    Zombie(usize),
    /// Old records are swept.
    Sweep,
}

/// What a record did: the reference.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    kind: Kind,
    range: (u64, u64),
    nonce: String,
}

/// One owner: the newest record it knows.
#[derive(Debug, Clone)]
struct Owner {
    knows: Commit,
    nonce: String,
}

#[derive(Default)]
struct World {
    files: BTreeMap<String, Vec<u8>>,
    list: Vec<Entry>,
    owners: Vec<Owner>,
    alive: bool,
    named: u64,
}

fn layout() -> Layout {
    Layout::new("lake")
}

fn genesis() -> Commit {
    Commit {
        partition: PARTITION,
        seq: 0,
        kind: Kind::Fence,
        semantics_hash: "s".into(),
        generation: 1,
        epoch: 1,
        nonce: String::new(),
        start: 0,
        end: 0,
        date: None,
        files: Vec::new(),
        write_ts: 0,
        max_ts: None,
        watermark: None,
        record_ms: 0,
        topic_id: "t".into(),
        last: None,
        counters: serde_json::Value::Null,
        pending: Vec::new(),
        recent: Vec::new(),
        state: None,
        fences: Vec::new(),
        gap: None,
        skips: Vec::new(),
    }
}

/// The record an owner puts behind the newest it knows.
fn next(owner: &Owner, layout: &Layout, kind: Kind, records: u64) -> Commit {
    let before = &owner.knows;
    let (seq, start, end) = (before.seq + 1, before.end, before.end + records);
    let claim = layout.claim(PARTITION, before.epoch, &owner.nonce);
    let file = (kind == Kind::Data).then(|| FileRef {
        table: Table::Raw,
        tmp: format!("{claim}/{seq}.parquet"),
        path: layout.data(&Table::Raw, "2026-11-22", 1, PARTITION, start, end),
        rows: records,
        bytes: records + 1,
        crc: 0,
        min_ts: None,
        max_ts: None,
        min_offset: Some(start),
        max_offset: Some(end - 1),
    });
    Commit {
        seq,
        kind,
        start,
        end,
        files: file.into_iter().collect(),
        gap: (kind == Kind::Gap).then_some(Gap { from: start, to: end }),
        last: Some(LastRecord { offset: end - 1, digest: end.to_string() }),
        date: Some("2026-11-22".into()),
        write_ts: before.write_ts + 1,
        ..before.clone()
    }
}

impl World {
    fn read(&self, path: &str) -> Option<Commit> {
        self.files.get(path).map(|bytes| Commit::decode(path, bytes).unwrap())
    }

    fn newest(&self) -> Option<Commit> {
        let seq = recovery::newest(&layout(), PARTITION, self.files.keys().map(String::as_str))?;
        self.read(&layout().commit(PARTITION, seq))
    }

    /// A rename that cannot overwrite: the one place where a record comes to be. True where it is ours.
    fn rename(&mut self, commit: &Commit) -> bool {
        let path = layout().commit(PARTITION, commit.seq);
        if recovery::placed(self.read(&path).as_ref(), &commit.nonce) == Placed::Free {
            self.files.insert(path.clone(), commit.encode());
            self.list.push(Entry {
                kind: commit.kind,
                range: (commit.start, commit.end),
                nonce: commit.nonce.clone(),
            });
        }
        self.read(&path).is_some_and(|found| found == *commit)
    }

    fn finish(&mut self, commit: &Commit) {
        for file in &commit.files {
            let length =
                |files: &BTreeMap<String, Vec<u8>>, path: &str| files.get(path).map(|b| b.len() as u64);
            let stands =
                recovery::redo(file, length(&self.files, &file.tmp), length(&self.files, &file.path), None);
            match stands {
                Redo::Rename => {
                    let bytes = self.files.remove(&file.tmp).unwrap();
                    self.files.insert(file.path.clone(), bytes);
                }
                Redo::Done => drop(self.files.remove(&file.tmp)),
                other => panic!("{}: {other:?}", file.path),
            }
        }
    }

    /// Everything a new owner does, until its fence stands.
    fn take_over(&mut self) {
        self.named += 1;
        let nonce = format!("n{}", self.named);
        loop {
            let newest = self.newest();
            if let Some(newest) = &newest {
                self.finish(newest);
            }
            let fence = recovery::fence(newest.as_ref(), genesis, &nonce);
            if self.rename(&fence) {
                let tmp: Vec<String> =
                    self.files.keys().filter(|p| layout().claimant(p).is_some()).cloned().collect();
                let dead = upkeep::dead_temporaries(&layout(), &fence, tmp.iter().map(String::as_str));
                dead.iter().for_each(|path| drop(self.files.remove(path)));
                self.owners.push(Owner { knows: fence, nonce });
                self.alive = true;
                return;
            }
        }
    }

    fn write(&mut self, who: usize, kind: Kind, records: u64, death: Death) {
        let owner = self.owners[who].clone();
        let commit = next(&owner, &layout(), kind, records);
        for file in &commit.files {
            self.files.insert(file.tmp.clone(), vec![0; file.bytes as usize]);
        }
        let current = who + 1 == self.owners.len();
        let taken = if death == Death::BeforeTheRecord { false } else { self.rename(&commit) };
        assert!(!taken || current, "{} extended the log of {:?}", owner.nonce, self.owners.last());
        if taken {
            self.owners[who].knows = commit.clone();
            if death == Death::Never {
                self.finish(&commit);
            }
        }
        if current && death != Death::Never {
            self.alive = false;
        }
    }

    fn step(&mut self, step: &Step) {
        if !self.alive {
            self.take_over();
        }
        let current = self.owners.len() - 1;
        match step {
            Step::Data(n, death) => self.write(current, Kind::Data, *n, *death),
            Step::Lost(n, death) => self.write(current, Kind::Gap, *n, *death),
            Step::TakeOver => self.take_over(),
            // What it leaves at tmp is dead: the next owner removes it.
            Step::Zombie(which) if current > 0 => {
                // A record of a fence whose number was swept could be taken: no zombie is older than what is kept.
                let oldest = current.saturating_sub(limits::FENCES_KEPT - 1);
                let who = oldest + which % (current - oldest);
                self.write(who, Kind::Data, 1, Death::Never);
            }
            Step::Zombie(_) => {}
            Step::Sweep => {
                let newest = self.newest().unwrap();
                let paths: Vec<String> = self.files.keys().cloned().collect();
                let gone = upkeep::sweepable(&layout(), &newest, paths.iter().map(String::as_str), None);
                gone.iter().for_each(|path| drop(self.files.remove(path)));
            }
        }
    }
}

/// What a recovery would find, against the list. `None` where they agree.
fn difference(world: &World, list: &[Entry]) -> Option<String> {
    let newest = world.newest()?;
    let wrong = |what: &str, found: u64, wanted: u64| {
        (found != wanted).then(|| format!("{what} is {found}, the list says {wanted}"))
    };
    let fences: Vec<u64> =
        (0..).zip(list).filter(|(_, e)| e.kind == Kind::Fence).map(|(seq, _): (u64, _)| seq).collect();
    let trailing = list.iter().rev().take_while(|e| e.kind == Kind::Fence).count();
    let last = list.last()?;
    let mut found = vec![
        wrong("the newest number", newest.seq + 1, list.len() as u64),
        wrong("the start", newest.start, last.range.0),
        wrong("the end", newest.end, last.range.1),
        wrong("the epoch", newest.epoch, fences.len() as u64),
        wrong(
            "the number of take-overs without data",
            recovery::fences_since_data(&newest).into(),
            trailing.min(limits::FENCES_KEPT) as u64,
        ),
        (newest.kind != last.kind || newest.nonce != last.nonce)
            .then(|| format!("{newest:?} is not {last:?}")),
        (newest.fences != fences[fences.len().saturating_sub(limits::FENCES_KEPT)..])
            .then(|| format!("fences {:?} of {fences:?}", newest.fences)),
    ];
    // Every record that is left is the list's, ranges join, and each stands behind the one before it.
    let mut before: Option<Commit> = None;
    for path in world.files.keys() {
        let Some(LogName::Commit(seq)) = layout().parse_log(PARTITION, path) else { continue };
        let commit = world.read(path).unwrap();
        let entry = list.get(seq as usize);
        let same = entry.is_some_and(|e| (e.kind, e.range) == (commit.kind, (commit.start, commit.end)));
        found.push((!same).then(|| format!("record {seq} is {commit:?}, the list has {entry:?}")));
        if let Some(before) = before.filter(|b| b.seq + 1 == seq) {
            found.push(invariants::follows(&before, &commit).err().map(|e| e.to_string()));
        }
        before = Some(commit);
    }
    // Files of data stand under their final names, once, but for those of a record whose owner died.
    let mut stored: Vec<(u64, u64)> = Vec::new();
    for (path, bytes) in &world.files {
        if let Some((_, start)) = Layout::parse_range(path) {
            stored.push((start, start + bytes.len() as u64 - 1));
        }
    }
    if !world.alive {
        stored.extend(newest.files.iter().filter(|f| !world.files.contains_key(&f.path)).map(|_| last.range));
    }
    stored.sort_unstable();
    let mut committed: Vec<(u64, u64)> =
        list.iter().filter(|e| e.kind == Kind::Data).map(|e| e.range).collect();
    committed.sort_unstable();
    found.push((stored != committed).then(|| format!("stored {stored:?}, committed {committed:?}")));
    // How the source log looks to it: records up to the end were there, later ones may have been lost.
    let checks = [(newest.end, LogCheck::Continue), (newest.end + 5, LogCheck::Gap { to: newest.end + 5 })];
    for (low, wanted) in checks {
        let check = recovery::check_log(&newest, "t", low, newest.end + 9, None);
        found.push((check != wanted).then(|| format!("a log from {low}: {check:?}")));
    }
    found.into_iter().flatten().next()
}

fn step() -> impl Strategy<Value = Step> {
    let death = || {
        prop_oneof![
            1 => Just(Death::BeforeTheRecord),
            1 => Just(Death::BeforeTheFile),
            4 => Just(Death::Never),
        ]
    };
    prop_oneof![
        6 => (1_u64..9, death()).prop_map(|(n, d)| Step::Data(n, d)),
        1 => (1_u64..9, death()).prop_map(|(n, d)| Step::Lost(n, d)),
        2 => Just(Step::TakeOver),
        2 => (0_usize..40).prop_map(Step::Zombie),
        1 => Just(Step::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn recovery_finds_what_the_list_says(steps in vec(step(), 1..250)) {
        let mut world = World::default();
        for step in &steps {
            world.step(step);
            let wrong = difference(&world, &world.list);
            prop_assert!(wrong.is_none(), "after {:?}: {}", step, wrong.unwrap());
        }
        world.take_over();
        prop_assert_eq!(difference(&world, &world.list), None);
        // Nobody's left-overs but those of zombies of the last hour remain.
        let newest = world.newest().unwrap();
        let dead = upkeep::dead_temporaries(&layout(), &newest, world.files.keys().map(String::as_str));
        prop_assert!(dead.is_empty(), "{:?}", dead);
    }

    /// A list that is off by anything is told apart.
    #[test]
    fn another_list_is_noticed(steps in vec(step(), 4..60), which in any::<prop::sample::Index>(), how in 0..4) {
        let mut world = World::default();
        world.step(&Step::Data(3, Death::Never));
        steps.iter().filter(|s| !matches!(s, Step::Sweep)).for_each(|s| world.step(s));
        let mut list = world.list.clone();
        let at = which.index(list.len());
        match how {
            0 => drop(list.remove(at)),
            1 => list[at].range.1 += 1,
            2 => list[at].kind = if list[at].kind == Kind::Fence { Kind::Data } else { Kind::Fence },
            _ => list.push(Entry { kind: Kind::Fence, range: (0, 0), nonce: "ghost".into() }),
        }
        prop_assert!(difference(&world, &list).is_some());
    }
}

/// A protocol that overwrites, or forgets a rename, is told apart from one that does not.
#[test]
fn broken_worlds_are_noticed() {
    let built = || {
        let mut world = World::default();
        for step in [Step::Data(3, Death::Never), Step::TakeOver, Step::Data(4, Death::BeforeTheFile)] {
            world.step(&step);
        }
        world
    };
    let mut overwritten = built();
    let newest = overwritten.newest().unwrap();
    let zombie = Commit { nonce: "zombie".into(), end: newest.end + 1, ..newest.clone() };
    overwritten.files.insert(layout().commit(PARTITION, newest.seq), zombie.encode());
    assert!(difference(&overwritten, &overwritten.list).is_some());

    let mut forgotten = built();
    forgotten.alive = true;
    assert!(difference(&forgotten, &forgotten.list).is_some());

    let mut lost = built();
    lost.take_over();
    assert_eq!(difference(&lost, &lost.list), None);
    let path = newest.files[0].path.clone();
    lost.files.remove(&path);
    assert!(difference(&lost, &lost.list).is_some());
}

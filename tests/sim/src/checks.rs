//! The promises, checked on what is stored at the end and on what the servers saw on the way.

use std::collections::{BTreeMap, BTreeSet};

use commitlog::invariants::{self, Invariant, Violation};
use feature_store::{FeatureStore, RowQuery};
use ingest::dump;
use lake::{Lake, history};
use market::Timestamp;
use operations::{
    fsck::{FsckOptions, Severity, fsck},
    silent,
};
use windowing::canonical_row;

use crate::{
    error::{Broken, Doing},
    followers,
    reference::{Expected, Line, expected},
    world::World,
};

/// Everything that must hold when nothing moves any more.
pub async fn all(world: &World) -> Result<(), Broken> {
    if let Some(violation) = world.witness.first_broken() {
        return Err(violation.into());
    }
    for p in 0..world.partitions() {
        one_owner(world, p)?;
        nothing_skipped(world, p).await?;
    }
    stored_once(world).await?;
    let expected = expected(world)?;
    as_computed(world, &expected).await?;
    followers::check(world, &expected).await?;
    sound(world).await
}

/// I4: each number was taken once, each record stands behind the one before, and only a fence changes the worker.
fn one_owner(world: &World, p: u32) -> Result<(), Violation> {
    let records = world.witness.records(p);
    for pair in records.windows(2) {
        let [before, next] = pair else { continue };
        invariants::follows(&before.commit, &next.commit)?;
        if before.by != next.by && next.commit.kind != commitlog::Kind::Fence {
            let detail =
                format!("commit {} of {p}: {} went on where {} was", next.commit.seq, next.by, before.by);
            return Err(Violation { invariant: Invariant::I4, detail });
        }
    }
    Ok(())
}

/// I5: what is recorded as lost had really been dropped by the log before.
async fn nothing_skipped(world: &World, p: u32) -> Result<(), Broken> {
    let topic = world.ticks().await?;
    let low = topic.bounds(p).await.doing("asking for the log's start")?.low;
    for placed in world.witness.records(p) {
        if let Some(gap) = placed.commit.gap
            && placed.commit.topic_id == topic.id()
            && gap.to > low
        {
            let detail =
                format!("offsets {}..{} of {p} are recorded as lost, the log has {low} on", gap.from, gap.to);
            return Err(Violation { invariant: Invariant::I5, detail }.into());
        }
    }
    Ok(())
}

/// I1: of every topic, each record is in exactly one committed file, but for recorded gaps and what retention deleted.
async fn stored_once(world: &World) -> Result<(), Broken> {
    let raw = history::raw(&world.lake, "").await.doing("reading raw rows")?;
    let dead = history::dead(&world.lake, "").await.doing("reading dead letters")?;
    let mut stored: BTreeMap<(u32, u32), Vec<u64>> = BTreeMap::new();
    let raw = raw.iter().map(|r| (r.generation, r.partition, r.offset));
    for (generation, p, offset) in raw.chain(dead.iter().map(|r| (r.generation, r.partition, r.offset))) {
        stored.entry((generation, p)).or_default().push(offset);
    }
    let mut owed: BTreeMap<(u32, u32), BTreeSet<u64>> = BTreeMap::new();
    for p in 0..world.partitions() {
        for placed in world.witness.records(p) {
            let commit = &placed.commit;
            let owed = owed.entry((commit.generation, p)).or_default();
            if commit.kind == commitlog::Kind::Data && !is_retired(world, commit.date.as_deref()) {
                owed.extend(commit.start..commit.end);
            }
        }
    }
    for (place, owed) in owed {
        let mut stored = stored.remove(&place).unwrap_or_default();
        if world.settings().retention.is_some() {
            // What is past its retention may be there still.
            stored.retain(|o| owed.contains(o));
        }
        invariants::exactly_once(stored, owed)?;
    }
    match stored.into_iter().next() {
        None => Ok(()),
        Some(((g, p), offsets)) => {
            let detail = format!("generation {g} of partition {p} has {} rows and no commit", offsets.len());
            Err(Violation { invariant: Invariant::I1, detail }.into())
        }
    }
}

/// True for arrival dates of which raw rows may have gone.
fn is_retired(world: &World, date: Option<&str>) -> bool {
    let Some(kept) = world.settings().retention else { return false };
    // Clocks of workers may be ahead.
    let now = world.time.now_ms().saturating_add(5_000);
    let cut = Timestamp::from_millis(now.saturating_sub(kept.as_millis() as i64)).date();
    date.is_some_and(|date| *date < *cut)
}

/// I2 and I3: the canonical dump is what the records give, line by line.
async fn as_computed(world: &World, expected: &Expected) -> Result<(), Broken> {
    let store = world.table.store().await.doing("reading the store")?;
    let dump = dump::canonical(&world.lake, "", &store).await.doing("dumping")?;
    lines("a raw row", &dump.raw, world, &expected.raw)?;
    lines("a dead letter", &dump.dead, world, &expected.dead)?;
    let owed: BTreeSet<&str> = expected.rows.iter().map(String::as_str).collect();
    let finals = RowQuery { finals_only: true, ..RowQuery::default() };
    let rows = store.rows(&finals).await.doing("reading the store")?;
    let orphans = rows.iter().filter(|r| world.witness.is_orphan(r)).map(canonical_row);
    let orphans: BTreeSet<String> = orphans.filter(|line| !owed.contains(line.as_str())).collect();
    let stored = dump.rows.iter().filter(|line| !orphans.contains(*line));
    same("a final row", stored, expected.rows.iter())
}

fn lines(what: &str, stored: &[String], world: &World, computed: &[Line]) -> Result<(), Broken> {
    let kept: BTreeSet<&str> = stored.iter().map(String::as_str).collect();
    let owed =
        computed.iter().filter(|line| !is_retired(world, Some(&line.date)) || kept.contains(&*line.text));
    same(what, stored.iter(), owed.map(|line| &line.text))
}

/// Fails with the first line that differs.
pub(crate) fn same<'a>(
    what: &str,
    mut stored: impl Iterator<Item = &'a String>,
    mut computed: impl Iterator<Item = &'a String>,
) -> Result<(), Broken> {
    let shown = |line: Option<&String>| line.map_or("nothing", String::as_str).to_owned();
    loop {
        match (stored.next(), computed.next()) {
            (None, None) => return Ok(()),
            (a, b) if a == b => {}
            (a, b) => {
                return Err(Broken::Differs { what: what.to_owned(), stored: shown(a), computed: shown(b) });
            }
        }
    }
}

/// The product's own check finds nothing, and nothing is left lying about.
async fn sound(world: &World) -> Result<(), Broken> {
    let options =
        FsckOptions { retention: world.settings().retention, ..FsckOptions::new(world.time.now_ms()) };
    let report = fsck(&world.lake, "", None, &options, &silent).await.doing("checking the lake")?;
    let found = report.findings.iter().find(|f| f.severity > Severity::Notice);
    if let Some(found) = found {
        return Err(Broken::Untidy(format!("fsck: {found:?}")));
    }
    for dir in ["_tmp", "_pending"] {
        let left = world.lake.list(dir).await.doing("listing")?;
        // A spilled file that the newest commit names goes with the next one; its rows are sent again, and equal.
        let named = |path: &str| {
            let heads = (0..world.partitions()).filter_map(|p| world.witness.records(p).pop());
            heads.into_iter().any(|head| head.commit.pending.iter().any(|f| f.path == path))
        };
        // An attempt of a compactor that died is dead for sure only when another has taken its number.
        if let Some(left) = left.iter().find(|e| !e.path.starts_with("_tmp/compact/") && !named(&e.path)) {
            return Err(Broken::Untidy(format!("{} is left after a clean drain", left.path)));
        }
    }
    Ok(())
}

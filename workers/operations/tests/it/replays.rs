//! Rows computed again are the rows that were stored; what somebody changed is found and put right.

use std::{sync::Arc, time::Duration};

use feature_store::{MemoryStore, RowQuery, RowSink};
use lake::Lake;
use market::{FeatureRow, Span};
use operations::{
    replay::{DifferenceKind, ReplayOptions, Write, replay},
    silent,
};
use windowing::Semantics;

use crate::world::{World, assert_same, semantics};

async fn finals(world: &World) -> Vec<FeatureRow> {
    world.store.rows(&RowQuery { finals_only: true, ..RowQuery::default() }).await.unwrap()
}

/// The same store with some rows changed: a store cannot be asked to take a row back.
async fn altered(world: &World, change: impl Fn(usize, FeatureRow) -> Option<FeatureRow>) -> World {
    let store = MemoryStore::new();
    let rows: Vec<FeatureRow> =
        finals(world).await.into_iter().enumerate().filter_map(|(i, row)| change(i, row)).collect();
    store.upsert_rows(&rows).await.unwrap();
    World { store: Arc::new(store), ..world.clone() }
}

#[tokio::test]
async fn what_nobody_touched_is_equal() {
    let world = World::ran(1, 300).await;
    let rows = finals(&world).await.len() as u64;
    let report = world.replay(Write::Nothing).await;
    assert!(report.holds(), "{report:?}");
    assert_eq!((report.equal, report.rewritten, report.waiting), (rows, 0, 0), "{report:?}");
    assert!(rows > 100 && report.partitions.iter().all(|p| p.base.is_none() && p.records == 300));
}

#[tokio::test]
async fn what_was_changed_or_deleted_by_hand_is_found_and_repaired() {
    let world = World::ran(2, 200).await;
    let want = world.dump().await;
    let bad = altered(&world, |i, row| match i % 10 {
        0 => None,
        1 => Some(FeatureRow { sma: row.sma + 1e-9, ..row }),
        2 => Some(FeatureRow { write_ts: row.write_ts - 1, ..row }),
        3 => Some(FeatureRow { is_final: false, ..row }),
        _ => Some(row),
    })
    .await;
    let n = finals(&world).await.len() as u64;
    let of = |rest: u64| (n + 9 - rest) / 10;
    let report = bad.replay(Write::Nothing).await;
    assert_eq!(report.missing, of(0) + of(3), "{report:?}");
    assert_eq!(report.different, of(1) + of(2), "{report:?}");
    assert_eq!((report.unexpected, report.repaired), (0, 0));
    assert!(!report.holds());
    for column in ["sma", "write_ts", "final"] {
        assert!(report.examples.iter().any(|d| d.column == Some(column)), "{column}: {:?}", report.examples);
    }
    let told = report.examples.iter().find(|d| d.kind == DifferenceKind::Different).unwrap();
    assert!(told.stored != told.computed && !told.window_start.is_empty());
    assert_eq!(bad.replay(Write::Nothing).await.differences(), report.differences(), "nothing was written");

    let repaired = bad.replay(Write::AsOfNow).await;
    assert_eq!(repaired.repaired, report.differences());
    let after = bad.replay(Write::Nothing).await;
    assert!(after.holds() && after.rewritten == report.differences(), "{after:?}");
    // Of the repaired rows only T is another: it is of now.
    let second_from_now = (world.now_ms() + 1_000) * 1_000;
    assert!(finals(&bad).await.iter().all(|row| row.write_ts <= second_from_now));
    let plain = |lines: &[String]| -> Vec<String> {
        let strip = |line: &String| {
            line.split(' ')
                .filter(|w| !(w.starts_with('t') && w[1..].parse::<i64>().is_ok()))
                .collect::<Vec<_>>()
                .join(" ")
        };
        lines.iter().map(strip).collect()
    };
    assert_eq!(plain(&bad.dump().await.rows), plain(&want.rows));
}

/// An empty store gets every row with the T it was made with.
#[tokio::test]
async fn an_empty_store_is_filled_as_it_was() {
    let world = World::ran(3, 250).await;
    let empty = World { store: Arc::new(MemoryStore::new()), ..world.clone() };
    let report = empty.replay(Write::AsMade).await;
    assert_eq!(report.missing, report.repaired);
    assert_same(&empty.dump().await, &world.dump().await, "after the replay");
    assert!(empty.replay(Write::Nothing).await.equal == report.repaired);
}

#[tokio::test]
async fn a_row_that_nothing_leads_to_is_told_and_left() {
    let world = World::ran(4, 200).await;
    let rows = finals(&world).await;
    let row = rows.iter().filter(|r| &*r.name == "5s").nth(20).unwrap().clone();
    let between = FeatureRow { window_start: row.window_start + Span::from_micros(7).unwrap(), ..row };
    world.store.upsert_rows(&[between]).await.unwrap();
    let report = world.replay(Write::AsOfNow).await;
    assert_eq!((report.unexpected, report.differences(), report.repaired), (1, 1, 0), "{report:?}");
    assert_eq!(finals(&world).await.len(), rows.len() + 1);
}

/// Gaps, other semantics and restarts lie on the way.
#[tokio::test]
async fn controls_are_met_again() {
    let mut world = World::ran(5, 80).await;
    world.append(6, 30).await;
    world.forget(3_600_000).await;
    world.append(7, 80).await;
    world.run().await.unwrap();
    world.settings.semantics =
        Arc::new(Semantics { bars: vec![Span::from_secs(5), Span::from_secs(30)], ..semantics() });
    world.append(8, 80).await;
    world.run().await.unwrap();
    assert!(finals(&world).await.iter().any(|r| r.partial));
    assert!(finals(&world).await.iter().any(|r| r.revision == 1));
    let report = world.replay(Write::Nothing).await;
    assert!(report.holds() && report.equal == finals(&world).await.len() as u64, "{report:?}");

    // Without the control records, the rows do not lead to what is stored: that is told, not passed over.
    let lost = World { lake: lake::MemoryLake::new(), ..world.clone() };
    for entry in world.lake.list("").await.unwrap() {
        lost.lake.damage(&entry.path, world.lake.read(&entry.path).await.unwrap());
    }
    for entry in world.lake.list("_log").await.unwrap().iter().filter(|e| e.path.ends_with(".commit")) {
        let commit = commitlog::Commit::decode("", &world.lake.read(&entry.path).await.unwrap()).unwrap();
        if commit.kind == commitlog::Kind::Config || commit.kind == commitlog::Kind::Gap {
            lost.lake.delete(&entry.path).await.unwrap();
        }
    }
    assert!(!lost.replay(Write::Nothing).await.holds());
}

/// With `from`, the newest anchor before it is enough; the days before it are not read.
#[tokio::test]
async fn a_part_of_the_time_starts_at_an_anchor() {
    let world = World::ran(9, 600).await;
    let rows = finals(&world).await;
    let (from, to) = (rows[rows.len() / 2].window_start, rows[rows.len() * 3 / 4].window_start);
    let options =
        ReplayOptions { from: Some(from), to: Some(to), now_ms: world.now_ms(), ..ReplayOptions::default() };
    let report = replay(&world.lake, "", &*world.store, &options, &silent).await.unwrap();
    let inside = rows.iter().filter(|r| r.window_start >= from && r.window_start < to).count() as u64;
    assert!(report.holds() && report.equal == inside, "{inside} {report:?}");
    assert!(report.partitions.iter().any(|p| p.base.is_some()), "midnight made anchors: {report:?}");
    assert!(report.partitions.iter().all(|p| p.records < 600), "{report:?}");
}

/// Ticks past their retention are gone: what they led to cannot be computed, and is not missed.
#[tokio::test]
async fn a_history_without_its_beginning_starts_at_the_oldest_anchor() {
    const DAY: Duration = Duration::from_secs(86_400);
    let mut world = World::new(16, 150).await;
    world.settings.retention = Some(DAY);
    world.run().await.unwrap();
    world.clock.fetch_add(5 * DAY.as_millis() as i64, std::sync::atomic::Ordering::Relaxed);
    world.append(17, 400).await;
    world.run().await.unwrap();
    assert!(world.lake.list("raw").await.unwrap().iter().all(|e| !e.path.contains("2023-11-14")));
    let report = world.replay(Write::Nothing).await;
    assert!(report.holds() && report.equal > 100, "{report:?}");
    assert!(report.partitions.iter().all(|p| p.base.is_some() && p.from_offset >= 150), "{report:?}");
}

/// A raw row that somebody changed leads to other rows, and contradicts what its commits record.
#[tokio::test]
async fn a_changed_lake_does_not_pass_for_the_truth() {
    let world = World::ran(10, 200).await;
    let path = world.file("raw", "-p00000-").await;
    let mut rows = lake::tables::read_raw(world.lake.read(&path).await.unwrap()).unwrap();
    let mut writer = lake::tables::RawWriter::new();
    rows[0].record_ms += 5_000_000;
    rows.iter().for_each(|row| writer.push(&row.borrow()));
    world.lake.damage(&path, writer.finish().unwrap());
    let report = world.replay(Write::Nothing).await;
    assert!(!report.holds() && report.partitions[0].doubts > 0, "{report:?}");
    assert!(report.partitions[0].first_doubt.as_ref().unwrap().contains("commit"), "{report:?}");
}

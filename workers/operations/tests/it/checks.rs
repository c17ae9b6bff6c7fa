//! Every promise of the lake, broken on purpose: each break is found, named, and repaired where it can be.

use std::sync::Arc;

use bytes::Bytes;
use lake::{Lake, LakeError};
use market::{Alias, AliasEvent, AliasKey, Timestamp};
use operations::fsck::{FsckOptions, FsckReport, Problem, Severity};

use crate::world::{World, assert_same};

fn repairing(world: &World) -> FsckOptions {
    FsckOptions { repair: true, ..world.check_options() }
}

/// The one problem that was found.
fn only(report: &FsckReport, problem: Problem) {
    assert!(!report.findings.is_empty(), "nothing was found; {problem:?} was made");
    let others: Vec<_> = report.findings.iter().filter(|f| f.problem != problem).collect();
    assert!(others.is_empty(), "{others:#?}");
    for finding in &report.findings {
        assert!(!finding.remedy.is_empty() && !finding.detail.is_empty());
    }
}

#[tokio::test]
async fn a_sound_lake_is_sound() {
    let world = World::ran(1, 300).await;
    let report = world.fsck(&world.check_options()).await;
    assert_eq!(report.findings, [], "{report:#?}");
    assert!(report.is_sound() && report.partitions.len() == 2);
    for p in &report.partitions {
        assert_eq!((p.rows, p.end), (300, 300), "{p:?}");
        assert!(p.commits > 10 && p.files > 20, "{p:?}");
    }
    // Restarts, gaps and other semantics are no damage.
    world.append(2, 50).await;
    world.forget(3_600_000).await;
    world.append(3, 50).await;
    world.run().await.unwrap();
    let report = world.fsck(&world.check_options()).await;
    assert_eq!(report.findings, [], "{report:#?}");
}

#[tokio::test]
async fn damaged_and_missing_records_are_named() {
    let world = World::ran(2, 200).await;
    let head = world.head(0).await;
    let layout = commitlog::Layout::new("");
    let path = layout.commit(0, head.seq - 2);
    world.cut(&path).await;
    let report = world.fsck(&world.check_options()).await;
    only(&report, Problem::DamagedCommit);
    assert_eq!(report.findings[0].path.as_deref(), Some(path.as_str()));
    assert!(!report.is_sound());
    world.lake.delete(&path).await.unwrap();
    only(&world.fsck(&world.check_options()).await, Problem::MissingCommit);
}

/// Without its newest record a log looks shorter; the files of that record tell.
#[tokio::test]
async fn a_log_that_lost_its_end_is_noticed() {
    let world = World::ran(3, 200).await;
    let head = world.head(1).await;
    world.lake.delete(&commitlog::Layout::new("").commit(1, head.seq)).await.unwrap();
    let report = world.fsck(&world.check_options()).await;
    only(&report, Problem::Uncommitted);
    assert!(report.findings.iter().all(|f| f.severity == Severity::Error && f.partition == Some(1)));
}

#[tokio::test]
async fn records_that_do_not_join_are_named() {
    let world = World::ran(4, 200).await;
    let (head, layout) = (world.head(0).await, commitlog::Layout::new(""));
    let path = layout.commit(0, head.seq);
    let zombie = commitlog::Commit { nonce: "zombie".into(), ..head };
    world.lake.damage(&path, Bytes::from(zombie.encode()));
    let report = world.fsck(&world.check_options()).await;
    only(&report, Problem::BrokenChain);
    assert!(report.findings[0].detail.contains("zombie"), "{report:?}");
}

#[tokio::test]
async fn every_table_is_read() {
    for (dir, part) in [("raw", "-p00000-"), ("dead-letters", "-p00001-"), ("bars/name=5s", "-p00000-")] {
        let world = World::ran(5, 200).await;
        let path = world.file(dir, part).await;
        // The same length, other bytes: only reading tells.
        let mut bytes = world.lake.read(&path).await.unwrap().to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        world.lake.damage(&path, Bytes::from(bytes));
        let quick = FsckOptions { contents: false, ..world.check_options() };
        assert!(world.fsck(&quick).await.is_sound());
        let report = world.fsck(&world.check_options()).await;
        let found: Vec<_> = report.found(Problem::DamagedFile).collect();
        assert_eq!(found.len(), 1, "{report:#?}");
        assert_eq!(found[0].path.as_deref(), Some(path.as_str()));

        world.lake.damage(&path, Bytes::from_static(b"PAR1"));
        assert!(world.fsck(&quick).await.found(Problem::DamagedFile).count() == 1);
        world.lake.delete(&path).await.unwrap();
        assert!(world.fsck(&quick).await.found(Problem::MissingFile).count() == 1);
        let report = world.fsck(&world.check_options()).await;
        let lost = report.found(Problem::NotStored).count();
        assert_eq!(lost, usize::from(!dir.starts_with("bars")), "{report:#?}");
        assert!(!report.is_sound());
    }
}

/// A record in two files, and one in none, although every file is whole.
#[tokio::test]
async fn each_record_is_stored_once() {
    let world = World::ran(6, 200).await;
    let path = world.file("raw", "-p00000-").await;
    let rows = lake::tables::read_raw(world.lake.read(&path).await.unwrap()).unwrap();
    let mut writer = lake::tables::RawWriter::new();
    rows.iter().chain(&rows[..2]).for_each(|row| writer.push(&row.borrow()));
    world.lake.damage(&path, writer.finish().unwrap());
    let report = world.fsck(&world.check_options()).await;
    // The checksum tells first; a compaction that goes wrong has no checksum.
    assert_eq!(report.found(Problem::DamagedFile).count(), 1, "{report:#?}");
    let twin = path.replace(".parquet", "-twin.parquet");
    let world = World::ran(6, 200).await;
    world.lake.create(&twin, world.lake.read(&path).await.unwrap()).await.unwrap();
    let report = world.fsck(&world.check_options()).await;
    only(&report, Problem::StoredTwice);
}

#[tokio::test]
async fn strangers_are_named_and_left() {
    let world = World::ran(7, 100).await;
    let there = ["raw/ticks/date=2023-11-14/notes.txt", "_log/p=00000/README", "_tmp/p=00000/stray"];
    for path in there {
        world.lake.create(path, Bytes::from_static(b"x")).await.unwrap();
    }
    let report = world.fsck(&repairing(&world)).await;
    only(&report, Problem::Strange);
    assert_eq!(report.findings.len(), there.len(), "{report:#?}");
    for path in there {
        assert!(world.lake.stat(path).await.unwrap().is_some());
    }
}

/// What a crash leaves behind: renames that were not made, temporaries of the dead.
#[tokio::test]
async fn interrupted_work_is_finished() {
    let world = World::ran(8, 150).await;
    let head = world.head(0).await;
    let want = world.dump().await;
    for file in &head.files {
        world.lake.rename_no_overwrite(&file.path, &file.tmp).await.unwrap();
    }
    let dead = "_tmp/p=00000/e=000000-dead/00000000.part";
    world.lake.create(dead, Bytes::from_static(b"half")).await.unwrap();
    let own = format!("_tmp/p=00000/e={:06}-{}/00009999.part", head.epoch, head.nonce);
    world.lake.create(&own, Bytes::from_static(b"in flight")).await.unwrap();
    let report = world.fsck(&world.check_options()).await;
    assert!(report.is_sound(), "nothing is lost: {report:#?}");
    assert_eq!(report.found(Problem::Unrenamed).count(), head.files.len(), "{report:#?}");
    assert_eq!(report.found(Problem::DeadTemporary).count(), 1, "{report:#?}");
    assert_same(&world.dump().await, &want, "a reader finds committed files wherever they are");

    let report = world.fsck(&repairing(&world)).await;
    assert_eq!(report.repaired(), head.files.len() + 1, "{report:#?}");
    assert!(world.lake.stat(dead).await.unwrap().is_none());
    assert!(world.lake.stat(&own).await.unwrap().is_some(), "the newest owner may be alive");
    assert_same(&world.dump().await, &want, "after the repair");
    assert_eq!(world.fsck(&world.check_options()).await.findings, []);

    // Taken over, the newest owner is dead too, and the next one goes on.
    let report = world.fsck(&FsckOptions { take_over: true, ..repairing(&world) }).await;
    assert!(report.is_sound(), "{report:#?}");
    assert_eq!(world.lake.list("_tmp").await.unwrap(), []);
    assert_eq!(world.head(0).await.epoch, head.epoch + 1);
    world.append(9, 50).await;
    world.run().await.unwrap();
    assert_eq!(world.fsck(&world.check_options()).await.findings, []);
}

/// Whichever state is lost, the repaired partition goes on as if nothing had been.
#[tokio::test]
async fn a_lost_state_is_made_again() {
    let calm = World::ran(10, 250).await;
    calm.append(11, 150).await;
    calm.run().await.unwrap();
    let want = calm.dump().await;
    // The newest delta, one in the middle, the full state under all of them; cut, and gone.
    for (which, gone) in [(0, false), (3, false), (usize::MAX, false), (0, true), (usize::MAX, true)] {
        let world = World::ran(10, 250).await;
        let head = world.head(0).await;
        let state = head.state.clone().unwrap();
        let path = match state.deltas.iter().rev().nth(which) {
            Some(path) => path.clone(),
            None => state.full.clone(),
        };
        match gone {
            true => world.lake.delete(&path).await.unwrap(),
            false => world.cut(&path).await,
        }
        let report = world.fsck(&world.check_options()).await;
        assert_eq!(report.found(Problem::DamagedState).count(), 1, "{path} {report:#?}");
        let error = world.run().await.unwrap_err();
        assert_eq!(error.kind(), market::ErrorKind::Corrupt, "{error}");

        let options = FsckOptions { semantics: Some(world.settings.semantics.clone()), ..repairing(&world) };
        let report = world.fsck(&options).await;
        assert!(report.found(Problem::DamagedState).all(|f| f.repaired), "{path} {report:#?}");
        assert_eq!(world.fsck(&world.check_options()).await.found(Problem::DamagedState).count(), 0);
        world.append(11, 150).await;
        world.run().await.unwrap();
        assert_same(&world.dump().await, &want, &format!("{path} gone: {gone}"));
    }
}

/// A state is only made again where its rows lead to what the commit records.
#[tokio::test]
async fn a_state_is_not_made_of_other_rows() {
    let world = World::ran(12, 200).await;
    let head = world.head(0).await;
    world.cut(head.state.unwrap().deltas.last().unwrap()).await;
    let path = world.file("raw", "-p00000-").await;
    let rows = lake::tables::read_raw(world.lake.read(&path).await.unwrap()).unwrap();
    let mut writer = lake::tables::RawWriter::new();
    rows.iter().skip(1).for_each(|row| writer.push(&row.borrow()));
    world.lake.damage(&path, writer.finish().unwrap());
    let report = world.fsck(&repairing(&world)).await;
    let state = report.found(Problem::DamagedState).next().unwrap();
    assert!(!state.repaired && state.detail.contains("not repaired"), "{report:#?}");
    assert_eq!(world.head(0).await.seq, head.seq, "nothing was placed");
}

#[tokio::test]
async fn an_alias_wants_its_version() {
    let world = World::ran(13, 50).await;
    let key = AliasKey { pipeline: "market".into(), bar: "5s".into(), horizon: 1 };
    let at = Timestamp::from_millis(world.now_ms());
    let event = AliasEvent {
        seq: 1,
        alias: Alias::Champion,
        version: Some(3),
        effective_from: at,
        at,
        actor: "test".into(),
        reason: "test".into(),
    };
    world.store.append_alias(&key, &event).await.unwrap();
    let options = FsckOptions { pipeline: Some("market".into()), ..world.check_options() };
    let report = world.fsck(&options).await;
    only(&report, Problem::MissingModel);
    let path = report.findings[0].path.clone().unwrap();
    world.lake.create(&path, Bytes::from_static(b"{}")).await.unwrap();
    assert_eq!(world.fsck(&options).await.findings, []);
}

/// Checked again and again while ingest works, a sound pipeline is never accused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_working_pipeline_is_not_accused() {
    let world = World::new(14, 600).await;
    let slow: Arc<dyn Lake> = Arc::new(lake::ThrottledLake::new(
        Arc::new(world.lake.clone()),
        std::time::Duration::from_millis(1),
        std::time::Duration::from_millis(1),
    ));
    let worker = tokio::spawn({
        let world = world.clone();
        async move { world.run_on(slow).await }
    });
    let mut looks = 0;
    while !worker.is_finished() {
        let report = world.fsck(&world.check_options()).await;
        assert!(report.is_sound(), "look {looks}: {report:#?}");
        looks += 1;
    }
    worker.await.unwrap().unwrap();
    assert!(looks > 2, "{looks} looks");
    assert_eq!(world.fsck(&world.check_options()).await.findings, []);
}

#[tokio::test]
async fn a_failing_lake_is_an_error_and_no_finding() {
    let world = World::ran(15, 50).await;
    let denied = || LakeError::InvalidPath { path: "x".into(), reason: "a test" };
    let lake = lake::FaultyLake::new(Arc::new(world.lake.clone()), move |_, call, path| {
        let fails = call == lake::Call::Read && path.ends_with(".parquet");
        fails.then(|| lake::Fault::Before(denied()))
    });
    let options = world.check_options();
    let error = operations::fsck::fsck(&lake, "", None, &options, &operations::silent).await.unwrap_err();
    assert_eq!(error.kind(), market::ErrorKind::Bug, "{error}");
}

/// Small files of closed days are put together: the lake is as sound, its rows lead where they led, its backup comes back.
#[tokio::test]
async fn a_compacted_lake_is_as_sound() {
    let world = World::ran(16, 400).await;
    world.clock.fetch_add(86_400_000, std::sync::atomic::Ordering::Relaxed);
    world.append(17, 100).await;
    world.run().await.unwrap();
    let want = world.dump().await;
    let done = lake::compact::run(&world.lake, "", &Default::default(), &|_| {}).await.unwrap();
    assert!(done.files_before > 2 * done.files_after && done.files_after > 0, "{done:?}");
    assert_same(&world.dump().await, &want, "compacted");
    let report = world.fsck(&world.check_options()).await;
    assert_eq!(report.findings, [], "{report:#?}");
    assert!(report.partitions.iter().all(|p| p.rows == 500), "{report:#?}");
    assert!(world.replay(operations::replay::Write::Nothing).await.holds());
    let target = lake::MemoryLake::new();
    crate::backups::save(&world, &target).await.unwrap();
    let back = world.fresh();
    crate::backups::put_back(&target, &back).await.unwrap();
    assert_same(&back.dump().await, &want, "restored");
    assert_eq!(back.fsck(&back.check_options()).await.findings, []);

    // A merged file that is lost is missed: the small ones are gone.
    let merged = world.lake.list("raw").await.unwrap();
    let merged = merged.into_iter().max_by_key(|e| e.bytes).unwrap().path;
    world.lake.delete(&merged).await.unwrap();
    let report = world.fsck(&world.check_options()).await;
    assert!(report.found(Problem::NotStored).count() > 0, "{report:#?}");
}

//! A kill at every call of a backup, a restore and a repair; the next run finishes the work.

use std::sync::Arc;

use lake::{Fault, FaultyLake, Lake, MemoryLake};
use operations::{
    backup::{BackupOptions, RestoreOptions, backup, restore},
    fsck::{FsckOptions, fsck},
    silent,
};

use crate::{
    backups::{put_back, save},
    world::{World, assert_same},
};

const FAULTS: [Fault; 3] = [Fault::CrashBefore, Fault::CrashAfter, Fault::CrashTorn];

/// Every so many calls: all of them in the long run.
fn stride() -> usize {
    if std::env::var_os("STOCKPIPE_LONG").is_some() { 1 } else { 7 }
}

#[tokio::test]
async fn a_killed_backup_is_taken_up() {
    let world = World::ran(1, 30).await;
    for fault in FAULTS {
        let mut kills = 0;
        for n in (0..).step_by(stride()) {
            let target = MemoryLake::new();
            let faulty = FaultyLake::once(Arc::new(target.clone()), n as u64, fault.clone());
            let options = BackupOptions { pipeline: "market".into(), ..BackupOptions::default() };
            let killed = tokio::select! {
                done = backup(&world.lake, "", &*world.store, &faulty, "saved", &options, &silent) => {
                    done.unwrap();
                    false
                }
                () = faulty.crashed() => true,
            };
            if !killed {
                break;
            }
            kills += 1;
            match save(&world, &target).await {
                Ok(_) => {}
                // It was killed after the very last step.
                Err(e) => assert!(matches!(e, operations::OperationsError::BackupExists { .. }), "{e}"),
            }
            let back = world.fresh();
            put_back(&target, &back).await.unwrap();
            assert_same(&back.dump().await, &world.dump().await, &format!("{fault:?} at {n}"));
            assert_eq!(back.fsck(&back.check_options()).await.findings, []);
        }
        assert!(kills > 5, "{kills} kills");
    }
}

#[tokio::test]
async fn a_killed_restore_is_taken_up() {
    let world = World::ran(2, 30).await;
    let target = MemoryLake::new();
    save(&world, &target).await.unwrap();
    for fault in FAULTS {
        let mut kills = 0;
        for n in (0..).step_by(stride()) {
            let back = world.fresh();
            let faulty = FaultyLake::once(Arc::new(back.lake.clone()), n as u64, fault.clone());
            let options = RestoreOptions { pipeline: "market".into(), now_ms: 0 };
            let killed = tokio::select! {
                done = restore(&target, "saved", &faulty, "", &*back.store, &options, &silent) => {
                    done.unwrap();
                    false
                }
                () = faulty.crashed() => true,
            };
            if !killed {
                break;
            }
            kills += 1;
            match put_back(&target, &back).await {
                Ok(_) => {}
                // It was killed after the very last step.
                Err(e) => assert!(back.lake.stat("_restore.json").await.unwrap().is_none(), "{n}: {e}"),
            }
            assert_same(&back.dump().await, &world.dump().await, &format!("{fault:?} at {n}"));
            assert_eq!(back.fsck(&back.check_options()).await.findings, []);
        }
        assert!(kills > 5, "{kills} kills");
    }
}

#[tokio::test]
async fn a_killed_repair_is_taken_up() {
    for fault in FAULTS {
        let mut kills = 0;
        for n in (0..).step_by(stride()) {
            let world = World::ran(3, 60).await;
            let want = world.dump().await;
            let head = world.head(0).await;
            world.cut(head.state.unwrap().deltas.last().unwrap()).await;
            let faulty = FaultyLake::once(Arc::new(world.lake.clone()), n as u64, fault.clone());
            let options = FsckOptions { repair: true, take_over: true, ..world.check_options() };
            let killed = tokio::select! {
                done = fsck(&faulty, "", None, &options, &silent) => {
                    assert!(done.unwrap().is_sound());
                    false
                }
                () = faulty.crashed() => true,
            };
            if !killed {
                break;
            }
            kills += 1;
            let report = world.fsck(&options).await;
            assert!(report.is_sound(), "{fault:?} at {n}: {report:#?}");
            assert_eq!(world.fsck(&world.check_options()).await.findings, [], "{fault:?} at {n}");
            assert_eq!(world.lake.list("_tmp").await.unwrap(), []);
            assert_same(&world.dump().await, &want, &format!("{fault:?} at {n}"));
            world.run().await.unwrap();
        }
        assert!(kills > 5, "{kills} kills");
    }
}

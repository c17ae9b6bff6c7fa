//! A fault at every call: the process dies before, after and in the middle of it, or is told something else than what
//! happened. Whatever stands then, a reader sees what it saw before, and the next run brings it to an end.

use std::sync::Arc;

use lake::{
    Call, Fault, FaultyLake, Lake,
    compact::{self, Options},
};

use super::{
    compacted,
    world::{lake, lost, paths, seen, shared, small, tables},
};

async fn run_until_death(faulty: &FaultyLake) -> bool {
    let options = Options::default();
    tokio::select! {
        ended = compact::run(faulty, "", &options, &|_| ()) => ended.is_ok(),
        () = faulty.crashed() => false,
    }
}

async fn every_call(fault: Fault) {
    let mut at = 0;
    loop {
        let (lake, before) = small().await;
        let faulty = FaultyLake::once(shared(&lake), at, fault.clone());
        let ended = run_until_death(&faulty).await;
        assert_eq!(seen(&lake).await, before, "right after {fault:?} at call {at}");
        if faulty.calls() <= at {
            assert!(ended);
            break;
        }
        compacted(&lake, &Options::default()).await;
        assert_eq!(seen(&lake).await, before, "after the next run; {fault:?} at call {at}");
        faulty.apply_late().await;
        assert_eq!(seen(&lake).await, before, "after a late rename; {fault:?} at call {at}");
        compacted(&lake, &Options::default()).await;
        assert_eq!(seen(&lake).await, before, "at the end; {fault:?} at call {at}");
        // Whatever happened, nothing is left to merge and nothing lies about.
        for table in tables() {
            let dir = commitlog::Layout::new("").table(&table);
            let closed = paths(&lake, &dir).await.into_iter().filter(|p| !p.contains("2026-11-22")).count();
            assert_eq!(closed, 1, "{fault:?} at call {at}: {:?}", paths(&lake, &dir).await);
        }
        let left = paths(&lake, "_tmp").await;
        assert!(left.is_empty(), "{fault:?} at call {at}: {left:?}");
        at += 1;
    }
    assert!(at > 30, "{at} calls are no compaction");
}

#[tokio::test]
async fn death_before_a_call() {
    every_call(Fault::CrashBefore).await;
}

#[tokio::test]
async fn death_after_a_call() {
    every_call(Fault::CrashAfter).await;
}

#[tokio::test]
async fn death_in_the_middle_of_a_call() {
    every_call(Fault::CrashTorn).await;
}

#[tokio::test]
async fn an_unknown_outcome_that_happened() {
    every_call(Fault::After(lost())).await;
}

#[tokio::test]
async fn an_unknown_outcome_that_did_not_happen() {
    every_call(Fault::Before(lost())).await;
}

#[tokio::test]
async fn a_rename_that_is_applied_after_everything() {
    every_call(Fault::Late).await;
}

#[tokio::test]
async fn a_torn_file() {
    every_call(Fault::Torn(lost())).await;
}

/// Of two at once one has each number; the other finds out by the record's content and leaves nothing behind.
#[tokio::test]
async fn a_frozen_compactor_finds_its_number_taken() {
    for frozen_at in 0..2 {
        let (lake, before) = lake().await;
        let mut renames = 0;
        let plan = move |_, call, path: &str| {
            let record = call == Call::Rename && path.ends_with(".commit");
            renames += u32::from(record);
            (record && renames == frozen_at + 1).then_some(Fault::Stall)
        };
        let slow = FaultyLake::new(Arc::new(lake.clone()), plan);
        let frozen = slow.clone();
        let first =
            tokio::spawn(async move { compact::run(&frozen, "", &Options::default(), &|_| ()).await });
        slow.stalled().await;
        let second = compacted(&lake, &Options::default()).await;
        assert!(second.records >= 1, "{second:?}");
        slow.release();
        let first = first.await.unwrap().expect("being second is no failure");
        assert!(first.contended >= 1, "{first:?}");
        assert_eq!(seen(&lake).await, before);
        compacted(&lake, &Options::default()).await;
        assert_eq!(seen(&lake).await, before);
        assert_eq!(paths(&lake, "_tmp").await, Vec::<String>::new());
    }
}

/// Two owners with a share each meet in one chain: the one that loses a number looks again, and gets the next.
#[tokio::test]
async fn shares_of_one_date_follow_each_other() {
    let (lake, before) = lake().await;
    let share = |p: u32| Options { partitions: Some([p].into()), ..Options::default() };
    let mut stalled = false;
    let slow = FaultyLake::new(Arc::new(lake.clone()), move |_, call, path: &str| {
        let record = call == Call::Rename && path.ends_with(".commit") && !stalled;
        stalled |= record;
        record.then_some(Fault::Stall)
    });
    let frozen = slow.clone();
    let first = tokio::spawn(async move { compact::run(&frozen, "", &share(0), &|_| ()).await });
    slow.stalled().await;
    assert_eq!(compacted(&lake, &share(1)).await.records, 2);
    slow.release();
    let first = first.await.unwrap().expect("the second in a chain");
    assert_eq!((first.contended, first.records), (2, 2), "one number of each date: {first:?}");
    assert_eq!(seen(&lake).await, before);
    assert_eq!(compacted(&lake, &Options::default()).await.records, 0, "nothing was left to do");
    assert_eq!(paths(&lake, "_tmp").await, Vec::<String>::new());
}

/// The break that shows what the tests catch: where renames overwrite, a frozen compactor takes a number twice.
#[tokio::test]
async fn an_overwriting_lake_is_caught() {
    let (lake, before) = lake().await;
    let mut stalled = false;
    let plan = move |_, call, path: &str| {
        let record = call == Call::Rename && path.ends_with(".commit");
        if record && !stalled {
            stalled = true;
            return Some(Fault::Overwrite);
        }
        None
    };
    // A record of a third party stands at number 0 of the first date and is not finished.
    let other = FaultyLake::new(Arc::new(lake.clone()), |_, call, path: &str| {
        (call == Call::Rename && path.ends_with(".commit")).then_some(Fault::CrashAfter)
    });
    assert!(!run_until_death(&other).await);
    let chain = paths(&lake, "_log/compact").await;
    assert_eq!(chain.len(), 1);
    let taken = lake.read(&chain[0]).await.unwrap();
    let broken = FaultyLake::new(Arc::new(lake.clone()), plan);
    broken.create("_tmp/other", bytes::Bytes::from_static(b"another record")).await.unwrap();
    broken.rename_no_overwrite("_tmp/other", &chain[0]).await.unwrap();
    assert_ne!(lake.read(&chain[0]).await.unwrap(), taken);
    let said = compact::run(&lake, "", &Options::default(), &|_| ()).await.expect_err("no record of ours");
    assert!(said.to_string().contains(&chain[0]), "{said}");
    lake.damage(&chain[0], taken);
    compacted(&lake, &Options::default()).await;
    assert_eq!(seen(&lake).await, before);
}

//! The conformance suite on every implementation, and what only some of them do.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use lake::{Call, Fault, FaultyLake, Lake, LakeError, LocalLake, MemoryLake, ThrottledLake, conformance};
use market::ErrorKind;

#[tokio::test]
async fn memory_conforms() {
    conformance::suite(|| async { Arc::new(MemoryLake::new()) as Arc<dyn Lake> }).await;
}

#[tokio::test]
async fn local_conforms() {
    conformance::suite(|| async {
        let dir = tempfile::tempdir().unwrap().keep();
        Arc::new(LocalLake::open(dir).unwrap()) as Arc<dyn Lake>
    })
    .await;
}

#[tokio::test]
async fn wrappers_conform() {
    conformance::suite(|| async {
        let slow = ThrottledLake::new(Arc::new(MemoryLake::new()), Duration::ZERO, Duration::from_micros(10));
        Arc::new(FaultyLake::new(Arc::new(slow), |_, _, _| None)) as Arc<dyn Lake>
    })
    .await;
}

/// The suite notices a lake whose renames replace files.
#[tokio::test]
async fn the_suite_catches_an_overwriting_lake() {
    let broken = || async {
        let plan = |_, call, _: &str| (call == Call::Rename).then_some(Fault::Overwrite);
        Arc::new(FaultyLake::new(Arc::new(MemoryLake::new()), plan)) as Arc<dyn Lake>
    };
    let caught = tokio::spawn(async move { conformance::suite(broken).await }).await;
    assert!(caught.is_err_and(|e| e.is_panic()));
}

#[tokio::test]
async fn faults_are_what_they_say() {
    let lost = || LakeError::OutcomeUnknown { path: "a".into(), reason: "timed out".into() };
    let inner = MemoryLake::new();
    let faulty = |fault| FaultyLake::once(Arc::new(inner.clone()), 0, fault);
    let bytes = Bytes::from_static(b"0123");
    assert!(faulty(Fault::Before(lost())).create("a", bytes.clone()).await.is_err());
    assert_eq!(inner.stat("a").await, Ok(None));
    assert!(faulty(Fault::After(lost())).create("a", bytes.clone()).await.is_err());
    assert_eq!(inner.stat("a").await, Ok(Some(4)));
    assert!(faulty(Fault::Torn(lost())).create("b", bytes.clone()).await.is_err());
    assert_eq!(inner.stat("b").await, Ok(Some(2)));
    let late = faulty(Fault::Late);
    assert_eq!(late.rename_no_overwrite("a", "c").await.unwrap_err().kind(), ErrorKind::Retry);
    assert_eq!(inner.stat("c").await, Ok(None));
    late.apply_late().await;
    assert_eq!(inner.stat("c").await, Ok(Some(4)));
    let dead = faulty(Fault::CrashAfter);
    tokio::select! {
        _ = dead.create("d", bytes) => panic!("a dead process answered"),
        () = dead.crashed() => {}
    }
    assert_eq!(inner.stat("d").await, Ok(Some(4)));
}

#[tokio::test]
async fn local_leaves_nothing_half_made() {
    let dir = tempfile::tempdir().unwrap();
    let lake = LocalLake::open(dir.path()).unwrap();
    lake.create("a/b", Bytes::from_static(b"x")).await.unwrap();
    assert!(lake.create("a/b", Bytes::from_static(b"y")).await.is_err());
    // Where the parent is a file, nothing can be made below it, and no private file stays behind.
    assert!(lake.create("a/b/c", Bytes::from_static(b"y")).await.is_err());
    assert_eq!(std::fs::read_dir(dir.path().join(".create")).unwrap().count(), 0);
    lake.delete("a/b").await.unwrap();
    assert!(!dir.path().join("a").exists(), "an emptied directory goes");
}

#[test]
fn errors_name_the_thing_and_the_remedy() {
    use std::io;
    for (kind, want, words) in [
        (io::ErrorKind::StorageFull, ErrorKind::Unavailable, "free space"),
        (io::ErrorKind::PermissionDenied, ErrorKind::Misconfigured, "permission"),
        (io::ErrorKind::NotFound, ErrorKind::Corrupt, "backup"),
    ] {
        let e = LakeError::from_io("raw/x", &io::Error::from(kind));
        assert_eq!(e.kind(), want);
        assert!(e.to_string().contains("raw/x") && e.to_string().contains(words), "{e}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(LocalLake::open(file.path()).is_err(), "a file is no directory");
}

use std::sync::Arc;

use bytes::Bytes;
use feature_store::MemoryStore;
use lake::{Call, Fault, FaultyLake, Lake, LakeError, LocalLake};
use market::{ErrorKind, Symbol};
use registry::{Listed, RegistryError, file};

use crate::{memory, publication, registry};

#[tokio::test]
async fn versions_count_from_one_and_a_uid_has_one() {
    let (lake, store) = (memory(), MemoryStore::new());
    let r = registry(lake.clone(), &store);
    assert!(matches!(r.load(1).await, Err(RegistryError::NoSuchVersion { version: 1, .. })));
    let first = r.publish(publication("run-a", 0.5)).await.unwrap();
    let second = r.publish(publication("run-b", 0.25)).await.unwrap();
    let again = registry(lake.clone(), &store).publish(publication("run-a", 0.75)).await.unwrap();
    assert_eq!((first.version, second.version, again.version), (1, 2, 1));
    assert!(first.fresh && !again.fresh);

    let bundle = r.load(2).await.unwrap();
    assert_eq!(bundle.model.predict(1, "AAPL", &[0.0, 0.0]), Ok(0.25));
    assert!(bundle.serves(1, &Symbol::parse("AAPL").unwrap()));
    assert!(!bundle.serves(1, &Symbol::parse("GOOGL").unwrap()), "its gate said no");
    assert!(!bundle.serves(1, &Symbol::parse("NEW").unwrap()), "never seen in training");
    assert!(!bundle.serves(5, &Symbol::parse("AAPL").unwrap()));
    assert_eq!(r.read_file(1, file::CARD).await.unwrap(), Bytes::from_static(b"# card\n"));

    let staging = lake.list("data/models/market/1m/_staging").await.unwrap();
    assert_eq!(staging, [], "nothing is left behind");
    assert!(lake.stat("data/models/market/1m/v00000002/model.forest").await.unwrap().is_some());
}

/// Whatever call of a publication dies, the next one gives exactly one version of that uid, complete and verified.
#[tokio::test]
async fn a_crash_at_any_call_leaves_nothing_or_a_whole_version() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::CrashTorn] {
        let mut crashes = 0;
        for call in 0..64 {
            let (lake, store) = (memory(), MemoryStore::new());
            registry(lake.clone(), &store).publish(publication("before", 0.1)).await.unwrap();
            let faulty = FaultyLake::once(lake.clone(), call, fault.clone());
            let dying = registry(Arc::new(faulty.clone()), &store);
            tokio::select! {
                done = dying.publish(publication("run", 0.5)) => { done.unwrap(); }
                () = faulty.crashed() => crashes += 1,
            }
            let r = registry(lake.clone(), &store);
            for version in r.versions().await.unwrap() {
                r.verify(version).await.unwrap_or_else(|e| panic!("{fault:?} at {call}: {e}"));
            }
            let published = r.publish(publication("run", 0.5)).await.unwrap();
            assert_eq!(
                (published.version, r.versions().await.unwrap()),
                (2, vec![1, 2]),
                "{fault:?} at {call}"
            );
            assert_eq!(r.load(2).await.unwrap().model.predict(1, "x", &[0.0, 0.0]), Ok(0.5));
        }
        assert!(crashes > 8, "the crashes were met: {crashes}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_or_late_changes_nothing() {
    let unknown =
        || LakeError::OutcomeUnknown { path: "manifest.json".to_owned(), reason: "timed out".to_owned() };
    for fault in [Fault::After(unknown()), Fault::Before(unknown()), Fault::Late] {
        let (lake, store) = (memory(), MemoryStore::new());
        let mut met = false;
        let planned = fault.clone();
        let faulty = FaultyLake::new(lake.clone(), move |_, call, path| {
            let now = !met && call == Call::Rename && path.ends_with("v00000001/manifest.json");
            met |= now;
            now.then(|| planned.clone())
        });
        let r = registry(Arc::new(faulty.clone()), &store);
        assert_eq!(r.publish(publication("run", 0.5)).await.unwrap().version, 1, "{fault:?}");
        faulty.apply_late().await;
        assert_eq!(r.versions().await.unwrap(), [1], "{fault:?}");
        r.verify(1).await.unwrap();
    }
}

#[tokio::test]
async fn racers_get_numbers_of_their_own_and_one_uid_gets_one() {
    let (lake, store) = (memory(), MemoryStore::new());
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..12 {
        let r = registry(lake.clone(), &store);
        // Four uids, three racers each.
        let uid = format!("run-{}", i % 4);
        tasks.spawn(async move { (uid.clone(), r.publish(publication(&uid, 0.5)).await) });
    }
    let mut versions = std::collections::BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        let (uid, published) = done.unwrap();
        let version = published.unwrap().version;
        assert_eq!(*versions.entry(uid).or_insert(version), version, "one uid, one version");
    }
    assert_eq!(registry(lake, &store).versions().await.unwrap(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn damage_is_named_and_never_served() {
    let dir = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    let lake = Arc::new(LocalLake::open(dir.path()).unwrap());
    registry(lake.clone(), &store).publish(publication("run", 0.5)).await.unwrap();
    registry(lake.clone(), &store).publish(publication("other", 0.5)).await.unwrap();
    let path = dir.path().join("data/models/market/1m/v00000001/model.forest");
    let good = std::fs::read(&path).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bad in [&good[..good.len() - 1], &[], &flipped] {
        std::fs::write(&path, bad).unwrap();
        let Err(error) = registry(lake.clone(), &store).load(1).await else {
            panic!("served {} bytes", bad.len())
        };
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let text = error.to_string();
        assert!(text.contains("v00000001/model.forest") && text.contains("restore"), "{text}");
    }
    std::fs::remove_file(&path).unwrap();
    let text = registry(lake.clone(), &store).load(1).await.err().unwrap().to_string();
    assert!(text.contains("missing"), "{text}");

    std::fs::write(dir.path().join("data/models/market/1m/v00000001/manifest.json"), b"{\"format\":1")
        .unwrap();
    let r = registry(lake, &store);
    let listed = r.list().await.unwrap();
    assert_eq!(listed.iter().map(Listed::version).collect::<Vec<_>>(), [2, 1]);
    assert!(matches!(&listed[1], Listed::Damaged(other) if other.error.contains("manifest.json")));
    // A damaged version neither blocks nor loses its number.
    assert_eq!(r.publish(publication("third", 0.5)).await.unwrap().version, 3);
}

#[tokio::test]
async fn names_and_files_that_cannot_be_are_refused() {
    let (lake, store) = (memory(), MemoryStore::new());
    let r = registry(lake.clone(), &store);
    assert_eq!(r.publish(publication("../x", 0.5)).await.err().unwrap().kind(), ErrorKind::BadInput);
    let mut twice = publication("run", 0.5);
    twice.files.push((file::MODEL.to_owned(), Bytes::new()));
    assert_eq!(r.publish(twice).await.err().unwrap().kind(), ErrorKind::Bug);
    let mut without = publication("run", 0.5);
    without.files.remove(0);
    assert_eq!(r.publish(without).await.err().unwrap().kind(), ErrorKind::Bug);
    assert_eq!(lake.list("").await.unwrap_or_default(), []);
}

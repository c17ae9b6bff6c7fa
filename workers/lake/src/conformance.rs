//! What every lake must do, as one public suite. A new backend calls it with its own factory.
//!
//! Panics name the first promise that is broken: this is test code that happens to be public.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Lake, LakeError};

/// How many racers try for one name.
const RACERS: usize = 8;

/// Runs every check; `make` gives a fresh, empty lake each time.
pub async fn suite<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Lake>>,
{
    creates_once(&*make().await).await;
    renames_once(&*make().await).await;
    lists_sorted_and_recursively(&*make().await).await;
    deletes_and_forgets(&*make().await).await;
    refuses_paths_that_escape(&*make().await).await;
    one_racer_wins(make().await).await;
    survives_pruning(&*make().await).await;
}

async fn creates_once(lake: &dyn Lake) {
    let bytes = Bytes::from_static(b"whole");
    lake.create("a/b/c", bytes.clone()).await.expect("create makes parents");
    assert_eq!(lake.read("a/b/c").await.expect("read"), bytes);
    assert_eq!(lake.stat("a/b/c").await.expect("stat"), Some(5));
    let again = lake.create("a/b/c", Bytes::from_static(b"other")).await;
    assert!(matches!(again, Err(LakeError::AlreadyExists { .. })), "create never overwrites: {again:?}");
    assert_eq!(lake.read("a/b/c").await.expect("read"), bytes, "a refused create changes nothing");
    lake.create("empty", Bytes::new()).await.expect("an empty file is a file");
    assert_eq!(lake.stat("empty").await.expect("stat"), Some(0));
    assert_eq!(lake.stat("a/b").await.expect("stat"), None, "a directory is no file");
}

async fn renames_once(lake: &dyn Lake) {
    lake.create("t/1", Bytes::from_static(b"1")).await.expect("create");
    lake.create("t/2", Bytes::from_static(b"2")).await.expect("create");
    lake.rename_no_overwrite("t/1", "x/y/final").await.expect("rename makes parents");
    let taken = lake.rename_no_overwrite("t/2", "x/y/final").await;
    assert!(matches!(taken, Err(LakeError::AlreadyExists { .. })), "rename never overwrites: {taken:?}");
    assert_eq!(lake.read("x/y/final").await.expect("read"), Bytes::from_static(b"1"));
    assert_eq!(lake.stat("t/1").await.expect("stat"), None, "the old name is gone");
    assert_eq!(lake.stat("t/2").await.expect("stat"), Some(1), "a refused rename keeps its source");
    let missing = lake.rename_no_overwrite("t/1", "x/y/final").await;
    assert!(
        matches!(missing, Err(LakeError::NotFound { .. })),
        "a missing source is reported before an existing destination: {missing:?}"
    );
}

async fn lists_sorted_and_recursively(lake: &dyn Lake) {
    assert_eq!(lake.list("nowhere").await.expect("a missing directory is empty"), []);
    for path in ["d/b/2", "d/a", "d/b/1", "e", "d2/x"] {
        lake.create(path, Bytes::from_static(b"x")).await.expect("create");
    }
    let paths = |entries: Vec<crate::Entry>| entries.into_iter().map(|e| e.path).collect::<Vec<_>>();
    assert_eq!(paths(lake.list("d").await.expect("list")), ["d/a", "d/b/1", "d/b/2"]);
    assert_eq!(paths(lake.list("").await.expect("list")), ["d/a", "d/b/1", "d/b/2", "d2/x", "e"]);
}

async fn deletes_and_forgets(lake: &dyn Lake) {
    lake.create("d/x", Bytes::from_static(b"x")).await.expect("create");
    lake.delete("d/x").await.expect("delete");
    lake.delete("d/x").await.expect("a missing file is fine");
    let gone = lake.read("d/x").await;
    assert!(matches!(gone, Err(LakeError::NotFound { .. })), "{gone:?}");
    lake.create("d/x", Bytes::from_static(b"y")).await.expect("a deleted name is free");
}

async fn refuses_paths_that_escape(lake: &dyn Lake) {
    for bad in ["", "/etc/x", "../x", "a/../../x", "a//b", ".create/x"] {
        let refused = |r: Result<(), LakeError>| matches!(r, Err(LakeError::InvalidPath { .. }));
        assert!(refused(lake.create(bad, Bytes::new()).await), "create {bad:?}");
        assert!(refused(lake.rename_no_overwrite("a", bad).await), "rename to {bad:?}");
        assert!(refused(lake.rename_no_overwrite(bad, "a").await), "rename from {bad:?}");
        assert!(refused(lake.delete(bad).await), "delete {bad:?}");
        assert!(refused(lake.read(bad).await.map(drop)), "read {bad:?}");
    }
}

async fn one_racer_wins(lake: Arc<dyn Lake>) {
    for n in 0..RACERS {
        lake.create(&format!("r/{n}"), Bytes::from(format!("{n}"))).await.expect("create");
    }
    let race = |n: usize| {
        let lake = lake.clone();
        async move { lake.rename_no_overwrite(&format!("r/{n}"), "won").await }
    };
    let results = futures::future::join_all((0..RACERS).map(race)).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1, "{results:?}");
    for lost in results.iter().filter_map(|r| r.as_ref().err()) {
        assert!(matches!(lost, LakeError::AlreadyExists { .. }), "{lost}");
    }
    assert_eq!(lake.list("r").await.expect("list").len(), RACERS - 1);
}

/// Deleting the last file of a directory never breaks a create beside it.
async fn survives_pruning(lake: &dyn Lake) {
    for round in 0..RACERS {
        let (old, new) = (format!("p/q/{round}"), format!("p/q/{}", round + 1));
        if round == 0 {
            lake.create(&old, Bytes::new()).await.expect("create");
        }
        let (deleted, created) = futures::join!(lake.delete(&old), lake.create(&new, Bytes::new()));
        deleted.expect("delete");
        created.expect("create beside a delete");
    }
    assert_eq!(lake.list("p").await.expect("list").len(), 1);
}

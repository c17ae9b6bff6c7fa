//! A partition to which nothing comes says once a day that nothing will come for the days before.

use std::sync::{Arc, atomic::Ordering};

use commitlog::Kind;
use runtime::Shutdown;

use crate::world::{World, until};

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn an_idle_partition_closes_its_days() {
    let world = World::new(71, 30).await;
    let components = world.components(Arc::new(world.lake.clone()));
    let (status, shutdown) = (components.status.clone(), Shutdown::new());
    let worker = tokio::spawn(ingest::run(world.settings.clone(), components, shutdown.clone()));
    until("everything is read", || {
        status.partitions().len() == 2 && status.partitions().iter().all(|p| p.offset == 30)
    })
    .await;
    status.request_commit();
    until("everything is committed", || status.partitions().iter().all(|p| p.committed == 30)).await;
    let before: Vec<u64> = status.partitions().iter().map(|p| p.commits).collect();
    for day in 1..=2 {
        world.clock.fetch_add(DAY_MS, Ordering::Relaxed);
        until("each has one commit more", || {
            status.partitions().iter().zip(&before).all(|(p, before)| p.commits == before + day)
        })
        .await;
    }
    // What comes still on that day goes to its date.
    world.append(72, 5).await;
    until("what comes then is read", || status.partitions().iter().all(|p| p.offset == 35)).await;
    shutdown.drain();
    worker.await.unwrap().unwrap();
    for head in world.heads().await {
        let commits = world.commits(head.partition).await;
        let empty: Vec<_> = commits.iter().filter(|c| c.kind == Kind::Data && c.start == c.end).collect();
        let dates: Vec<_> = empty.iter().filter_map(|c| c.date.as_deref()).collect();
        assert_eq!(dates, ["2023-11-15", "2023-11-16"]);
        assert!(empty.iter().all(|c| c.end == 30));
        assert_eq!(head.date.as_deref(), Some("2023-11-16"), "dates do not go back");
    }
    world.check().await.unwrap();
}

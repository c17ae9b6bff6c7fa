use std::sync::Arc;

use feature_store::MemoryStore;
use market::{Alias, AliasEvent, Span, Timestamp};
use proptest::prelude::*;
use registry::{SwapRequest, Swapped, at as version_at, effective_after};

use crate::{at, memory, registry};

fn request(version: u64, watermark: &str) -> SwapRequest {
    SwapRequest {
        horizon: 1,
        alias: Alias::Champion,
        version: Some(version),
        watermark: Some(at(watermark)),
        bar: Span::from_secs(60),
        at: at("2025-01-02T00:00:00Z"),
        actor: "trainer".to_owned(),
        reason: "test".to_owned(),
    }
}

#[tokio::test]
async fn a_swap_takes_effect_after_the_watermark_and_the_old_one_becomes_previous() {
    let store = MemoryStore::new();
    let r = registry(memory(), &store);
    assert!(
        matches!(r.swap(&request(1, "2025-01-02T10:00:30Z")).await.unwrap(), Swapped::Done(e) if e.seq == 1)
    );
    assert!(
        matches!(r.swap(&request(2, "2025-01-02T11:00:00Z")).await.unwrap(), Swapped::Done(e) if e.seq == 2)
    );
    assert!(matches!(r.swap(&request(2, "2025-01-02T12:00:00Z")).await.unwrap(), Swapped::Already(_)));
    assert!(matches!(r.swap(&request(1, "2025-01-02T12:00:00Z")).await.unwrap(), Swapped::Newer(_)));
    let history = r.alias_history(1).await.unwrap();
    let of = |alias, text| version_at(&history, alias, at(text));
    assert_eq!(of(Alias::Champion, "2025-01-02T10:00:00Z"), None);
    assert_eq!(of(Alias::Champion, "2025-01-02T10:01:00Z"), Some(1));
    // 11:00:00 was the watermark: that bar may have been predicted already.
    assert_eq!(of(Alias::Champion, "2025-01-02T11:00:00Z"), Some(1));
    assert_eq!(of(Alias::Previous, "2025-01-02T11:00:00Z"), None);
    assert_eq!(of(Alias::Champion, "2025-01-02T11:01:00Z"), Some(2));
    assert_eq!(of(Alias::Previous, "2025-01-02T11:01:00Z"), Some(1));
    assert_eq!(r.aliases(1).await.unwrap(), [(Alias::Previous, 1)]);
    assert_eq!(r.alias_history(5).await.unwrap(), [], "horizons do not share a history");
}

#[tokio::test]
async fn of_racers_for_one_place_in_the_history_exactly_one_wins() {
    let store = MemoryStore::new();
    let lake = memory();
    let seen = registry(lake.clone(), &store).alias_history(1).await.unwrap();
    let seen = Arc::new(seen);
    let mut tasks = tokio::task::JoinSet::new();
    for version in 1..=8 {
        let (r, seen) = (registry(lake.clone(), &store), seen.clone());
        tasks
            .spawn(async move { r.compare_and_swap(&request(version, "2025-01-02T10:00:00Z"), &seen).await });
    }
    let mut won = 0;
    while let Some(done) = tasks.join_next().await {
        won += u32::from(done.unwrap().unwrap().is_some());
    }
    assert_eq!(won, 1);
    assert_eq!(registry(lake, &store).alias_history(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn swaps_that_race_end_with_the_newest_version() {
    let store = MemoryStore::new();
    let lake = memory();
    let mut tasks = tokio::task::JoinSet::new();
    for version in 1..=6 {
        let r = registry(lake.clone(), &store);
        tasks.spawn(async move { r.swap(&request(version, "2025-01-02T10:00:00Z")).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    let history = registry(lake, &store).alias_history(1).await.unwrap();
    assert_eq!(version_at(&history, Alias::Champion, Timestamp::MAX), Some(6));
    assert!(history.iter().enumerate().all(|(i, e)| e.seq == i as u64 + 1));
}

#[test]
fn effective_from_is_the_first_bar_end_after_the_watermark() {
    let minute = Span::from_secs(60);
    assert_eq!(effective_after(None, minute), Timestamp::MIN);
    for (watermark, first) in [
        ("2025-01-02T10:00:00Z", "2025-01-02T10:01:00Z"),
        ("2025-01-02T10:00:01Z", "2025-01-02T10:01:00Z"),
        ("2025-01-02T10:00:59.999999Z", "2025-01-02T10:01:00Z"),
    ] {
        assert_eq!(effective_after(Some(at(watermark)), minute), at(first));
    }
}

proptest! {
    /// Appending a swap never changes the answer for a bar that ended before it took effect.
    #[test]
    fn the_past_never_changes(steps in proptest::collection::vec((1_u64..9, 0_i64..5, 0_usize..3), 1..12)) {
        let mut history: Vec<AliasEvent> = Vec::new();
        let mut from = 0;
        for (i, (version, step, alias)) in steps.into_iter().enumerate() {
            from += step;
            let before = history.clone();
            history.push(AliasEvent {
                seq: i as u64 + 1,
                alias: [Alias::Champion, Alias::Challenger, Alias::Champion][alias],
                version: (version < 8).then_some(version),
                effective_from: Timestamp::from_micros(from),
                at: Timestamp::from_micros(0),
                actor: String::new(),
                reason: String::new(),
            });
            for as_of in 0..from {
                let as_of = Timestamp::from_micros(as_of);
                for alias in [Alias::Champion, Alias::Challenger, Alias::Previous] {
                    prop_assert_eq!(version_at(&before, alias, as_of), version_at(&history, alias, as_of));
                }
            }
        }
    }
}

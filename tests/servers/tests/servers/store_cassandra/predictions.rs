//! Forecasts beyond the contract: what is pending is found without reading everything, outcomes never make a forecast.

use feature_store::{
    FeatureStore as _, PredictionQuery,
    cassandra::{CassandraSettings, CassandraStore},
    conformance::prediction,
};
use market::{Outcome, PredictionRow};

use super::{connect, prepared};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_forecasts_are_the_newest_days() {
    let settings = prepared("pending").await;
    let store = connect(&settings).await;
    let days: Vec<_> = (0..30_i64)
        .flat_map(|day| ["A", "B"].map(|symbol| prediction(symbol, 1, day * 86_400 + 60, day * 86_400)))
        .collect();
    store.put_predictions(&days).await.expect("put");
    let void = |row: &PredictionRow| PredictionRow { outcome: Outcome::Void, ..row.clone() };
    let matured: Vec<_> = days[..50].iter().map(void).collect();
    store.put_outcomes(&matured).await.expect("outcomes");
    let pending =
        PredictionQuery { pending_only: true, bar: Some("1m".into()), ..PredictionQuery::default() };
    assert_eq!(store.predictions(&pending).await.expect("read"), days[50..]);
    let oldest = PredictionQuery { limit: Some(1), ..pending.clone() };
    assert_eq!(store.predictions(&oldest).await.expect("read"), days[50..51]);
    let rest: Vec<_> = days[50..].iter().map(void).collect();
    store.put_outcomes(&rest).await.expect("outcomes");
    assert_eq!(store.predictions(&pending).await.expect("read"), []);
    let newest = PredictionQuery { newest_first: true, limit: Some(3), ..PredictionQuery::default() };
    let mut last = [&matured[..], &rest].concat().split_off(57);
    last.reverse();
    assert_eq!(store.predictions(&newest).await.expect("read"), last);
    CassandraStore::drop_all(&settings).await.expect("drop");
}

#[tokio::test]
async fn an_outcome_outlives_no_forecast_and_makes_none() {
    let day = std::time::Duration::from_secs(86_400);
    let settings = CassandraSettings { predictions_ttl: Some(day), ..prepared("outcome").await };
    let store = connect(&settings).await;
    let joined = Outcome::Joined { y_true: 0.5, err: 0.25 };
    let old = PredictionRow { outcome: joined, ..prediction("A", 1, 600, 500) };
    store.put_outcomes(std::slice::from_ref(&old)).await.expect("an outcome of nothing");
    store.put_predictions(&[old]).await.expect("a forecast of 1970, whose time is over");
    assert_eq!(store.predictions(&PredictionQuery::default()).await.expect("read"), []);
    let lasting = connect(&CassandraSettings { predictions_ttl: None, ..settings.clone() }).await;
    let made = PredictionRow { outcome: joined, ..prediction("A", 1, 600, 500) };
    lasting.put_predictions(std::slice::from_ref(&made)).await.expect("put");
    let later = PredictionRow { outcome: Outcome::Void, ..prediction("A", 1, 600, 550) };
    lasting.put_predictions(&[later]).await.expect("put");
    assert_eq!(
        store.predictions(&PredictionQuery::default()).await.expect("read"),
        [made],
        "the outcome stays"
    );
    CassandraStore::drop_all(&settings).await.expect("drop");
}

use std::sync::Arc;

use feature_store::FeatureStore as _;
use market::ErrorKind;
use trainer::{EngineChoice, Source};

use crate::{
    World,
    market_of_truth::{bars, source},
    settings,
};

#[tokio::test]
async fn too_little_data_is_refused_with_the_numbers() {
    let world = World::new();
    let error = world.train(settings("early"), source(vec![bars("AAPL", 0.5, 1, 300)])).await.unwrap_err();
    assert_eq!((error.kind(), error.kind().exit_code()), (ErrorKind::Refused, 3));
    let text = error.to_string();
    assert!(text.contains("of 1000 rows") && text.contains("have 2"), "{text}");
    let runs = world.store.runs("market").await.unwrap();
    assert_eq!(runs[0].phase, "Pending", "never Failed");

    let text = world.train(settings("empty"), Source::default()).await.unwrap_err().to_string();
    assert!(text.contains("have 0 of 1000"), "{text}");
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_before_anything_is_read() {
    let world = World::new();
    let mut hist = settings("hist");
    hist.model.engine = EngineChoice::Hist;
    let mut none = settings("none");
    none.horizons.clear();
    let mut twice = settings("twice");
    twice.horizons = vec![1, 5, 1];
    let mut threads = settings("threads");
    threads.threads = 0;
    for (run, says) in [(hist, "Smartcore"), (none, "horizons"), (twice, "twice"), (threads, "threads")] {
        let error = world.train(run, Source::default()).await.unwrap_err();
        assert_eq!(error.kind().exit_code(), 2, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(world.store.runs("market").await.unwrap(), []);
}

#[tokio::test]
async fn a_run_that_does_not_fit_into_memory_is_refused_with_the_numbers() {
    let mut run = settings("large");
    run.memory_limit = Some(1 << 20);
    let error = World::new().train(run, source(vec![bars("AAPL", 0.5, 1, 1_500)])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("may use 1 MiB"), "{error}");
}

#[tokio::test]
async fn an_interrupted_run_publishes_nothing_and_may_run_again() {
    let world = World::new();
    let data = source(vec![bars("AAPL", 0.5, 1, 1_500)]);
    let mut components = world.components();
    components.stop = Arc::new(|| true);
    let error = trainer::train_on(settings("stopped"), components, data.clone(), |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert_eq!(world.registry().versions().await.unwrap(), Vec::<u64>::new());
    assert_eq!(world.train(settings("stopped"), data).await.unwrap().version, 1);
}

#[tokio::test]
async fn too_few_instants_for_the_folds_are_refused() {
    let mut run = settings("folds");
    run.validation.folds = 51;
    let error = World::new().train(run, source(vec![bars("AAPL", 0.5, 1, 1_500)])).await.unwrap_err();
    assert_eq!(error.kind().exit_code(), 2, "{error}");
}

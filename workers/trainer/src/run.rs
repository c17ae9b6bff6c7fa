//! A run from start to end: read, compute on threads of its own, publish, tell.

use std::{collections::BTreeMap, sync::Arc};

use evaluation::Dataset;
use forest::Engine;
use indicators::BarEngineSpec;
use market::Timestamp;
use registry::{DatasetSummary, Registry, file};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::{
    Components, EngineChoice, Parity, Phase, Progress, RunOutcome, Settings, Source, TrainError,
    dataset::{Wanted, prepare},
    fit::{Fitter, params},
    judge::{self, Judged},
    limits::{RUN_ROW_EVERY, SYMBOLS},
    outcome::published_status,
    progress::{Reporter, record},
    publish, report, source,
};

/// Everything a run found out, before it is published.
pub(crate) struct Trained {
    pub engine: String,
    pub schema_hash: u64,
    pub entries: Vec<String>,
    pub rows: Dataset,
    pub dataset: DatasetSummary,
    pub symbols: Vec<String>,
    pub offsets: BTreeMap<u32, (u64, u64)>,
    pub bars: usize,
    pub now: Timestamp,
    pub parity: Parity,
    pub judged: Vec<Judged>,
}

/// Trains on the committed bars of the lake. A run whose uid is published already trains nothing and returns that outcome.
pub async fn train(
    settings: Settings,
    components: Components,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<RunOutcome, TrainError> {
    run(settings, components, Box::new(progress), None).await
}

/// Trains on bars that were read already: for data that is not, or not yet, committed.
pub async fn train_on(
    settings: Settings,
    components: Components,
    source: Source,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<RunOutcome, TrainError> {
    run(settings, components, Box::new(progress), Some(source)).await
}

async fn run(
    settings: Settings,
    components: Components,
    sink: Box<dyn Fn(Progress) + Send + Sync>,
    source: Option<Source>,
) -> Result<RunOutcome, TrainError> {
    settings.check()?;
    let started_at = (components.clock)();
    let first = Progress { phase: Phase::Loading, percent: 0, eta_seconds: None, message: None };
    let (sender, receiver) = watch::channel(first);
    let reporter = Arc::new(Reporter::new(sink, components.clock.clone(), sender));
    let settings = Arc::new(settings);
    let result = execute(&settings, &components, &reporter, receiver, started_at, source).await;
    if let Err(error) = &result {
        let waiting = matches!(error, TrainError::NotEnoughData { .. });
        let phase = if waiting { Phase::Pending } else { Phase::Failed };
        let kind = if waiting { "DataReady" } else { "Failed" };
        let (state, reason) =
            if waiting { ("False", "NotEnoughData") } else { ("True", error.kind().as_str()) };
        let mut status = json!({
            "phase": phase.as_str(),
            "conditions": [{"type": kind, "status": state, "reason": reason, "message": error.to_string()}],
        });
        if let TrainError::NotEnoughData { have, .. } = error {
            status["dataset"] = json!({"rows": have});
        }
        reporter.phase(phase, 0, error.to_string());
        let last = Progress { phase, percent: 0, eta_seconds: None, message: None };
        // The first error is the one to tell.
        if let Err(second) = record(&components, &settings, started_at, &last, status).await {
            tracing::warn!("the failed run could not be recorded: {second}");
        }
    }
    result
}

async fn execute(
    settings: &Arc<Settings>,
    components: &Components,
    reporter: &Arc<Reporter>,
    mut events: watch::Receiver<Progress>,
    started_at: Timestamp,
    source: Option<Source>,
) -> Result<RunOutcome, TrainError> {
    let registry = Registry::new(
        components.lake.clone(),
        components.store.clone(),
        &settings.root,
        &settings.pipeline,
        &settings.data.bar.to_string(),
    )?;
    if let Some(published) = registry.find_run(&settings.uid).await? {
        return again(settings, components, &registry, published.version).await;
    }
    reporter.phase(Phase::Loading, 1, None);
    // The guard of the channel must not live across the write.
    let event = events.borrow_and_update().clone();
    record(components, settings, started_at, &event, running(Phase::Loading, None)).await?;
    let spec = Arc::new(BarEngineSpec::new(
        settings.indicators.clone(),
        settings.data.bar,
        settings.calendar.clone(),
    ));
    let source = match source {
        Some(source) => source,
        None => source::read(components.lake.as_ref(), &settings.root, &settings.data, &spec).await?,
    };

    let (of_settings, of_reporter, stop) = (settings.clone(), reporter.clone(), components.stop.clone());
    let mut work = tokio::task::spawn_blocking(move || {
        compute(&of_settings, &source, &spec, &of_reporter, stop.as_ref())
    });
    let trained = loop {
        tokio::select! {
            done = &mut work => break done.map_err(|e| TrainError::Thread(e.to_string()))??,
            changed = events.changed() => {
                if changed.is_err() {
                    continue;
                }
                let event = events.borrow_and_update().clone();
                record(components, settings, started_at, &event, running(event.phase, event.eta_seconds)).await?;
                tokio::select! {
                    done = &mut work => break done.map_err(|e| TrainError::Thread(e.to_string()))??,
                    () = tokio::time::sleep(RUN_ROW_EVERY) => {}
                }
            }
        }
    };

    reporter.phase(Phase::Publishing, 96, None);
    let judged_report = report::report(settings, &trained);
    let (publication, status) = publish::files(settings, &trained, &judged_report, (components.clock)())?;
    let published = registry.publish(publication).await?;
    let summary = &published.manifest.summary;
    let moved =
        publish::promote(settings, components, &registry, published.version, &summary.horizons).await?;
    let status = published_status(status, published.version, &summary.model_sha256, &moved);
    let outcome = RunOutcome {
        report: report::with_verdict(&judged_report, settings, &trained, published.version, &moved),
        version: published.version,
        model_sha256: summary.model_sha256.clone(),
        passed: summary.horizons.iter().filter(|h| h.passed).map(|h| h.horizon).collect(),
        champion: moved.champion,
        repeated: false,
        status,
    };
    let last = Progress { phase: Phase::Complete, percent: 100, eta_seconds: None, message: None };
    record(components, settings, started_at, &last, outcome.status.clone()).await?;
    reporter.phase(Phase::Complete, 100, None);
    Ok(outcome)
}

fn running(phase: Phase, eta_seconds: Option<u64>) -> Value {
    json!({"phase": phase.as_str(), "estimatedRemainingSeconds": eta_seconds})
}

/// The outcome of a run that was published before, with its aliases moved if a crash came between.
async fn again(
    settings: &Settings,
    components: &Components,
    registry: &Registry,
    version: u64,
) -> Result<RunOutcome, TrainError> {
    let manifest = registry.manifest(version).await?;
    let metrics = registry.read_file(version, file::METRICS).await?;
    let report = registry.read_file(version, file::CARD).await?;
    let stored: Map<String, Value> = serde_json::from_slice::<Value>(&metrics)
        .ok()
        .and_then(|value| value.get("status").and_then(Value::as_object).cloned())
        .unwrap_or_default();
    let summary = &manifest.summary;
    let moved = publish::promote(settings, components, registry, version, &summary.horizons).await?;
    Ok(RunOutcome {
        status: published_status(stored, version, &summary.model_sha256, &moved),
        report: String::from_utf8_lossy(&report).into_owned(),
        version,
        model_sha256: summary.model_sha256.clone(),
        passed: summary.horizons.iter().filter(|h| h.passed).map(|h| h.horizon).collect(),
        champion: moved.champion,
        repeated: true,
    })
}

/// Everything between reading and writing: on threads, without IO.
fn compute(
    settings: &Settings,
    source: &Source,
    spec: &Arc<BarEngineSpec>,
    reporter: &Reporter,
    stop: &(dyn Fn() -> bool + Send + Sync),
) -> Result<Trained, TrainError> {
    let need = settings.data.min_rows;
    let Some(now) = source.now else { return Err(TrainError::NotEnoughData { have: 0, need, now: None }) };
    let to = settings.data.to.as_to(now);
    let wanted = Wanted { horizons: &settings.horizons, from: settings.data.from.as_from(now), known_at: to };
    let prepared = prepare(source, spec, settings.data.bar, &wanted)?;
    let rows = prepared.dataset;
    let first = settings.horizons.first().copied().unwrap_or(1);
    let samples = rows.samples(first);
    let have = samples.len() as u64;
    if have < need.max(1) {
        return Err(TrainError::NotEnoughData { have, need, now: Some(now) });
    }
    if rows.symbols().len() > SYMBOLS {
        return Err(TrainError::BadInput {
            what: format!("{} symbols", rows.symbols().len()),
            remedy: format!("name at most {SYMBOLS} in data.symbols"),
        });
    }
    affordable(settings, &rows)?;
    if settings.model.engine == EngineChoice::Auto {
        reporter.say("model.engine Auto resolves to Smartcore".to_owned());
    }
    let engine = Engine::Smartcore;
    let calendar = spec.calendar().clone();
    let cuts = settings
        .horizons
        .iter()
        .map(|horizon| judge::cut(&rows, settings, &calendar, *horizon))
        .collect::<Result<Vec<_>, _>>()?;
    reporter.plan(cuts.iter().map(|cut| cut.units).sum());
    let bar = settings.data.bar.to_string();
    let fitter = Fitter::new(settings.threads, engine, settings.model, bar, stop, reporter)?;
    let judged = cuts
        .into_iter()
        .map(|cut| judge::judge(&rows, settings, &fitter, cut))
        .collect::<Result<Vec<_>, _>>()?;
    reporter.phase(Phase::Validating, 95, None);
    let schema = spec.schema();
    let from = rows.keys().iter().map(|key| key.as_of).min().unwrap_or(to);
    // A model has seen outcomes up to here: a forecast whose bar ends at or before it is in sample.
    let seen = samples.iter().map(|sample| sample.target_ts).max().unwrap_or(to).min(to);
    Ok(Trained {
        engine: engine.version().to_owned(),
        schema_hash: schema.hash(),
        entries: schema.entries().to_vec(),
        dataset: DatasetSummary { rows: have, from, to: seen, hash: rows.hash(schema.hash()) },
        symbols: rows.symbols().to_vec(),
        offsets: prepared.offsets,
        bars: prepared.bars,
        parity: prepared.parity,
        now,
        judged,
        rows,
    })
}

/// Refuses a run whose estimate does not fit, with the numbers.
fn affordable(settings: &Settings, rows: &Dataset) -> Result<(), TrainError> {
    let Some(limit) = settings.memory_limit else { return Ok(()) };
    let (n, columns) = (rows.x().rows(), rows.x().cols());
    let longest = settings.horizons.iter().copied().max().unwrap_or(1);
    let threads = u32::try_from(settings.threads).unwrap_or(u32::MAX);
    let fit = forest::estimate(n, columns, &params(&settings.model, longest, n), threads);
    // The dataset itself and one selection of it stand beside the fit.
    let need = fit.bytes + 2 * rows.x().bytes() as u64;
    if need <= limit {
        return Ok(());
    }
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(TrainError::TooLarge {
        need_mib: mib(need),
        limit_mib: limit >> 20,
        rows: n,
        columns,
        threads: settings.threads,
    })
}

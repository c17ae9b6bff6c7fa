//! Starts the roles, notices their ends, and drains them in the order data flows: source, ingest, predictor, the rest.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ingest::Phase;
use market::ErrorKind;
use runtime::{AdminState, Metrics, Shutdown};
use tick_log::{StaticOwnership, Topic};
use tokio::task::JoinHandle;

use super::{
    Plan, Source,
    health::Health,
    milestones::Milestones,
    serve,
    summary::{self, Work},
    training::{self, Owed, Surroundings},
};
use crate::{Context, Failure, import, settings, truths};

/// How often the end of all work is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Records behind the log's end up to which ingest counts as caught up with a live source.
const LIVE_RECORDS: u64 = 100;
/// How often rows past their time are removed.
const EXPIRE_EVERY: Duration = Duration::from_secs(3600);

type Role<T> = JoinHandle<Result<T, Failure>>;

/// Runs the plan to its end; the exit code.
pub async fn supervise(mut context: Context, plan: Plan) -> Result<u8, Failure> {
    let started = Instant::now();
    let shutdown = Shutdown::new();
    shutdown
        .follow_signals()
        .map_err(|e| Failure::new(ErrorKind::Misconfigured, format!("signals cannot be followed: {e}")))?;
    let milestones = Arc::new(Milestones::new(truths::for_trainer(&context.pipeline)?));
    let ticks = context.ticks_topic().await?;
    context.output_topics().await?;

    let admin = AdminState::new(Metrics::new());
    let ingest_status = Arc::new(ingest::Status::new());
    let predictor_status = Arc::new(predictor::Status::new());
    let produced = Arc::new(Mutex::new(None::<producer::Progress>));
    let health = Arc::new(Health::new(
        context.clock.clone(),
        ingest_status.clone(),
        predictor_status.clone(),
        plan.roles,
    ));
    admin.status("ingest", {
        let s = ingest_status.clone();
        move || s.json()
    });
    admin.status("predictor", {
        let s = predictor_status.clone();
        move || s.json()
    });
    admin.status("process", {
        let h = health.clone();
        let pipeline = context.pipeline.clone();
        move || h.process(&pipeline)
    });
    let ready = admin.readiness("ingest restored");
    context.live = Some({
        let admin = admin.clone();
        Arc::new(move || admin.status_value())
    });

    // One child each, so that they can be drained one after another.
    let (to_source, to_ingest, to_predictor, to_trainer, to_servers) =
        (Shutdown::new(), Shutdown::new(), Shutdown::new(), Shutdown::new(), Shutdown::new());

    let served = serve::start(&context, &plan, &admin, &health, &milestones, &to_servers).await?;
    let mut ingest: Option<Role<ingest::Summary>> = plan
        .roles
        .ingest
        .then(|| {
            let role = ingest::run(
                settings::ingest(&context)?,
                ingest::Components {
                    log: context.log.clone(),
                    lake: context.lake.clone(),
                    store: context.store.clone(),
                    metrics: admin.metrics().clone(),
                    status: ingest_status.clone(),
                    clock: context.clock.clone(),
                    entropy: ingest::system_entropy(),
                    ownership: Arc::new(StaticOwnership::new(0..ticks.partitions())),
                },
                to_ingest.clone(),
            );
            Ok::<_, Failure>(tokio::spawn(async move { Ok(role.await?) }))
        })
        .transpose()?;
    let mut predictor: Option<Role<predictor::Summary>> = plan
        .roles
        .predictor
        .then(|| {
            let role = predictor::run(
                settings::predictor(&context)?,
                predictor::Components {
                    log: context.log.clone(),
                    lake: context.lake.clone(),
                    store: context.store.clone(),
                    clock: context.instant_clock(),
                    metrics: admin.metrics().clone(),
                    status: predictor_status.clone(),
                },
                to_predictor.clone(),
            );
            Ok::<_, Failure>(tokio::spawn(async move { Ok(role.await?) }))
        })
        .transpose()?;
    let mut source: Option<Role<()>> = if plan.roles.source {
        start_source(&context, &plan, ticks.clone(), &produced, &milestones, &to_source)
    } else {
        None
    };
    let owed = if plan.roles.trainer { Owed::of(&context) } else { Owed::default() };
    let finished = Arc::new(AtomicBool::new(false));
    // History that a producer fills in is one thing with its present: no run starts in the middle of it.
    let filled = Arc::new(AtomicBool::new(!matches!(plan.source, Source::Producer(_))));
    let mut trainer: Option<Role<()>> = plan.roles.trainer.then(|| {
        let filling = {
            let filled = filled.clone();
            move || !filled.load(Ordering::Relaxed)
        };
        let rows = {
            let s = ingest_status.clone();
            move |bar: &str| s.counters().rows.get(bar).copied().unwrap_or(0)
        };
        let committed = {
            let s = ingest_status.clone();
            move |bar: &str| committed_rows(&s, bar)
        };
        let commit = {
            let s = ingest_status.clone();
            move || s.request_commit()
        };
        tokio::spawn(training::run(
            context.clone(),
            Surroundings {
                rows: Arc::new(rows),
                filling: Arc::new(filling),
                commit: Arc::new(commit),
                committed: Arc::new(committed),
                finished: {
                    let finished = finished.clone();
                    Arc::new(move || finished.load(Ordering::Relaxed))
                },
                milestones: milestones.clone(),
            },
            owed.clone(),
            to_trainer.clone(),
        ))
    });
    let watcher =
        tokio::spawn(milestones_of_forecasts(context.clone(), milestones.clone(), predictor_status.clone()));
    let expiry = tokio::spawn(expire(context.clone()));

    // Until a signal, the time, the end of all work, or the end of a role.
    let mut failure: Option<Failure> = None;
    let deadline = plan.run_for.map(|d| tokio::time::Instant::from_std(started + d));
    let mut source_done = source.is_none();
    loop {
        tokio::select! {
            () = shutdown.draining() => break,
            () = at(deadline) => break,
            ended = wait(&mut source), if source.is_some() => {
                source = None;
                source_done = true;
                if let Err(e) = ended { failure = Some(e); break; }
            }
            ended = wait(&mut ingest), if ingest.is_some() => {
                ingest = None;
                failure = Some(ended.err().unwrap_or_else(|| ended_early("ingest")));
                break;
            }
            ended = wait(&mut predictor), if predictor.is_some() => {
                predictor = None;
                failure = Some(ended.err().unwrap_or_else(|| ended_early("the predictor")));
                break;
            }
            ended = wait(&mut trainer), if trainer.is_some() => {
                trainer = None;
                if let Err(e) = ended { failure = Some(e); break; }
            }
            () = tokio::time::sleep(LOOK_EVERY) => {
                ready.set(!plan.roles.ingest || ingest_status.is_ready());
                if !filled.load(Ordering::Relaxed) && is_live(&produced) {
                    filled.store(has_read_all_but(LIVE_RECORDS, &ticks, &ingest_status).await?, Ordering::Relaxed);
                }
                if plan.exit_when_done && source_done
                    && (!plan.roles.ingest || has_read_all_but(0, &ticks, &ingest_status).await?)
                {
                    finished.store(true, Ordering::Relaxed);
                    if owed.is_nothing() {
                        break;
                    }
                }
            }
        }
    }

    // A second signal ends everything at once; what is not committed is read again next time.
    for role in [&to_source, &to_ingest, &to_predictor, &to_trainer, &to_servers] {
        let (role, all) = (role.clone(), shutdown.clone());
        tokio::spawn(async move {
            all.cancelled().await;
            role.cancel();
        });
    }
    if shutdown.signal_exit_code().is_some() {
        milestones.say("draining: committing what was read; Ctrl-C again ends at once");
    }
    to_trainer.drain();
    let mut keep = |ended: Result<(), Failure>| {
        if let Err(e) = ended
            && failure.is_none()
        {
            failure = Some(e)
        }
    };
    to_source.drain();
    if source.is_some() {
        keep(wait(&mut source).await);
    }
    to_ingest.drain();
    let mut work = Work::default();
    if ingest.is_some() {
        match wait(&mut ingest).await {
            Ok(summary) => {
                work.commits = summary.commits;
                work.committed_until = summary.committed_until;
            }
            Err(e) => keep(Err(e)),
        }
    }
    to_predictor.drain();
    if predictor.is_some() {
        keep(wait(&mut predictor).await.map(drop));
    }
    if trainer.is_some() {
        keep(wait(&mut trainer).await);
    }
    watcher.abort();
    expiry.abort();
    to_servers.cancel();
    served.ended().await;

    work.elapsed = started.elapsed();
    let counters = ingest_status.counters();
    if failure.is_none() && plan.summary {
        println!("{:#}", summary::collect(&context, &counters, &work).await?);
    }
    if plan.roles.ingest && failure.is_none() {
        milestones.say(&format!(
            "{} commits; {} ticks stored, everything up to {} is committed",
            work.commits,
            counters.stored,
            work.committed_until.map_or("the start".to_owned(), |t| t.to_string())
        ));
    }
    if let Err(e) = context.close().await {
        keep_first(&mut failure, e);
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(shutdown.signal_exit_code().unwrap_or(0)),
    }
}

fn keep_first(failure: &mut Option<Failure>, other: Failure) {
    failure.get_or_insert(other);
}

async fn at(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The role's end. A role that panicked failed by our fault.
async fn wait<T>(role: &mut Option<Role<T>>) -> Result<T, Failure> {
    match role.as_mut() {
        Some(task) => match task.await {
            Ok(ended) => {
                *role = None;
                ended
            }
            Err(e) => {
                *role = None;
                Err(Failure::new(ErrorKind::Bug, format!("a role ended unexpectedly: {e}; please report it")))
            }
        },
        None => std::future::pending().await,
    }
}

fn ended_early(role: &str) -> Failure {
    Failure::new(ErrorKind::Bug, format!("{role} ended by itself; please report it"))
}

/// True when ingest has read what is in the log now, but for `records` of each partition at most.
async fn has_read_all_but(
    records: u64,
    ticks: &Arc<dyn Topic>,
    status: &ingest::Status,
) -> Result<bool, Failure> {
    let partitions = status.partitions();
    if partitions.len() < ticks.partitions() as usize {
        return Ok(false);
    }
    for p in partitions {
        let high = ticks.bounds(p.partition).await?.high;
        if p.phase == Phase::Restoring || p.offset.saturating_add(records) < high {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Final bars of one size that readers of the lake can see.
fn committed_rows(status: &ingest::Status, bar: &str) -> u64 {
    let partitions = status.partitions();
    partitions.iter().map(|p| p.committed_counters.rows.get(bar).copied().unwrap_or(0)).sum()
}

fn start_source(
    context: &Context,
    plan: &Plan,
    ticks: Arc<dyn Topic>,
    produced: &Arc<Mutex<Option<producer::Progress>>>,
    milestones: &Arc<Milestones>,
    shutdown: &Shutdown,
) -> Option<Role<()>> {
    let (context, milestones, shutdown) = (context.clone(), milestones.clone(), shutdown.clone());
    match plan.source.clone() {
        Source::Log => None,
        Source::Input(files) => Some(tokio::spawn(async move {
            let read = import::input(&context, ticks, &files, shutdown).await?;
            milestones.say(&format!("input read: {read} records are in the log"));
            Ok(())
        })),
        Source::Producer(settings) => {
            let produced = produced.clone();
            Some(tokio::spawn(async move {
                let started = Instant::now();
                let backfill = settings.backfill.is_some();
                let said = milestones.clone();
                // A slow moment later on is no second backfill.
                let filled = AtomicBool::new(!backfill);
                let progress = move |now: producer::Progress| {
                    if let Ok(mut at) = produced.lock() {
                        *at = Some(now);
                    }
                    if now.live && !filled.swap(true, Ordering::Relaxed) {
                        said.say(&format!(
                            "backfill done: {} ticks up to {} in {:.1} s",
                            now.ticks,
                            now.through,
                            started.elapsed().as_secs_f64()
                        ));
                    }
                };
                let components = producer::Components {
                    log: context.log.clone(),
                    topic: ticks,
                    clock: context.clock.clone(),
                    progress: Arc::new(progress),
                };
                producer::produce::run(settings, components, shutdown).await?;
                Ok(())
            }))
        }
    }
}

fn is_live(produced: &Mutex<Option<producer::Progress>>) -> bool {
    produced.lock().is_ok_and(|at| at.is_some_and(|p| p.live))
}

/// Says when the first forecast and the first outcome are there, then ends.
async fn milestones_of_forecasts(
    context: Context,
    milestones: Arc<Milestones>,
    status: Arc<predictor::Status>,
) {
    use feature_store::PredictionQuery;
    let start = context.now();
    let (mut forecast, mut outcome) = (false, false);
    while !(forecast && outcome) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if status.summary().made == 0 {
            continue;
        }
        let query = PredictionQuery { from: Some(start), ..PredictionQuery::default() };
        let Ok(rows) = context.store.predictions(&query).await else { continue };
        let mut of_models = rows.iter().filter(|r| r.version > 0 && r.is_scored());
        if !forecast && let Some(row) = of_models.clone().next() {
            forecast = true;
            milestones.forecast(row);
        }
        if !outcome && let Some(row) = of_models.find(|r| matches!(r.outcome, market::Outcome::Joined { .. }))
        {
            outcome = true;
            milestones.outcome(row);
        }
    }
}

/// Removes rows whose time to live has passed.
async fn expire(context: Context) {
    let Some(ttl) = context.pipeline.spec.feature_store.ttl.clone() else { return };
    loop {
        let before = |d: Option<crds::Duration>| d.map(|d| context.now() - settings::span(d));
        match context.store.expire(before(ttl.features), before(ttl.predictions)).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!("{rows} rows were past featureStore.ttl and are gone"),
            Err(e) => tracing::warn!("rows past featureStore.ttl stay for now: {e}"),
        }
        tokio::time::sleep(EXPIRE_EVERY).await;
    }
}

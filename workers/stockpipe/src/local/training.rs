//! Training runs that `local` starts by itself: those the manifest asks for, and those its triggers call for.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use feature_store::FeatureStore;
use market::ErrorKind;
use runtime::Shutdown;

use super::{
    milestones::Milestones,
    trigger::{Attempt, Trigger},
};
use crate::{Context, Failure, commands, commands::Run, settings};

/// How often the number of rows is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long committing what is there may take before a run goes on with what is committed.
const COMMIT_WAIT: Duration = Duration::from_secs(20);
/// Where the number of rows at the newest run is kept.
pub const TRAINED_AT: &str = "local/trained-at";

/// What the loop needs of the rest of the process.
#[derive(Clone)]
pub struct Surroundings {
    /// Final bars of one size, over all partitions.
    pub rows: Arc<dyn Fn(&str) -> u64 + Send + Sync>,
    /// True while history is being filled in: a run would be outdated before it ended.
    pub filling: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Asks ingest to commit what it has.
    pub commit: Arc<dyn Fn() + Send + Sync>,
    /// Final bars that are committed.
    pub committed: Arc<dyn Fn(&str) -> u64 + Send + Sync>,
    /// True once no more rows will come: what is owed runs now, or never.
    pub finished: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Where lines go.
    pub milestones: Arc<Milestones>,
}

/// Whether runs the manifest asks for are still owed.
#[derive(Debug, Clone, Default)]
pub struct Owed(Arc<Mutex<usize>>);

impl Owed {
    /// The runs that the manifest asks for.
    pub fn of(context: &Context) -> Self {
        let owed = Self::default();
        owed.set(asked_for(context).count());
        owed
    }

    /// True once every run has ended.
    pub fn is_nothing(&self) -> bool {
        self.0.lock().map_or(true, |n| *n == 0)
    }

    fn set(&self, n: usize) {
        if let Ok(mut owed) = self.0.lock() {
            *owed = n;
        }
    }
}

/// TrainingRuns of the manifest that are to run.
fn asked_for(context: &Context) -> impl Iterator<Item = &crds::TrainingRun> {
    context.runs.iter().filter(|run| !run.spec.suspend)
}

/// Runs until drained.
pub async fn run(
    context: Context,
    around: Surroundings,
    owed: Owed,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let template = crds::run_from_pipeline(&context.pipeline);
    let new_rows = context
        .pipeline
        .spec
        .training
        .as_ref()
        .and_then(|t| t.triggers.as_ref())
        .and_then(|t| t.new_rows)
        .and_then(|n| u64::try_from(n).ok());
    let min_rows = |run: &crds::TrainingRun| u64::try_from(run.spec.template.data.min_rows).unwrap_or(0);
    let bar = |run: &crds::TrainingRun| settings::span(run.spec.template.data.bar.duration()).to_string();
    let trained_at = read_mark(&*context.store).await?;

    let mut asked: Vec<(crds::TrainingRun, Trigger)> =
        asked_for(&context).map(|run| (run.clone(), Trigger::new(min_rows(run), None, true, None))).collect();
    let mut repeated = Trigger::new(min_rows(&template), new_rows, false, trained_at);

    loop {
        tokio::select! {
            () = shutdown.draining() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if (around.filling)() {
            continue;
        }
        for (run, trigger) in &mut asked {
            let rows = (around.rows)(&bar(run));
            let now_or_never = trigger.owes_a_run() && (around.finished)();
            if !(trigger.due(rows) || now_or_never) {
                continue;
            }
            match attempt(&context, &around, run, rows, &shutdown).await? {
                Attempt::NotEnough { have } if now_or_never => {
                    let need = min_rows(run);
                    return Err(commands::TrainingFailure::NotEnough { have, need }.into());
                }
                Attempt::Failed if now_or_never && !shutdown.is_draining() => {
                    return Err(Failure::new(
                        ErrorKind::Unavailable,
                        format!("TrainingRun {} failed", run.name()),
                    ));
                }
                ended => trigger.attempted(rows, ended),
            }
        }
        owed.set(asked.iter().filter(|(_, trigger)| trigger.owes_a_run()).count());
        let rows = (around.rows)(&bar(&template));
        if repeated.due(rows) {
            let ended = attempt(&context, &around, &template, rows, &shutdown).await?;
            repeated.attempted(rows, ended);
            if ended == Attempt::Ended {
                context.store.put_note(TRAINED_AT, rows.to_string().as_bytes()).await?;
            }
        }
    }
}

async fn read_mark(store: &dyn FeatureStore) -> Result<Option<u64>, Failure> {
    let note = store.note(TRAINED_AT).await?;
    Ok(note.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok()))
}

/// One run: commits first, since training reads what is committed.
async fn attempt(
    context: &Context,
    around: &Surroundings,
    run: &crds::TrainingRun,
    rows: u64,
    shutdown: &Shutdown,
) -> Result<Attempt, Failure> {
    let bar = settings::span(run.spec.template.data.bar.duration()).to_string();
    (around.commit)();
    let committed = async {
        while (around.committed)(&bar) < rows && !shutdown.is_draining() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(COMMIT_WAIT, committed).await.is_err() {
        tracing::warn!("training goes on with {} of {rows} bars committed", (around.committed)(&bar));
    }
    let started = Run::named(context, run.clone(), None);
    let milestones = around.milestones.clone();
    let result = commands::run_training(context, &started, shutdown.child(), move |progress| {
        tracing::info!("{}", commands::progress_line(&progress));
    })
    .await;
    match result {
        Ok(outcome) => {
            milestones.trained(&outcome);
            Ok(Attempt::Ended)
        }
        Err(commands::TrainingFailure::NotEnough { have, need }) => {
            milestones.waiting_for_rows(have, need);
            Ok(Attempt::NotEnough { have })
        }
        Err(commands::TrainingFailure::Other(failure)) if shutdown.is_draining() => {
            tracing::info!("training ended: {failure}");
            Ok(Attempt::Failed)
        }
        Err(commands::TrainingFailure::Other(failure)) if failure.kind == ErrorKind::BadInput => Err(failure),
        Err(commands::TrainingFailure::Other(failure)) => {
            milestones.say(&format!("training failed: {failure}"));
            Ok(Attempt::Failed)
        }
    }
}

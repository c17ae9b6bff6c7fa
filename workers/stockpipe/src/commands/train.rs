//! `stockpipe train`: one TrainingRun in the foreground. `local` starts its own runs through the same function.

use std::sync::Arc;

use crds::{Documents, TrainingRun, training_run::Engine};
use market::ErrorKind;
use runtime::Shutdown;
use trainer::{Progress, RunOutcome, TrainError};

use crate::{Context, Failure, cli, output::Output, settings, truths};

/// A run as it was started.
#[derive(Debug, Clone)]
pub struct Run {
    /// What is trained.
    pub run: TrainingRun,
    /// Its name, unique in the pipeline.
    pub name: String,
    /// Publishing is idempotent by it.
    pub uid: String,
    /// Memory it may use, in bytes; `None` = no limit is known.
    pub memory_limit: Option<u64>,
    /// Threads; `None` = all cores.
    pub threads: Option<usize>,
}

impl Run {
    /// A run named after the document and the instant it started, so that every start is a row of its own.
    pub fn named(context: &Context, run: TrainingRun, threads: Option<usize>) -> Self {
        let name = format!("{}-{}", run.name(), context.now().micros() / 1_000);
        Self { run, uid: name.clone(), name, memory_limit: None, threads }
    }
}

/// The one run of a manifest; the pipeline's own where it has none.
pub fn only_run(documents: &Documents) -> Result<TrainingRun, Failure> {
    let run = match documents.runs.as_slice() {
        [] => crds::run_from_pipeline(&documents.pipeline),
        [run] => run.clone(),
        runs => {
            let names: Vec<&str> = runs.iter().map(TrainingRun::name).collect();
            return Err(Failure::bad_input(format!(
                "the manifest has {} TrainingRuns ({}): `train` runs one, name its file alone with -f",
                runs.len(),
                names.join(", ")
            )));
        }
    };
    if run.spec.template.model.engine == Engine::Hist {
        return Err(Failure::bad_input(
            "model.engine Hist is not there yet: write Smartcore, or Auto, which chooses it",
        ));
    }
    Ok(run)
}

/// Why a run ended without an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrainingFailure {
    /// Too few rows yet: nothing is wrong.
    NotEnough {
        /// Rows there are.
        have: u64,
        /// Rows there must be.
        need: u64,
    },
    /// Anything else.
    Other(Failure),
}

impl From<Failure> for TrainingFailure {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl From<TrainError> for TrainingFailure {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::NotEnoughData { have, need, .. } => Self::NotEnough { have, need },
            other => Self::Other(other.into()),
        }
    }
}

impl From<TrainingFailure> for Failure {
    fn from(failure: TrainingFailure) -> Self {
        match failure {
            TrainingFailure::NotEnough { have, need } => Failure::new(
                ErrorKind::Refused,
                format!(
                    "waiting for data: have {have} of {need} rows; import or produce more, widen data.from, or lower \
                     data.minRows"
                ),
            ),
            TrainingFailure::Other(failure) => failure,
        }
    }
}

/// Trains; `progress` hears of every step. Ends early, with nothing published, once `shutdown` drains.
pub async fn run_training(
    context: &Context,
    run: &Run,
    shutdown: Shutdown,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<RunOutcome, TrainingFailure> {
    let known = truths::for_trainer(&context.pipeline)?;
    let settings = settings::trainer(context, run, known)?;
    let components = trainer::Components {
        lake: context.lake.clone(),
        store: context.store.clone(),
        clock: context.instant_clock(),
        stop: Arc::new(move || shutdown.is_draining()),
    };
    Ok(trainer::train(settings, components, progress).await?)
}

/// The command: progress on stderr, the report or the status object on stdout. Exit code 3 when a gate refused.
pub async fn train(
    context: &Context,
    args: &cli::TrainArgs,
    run: &TrainingRun,
    out: &Output,
) -> Result<u8, Failure> {
    let run = Run::named(context, run.clone(), args.threads);
    let notes = out.clone();
    let outcome = run_training(context, &run, Shutdown::new(), move |progress| {
        notes.try_note(progress_line(&progress));
    })
    .await?;
    match args.output {
        cli::Format::Json => out.out(format!("{:#}\n", outcome.status)).await?,
        cli::Format::Table | cli::Format::Csv => out.out(outcome.report.clone()).await?,
    }
    Ok(outcome.exit_code())
}

/// One line a step: `training 42 %, about 8 s left`.
pub fn progress_line(progress: &Progress) -> String {
    let mut line = format!("{} {} %", progress.phase.as_str(), progress.percent);
    if let Some(eta) = progress.eta_seconds {
        line.push_str(&format!(", about {eta} s left"));
    }
    if let Some(message) = &progress.message {
        line.push_str(&format!(": {message}"));
    }
    line
}

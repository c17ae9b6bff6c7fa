//! What the read commands, `train` and `models` do. Each works on a [`Context`] and writes to an [`Output`]: it runs in
//! the typed process when the directory is free, else behind the socket of the process that owns it.

mod bars;
mod dataset;
mod dead_letters;
mod dump;
mod models;
mod predictions;
mod select;
mod status;
mod train;

use serde::{Deserialize, Serialize};

use crate::{Context, Failure, cli, context::connect::Needs, output::Output};

pub use models::registries;
pub use select::bound;
pub use train::{Run, TrainingFailure, only_run, progress_line, run_training};

/// A command as it is sent to a running `local`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The pipeline the caller's manifest names: another one than the running process serves is refused.
    pub pipeline: String,
    /// What to do.
    pub command: Remote,
}

/// The commands that work beside a running `local`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Remote {
    /// `features`.
    Features(cli::RowsArgs),
    /// `bars`.
    Bars(cli::RowsArgs),
    /// `predictions`.
    Predictions(cli::PredictionsArgs),
    /// `dead-letters`.
    DeadLetters(cli::DeadLettersArgs),
    /// `dump`.
    Dump(cli::DumpArgs),
    /// `dataset`.
    Dataset(cli::DatasetArgs),
    /// `status`.
    Status(cli::StatusArgs),
    /// `models list`.
    ModelsList(cli::ModelsListArgs),
    /// `models show`.
    ModelsShow(cli::ModelsShowArgs),
    /// `train`, with the run as the caller's manifest settles it.
    Train(cli::TrainArgs, Box<crds::TrainingRun>),
}

impl Remote {
    /// The stores it works with.
    pub fn needs(&self) -> Needs {
        match self {
            Remote::Features(_) | Remote::Bars(_) | Remote::Predictions(_) => Needs::STORE,
            Remote::DeadLetters(_) => Needs::LAKE,
            Remote::Dump(_)
            | Remote::Dataset(_)
            | Remote::ModelsList(_)
            | Remote::ModelsShow(_)
            | Remote::Train(..) => Needs::STORED,
            Remote::Status(_) => Needs::ALL,
        }
    }
}

/// Carries a command out; the exit code.
pub async fn execute(context: &Context, command: &Remote, out: &Output) -> Result<u8, Failure> {
    match command {
        Remote::Features(args) => bars::features(context, args, out).await?,
        Remote::Bars(args) => bars::bars(context, args, out).await?,
        Remote::Predictions(args) => predictions::predictions(context, args, out).await?,
        Remote::DeadLetters(args) => dead_letters::dead_letters(context, args, out).await?,
        Remote::Dump(_) => dump::dump(context, out).await?,
        Remote::Dataset(args) => dataset::dataset(context, args, out).await?,
        Remote::Status(args) => status::status(context, args, out).await?,
        Remote::ModelsList(args) => models::list(context, args, out).await?,
        Remote::ModelsShow(args) => models::show(context, args, out).await?,
        Remote::Train(args, run) => return train::train(context, args, run, out).await,
    }
    Ok(0)
}

/// Carries a command out and ends the output with its exit code, a failure in words before it.
pub async fn execute_to_end(context: &Context, command: &Remote, out: &Output) {
    let code = match execute(context, command, out).await {
        Ok(code) => code,
        Err(failure) => {
            let _ = out.note(format!("error: {failure}")).await;
            failure.exit_code()
        }
    };
    out.exit(code).await;
}

//! All roles in one process on embedded stores, or one of them alone.
//!
//! | module | what it holds |
//! |---|---|
//! | [`supervise`] | starts the roles, notices their ends, drains them in the order data flows |
//! | [`training`] | starts training runs when their time has come; [`trigger`] decides |
//! | [`serve`] | dashboard and admin endpoints on TCP, commands on the socket |
//! | [`health`] | what the roles say of themselves, as the dashboard shows it |
//! | [`milestones`] | one line each: what a newcomer waits for |
//! | [`summary`] | the object that `--summary json` prints |

mod health;
mod milestones;
mod serve;
mod summary;
mod supervise;
mod training;
mod trigger;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crds::Bare;

use crate::{
    Context, Failure, app, cli,
    context::Patience,
    load, roles,
    settings::{self, mounts::Mounts},
};

pub use health::Health;
pub use supervise::supervise;
pub use training::TRAINED_AT;

/// Which roles run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Makes or reads ticks.
    pub source: bool,
    /// Ticks to Parquet, bars and features.
    pub ingest: bool,
    /// Starts training runs.
    pub trainer: bool,
    /// Forecasts and outcomes.
    pub predictor: bool,
    /// The page.
    pub dashboard: bool,
}

impl Roles {
    const NONE: Self =
        Self { source: false, ingest: false, trainer: false, predictor: false, dashboard: false };
    /// Everything.
    pub const ALL: Self =
        Self { source: true, ingest: true, trainer: true, predictor: true, dashboard: true };
    /// Ingest alone.
    pub const INGEST: Self = Self { ingest: true, ..Self::NONE };
    /// The predictor alone.
    pub const PREDICT: Self = Self { predictor: true, ..Self::NONE };
    /// The dashboard alone.
    pub const DASHBOARD: Self = Self { dashboard: true, ..Self::NONE };
    /// The producer alone.
    pub const PRODUCE: Self = Self { source: true, ..Self::NONE };
}

/// Where ticks come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Nobody makes any: what is in the log, and what is POSTed.
    Log,
    /// The manifest's producer.
    Producer(producer::ProduceSettings),
    /// Files, one after another.
    Input(Vec<PathBuf>),
}

/// One run of the process.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What runs.
    pub roles: Roles,
    /// Where ticks come from.
    pub source: Source,
    /// Ends when all work is done.
    pub exit_when_done: bool,
    /// Ends after this long.
    pub run_for: Option<Duration>,
    /// Prints the summary on stdout.
    pub summary: bool,
    /// Where to listen; `None` = 127.0.0.1 and the manifest's port, or a free one where that is taken.
    pub listen: Option<SocketAddr>,
}

/// `stockpipe local`.
pub async fn local(args: cli::LocalArgs) -> Result<u8, Failure> {
    let partitions = args.partitions.map(|n| ("source.kafka.topic.partitions".to_owned(), n.to_string()));
    let documents = load::load_with(&args.manifest, Bare::Pipeline, partitions.as_slice())?;
    let ignored = crds::local::cluster_only_fields(&documents.pipeline);
    if !ignored.is_empty() {
        eprintln!("note: not used by local mode: {}", ignored.join(", "));
    }
    let spec = &documents.pipeline.spec;
    let source = if !args.input.is_empty() {
        Source::Input(args.input.clone())
    } else if spec.producer.enabled {
        Source::Producer(settings::producer(&documents.pipeline)?)
    } else {
        Source::Log
    };
    if args.exit_when_done
        && args.run_for.is_none()
        && matches!(&source, Source::Producer(producer) if producer.count.is_none())
    {
        return Err(Failure::bad_input(
            "--exit-when-done: the producer never ends; set producer.enabled=false, give --input, or use --run-for",
        ));
    }
    let roles = Roles { predictor: spec.predictor.enabled, dashboard: spec.dashboard.enabled, ..Roles::ALL };
    let plan = Plan {
        roles,
        source,
        exit_when_done: args.exit_when_done,
        run_for: args.run_for,
        summary: args.summary.is_some(),
        listen: args.listen,
    };
    start(&args.manifest, documents, plan).await
}

/// One long-running role alone.
pub async fn role(args: cli::RoleArgs, roles: Roles) -> Result<u8, Failure> {
    let documents = load::load(&args.manifest, Bare::Pipeline)?;
    let plan = Plan {
        roles,
        source: Source::Log,
        exit_when_done: false,
        run_for: args.process.run_for,
        summary: false,
        listen: args.process.listen,
    };
    start(&args.manifest, documents, plan).await
}

/// `stockpipe produce`: the producer alone, until it has made `--count` ticks or a signal comes.
pub async fn produce(args: cli::ProduceArgs) -> Result<u8, Failure> {
    let mut flags = vec![("producer.enabled".to_owned(), "true".to_owned())];
    if let Some(model) = args.model {
        flags.push(("producer.model".to_owned(), format!("{model:?}")));
    }
    if let Some(seed) = args.seed {
        flags.push(("producer.seed".to_owned(), seed.to_string()));
    }
    if let Some(backfill) = &args.backfill {
        flags.push(("producer.backfill".to_owned(), backfill.clone()));
    }
    let documents = load::load_with(&args.manifest, Bare::Pipeline, &flags)?;
    let mut producer = settings::producer(&documents.pipeline)?;
    producer.count = args.count;
    if args.manifest.data.is_none() {
        return roles::produce(args, documents, producer).await;
    }
    let plan = Plan {
        roles: Roles::PRODUCE,
        source: Source::Producer(producer),
        exit_when_done: true,
        run_for: args.process.run_for,
        summary: false,
        listen: args.process.listen,
    };
    start(&args.manifest, documents, plan).await
}

async fn start(manifest: &cli::ManifestArgs, documents: crds::Documents, plan: Plan) -> Result<u8, Failure> {
    let dir = app::data_dir(manifest)?;
    let mounts = Mounts::new(&manifest.mounts);
    let context = Context::open(&dir, documents, mounts, true, Patience::Usual).await?;
    supervise(context, plan).await
}

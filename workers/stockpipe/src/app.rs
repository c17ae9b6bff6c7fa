//! From parsed arguments to an exit code: every subcommand's way, none of its work.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use crds::Bare;
use market::ErrorKind;

use crate::{
    Context, Failure, cli,
    cli::Command,
    commands::{self, Remote, Request},
    context::Patience,
    exchange, import, load, local, operate,
    output::{self, Frame, Output},
    roles,
    settings::mounts::Mounts,
};

/// Carries the command out; the exit code.
pub async fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Local(args) => local::local(args).await,
        Command::Init(args) => operate::init(args).await,
        Command::Destroy(args) => operate::destroy(args).await,
        Command::Doctor(args) => operate::doctor(args).await,
        Command::Ingest(args) => match (&args.role.manifest.data, args.dry_run) {
            (Some(_), false) => local::role(args.role, local::Roles::INGEST).await,
            _ => roles::ingest(args).await,
        },
        Command::Predict(args) if args.manifest.data.is_some() => {
            local::role(args, local::Roles::PREDICT).await
        }
        Command::Predict(args) => roles::predict(args).await,
        Command::Dashboard(args) if args.role.manifest.data.is_some() => {
            local::role(args.role, local::Roles::DASHBOARD).await
        }
        Command::Dashboard(args) => roles::dashboard(args).await,
        Command::Rekey(args) => roles::rekey(args).await,
        Command::Produce(args) => local::produce(args).await,
        Command::Import(args) => import::import(args).await,
        Command::Features(args) => read(args.manifest.clone(), Remote::Features(args)).await,
        Command::Bars(args) => read(args.manifest.clone(), Remote::Bars(args)).await,
        Command::Predictions(args) => read(args.manifest.clone(), Remote::Predictions(args)).await,
        Command::DeadLetters(args) => read(args.manifest.clone(), Remote::DeadLetters(args)).await,
        Command::Dump(args) => read(args.manifest.clone(), Remote::Dump(args)).await,
        Command::Status(args) => read(args.manifest.clone(), Remote::Status(args)).await,
        Command::Models(args) => match args.command {
            cli::ModelsCommand::List(args) => read(args.manifest.clone(), Remote::ModelsList(args)).await,
            cli::ModelsCommand::Show(args) => read(args.manifest.clone(), Remote::ModelsShow(args)).await,
        },
        Command::Dataset(args) => dataset(args).await,
        Command::Train(args) => train(args).await,
        Command::Replay(args) => operate::replay(args).await,
        Command::Compact(args) => operate::compact(args).await,
        Command::Fsck(args) => operate::fsck(args).await,
        Command::Backup(args) => operate::backup(args).await,
        Command::Restore(args) => operate::restore(args).await,
        Command::Skip(args) => operate::skip(args).await,
        Command::AcceptTopic(args) => operate::accept_topic(args).await,
    }
}

/// The data directory, or why there must be one.
pub fn data_dir(manifest: &cli::ManifestArgs) -> Result<PathBuf, Failure> {
    manifest.data.clone().ok_or_else(|| {
        Failure::bad_input(
            "`local` runs on embedded stores: name a directory with --data DIR; on servers each role is a command of \
             its own (ingest, predict, dashboard, produce)",
        )
    })
}

async fn read(manifest: cli::ManifestArgs, command: Remote) -> Result<u8, Failure> {
    Ok(output::print(start(&manifest, Bare::Pipeline, |_| Ok(command)).await?).await)
}

/// Starts a command in this process; on embedded stores in the one behind the socket, where another owns the directory.
async fn start(
    manifest: &cli::ManifestArgs,
    bare: Bare,
    command: impl FnOnce(&crds::Documents) -> Result<Remote, Failure>,
) -> Result<tokio::sync::mpsc::Receiver<Frame>, Failure> {
    let documents = load::load(manifest, bare)?;
    let command = command(&documents)?;
    let Some(dir) = manifest.data.clone() else {
        let needs = command.needs();
        let context = operate::context(documents, manifest, needs).await?;
        return Ok(execute(context, command));
    };
    if let Some(stream) = exchange::connect(&dir).await {
        let request = Request { pipeline: documents.pipeline.name().to_owned(), command };
        let body = serde_json::to_vec(&request).map_err(|e| Failure::new(ErrorKind::Bug, e.to_string()))?;
        return exchange::send(stream, body)
            .await
            .map_err(|e| Failure::new(ErrorKind::Unavailable, format!("{}: {e}", dir.display())));
    }
    let mounts = Mounts::new(&manifest.mounts);
    let context = Context::open(&dir, documents, mounts, false, Patience::Usual).await?;
    Ok(execute(context, command))
}

fn execute(context: Context, command: Remote) -> tokio::sync::mpsc::Receiver<Frame> {
    let (out, frames) = Output::channel();
    tokio::spawn(async move {
        commands::execute_to_end(&context, &command, &out).await;
    });
    frames
}

async fn train(args: cli::TrainArgs) -> Result<u8, Failure> {
    if args.pod.in_cluster {
        return Ok(roles::train(args).await);
    }
    let frames = start(&args.manifest, Bare::Run, |documents| {
        let run = commands::only_run(documents)?;
        Ok(Remote::Train(args.clone(), Box::new(run)))
    })
    .await?;
    Ok(output::print(frames).await)
}

/// A dataset goes to a file where one is named: written beside it first, so that a reader never sees half of it.
async fn dataset(args: cli::DatasetArgs) -> Result<u8, Failure> {
    let Some(path) = args.out.clone() else {
        return read(args.manifest.clone(), Remote::Dataset(args)).await;
    };
    let mut frames = start(&args.manifest.clone(), Bare::Pipeline, |_| Ok(Remote::Dataset(args))).await?;
    let mut parts: Vec<Bytes> = Vec::new();
    let mut code = 1;
    while let Some(frame) = frames.recv().await {
        match frame {
            Frame::Out(bytes) => parts.push(bytes),
            Frame::Note(line) => eprintln!("{line}"),
            Frame::Exit(exit) => code = exit,
        }
    }
    if code == 0 {
        let fail = |e: std::io::Error| {
            Failure::new(ErrorKind::Unavailable, format!("{} cannot be written: {e}", path.display()))
        };
        let beside = path.with_extension("parquet.tmp");
        fs::write(&beside, parts.concat()).map_err(fail)?;
        fs::rename(&beside, &path).map_err(fail)?;
        eprintln!("wrote {}", path.display());
    }
    Ok(code)
}

//! `kubectl create trainingrun`: the plugin `kubectl-create-trainingrun`.
//!
//! | file | what it does | pure |
//! |---|---|---|
//! | [`args`] | what can be typed | yes |
//! | [`plan`] | the run that is asked for | yes |
//! | [`output`], [`jsonpath`] | how it is printed | yes |
//! | [`wait`] | what its status means to whoever waits | but for the watch |
//!
//! This file does the rest: it reads the pipeline, creates the run, prints, waits.

mod args;
mod jsonpath;
mod output;
mod plan;
mod wait;

use std::process::ExitCode;

use clap::Parser as _;
use crds::{StockPipeline, TrainingRun};
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use args::{Args, DryRun};

/// What the exit code is when Ctrl-C ends the wait.
const INTERRUPTED: u8 = 130;

/// Why nothing was created.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no connection to a cluster: {0}; name it with --kubeconfig and --context")]
    Config(String),
    #[error("there is no StockPipeline {name} in namespace {namespace}; see kubectl get stockpipelines -A")]
    NoPipeline { name: String, namespace: String },
    #[error(transparent)]
    Invalid(#[from] plan::Invalid),
    #[error("{what}: {error}")]
    Server { what: &'static str, error: Box<kube::Error> },
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Failure::Invalid(_) => 2,
            // What the server calls invalid is invalid; anything else may be otherwise the next time.
            Failure::Server { error, .. } => match error.as_ref() {
                kube::Error::Api(status) if matches!(status.code, 400 | 422) => 2,
                _ => 1,
            },
            Failure::Config(_) | Failure::NoPipeline { .. } => 1,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    // Two crates could bring a provider; the process says which it uses. A second call would change nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match create(&args).await {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

async fn create(args: &Args) -> Result<u8, Failure> {
    let client = connect(args).await?;
    let namespace = args.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let server = |what| move |error| Failure::Server { what, error: Box::new(error) };

    let pipelines: Api<StockPipeline> = Api::namespaced(client.clone(), &namespace);
    let name = args.pipeline();
    let pipeline = pipelines.get_opt(name).await.map_err(server("the pipeline cannot be read"))?;
    let missing = || Failure::NoPipeline { name: name.to_owned(), namespace: namespace.clone() };
    let mut run = plan::run(args, &pipeline.ok_or_else(missing)?)?;

    let runs: Api<TrainingRun> = Api::namespaced(client, &namespace);
    if args.dry_run != DryRun::Client {
        let params = PostParams {
            dry_run: args.dry_run == DryRun::Server,
            field_manager: Some("kubectl-create-trainingrun".to_owned()),
        };
        run = runs.create(&params, &run).await.map_err(server("the run cannot be created"))?;
    }
    print!("{}", output::render(&run, args.output.as_ref(), args.dry_run));
    if args.wait { Ok(wait(args, runs, &run).await) } else { Ok(0) }
}

async fn connect(args: &Args) -> Result<Client, Failure> {
    let bad = |error: &dyn std::error::Error| Failure::Config(error.to_string());
    let options = KubeConfigOptions { context: args.context.clone(), ..KubeConfigOptions::default() };
    let config = match &args.kubeconfig {
        Some(file) => {
            let kubeconfig = Kubeconfig::read_from(file).map_err(|error| bad(&error))?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| bad(&error))?
        }
        None if args.context.is_some() => {
            Config::from_kubeconfig(&options).await.map_err(|error| bad(&error))?
        }
        None => Config::infer().await.map_err(|error| bad(&error))?,
    };
    Client::try_from(config).map_err(|error| bad(&error))
}

async fn wait(args: &Args, runs: Api<TrainingRun>, run: &TrainingRun) -> u8 {
    let name = run.name();
    let end = wait::until_end(runs, name, run.metadata.uid.as_deref());
    let patience = async {
        match args.timeout {
            Some(timeout) => tokio::time::sleep(timeout.to_std()).await,
            None => std::future::pending().await,
        }
    };
    let goes_on = format!(
        "the run goes on: kubectl get trainingrun {name} -w; to end it: kubectl delete trainingrun {name}"
    );
    tokio::select! {
        end = end => {
            eprintln!("{}", end.message);
            end.code
        }
        () = patience => {
            eprintln!("timed out; {goes_on}");
            1
        }
        _ = tokio::signal::ctrl_c() => {
            eprintln!("interrupted; {goes_on}");
            INTERRUPTED
        }
    }
}

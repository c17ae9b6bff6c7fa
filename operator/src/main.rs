//! `stockpipe-operator`: parses, sets up what is global, ends with the exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use operator::environment::Environment;
use operator::run::{self, RunArgs};
use operator::{rbac, render};
use runtime::telemetry::LogFormat;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs StockPipelines and TrainingRuns on Kubernetes.
#[derive(Parser)]
#[command(name = "stockpipe-operator", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Watch, and make the cluster what the objects say.
    Run(RunArgs),
    /// Print the CustomResourceDefinitions: `stockpipe-operator crd | kubectl apply --server-side -f -`.
    Crd,
    /// Print the Roles that the operator needs.
    Rbac {
        /// Their name.
        #[arg(long, default_value = "stockpipe-operator")]
        name: String,
        /// Namespace of the operator.
        #[arg(long, default_value = "stockpipe-system")]
        namespace: String,
        /// Namespaces that it watches; none: all of them, by a ClusterRole.
        #[arg(long = "watch-namespace", value_name = "NAMESPACE")]
        watch: Vec<String>,
    },
    /// Print the objects that a manifest would make, without a cluster.
    Render {
        /// The manifest; several are allowed.
        #[arg(short, long = "file", required = true)]
        file: Vec<PathBuf>,
        /// Image of the workers where the manifest names none.
        #[arg(long, default_value = run::USUAL_IMAGE)]
        image: String,
        /// Namespace of the operator.
        #[arg(long, default_value = "stockpipe-system")]
        namespace: String,
    },
    /// Print every metric: name, labels, meaning.
    MetricsCatalogue,
}

/// Wrong usage, or input that nothing can be made of.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    // Two providers may be linked; without a choice the first connection would panic.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a cryptographic provider was chosen before");
    }
    match Cli::parse().command {
        Command::Run(args) => run_operator(args),
        Command::Crd => printed(crds()),
        Command::Rbac { name, namespace, watch } => printed(Ok(rbac::manifests(&name, &namespace, &watch))),
        Command::Render { file, image, namespace } => printed(rendered(&file, image, namespace)),
        Command::MetricsCatalogue => printed(Ok(catalogue())),
    }
}

fn run_operator(args: RunArgs) -> ExitCode {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "info,kube=warn".to_owned());
    runtime::telemetry::init(args.log_format.parse().unwrap_or(LogFormat::Human), &filter);
    let threads = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(threads) => threads,
        Err(error) => {
            eprintln!("error: no threads can be started: {error}; raise the process limits");
            return ExitCode::FAILURE;
        }
    };
    let ended = threads.block_on(run::run(args));
    // Whatever still runs must not write any more: the lease is gone.
    threads.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn printed(text: Result<String, String>) -> ExitCode {
    match text {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn crds() -> Result<String, String> {
    let files = crds::crd::files().map_err(|error| error.to_string())?;
    Ok(files.into_iter().map(|(_, text)| format!("---\n{text}")).collect())
}

fn rendered(files: &[PathBuf], image: String, namespace: String) -> Result<String, String> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(crds::File { name: path.display().to_string(), text })
    };
    let files = files.iter().map(read).collect::<Result<Vec<_>, String>>()?;
    let environment = Environment {
        image,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        namespace,
        cluster_domain: run::USUAL_DOMAIN.to_owned(),
        prometheus_operator: true,
    };
    render::render(&files, &environment).map_err(|error| error.to_string())
}

fn catalogue() -> String {
    let lines = operator::metrics::CATALOGUE
        .iter()
        .map(|(name, labels, help)| format!("{name}\t{}\t{help}\n", labels.join(",")));
    lines.collect()
}

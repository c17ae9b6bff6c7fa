//! `stockpipe-cluster up | down | env | load`: a Kubernetes node for a person. Results go to stdout, everything else to
//! stderr.

use clap::{Parser, Subcommand};
use cluster::{ClusterError, Node, binaries, image};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// A real Kubernetes node on this machine, for development. Needs root.
#[derive(Parser)]
#[command(name = "stockpipe-cluster")]
struct Arguments {
    #[command(subcommand)]
    command: What,
    /// The node's folder: configuration, data, logs.
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Starts the node, waits until it takes pods, prints the environment for kubectl and helm.
    Up,
    /// Ends the node and removes all of it.
    Down,
    /// Prints the environment for kubectl and helm.
    Env,
    /// Brings an image to the node: a docker archive, or a folder that becomes one.
    Load {
        /// A `.tar` as `docker save` writes it, or a folder with the image's files.
        image: PathBuf,
        /// The name of a folder's image, with registry and tag: localhost/stockpipe/stockpipe:dev
        #[arg(long)]
        name: Option<String>,
        /// What a folder's image runs; repeated for arguments.
        #[arg(long)]
        entrypoint: Vec<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let dir = arguments.dir.unwrap_or_else(|| processes::cache().join("node"));
    let done = match arguments.command {
        What::Up => up(&dir).await,
        What::Down => down(&dir),
        What::Env => environment(&dir),
        What::Load { image, name, entrypoint } => load(&dir, &image, name, &entrypoint),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn up(dir: &Path) -> Result<(), ClusterError> {
    let from = Instant::now();
    if Node::runs_in(dir) {
        eprintln!("the node in {} is up already", dir.display());
        return environment(dir);
    }
    Node::check()?;
    eprintln!("finding the binaries (the first time they are built: some 12 minutes)");
    binaries()?;
    eprintln!("starting a node in {}", dir.display());
    let started = Node::start_alone(dir).await;
    let node = match started {
        Ok(node) => node,
        Err(error) => {
            eprintln!("logs are in {}/logs; `make cluster-down` removes what was started", dir.display());
            return Err(error);
        }
    };
    for server in node.servers() {
        let pid = server.pid().map_or(String::new(), |pid| pid.to_string());
        eprintln!("  {:<24} pid {pid:<8} log {}", server.name(), server.log().display());
    }
    eprintln!("ready after {:.0} s. `make cluster-down` ends it.\n", from.elapsed().as_secs_f64());
    environment(dir)
}

fn down(dir: &Path) -> Result<(), ClusterError> {
    if !dir.exists() {
        eprintln!("nothing runs in {}", dir.display());
        return Ok(());
    }
    Node::down(dir)?;
    eprintln!("ended, and removed {}", dir.display());
    Ok(())
}

fn environment(dir: &Path) -> Result<(), ClusterError> {
    let kubeconfig = cluster::node_kubeconfig(dir);
    if !kubeconfig.exists() {
        return Err(ClusterError::Missing {
            what: format!("a node in {}", dir.display()),
            remedy: "start one (make cluster-up)",
        });
    }
    if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        eprintln!("paste this, or: eval \"$(make -s cluster-env)\"");
    }
    println!("export KUBECONFIG={}", kubeconfig.display());
    println!("export PATH={}:$PATH", binaries()?.display());
    Ok(())
}

fn load(dir: &Path, image: &Path, name: Option<String>, entrypoint: &[String]) -> Result<(), ClusterError> {
    if !image.is_dir() {
        return cluster::load(dir, image);
    }
    let Some(name) = name else {
        return Err(ClusterError::Missing {
            what: format!("a name for the image in {}", image.display()),
            remedy: "add --name localhost/stockpipe/stockpipe:dev",
        });
    };
    let folder = tempfile::tempdir().map_err(|source| processes::ProcessError::Io {
        what: "create a folder in",
        path: std::env::temp_dir(),
        source,
    })?;
    let archive = folder.path().join("image.tar");
    let entrypoint: Vec<&str> = entrypoint.iter().map(String::as_str).collect();
    image::archive(&name, image, &entrypoint, &archive)?;
    cluster::load(dir, &archive)
}

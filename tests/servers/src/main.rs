//! `stockpipe-servers up | down | env`: a complete stack for a person. Results go to stdout, everything else to stderr.

use clap::{Parser, Subcommand};
use processes::ProcessError;
use servers::{Options, ServerError, Stack, fetch};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Real Kafka, HDFS and Cassandra on this machine, for development.
#[derive(Parser)]
#[command(name = "stockpipe-servers")]
struct Arguments {
    #[command(subcommand)]
    command: What,
    /// The stack's folder: configuration, data, logs.
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Starts what does not run, waits until it is ready, prints the environment. Data of an earlier `up` is still there.
    Up {
        /// Passwords, TLS and access lists; certificates lie in DIR/certificates.
        #[arg(long)]
        secured: bool,
    },
    /// Ends the servers.
    Down {
        /// Removes the folder with all data too.
        #[arg(long)]
        wipe: bool,
    },
    /// Prints the environment with which `stockpipe` talks to the stack.
    Env,
    /// Fetches the servers' jars and starts nothing.
    Fetch,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let dir = arguments.dir.unwrap_or_else(|| processes::cache().join("stack"));
    let done = match arguments.command {
        What::Up { secured } => up(&dir, secured).await,
        What::Down { wipe } => down(&dir, wipe),
        What::Env => Stack::attach(&dir).map(|stack| print_environment(&stack)),
        What::Fetch => fetch::all(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn up(dir: &Path, secured: bool) -> Result<(), ServerError> {
    let from = Instant::now();
    eprintln!("fetching the servers' jars (the first time: some 200 MB from Maven Central)");
    fetch::all()?;
    eprintln!("starting Kafka, HDFS and Cassandra in {}", dir.display());
    let stack = match dir.join("stack.json").exists() {
        true => {
            let stack = Stack::attach(dir)?;
            for server in stack.servers() {
                server.start()?;
            }
            stack.wait_ready().await?;
            stack
        }
        false => Stack::start_alone(dir, Options { secured, ..Options::default() }).await?,
    };
    for server in stack.servers() {
        let pid = server.pid().map_or(String::new(), |pid| pid.to_string());
        eprintln!("  {:<10} pid {pid:<8} log {}", server.name(), server.log().display());
    }
    eprintln!("ready after {:.0} s. `make down` ends them.\n", from.elapsed().as_secs_f64());
    print_environment(&stack);
    Ok(())
}

fn down(dir: &Path, wipe: bool) -> Result<(), ServerError> {
    if !dir.join("stack.json").exists() {
        eprintln!("nothing runs in {}", dir.display());
        return Ok(());
    }
    let stack = Stack::attach(dir)?;
    stack.stop()?;
    eprintln!("ended");
    if wipe {
        std::fs::remove_dir_all(dir).map_err(ProcessError::io("remove", dir))?;
        eprintln!("removed {}", dir.display());
    } else {
        eprintln!("data stays in {}; `make down WIPE=1` removes it", dir.display());
    }
    Ok(())
}

fn print_environment(stack: &Stack) {
    let (kafka, hdfs, contact) = (stack.kafka.bootstrap(), stack.hdfs.uri(), stack.cassandra.contact());
    let (host, port) = contact.rsplit_once(':').unwrap_or((contact, "9042"));
    let on_terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    if on_terminal {
        eprintln!("paste this, or: eval \"$(make -s env)\"");
    }
    println!("export STOCKPIPE_SOURCE_KAFKA_BOOTSTRAP_SERVERS={kafka}");
    println!("export STOCKPIPE_LAKE_HDFS_URI={hdfs}");
    println!("export STOCKPIPE_FEATURE_STORE_CASSANDRA_CONTACT_POINTS='[\"{contact}\"]'");
    println!("export KAFKA_BOOTSTRAP={kafka} HDFS_URI={hdfs} CASSANDRA_HOST={host} CASSANDRA_PORT={port}");
    println!("export STOCKPIPE_SERVERS={}", stack.dir.display());
    if on_terminal {
        eprintln!(
            "\nthen: stockpipe init -f examples/pipeline.yaml && stockpipe ingest -f examples/pipeline.yaml"
        );
    }
}

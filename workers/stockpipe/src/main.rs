//! `stockpipe`: one binary, one subcommand per role. Parses, sets up what is global, and ends with the exit code.

use std::process::ExitCode;

use clap::Parser;
use stockpipe::{app, cli::Cli, cli::LogFormat};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is logged without -v, with -v, with -vv. The clients of servers tell every failed attempt; what they mean is in our
/// own errors, said once.
const FILTERS: [&str; 3] = [
    "warn,stockpipe::role=info,scylla=off,hdfs_native=error,tick_log::kafka=error",
    "info,scylla=warn,hdfs_native=warn",
    "debug,scylla=info,hdfs_native=info",
];

fn main() -> ExitCode {
    let cli = Cli::parse();
    let format = match cli.log_format {
        LogFormat::Human => runtime::telemetry::LogFormat::Human,
        LogFormat::Json => runtime::telemetry::LogFormat::Json,
    };
    let usual = FILTERS[usize::from(cli.verbose.min(2))];
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| usual.to_owned());
    runtime::telemetry::init(format, &filter);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads can be started: {error}; raise the process limits");
            return ExitCode::from(1);
        }
    };
    let code = runtime.block_on(app::run(cli.command)).unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        failure.exit_code()
    });
    // Blocking reads of standard input never end by themselves.
    runtime.shutdown_background();
    ExitCode::from(code)
}

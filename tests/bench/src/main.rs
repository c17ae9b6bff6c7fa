//! `make bench`: what the parts cost, as ratios against a peer in the same run.
//!
//! Every figure and every peer is measured in a child process of its own, so that its peak memory is its own. CPU time
//! counts, not wall time, wherever the work is not about waiting: machines are shared. A ratio above 1 means better than
//! the peer, for rates and for times alike.
//!
//! A figure is one entry of [`figures::ALL`] and one function; nothing here decides what is fast enough.

mod figures;
mod forests;
mod naive;
mod operator;
mod pipeline;
mod pure;
mod report;
mod servers;
mod ticks;

use std::{error::Error, path::PathBuf, process::Command};

use clap::Parser;

use crate::{
    figures::{Figure, Measured, Needs, Side},
    report::Row,
};

/// Measures Stockpipe and writes report.json.
#[derive(Parser)]
#[command(name = "stockpipe-bench")]
struct Args {
    /// Only figures whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// A tenth of the size: to see that it runs, not to quote.
    #[arg(long)]
    quick: bool,
    /// Figures on Kafka, HDFS and Cassandra too, at the addresses that `make env` prints. Needs `stockpipe` beside this.
    #[arg(long)]
    servers: bool,
    /// With --servers: the replaced Spark job too, in the Spark that STOCKPIPE_SPARK names.
    #[arg(long, requires = "servers")]
    spark: bool,
    /// Figures of the operator too, on a real API server. Needs `stockpipe-operator` beside this.
    #[arg(long)]
    cluster: bool,
    /// Where report.json goes.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// Measures one figure here and prints it: what a child does.
    #[arg(long, hide = true)]
    child: Option<String>,
    /// The peer instead of the figure.
    #[arg(long, hide = true)]
    peer: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if let Some(name) = &args.child {
        let side = if args.peer { Side::Peer } else { Side::Own };
        let figure = figures::ALL.iter().find(|f| f.names[0] == name).ok_or("no such figure")?;
        let measured = (figure.measure)(side, args.quick)?;
        println!("{}", serde_json::to_string(&measured)?);
        return Ok(());
    }
    let named =
        |f: &&Figure| args.only.as_deref().is_none_or(|only| f.names.iter().any(|name| name.contains(only)));
    let possible = |f: &&Figure| match f.needs {
        Needs::Nothing => true,
        Needs::Servers => args.servers,
        Needs::Spark => args.spark,
        Needs::Cluster => args.cluster,
    };
    let mut rows = Vec::new();
    for figure in figures::ALL.iter().filter(named) {
        if !possible(&figure) {
            eprintln!("{}: left out without {:?}", figure.names.join(", "), figure.needs);
            continue;
        }
        eprintln!("{} …", figure.names.join(", "));
        let own = child(figure, Side::Own, args.quick)?;
        let peer = figure.peer.map(|_| child(figure, Side::Peer, args.quick)).transpose()?;
        rows.extend(Row::all(figure, &own, peer.as_ref(), args.quick));
    }
    if rows.is_empty() {
        let names: Vec<_> = figures::ALL.iter().flat_map(|f| f.names).copied().collect();
        return Err(format!("nothing to measure: --only names a part of one of {}", names.join(", ")).into());
    }
    println!("{}", report::table(&rows));
    report::write(&args.out, &rows)?;
    eprintln!("{}", args.out.join("report.json").display());
    Ok(())
}

fn child(figure: &Figure, side: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--child", figure.names[0]]);
    if side == Side::Peer {
        command.arg("--peer");
    }
    if quick {
        command.arg("--quick");
    }
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} ended with {}; see above", figure.names[0], output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

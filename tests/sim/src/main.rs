//! `stockpipe-sim`: plays scenarios under seeds; a failing seed is printed as the command that plays it again.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use clap::Parser;
use parking_lot::Mutex;
use sim::{
    run::{Failure, Outcome, Play, run},
    scenario::{self, Scenario},
};

/// Plays the data plane with faults, on a simulated clock. One seed reproduces everything.
#[derive(Parser)]
#[command(name = "stockpipe-sim")]
struct Args {
    /// The scenario; without one, seeds take turns over all of them.
    scenario: Option<String>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Lists the scenarios.
    #[arg(long)]
    list: bool,
    /// Prints everything as it happens.
    #[arg(long)]
    trace: bool,
}

/// What all runs did.
#[derive(Default)]
struct Total {
    runs: u64,
    records: u64,
    commits: u64,
    seconds: u64,
    injected: BTreeMap<String, u64>,
    failed: Vec<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        scenario::ALL.iter().for_each(|s| println!("{:<16} {}", s.name, s.about));
        return ExitCode::SUCCESS;
    }
    let scenarios: Vec<&Scenario> = match &args.scenario {
        None => scenario::ALL.iter().collect(),
        Some(name) => match scenario::find(name) {
            Some(found) => vec![found],
            None => {
                eprintln!("there is no scenario {name}: `stockpipe-sim --list` names them");
                return ExitCode::from(2);
            }
        },
    };
    let (next, total) = (AtomicU64::new(args.seed), Mutex::new(Total::default()));
    let end = args.seed.saturating_add(args.seeds);
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64).min(args.seeds.max(1));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let scenario = scenarios[(seed % scenarios.len() as u64) as usize];
                    // Run first, then lock: the threads would wait for each other's runs.
                    let result = run(Play { live: args.trace, ..Play::new(seed, scenario) });
                    total.lock().add(seed, scenario, result);
                }
            });
        }
    });
    total.into_inner().print()
}

impl Total {
    fn add(&mut self, seed: u64, scenario: &Scenario, result: Result<Outcome, Box<Failure>>) {
        self.runs += 1;
        match result {
            Ok(outcome) => {
                self.records += outcome.records;
                self.commits += outcome.commits;
                self.seconds += outcome.took.as_secs();
                for (kind, n) in outcome.injected {
                    *self.injected.entry(kind).or_default() += n;
                }
            }
            Err(failure) => {
                let command = format!("stockpipe-sim --seed {seed} {}", scenario.name);
                println!("FAILED  {command}\n{failure}\n");
                self.failed.push(command);
            }
        }
    }

    fn print(&self) -> ExitCode {
        println!(
            "{} runs, {} records, {} commits, {} s simulated, {} faults",
            self.runs,
            self.records,
            self.commits,
            self.seconds,
            self.injected.values().sum::<u64>()
        );
        self.injected.iter().for_each(|(kind, n)| println!("  {n:>8}  {kind}"));
        if self.failed.is_empty() {
            return ExitCode::SUCCESS;
        }
        println!("{} failed; each is played again by:", self.failed.len());
        self.failed.iter().for_each(|command| println!("  {command}"));
        ExitCode::FAILURE
    }
}

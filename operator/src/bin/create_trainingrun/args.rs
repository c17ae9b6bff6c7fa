//! What can be typed.

use std::path::PathBuf;

use clap::{ArgGroup, Parser, ValueEnum};
use crds::training_run::Engine;
use crds::{Duration, Instant};

use crate::output::Format;

/// Start a training of a pipeline's model.
///
/// Copies the pipeline's training template, changes what the flags say, and creates a TrainingRun. The run is complete
/// in itself: what the pipeline says later does not change it.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "kubectl-create-trainingrun",
    bin_name = "kubectl create trainingrun",
    version,
    max_term_width = 110,
    after_help = EXAMPLES,
    group(ArgGroup::new("source").required(true).args(["pipeline", "from"])),
)]
pub struct Args {
    /// Its name [default: the pipeline's, and some letters]
    pub name: Option<String>,
    /// The pipeline whose model is trained
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// The same, as kubectl writes it: stockpipeline/NAME
    #[arg(long, value_name = "KIND/NAME", value_parser = from)]
    pub from: Option<String>,
    /// Trees of the forest
    #[arg(long, value_name = "N")]
    pub trees: Option<i32>,
    /// Depth of a tree
    #[arg(long, value_name = "N")]
    pub max_depth: Option<i32>,
    /// Who grows the trees
    #[arg(long, value_enum, ignore_case = true)]
    pub engine: Option<EngineName>,
    /// Learn from so long ago (7d), from an instant (2026-01-31T00:00:00Z), or from all
    #[arg(long, value_name = "AGO", value_parser = ago)]
    pub since: Option<Instant>,
    /// Learn up to so long ago (1h), up to an instant, or up to now
    #[arg(long, value_name = "AGO", value_parser = ago)]
    pub until: Option<Instant>,
    /// Bars ahead; may be repeated, or a list: 1,5
    #[arg(long, value_name = "BARS", value_delimiter = ',')]
    pub horizon: Vec<i32>,
    /// Wait for its end, and show how far it is
    #[arg(long)]
    pub wait: bool,
    /// With --wait: give up after so long, like 30m. The run goes on
    #[arg(long, value_name = "DURATION", requires = "wait", value_parser = Duration::parse)]
    pub timeout: Option<Duration>,
    /// Create nothing: `client` shows what would be sent, `server` what would be stored
    #[arg(long, value_enum, default_value_t = DryRun::None, num_args = 0..=1, require_equals = true,
          default_missing_value = "client", conflicts_with = "wait")]
    pub dry_run: DryRun,
    /// Print it as name, yaml, json or jsonpath=TEMPLATE
    #[arg(short, long, value_name = "FORMAT", value_parser = Format::parse)]
    pub output: Option<Format>,
    /// The namespace [default: the context's]
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// The context of the kubeconfig [default: the current one]
    #[arg(long)]
    pub context: Option<String>,
    /// The kubeconfig [default: KUBECONFIG, then ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  kubectl create trainingrun --pipeline market                     as the pipeline's template says
  kubectl create trainingrun nightly --from=stockpipeline/market   the same, with a name
  kubectl create trainingrun --pipeline market --trees 200 --since 7d --until 1h --wait
  kubectl create trainingrun --pipeline market --horizon 1,5,15 --dry-run=client -o yaml
  kubectl create trainingrun --pipeline market -o jsonpath='{.metadata.name}'

Exit codes: 0 done, 1 failed, 2 wrong usage or invalid input; with --wait also 1 failed, deleted or timed out,
3 complete, but a gate refused the model, 130 after Ctrl-C: the run goes on.";

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    /// By the number of rows
    Auto,
    /// Exact splits
    Smartcore,
    /// Histograms
    Hist,
}

impl From<EngineName> for Engine {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Auto => Engine::Auto,
            EngineName::Smartcore => Engine::Smartcore,
            EngineName::Hist => Engine::Hist,
        }
    }
}

/// What is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Everything is done
    None,
    /// Nothing is sent
    Client,
    /// Nothing is stored
    Server,
}

impl Args {
    /// The pipeline, however it was named.
    pub fn pipeline(&self) -> &str {
        self.pipeline.as_deref().or(self.from.as_deref()).unwrap_or_default()
    }
}

fn from(text: &str) -> Result<String, String> {
    let known = [
        "stockpipeline",
        "stockpipelines",
        "spipe",
        "stockpipelines.stockpipe.dev",
        "stockpipeline.stockpipe.dev",
    ];
    match text.split_once('/') {
        Some((kind, name)) if known.contains(&kind.to_lowercase().as_str()) && !name.is_empty() => {
            Ok(name.to_owned())
        }
        _ => Err("a run is made from a pipeline: write stockpipeline/NAME".to_owned()),
    }
}

fn ago(text: &str) -> Result<Instant, String> {
    if let Ok(duration) = Duration::parse(text) {
        return Ok(Instant::Before(duration));
    }
    Instant::parse(text).map_err(|_| {
        "write so long ago like 7d or 1h, an instant like 2026-01-31T00:00:00Z, all, or now".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("kubectl-create-trainingrun").chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_is_well_made() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_are_read() {
        let args = parse("nightly --from=stockpipeline/market --engine HIST --since 7d --until=now --horizon 1,5 --horizon 9").unwrap();
        assert_eq!((args.name.as_deref(), args.pipeline()), (Some("nightly"), "market"));
        assert_eq!(args.engine, Some(EngineName::Hist));
        assert_eq!(args.since.map(|i| i.to_string()).as_deref(), Some("-7d"));
        assert_eq!((args.until, args.horizon), (Some(Instant::Now), vec![1, 5, 9]));
        assert_eq!(parse("--pipeline m --dry-run").unwrap().dry_run, DryRun::Client);
        assert_eq!(parse("--pipeline m --dry-run=server").unwrap().dry_run, DryRun::Server);
        assert_eq!(parse("--pipeline m").unwrap().dry_run, DryRun::None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            "",
            "--pipeline a --from stockpipeline/a",
            "--from cronjob/a",
            "--from market",
            "--pipeline a --since yesterday",
            "--pipeline a --timeout 5m",
            "--pipeline a --wait --dry-run=client",
            "--pipeline a -o table",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}

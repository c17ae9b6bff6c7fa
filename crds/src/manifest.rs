//! From files, `--set` and the environment to validated documents.
//!
//! Order of precedence: `--set`, `STOCKPIPE_…`, the old names, the file, the defaults. Everything is validated after
//! all of them, so that an error speaks of the value in force. All that is wrong is told at once.
//!
//! Nothing is read here: files, overrides and environment come in as arguments. Every error is the input's fault.

use crate::document::{self, Document};
use crate::env::{self, BadVariable};
use crate::overrides::{self, BadOverride};
use crate::pipeline::StockPipeline;
use crate::problem::Problem;
use crate::training_run::{TrainingRun, run_from_pipeline};
use crate::validate::{Kind, problems, with_defaults};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Write as _;

/// The text of one `-f` and what to call it in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// As the user named it.
    pub name: String,
    /// Its content: YAML, one document or several.
    pub text: String,
}

/// What a `--set` path without a prefix addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// The StockPipeline: everywhere but in `train`.
    Pipeline,
    /// The TrainingRun: in `train`, which then always has one, made from the pipeline where none is given.
    Run,
}

/// What was asked for, complete and valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Documents {
    /// The pipeline.
    pub pipeline: StockPipeline,
    /// The runs, in the order of the files.
    pub runs: Vec<TrainingRun>,
    /// What is allowed but probably not meant, and what the environment changed: one line each.
    pub warnings: Vec<String>,
}

/// Why a manifest cannot be used. Every one of them is bad input: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// No document describes a pipeline.
    #[error("no StockPipeline in {files}; name a file that has one: -f pipeline.yaml")]
    NoPipeline {
        /// The files that were read.
        files: String,
    },
    /// Two documents do.
    #[error("{second} is a second StockPipeline beside {first}; a process serves one, remove the other")]
    TwoPipelines {
        /// Where the first stands.
        first: String,
        /// Where the second stands.
        second: String,
    },
    /// Two runs have one name.
    #[error("{place} is a second TrainingRun named {name}; give it another name")]
    TwoRuns {
        /// Where it stands.
        place: String,
        /// Its name.
        name: String,
    },
    /// A run belongs to a pipeline that is not here.
    #[error(
        "{place}: spec.pipelineRef.name is {named}, but the pipeline here is {pipeline}; write {pipeline}"
    )]
    OtherPipeline {
        /// Where the run stands.
        place: String,
        /// What it names.
        named: String,
        /// What there is.
        pipeline: String,
    },
    /// A document of another kind.
    #[error(
        "{place}: kind {kind:?} of apiVersion {version:?} is not one of ours; write StockPipeline or TrainingRun of \
         stockpipe.dev/v1alpha1"
    )]
    OtherKind {
        /// Where it stands.
        place: String,
        /// Its kind.
        kind: String,
        /// Its version.
        version: String,
    },
    /// Not YAML at all.
    #[error("{place} is not YAML: {reason}; correct that line")]
    NotYaml {
        /// Where it stands.
        place: String,
        /// What the parser says.
        reason: String,
    },
    /// Larger than any manifest.
    #[error("{file} has {bytes} bytes, more than the 1048576 a manifest may have; is it the right file?")]
    TooLarge {
        /// Which file.
        file: String,
        /// How large.
        bytes: usize,
    },
    /// More documents than any manifest.
    #[error("{file} has more than 100 documents; is it the right file?")]
    TooMany {
        /// Which file.
        file: String,
    },
    /// A `--set` that cannot be followed.
    #[error("--set {0}")]
    Set(#[from] BadOverride),
    /// A `run.` path where there is no run.
    #[error(
        "--set {path}: there is no TrainingRun to set it in; add one to the file, or spec.training to the pipeline"
    )]
    NoRun {
        /// The path.
        path: String,
    },
    /// A variable that cannot be used.
    #[error("{0}")]
    Environment(#[from] BadVariable),
    /// Rules that are broken.
    #[error("{}", list(.place, .problems))]
    Invalid {
        /// Where the document stands.
        place: String,
        /// All that is wrong with it.
        problems: Vec<Problem>,
    },
}

fn list(place: &str, problems: &[Problem]) -> String {
    match problems {
        [one] => format!("{place}: {one}"),
        many => many.iter().fold(format!("{place}: {} things are wrong", many.len()), |mut text, problem| {
            let _ = write!(text, "\n  {problem}");
            text
        }),
    }
}

/// The configuration of every subcommand.
#[derive(Debug, Clone, Copy)]
pub struct Manifest;

impl Manifest {
    /// Reads, overrides, completes and validates the documents of `files`.
    ///
    /// `set` holds pairs of path and value. Paths start below spec and address what `bare` says; `pipeline.` and
    /// `run.` say it themselves. Where no run is given, `run.` addresses the pipeline's template. `env` is asked for
    /// single variables, unless `no_env`.
    pub fn load(
        files: &[File],
        set: &[(String, String)],
        bare: Bare,
        env: &dyn Fn(&str) -> Option<String>,
        no_env: bool,
    ) -> Result<Documents, ManifestError> {
        let nothing = |_: &str| None;
        let env: &dyn Fn(&str) -> Option<String> = if no_env { &nothing } else { env };
        let (mut pipeline, mut runs) = sort(files)?;
        let (for_pipeline, for_run): (Vec<_>, Vec<_>) =
            set.iter().map(|pair| address(pair, bare)).partition(|a| a.0);
        let mut warnings = Vec::new();

        change(&mut pipeline, env, &for_pipeline, &mut warnings)?;
        if runs.is_empty() && bare == Bare::Pipeline {
            change_template(&mut pipeline, &for_run)?;
        }
        let typed: StockPipeline = finish(&mut pipeline)?;
        if runs.is_empty() && bare == Bare::Run {
            runs.push(run_document(&pipeline.place, &typed));
        }
        let mut typed_runs: Vec<TrainingRun> = Vec::new();
        for mut document in runs {
            change(&mut document, env, &for_run, &mut warnings)?;
            let run: TrainingRun = finish(&mut document)?;
            check_run(&document.place, &run, &typed, &typed_runs)?;
            typed_runs.push(run);
        }
        warnings.extend(unserved(&typed, &typed_runs));
        Ok(Documents { pipeline: typed, runs: typed_runs, warnings })
    }
}

/// The one pipeline and the runs.
fn sort(files: &[File]) -> Result<(Document, Vec<Document>), ManifestError> {
    let mut pipeline: Option<Document> = None;
    let mut runs = Vec::new();
    for file in files {
        for document in document::read(file)? {
            match (document.kind, &pipeline) {
                (Kind::TrainingRun, _) => runs.push(document),
                (Kind::StockPipeline, None) => pipeline = Some(document),
                (Kind::StockPipeline, Some(first)) => {
                    let (first, second) = (first.place.clone(), document.place);
                    return Err(ManifestError::TwoPipelines { first, second });
                }
            }
        }
    }
    let names = || files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", ");
    match pipeline {
        Some(pipeline) => Ok((pipeline, runs)),
        None => Err(ManifestError::NoPipeline {
            files: if files.is_empty() { "no file".to_owned() } else { names() },
        }),
    }
}

/// Whether an override is the pipeline's, its path without prefix, its value.
type Addressed<'a> = (bool, &'a str, &'a str);

fn address((path, value): &(String, String), bare: Bare) -> Addressed<'_> {
    match (path.strip_prefix("pipeline."), path.strip_prefix("run.")) {
        (Some(rest), _) => (true, rest, value),
        (_, Some(rest)) => (false, rest, value),
        _ => (bare == Bare::Pipeline, path, value),
    }
}

/// Defaults, environment, `--set`: in that order, the later ones winning.
fn change(
    document: &mut Document,
    env: &dyn Fn(&str) -> Option<String>,
    set: &[Addressed<'_>],
    warnings: &mut Vec<String>,
) -> Result<(), ManifestError> {
    document.object = with_defaults(document.kind, document.object.take());
    let schema = &document.kind.schema()["properties"]["spec"];
    let mut nowhere = Value::Null;
    let spec = document.object.get_mut("spec").unwrap_or(&mut nowhere);
    if spec.is_object() {
        warnings.extend(env::apply(document.kind, spec, env)?);
    }
    for (_, path, value) in set {
        overrides::set(schema, spec, path, value)?;
    }
    Ok(())
}

/// `run.` paths where no run is given: they change the template that runs are made of.
fn change_template(pipeline: &mut Document, set: &[Addressed<'_>]) -> Result<(), ManifestError> {
    let Some((_, first, _)) = set.first() else { return Ok(()) };
    let schema = &Kind::StockPipeline.schema()["properties"]["spec"]["properties"]["training"]["properties"]
        ["template"]["properties"]["spec"];
    pipeline.object = with_defaults(Kind::StockPipeline, pipeline.object.take());
    let Some(template) = pipeline.object.pointer_mut("/spec/training/template/spec") else {
        return Err(ManifestError::NoRun { path: format!("run.{first}") });
    };
    for (_, path, value) in set {
        overrides::set(schema, template, path, value)?;
    }
    Ok(())
}

/// Validates and types a document.
fn finish<T: DeserializeOwned>(document: &mut Document) -> Result<T, ManifestError> {
    document.object = with_defaults(document.kind, document.object.take());
    let mut found = problems(document.kind, &document.object, None);
    if document.object.pointer("/metadata/name").is_none() {
        found.insert(0, Problem::new("metadata.name", "is required but missing; give the document a name"));
    }
    let invalid = |problems| ManifestError::Invalid { place: document.place.clone(), problems };
    if !found.is_empty() {
        return Err(invalid(found));
    }
    serde_json::from_value(document.object.take())
        .map_err(|error| invalid(vec![Problem::new("", format!("{error}; correct that value"))]))
}

fn run_document(place: &str, pipeline: &StockPipeline) -> Document {
    let object = serde_json::to_value(run_from_pipeline(pipeline)).unwrap_or_default();
    Document { place: format!("the run made from {place}"), kind: Kind::TrainingRun, object }
}

fn check_run(
    place: &str,
    run: &TrainingRun,
    pipeline: &StockPipeline,
    others: &[TrainingRun],
) -> Result<(), ManifestError> {
    if run.spec.pipeline_ref.name != pipeline.name() {
        return Err(ManifestError::OtherPipeline {
            place: place.to_owned(),
            named: run.spec.pipeline_ref.name.clone(),
            pipeline: pipeline.name().to_owned(),
        });
    }
    if others.iter().any(|other| other.name() == run.name()) {
        return Err(ManifestError::TwoRuns { place: place.to_owned(), name: run.name().to_owned() });
    }
    Ok(())
}

/// Trainings whose models nobody would use.
fn unserved(pipeline: &StockPipeline, runs: &[TrainingRun]) -> Vec<String> {
    let spec = &pipeline.spec;
    let templates = spec
        .training
        .iter()
        .map(|training| ("spec.training.template.spec.data.bar".to_owned(), training.template.spec.data.bar))
        .chain(
            runs.iter().map(|run| (format!("spec.data.bar of {}", run.name()), run.spec.template.data.bar)),
        );
    templates
        .filter_map(|(path, bar)| {
            if !spec.features.bars.contains(&bar) {
                Some(format!("{path} is {bar}, which is not one of spec.features.bars: there will be no rows to learn from"))
            } else if spec.predictor.enabled && bar != spec.predictor.bar {
                let served = spec.predictor.bar;
                Some(format!("{path} is {bar}, the predictor serves {served}: its models will be stored, never used"))
            } else {
                None
            }
        })
        .collect()
}

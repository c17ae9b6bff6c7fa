//! The run that is asked for: the pipeline's template with what the flags change. Pure.

use crds::validate::{Kind, problems, with_defaults};
use crds::{Problem, StockPipeline, TrainingRun, run_from_pipeline};
use operator::labels::PIPELINE;

use crate::args::Args;

/// Why it is not created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Invalid(Vec<Problem>);

/// The run, valid as far as that can be seen without a server.
pub fn run(args: &Args, pipeline: &StockPipeline) -> Result<TrainingRun, Invalid> {
    let mut run = run_from_pipeline(pipeline);
    let template = &mut run.spec.template;
    set(&mut template.model.trees, args.trees);
    set(&mut template.model.max_depth, args.max_depth);
    set(&mut template.model.engine, args.engine.map(Into::into));
    set(&mut template.data.from, args.since.clone());
    set(&mut template.data.to, args.until.clone());
    if !args.horizon.is_empty() {
        template.target.horizons = args.horizon.clone();
    }
    run.metadata.labels = Some([(PIPELINE.to_owned(), pipeline.name().to_owned())].into());
    match &args.name {
        Some(name) => run.metadata.name = Some(name.clone()),
        None => {
            run.metadata.name = None;
            run.metadata.generate_name = Some(format!("{}-", pipeline.name()));
        }
    }
    let mut found = name_problem(args.name.as_deref());
    // Plain values with text keys: serialising cannot fail.
    let object = with_defaults(Kind::TrainingRun, serde_json::to_value(&run).unwrap_or_default());
    found.extend(problems(Kind::TrainingRun, &object, None));
    if found.is_empty() { Ok(run) } else { Err(Invalid(found)) }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn name_problem(name: Option<&str>) -> Vec<Problem> {
    let limit = crds::limits::RUN_NAME as usize;
    match name {
        Some(name) if name.len() > limit => vec![Problem {
            path: "metadata.name".to_owned(),
            message: format!("has {} characters; its Jobs need some, so write at most {limit}", name.len()),
        }],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use serde_json::json;

    fn pipeline() -> StockPipeline {
        let object = json!({
            "apiVersion": "stockpipe.dev/v1alpha1", "kind": "StockPipeline",
            "metadata": {"name": "market", "namespace": "shop"},
            "spec": {
                "source": {"kafka": {"bootstrapServers": "kafka:9092"}},
                "lake": {"hdfs": {"uri": "hdfs://namenode:8020"}},
                "featureStore": {"cassandra": {"contactPoints": ["cassandra:9042"]}},
                "training": {"template": {"spec": {"model": {"trees": 7}}}},
            },
        });
        serde_json::from_value(with_defaults(Kind::StockPipeline, object)).unwrap()
    }

    fn planned(line: &str) -> Result<TrainingRun, Invalid> {
        let line = format!("x --pipeline market {line}");
        run(&Args::parse_from(line.split_whitespace()), &pipeline())
    }

    #[test]
    fn the_template_is_copied_and_flags_win() {
        let plain = planned("").unwrap();
        assert_eq!(plain.spec.template, pipeline().spec.training.unwrap().template.spec);
        assert_eq!((plain.metadata.name, plain.metadata.generate_name.as_deref()), (None, Some("market-")));
        assert_eq!(plain.metadata.namespace.as_deref(), Some("shop"));
        let changed =
            planned("mine --trees 9 --max-depth 3 --engine hist --since 7d --until 1h --horizon 2").unwrap();
        let spec = serde_json::to_value(&changed.spec).unwrap();
        assert_eq!(spec["model"]["trees"], 9);
        assert_eq!((&spec["model"]["maxDepth"], &spec["model"]["engine"]), (&json!(3), &json!("Hist")));
        assert_eq!((&spec["data"]["from"], &spec["data"]["to"]), (&json!("-7d"), &json!("-1h")));
        assert_eq!(spec["target"]["horizons"], json!([2]));
        assert_eq!(changed.metadata.name.as_deref(), Some("mine"));
    }

    #[test]
    fn what_the_server_would_refuse_is_told_before() {
        for (line, field) in [
            ("--trees 0", "trees"),
            ("--max-depth 99", "maxDepth"),
            ("--horizon 1,1", "horizons"),
            (&"x".repeat(53), "metadata.name"),
        ] {
            let error = planned(line).unwrap_err().to_string();
            assert!(error.contains(field), "{line}: {error}");
        }
    }
}

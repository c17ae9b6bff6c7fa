//! How the run is printed: as kubectl prints what it creates. Pure.

use crds::TrainingRun;

use crate::args::DryRun;
use crate::jsonpath::{self, BadTemplate, Template};

/// The formats of `-o`.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// `trainingrun.stockpipe.dev/NAME`
    Name,
    /// YAML
    Yaml,
    /// JSON
    Json,
    /// A template
    JsonPath(Template),
}

impl Format {
    /// Reads what follows `-o`.
    pub fn parse(text: &str) -> Result<Self, BadTemplate> {
        match text {
            "name" => Ok(Format::Name),
            "yaml" => Ok(Format::Yaml),
            "json" => Ok(Format::Json),
            _ => match text.strip_prefix("jsonpath=") {
                Some(template) => Ok(Format::JsonPath(jsonpath::parse(template)?)),
                None => Err(BadTemplate::new(text, "write name, yaml, json or jsonpath=TEMPLATE")),
            },
        }
    }
}

/// The text for stdout.
pub fn render(run: &TrainingRun, format: Option<&Format>, dry_run: DryRun) -> String {
    let name = run.metadata.name.as_deref().or(run.metadata.generate_name.as_deref()).unwrap_or_default();
    let plain = format!("trainingrun.stockpipe.dev/{name}");
    // Plain values with text keys: serialising cannot fail.
    match format {
        None => format!("{plain} created{}\n", remark(dry_run)),
        Some(Format::Name) => format!("{plain}\n"),
        Some(Format::Yaml) => serde_yaml::to_string(run).unwrap_or_default(),
        Some(Format::Json) => format!("{}\n", serde_json::to_string_pretty(run).unwrap_or_default()),
        Some(Format::JsonPath(template)) => template.render(&serde_json::to_value(run).unwrap_or_default()),
    }
}

const fn remark(dry_run: DryRun) -> &'static str {
    match dry_run {
        DryRun::None => "",
        DryRun::Client => " (dry run)",
        DryRun::Server => " (server dry run)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::TrainingRunSpec;
    use crds::training_run::PipelineRef;

    #[test]
    fn as_kubectl_prints_it() {
        let pipeline_ref = PipelineRef { name: "market".to_owned() };
        let spec = TrainingRunSpec { pipeline_ref, template: Default::default(), suspend: false };
        let run = TrainingRun::new("market-1", spec);
        let text = |format: &str| render(&run, Some(&Format::parse(format).unwrap()), DryRun::None);
        assert_eq!(render(&run, None, DryRun::None), "trainingrun.stockpipe.dev/market-1 created\n");
        assert_eq!(
            render(&run, None, DryRun::Server),
            "trainingrun.stockpipe.dev/market-1 created (server dry run)\n"
        );
        assert_eq!(text("name"), "trainingrun.stockpipe.dev/market-1\n");
        assert!(text("yaml").contains("kind: TrainingRun\n"));
        assert_eq!(serde_json::from_str::<TrainingRun>(&text("json")).unwrap(), run);
        assert_eq!(text("jsonpath={.metadata.name}"), "market-1");
        assert!(Format::parse("table").unwrap_err().to_string().contains("jsonpath=TEMPLATE"));
    }
}

//! `stockpipe models list|show`: the registry for people.

use std::fmt::Write as _;

use registry::{Listed, Registry};
use serde_json::{Value, json};

use crate::{
    Context, Failure, cli,
    output::{Output, Table},
    settings,
};

/// One registry a bar size of the manifest, in its order.
pub fn registries(context: &Context) -> Result<Vec<Registry>, Failure> {
    context
        .pipeline
        .spec
        .features
        .bars
        .iter()
        .map(|bar| {
            let bar = settings::span(bar.duration()).to_string();
            Ok(Registry::new(
                context.lake.clone(),
                context.store.clone(),
                Context::ROOT,
                context.pipeline.name(),
                &bar,
            )?)
        })
        .collect()
}

/// Every version, newest first.
pub async fn list(context: &Context, args: &cli::ModelsListArgs, out: &Output) -> Result<(), Failure> {
    let mut table = Table::new([
        "bar",
        "version",
        "alias",
        "created_at",
        "data_to",
        "rows",
        "horizon",
        "kind",
        "skill",
        "skill_lower",
        "verdict",
        "served",
        "sha256",
    ]);
    for registry in registries(context)? {
        for listed in registry.list().await? {
            match listed {
                Listed::Version { version, manifest, aliases } => {
                    for h in &manifest.summary.horizons {
                        let names: Vec<&str> = aliases
                            .iter()
                            .filter(|(_, horizon)| *horizon == h.horizon)
                            .map(|(alias, _)| alias.as_str())
                            .collect();
                        table.rows.push(vec![
                            json!(manifest.bar),
                            json!(version),
                            json!(names.join(" ")),
                            json!(manifest.summary.created_at),
                            json!(manifest.summary.dataset.to),
                            json!(manifest.summary.dataset.rows),
                            json!(h.horizon),
                            json!(h.kind),
                            json!(format!("{:.4}", h.skill)),
                            json!(format!("{:.4}", h.skill_lower)),
                            json!(if h.passed { "passed" } else { "refused" }),
                            json!(h.served.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(" ")),
                            json!(manifest.summary.model_sha256.get(..12)),
                        ]);
                    }
                }
                Listed::Damaged(OtherVersion { version, error }) => {
                    out.note(format!("v{version}: {error}")).await?;
                }
            }
        }
    }
    Ok(out.table(args.output, table).await?)
}

use registry::OtherVersion;

/// One version, whole.
pub async fn show(context: &Context, args: &cli::ModelsShowArgs, out: &Output) -> Result<(), Failure> {
    let number: u64 = args
        .version
        .trim_start_matches('v')
        .parse()
        .map_err(|_| Failure::bad_input(format!("{:?} is no version: write 12 or v12", args.version)))?;
    let mut found = Vec::new();
    for registry in registries(context)? {
        if registry.versions().await?.contains(&number) {
            found.push(registry);
        }
    }
    if found.is_empty() {
        return Err(Failure::bad_input(format!(
            "there is no version v{number}: see `stockpipe models list`"
        )));
    }
    for registry in found {
        let bundle = registry.load(number).await?;
        let aliases: Vec<Value> = registry
            .aliases(number)
            .await?
            .into_iter()
            .map(|(alias, horizon)| json!({"alias": alias.as_str(), "horizon": horizon}))
            .collect();
        if args.output == cli::Format::Json {
            let mut value = serde_json::to_value(&*bundle.manifest).unwrap_or_default();
            if let Some(object) = value.as_object_mut() {
                object.insert("version".into(), json!(number));
                object.insert("aliases".into(), json!(aliases));
            }
            out.out(format!("{value:#}\n")).await?;
            continue;
        }
        let card = registry.read_file(number, registry::file::CARD).await?;
        let mut text = String::from_utf8_lossy(&card).into_owned();
        let _ = writeln!(text, "\nFiles (SHA-256 verified):");
        for file in &bundle.manifest.files {
            let _ = writeln!(text, "  {}  {:>9}  {}", file.sha256, file.bytes, file.name);
        }
        out.out(text).await?;
    }
    Ok(())
}

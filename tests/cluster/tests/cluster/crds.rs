//! The CRDs as a person meets them: installed without a warning, explained to the last field.

use crate::support::shared;
use cluster::{ADMIN, request, until};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const KINDS: [&str; 2] = ["StockPipeline", "TrainingRun"];
/// kubectl keeps a whole object in an annotation of at most 256 KiB.
const BYTES: u64 = 200_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_small_and_installed_without_a_warning() {
    let (server, _, _) = shared().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds/yaml");
    for file in std::fs::read_dir(folder).expect("the CRDs").flatten() {
        let size = file.metadata().expect("its size").len();
        assert!(size < BYTES, "{:?} has {size} bytes", file.path());
        // A second time, and the other way: what a person types who knows nothing of server-side apply.
        let file = file.path().display().to_string();
        for how in [&["--server-side"][..], &[]] {
            let apply =
                [&["apply", "--dry-run=server", "--warnings-as-errors", "-f", &file][..], how].concat();
            server.kubectl(ADMIN, &apply).unwrap_or_else(|error| panic!("{how:?}: {error}"));
        }
    }
}

/// A CRD with a fault is refused or warned of: the flag above does what it says. The server knows formats of strings only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warning_is_noticed() {
    let (server, _, _) = shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("crd.yaml");
    let yaml = crds::crd::files().expect("YAML")[1].1.replace("format: date-time", "format: moment");
    std::fs::write(&file, yaml).expect("a file");
    let file = file.display().to_string();
    let apply = ["apply", "--server-side", "--dry-run=server", "--warnings-as-errors", "-f", &file];
    let error = server.kubectl(ADMIN, &apply).expect_err("a format that nobody knows").to_string();
    assert!(error.contains("unrecognized format"), "{error}");
}

/// Fields without a description, with their paths.
fn silent(schema: &Value, path: &str, found: &mut Vec<String>) {
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if below["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
            found.push(path.clone());
        }
        silent(below, &path, found);
    }
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            silent(&schema[key], &format!("{path}[]"), found);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_is_explained() {
    let (server, client, _) = shared().await;
    // The server publishes a new kind's schema a moment after it serves the kind.
    let document = until("our schemas", SOON, async || {
        let found: Value = client
            .request(request::get("/openapi/v3/apis/stockpipe.dev/v1alpha1"))
            .await
            .map_err(|error| error.to_string())?;
        let names = KINDS.map(|kind| format!("dev.stockpipe.v1alpha1.{kind}"));
        match names.iter().all(|name| found["components"]["schemas"][name].is_object()) {
            true => Ok(found),
            false => Err("not both".to_owned()),
        }
    })
    .await
    .expect("our schemas");
    let mut found = Vec::new();
    for kind in KINDS {
        let schema = &document["components"]["schemas"][format!("dev.stockpipe.v1alpha1.{kind}")];
        for part in ["spec", "status"] {
            assert!(schema["properties"][part]["properties"].is_object(), "{kind}.{part} is there");
            silent(&schema["properties"][part], &format!("{kind}.{part}"), &mut found);
        }
    }
    assert!(found.is_empty(), "no description:\n{}", found.join("\n"));
    // Discovery follows the schemas a moment later.
    let explained = async || server.kubectl(ADMIN, &["explain", "spipe.spec.features.watermark"]);
    let told = until("kubectl explains it", SOON, explained).await.expect("kubectl explains it");
    assert!(told.contains("DESCRIPTION") && told.contains("watermark"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_names_and_columns_are_there() {
    let (server, client, namespace) = shared().await;
    for base in ["pipeline", "run"] {
        let object = crate::support::table()["bases"][base].clone();
        crate::support::create(&client, &namespace, &object).await.expect("a valid object");
    }
    let shown = server.kubectl(ADMIN, &["get", "spipe", "-n", &namespace]).expect("spipe");
    let header: Vec<&str> = shown.lines().next().expect("a header").split_whitespace().collect();
    assert_eq!(header, ["NAME", "READY", "INGEST", "LAG", "MODEL", "SKILL", "REASON", "AGE"]);
    let shown = server.kubectl(ADMIN, &["get", "trun", "-n", &namespace]).expect("trun");
    let header: Vec<&str> = shown.lines().next().expect("a header").split_whitespace().collect();
    let names = ["NAME", "PIPELINE", "PHASE", "PROGRESS", "ROWS", "RMSE", "SKILL", "VERSION", "ALIAS", "AGE"];
    assert_eq!(header, names);
    let both =
        server.kubectl(ADMIN, &["get", "stockpipe", "-n", &namespace, "-o", "name"]).expect("a category");
    assert_eq!(both.lines().count(), 2, "{both}");
}

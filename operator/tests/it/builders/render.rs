//! `stockpipe-operator render`.

use crds::File;
use operator::render::{RenderError, render};
use serde::Deserialize as _;
use serde_json::Value;

use super::{SERVERS, environment, objects};

fn file(spec: &str) -> File {
    let text = format!(
        "apiVersion: stockpipe.dev/v1alpha1\nkind: StockPipeline\nmetadata: {{name: quotes}}\nspec:\n{spec}"
    );
    File { name: "quotes.yaml".to_owned(), text }
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

#[test]
fn it_prints_what_is_applied() {
    let printed = documents(&render(&[file(SERVERS)], &environment()).unwrap());
    let applied = objects(&super::desired(super::pipeline(SERVERS)));
    let kinds =
        |all: &[Value]| all.iter().map(|o| o["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let applied: Vec<Value> = applied.iter().map(|object| serde_json::to_value(object).unwrap()).collect();
    assert_eq!(kinds(&printed), kinds(&applied));
    for object in &printed {
        assert_eq!(object["metadata"]["namespace"], "default");
        assert!(object["metadata"].get("ownerReferences").is_none(), "nobody stored this pipeline");
    }
}

#[test]
fn autoscaling_begins_at_its_least() {
    let spec = format!("{SERVERS}  ingest: {{autoscaling: {{minReplicas: 2, maxReplicas: 9}}}}\n");
    let printed = documents(&render(&[file(&spec)], &environment()).unwrap());
    let ingest = printed.iter().find(|o| o["kind"] == "Deployment").unwrap();
    assert_eq!(
        (&ingest["metadata"]["name"], &ingest["spec"]["replicas"]),
        (&"quotes-ingest".into(), &2.into())
    );
}

#[test]
fn what_cannot_be_used_is_said() {
    let error = render(&[file("  lake: {}\n")], &environment()).unwrap_err();
    assert!(
        matches!(error, RenderError::Manifest(_)) && error.to_string().contains("quotes.yaml"),
        "{error}"
    );
    let spec = format!("{SERVERS}  networkPolicy: {{mode: Full, extraEgress: [{{ports: 7}}]}}\n");
    let error = render(&[file(&spec)], &environment()).unwrap_err().to_string();
    assert!(error.contains("spec.networkPolicy.extraEgress[0]"), "{error}");
}

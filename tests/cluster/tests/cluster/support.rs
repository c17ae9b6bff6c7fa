//! What several of these tests need.

use cluster::{ADMIN, ApiServer, request};
use kube::{Client, Error};
use serde_json::Value;

/// The shared server, a client of this test's own, and a namespace of its own.
pub async fn shared() -> (&'static ApiServer, Client, String) {
    let server = cluster::shared().await;
    let client = server.client(ADMIN).await.expect("a client");
    let namespace = server.namespace().await.expect("a namespace");
    (server, client, namespace)
}

/// The table of cases that runs offline too.
pub fn table() -> Value {
    serde_yaml::from_str(include_str!("../../../../crds/tests/cases.yaml")).expect("cases.yaml")
}

/// RFC 7386.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    for (key, value) in fields {
        if value.is_null() {
            target.as_object_mut().expect("an object").remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

/// Where objects of the kind lie in a namespace.
pub fn path(object: &Value, namespace: &str) -> String {
    let plural = match object["kind"].as_str() {
        Some("StockPipeline") => "stockpipelines",
        Some("TrainingRun") => "trainingruns",
        other => panic!("{other:?} is no kind of ours"),
    };
    format!("/apis/stockpipe.dev/v1alpha1/namespaces/{namespace}/{plural}")
}

/// Creates an object; fields that are not in the schema are an error.
pub async fn create(client: &Client, namespace: &str, object: &Value) -> Result<Value, Error> {
    client
        .request(request::post(&format!("{}?fieldValidation=Strict", path(object, namespace)), object))
        .await
}

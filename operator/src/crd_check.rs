//! Are the CustomResourceDefinitions there, and do they know every field that this release writes and reads?
//!
//! Both are read from discovery and OpenAPI, which everybody may read: permission to read CRDs, which belong to the whole
//! cluster, is not needed.

use std::fmt;

use hyper::Request;
use kube::Client;
use serde_json::Value;

/// Fields that are named where a CRD does not know them.
const NAMED: usize = 5;

/// How the CRDs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As this release needs them.
    Good,
    /// The API server does not know a kind.
    Missing(Vec<&'static str>),
    /// They are of an older release: these fields would be thrown away.
    Outdated(Vec<String>),
    /// The API server does not tell.
    Unknown(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const REMEDY: &str = "type: stockpipe-operator crd | kubectl apply --server-side -f -";
        match self {
            Verdict::Good => f.write_str("the CustomResourceDefinitions are of this release"),
            Verdict::Missing(kinds) => {
                write!(f, "CrdMissing: the cluster does not know {}; {REMEDY}", kinds.join(" and "))
            }
            Verdict::Outdated(fields) => {
                write!(
                    f,
                    "CrdOutdated: the cluster's CustomResourceDefinitions do not know {}; {REMEDY}",
                    fields.join(", ")
                )
            }
            Verdict::Unknown(reason) => {
                write!(f, "the API server does not tell which kinds it has: {reason}; it is asked again")
            }
        }
    }
}

/// Asks the API server.
pub async fn check(client: &Client) -> Verdict {
    let known = match client.list_api_group_resources(crds::API_VERSION).await {
        Ok(list) => list.resources.into_iter().map(|resource| resource.kind).collect(),
        Err(kube::Error::Api(status)) if status.is_not_found() => Vec::new(),
        Err(error) => return Verdict::Unknown(error.to_string()),
    };
    let kinds = ["StockPipeline", "TrainingRun"];
    let missing: Vec<&str> = kinds.into_iter().filter(|kind| !known.iter().any(|one| one == kind)).collect();
    if !missing.is_empty() {
        return Verdict::Missing(missing);
    }
    match schemas(client).await {
        Ok(theirs) => judged(&theirs),
        Err(error) => {
            // Without a schema there is nothing to hold against the CRDs; the API server itself refuses what it cannot store.
            tracing::debug!("the schemas of the CRDs cannot be compared: {error}");
            Verdict::Good
        }
    }
}

async fn schemas(client: &Client) -> Result<Value, String> {
    let path = format!("/openapi/v3/apis/{}", crds::API_VERSION);
    let request = Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    client.request::<Value>(request).await.map_err(|error| error.to_string())
}

fn judged(theirs: &Value) -> Verdict {
    let mut unknown = Vec::new();
    for (kind, ours) in
        [("StockPipeline", crds::crd::stock_pipeline()), ("TrainingRun", crds::crd::training_run())]
    {
        let schema = &ours["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let suffix = format!(".{kind}");
        let all = theirs["components"]["schemas"].as_object();
        let found = all.and_then(|all| all.iter().find(|(name, _)| name.ends_with(&suffix)));
        let Some((_, found)) = found else { continue };
        for part in ["spec", "status"] {
            let (ours, theirs) = (&schema["properties"][part], &found["properties"][part]);
            collect(ours, theirs, &format!("{kind}.{part}"), &mut unknown);
        }
    }
    if unknown.is_empty() {
        return Verdict::Good;
    }
    let more = unknown.len().saturating_sub(NAMED);
    unknown.truncate(NAMED);
    if more > 0 {
        unknown.push(format!("{more} more"));
    }
    Verdict::Outdated(unknown)
}

/// Fields of ours that theirs does not have.
fn collect(ours: &Value, theirs: &Value, path: &str, unknown: &mut Vec<String>) {
    for (name, below) in ours["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        match theirs["properties"].get(name) {
            Some(theirs) => collect(below, theirs, &path, unknown),
            None => unknown.push(path),
        }
    }
    if ours["items"].is_object() {
        collect(&ours["items"], &theirs["items"], path, unknown);
    }
}

/// True where the API server has that group; false also where it does not tell.
pub async fn has_group(client: &Client, group: &str) -> bool {
    match client.list_api_groups().await {
        Ok(list) => list.groups.iter().any(|one| one.name == group),
        Err(error) => {
            tracing::warn!("the API groups cannot be listed, so {group} is taken as absent: {error}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn served() -> Value {
        let schema = |crd: Value| crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        json!({"components": {"schemas": {
            "dev.stockpipe.v1alpha1.StockPipeline": schema(crds::crd::stock_pipeline()),
            "dev.stockpipe.v1alpha1.TrainingRun": schema(crds::crd::training_run()),
        }}})
    }

    #[test]
    fn a_field_that_the_cluster_does_not_know_is_named() {
        let mut theirs = served();
        assert_eq!(judged(&theirs), Verdict::Good);
        let windows = "/components/schemas/dev.stockpipe.v1alpha1.StockPipeline/properties/spec/properties/features/properties/windows/items/properties";
        theirs.pointer_mut(windows).unwrap().as_object_mut().unwrap().remove("slide");
        let verdict = judged(&theirs);
        assert_eq!(verdict, Verdict::Outdated(vec!["StockPipeline.spec.features.windows.slide".into()]));
        assert!(verdict.to_string().contains("kubectl apply"), "{verdict}");
    }

    #[test]
    fn a_newer_crd_is_good() {
        let mut theirs = served();
        let spec = "/components/schemas/dev.stockpipe.v1alpha1.TrainingRun/properties/spec/properties";
        let spec = theirs.pointer_mut(spec).unwrap().as_object_mut().unwrap();
        spec.insert("invented".into(), json!({"type": "string"}));
        assert_eq!(judged(&theirs), Verdict::Good);
    }
}

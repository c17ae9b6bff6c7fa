//! Reads what a pipeline names: Secrets (their identity, never their content) and ConfigMaps.

use std::collections::BTreeSet;

use crds::StockPipeline;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Client;
use kube::api::Api;
use kube::core::ObjectMeta;

use super::desired::{Dereferenced, Stamp};
use super::references::{Kind, references};

/// Why the names could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {name} cannot be read: {error}; it is tried again", kind = kind.name())]
pub struct DereferenceError {
    kind: Kind,
    name: String,
    error: Box<kube::Error>,
}

/// Looks up every name once.
pub async fn dereference(
    client: &Client,
    namespace: &str,
    pipeline: &StockPipeline,
) -> Result<Dereferenced, DereferenceError> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let wanted: BTreeSet<(Kind, String)> =
        references(pipeline).into_iter().map(|reference| (reference.kind, reference.name)).collect();
    let mut found = Dereferenced::default();
    for (kind, name) in wanted {
        let failed = |error| DereferenceError { kind, name: name.clone(), error: Box::new(error) };
        match kind {
            Kind::Secret => {
                let secret = secrets.get_metadata_opt(&name).await.map_err(failed)?;
                found.secrets.insert(name, secret.map(|secret| stamp(secret.metadata)));
            }
            Kind::ConfigMap => {
                let map = maps.get_opt(&name).await.map_err(failed)?;
                let map = map.map(|map| (stamp(map.metadata), map.data.unwrap_or_default()));
                found.config_maps.insert(name, map);
            }
        }
    }
    Ok(found)
}

fn stamp(metadata: ObjectMeta) -> Stamp {
    Stamp {
        uid: metadata.uid.unwrap_or_default(),
        resource_version: metadata.resource_version.unwrap_or_default(),
    }
}

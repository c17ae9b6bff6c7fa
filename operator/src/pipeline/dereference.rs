//! Reads what a pipeline names: Secrets (their identity, never their content) and ConfigMaps.

use std::collections::BTreeSet;

use crds::StockPipeline;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::Api;
use kube::core::ObjectMeta;
use kube::Client;

use super::desired::{Dereferenced, Stamp};

/// One place of a manifest that names an object of its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `Secret` or `ConfigMap`.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The field that names it.
    pub field: &'static str,
    /// Keys it must have; of ConfigMaps only: what is in Secrets is never read.
    pub keys: Vec<String>,
}

impl Reference {
    fn secret(name: &str, field: &'static str) -> Self {
        Reference { kind: "Secret", name: name.to_owned(), field, keys: Vec::new() }
    }

    fn config_map(name: &str, field: &'static str, keys: &[&str]) -> Self {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        Reference { kind: "ConfigMap", name: name.to_owned(), field, keys }
    }
}

/// Everything a pipeline names that workers need to start, in the order of the manifest.
pub fn references(pipeline: &StockPipeline) -> Vec<Reference> {
    let spec = &pipeline.spec;
    let (kafka, hdfs) = (&spec.source.kafka, &spec.lake.hdfs);
    let cassandra = &spec.feature_store.cassandra;
    let mut all = Vec::new();
    if let Some(map) = &kafka.config_map_ref {
        all.push(Reference::config_map(&map.name, "spec.source.kafka.configMapRef", &[&map.key]));
    }
    if let Some(secret) = &kafka.security.secret_ref {
        all.push(Reference::secret(&secret.name, "spec.source.kafka.security.secretRef"));
    }
    if let Some(secret) = &kafka.security.ca_secret_ref {
        all.push(Reference::secret(&secret.name, "spec.source.kafka.security.caSecretRef"));
    }
    if let Some(map) = &hdfs.config_map_ref {
        let keys = ["core-site.xml", "hdfs-site.xml"];
        all.push(Reference::config_map(&map.name, "spec.lake.hdfs.configMapRef", &keys));
    }
    if let Some(kerberos) = &hdfs.kerberos {
        let (keytab, krb5) = (&kerberos.keytab_secret_ref.name, &kerberos.krb5_config_map_ref.name);
        all.push(Reference::secret(keytab, "spec.lake.hdfs.kerberos.keytabSecretRef"));
        all.push(Reference::config_map(krb5, "spec.lake.hdfs.kerberos.krb5ConfigMapRef", &["krb5.conf"]));
    }
    if let Some(secret) = &cassandra.secret_ref {
        all.push(Reference::secret(&secret.name, "spec.featureStore.cassandra.secretRef"));
    }
    if let Some(secret) = &cassandra.ca_secret_ref {
        all.push(Reference::secret(&secret.name, "spec.featureStore.cassandra.caSecretRef"));
    }
    if let Some(map) = spec.calendar.as_ref().and_then(|calendar| calendar.holidays_ref.as_ref()) {
        all.push(Reference::config_map(&map.name, "spec.calendar.holidaysRef", &[&map.key]));
    }
    if let Some(auth) = spec.dashboard.auth.as_ref().filter(|_| spec.dashboard.enabled) {
        all.push(Reference::secret(&auth.secret_ref.name, "spec.dashboard.auth.secretRef"));
    }
    all
}

/// Why the names could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {name} cannot be read: {error}; it is tried again")]
pub struct DereferenceError {
    kind: &'static str,
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
    let wanted: BTreeSet<(&str, String)> =
        references(pipeline).into_iter().map(|reference| (reference.kind, reference.name)).collect();
    let mut found = Dereferenced::default();
    for (kind, name) in wanted {
        if kind == "Secret" {
            let failed = |error| DereferenceError { kind: "Secret", name: name.clone(), error: Box::new(error) };
            let secret = secrets.get_metadata_opt(&name).await.map_err(failed)?;
            found.secrets.insert(name, secret.map(|secret| stamp(secret.metadata)));
        } else {
            let failed =
                |error| DereferenceError { kind: "ConfigMap", name: name.clone(), error: Box::new(error) };
            let map = maps.get_opt(&name).await.map_err(failed)?;
            let map = map.map(|map| (stamp(map.metadata), map.data.unwrap_or_default()));
            found.config_maps.insert(name, map);
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_reference_of_a_manifest_is_found_with_its_field() {
        let pipeline: StockPipeline = serde_json::from_value(json!({
            "apiVersion": "stockpipe.dev/v1alpha1", "kind": "StockPipeline", "metadata": {"name": "market"},
            "spec": {
                "source": {"kafka": {"configMapRef": {"name": "kafka"},
                                     "security": {"secretRef": {"name": "user"}, "caSecretRef": {"name": "ca"}}}},
                "lake": {"hdfs": {"configMapRef": {"name": "hdfs"}, "kerberos": {"principal": "p",
                    "keytabSecretRef": {"name": "keytab"}, "krb5ConfigMapRef": {"name": "krb5"}}}},
                "featureStore": {"cassandra": {"contactPoints": ["c"], "secretRef": {"name": "db"},
                                               "caSecretRef": {"name": "db-ca"}}},
                "calendar": {"kind": "Sessions", "holidaysRef": {"name": "nyse", "key": "2026"}},
                "dashboard": {"auth": {"secretRef": {"name": "web"}}},
            },
        }))
        .unwrap();
        let names: Vec<_> = references(&pipeline).into_iter().map(|r| (r.kind, r.name)).collect();
        let expected = [
            ("ConfigMap", "kafka"),
            ("Secret", "user"),
            ("Secret", "ca"),
            ("ConfigMap", "hdfs"),
            ("Secret", "keytab"),
            ("ConfigMap", "krb5"),
            ("Secret", "db"),
            ("Secret", "db-ca"),
            ("ConfigMap", "nyse"),
            ("Secret", "web"),
        ];
        assert_eq!(names, expected.map(|(kind, name)| (kind, name.to_owned())));
        let mut hidden = pipeline;
        hidden.spec.dashboard.enabled = false;
        assert!(references(&hidden).iter().all(|reference| reference.name != "web"));
    }
}

//! Every Secret and ConfigMap that a pipeline names and its pods mount.
//!
//! One list serves three readers: what is looked up before anything is built, what pods mount, and what restarts them
//! when it changes. Secrets of the image's registry are not in it: the kubelet reads them, a pod mounts none.

use crds::StockPipeline;
use crds::pipeline::{
    Calendar, Cassandra, Dashboard, FeatureStore, Hdfs, HolidaysRef, Kafka, Kerberos, Lake, Security, Source,
};
use crds::reference::{ConfigMapKeyRef, ConfigMapRef, SecretRef};

use super::desired::Role;

/// The two kinds of object that a manifest can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

impl Kind {
    /// As Kubernetes spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Secret => "Secret",
            Kind::ConfigMap => "ConfigMap",
        }
    }
}

/// A field that names a Secret or a ConfigMap of the pipeline's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// What it names.
    pub kind: Kind,
    /// The object's name.
    pub name: String,
    /// The field, for messages.
    pub field: &'static str,
}

/// The field of the dashboard's own Secret, which no other role gets to see.
const DASHBOARD_AUTH: &str = "spec.dashboard.auth.secretRef";

impl Reference {
    fn secret(field: &'static str, to: &SecretRef) -> Self {
        Reference { kind: Kind::Secret, name: to.name.clone(), field }
    }

    fn config_map(field: &'static str, to: &ConfigMapRef) -> Self {
        Reference { kind: Kind::ConfigMap, name: to.name.clone(), field }
    }

    fn key(field: &'static str, to: &ConfigMapKeyRef) -> Self {
        Reference { kind: Kind::ConfigMap, name: to.name.clone(), field }
    }

    fn holidays(field: &'static str, to: &HolidaysRef) -> Self {
        Reference { kind: Kind::ConfigMap, name: to.name.clone(), field }
    }

    /// Whether pods of this role mount it; `None` stands for Jobs. A worker reads the credentials of every store at its
    /// start, whichever of them it will use.
    pub fn mounted_by(&self, role: Option<Role>) -> bool {
        self.field != DASHBOARD_AUTH || role == Some(Role::Dashboard)
    }
}

/// Everything that the pipeline names, in the order of its fields. An object that two fields name stands there twice.
///
/// The parts that hold references are taken apart completely: a new field does not compile until it is decided here.
pub fn references(pipeline: &StockPipeline) -> Vec<Reference> {
    let spec = &pipeline.spec;
    let Source { kafka, keyed: _, on_gap: _, tick_span: _ } = &spec.source;
    let Kafka { bootstrap_servers: _, config_map_ref: kafka_map, topic: _, security } = kafka;
    let Security { protocol: _, mechanism: _, secret_ref: kafka_secret, ca_secret_ref: kafka_ca } = security;
    let Lake { hdfs, root: _, roll: _, retention: _ } = &spec.lake;
    let Hdfs { uri: _, config_map_ref: hdfs_map, user: _, kerberos } = hdfs;
    let FeatureStore { cassandra, ttl: _ } = &spec.feature_store;
    let Cassandra {
        contact_points: _,
        datacenter: _,
        keyspace: _,
        replication_factor: _,
        secret_ref: cassandra_secret,
        ca_secret_ref: cassandra_ca,
        tls: _,
    } = cassandra;
    let Dashboard { enabled, replicas: _, port: _, auth, service: _, base_path: _, pod_overrides: _ } =
        &spec.dashboard;

    let mut found = Vec::new();
    found.extend(kafka_map.iter().map(|r| Reference::key("spec.source.kafka.configMapRef", r)));
    found.extend(kafka_secret.iter().map(|r| Reference::secret("spec.source.kafka.security.secretRef", r)));
    found.extend(kafka_ca.iter().map(|r| Reference::secret("spec.source.kafka.security.caSecretRef", r)));
    found.extend(hdfs_map.iter().map(|r| Reference::config_map("spec.lake.hdfs.configMapRef", r)));
    if let Some(Kerberos { principal: _, keytab_secret_ref, krb5_config_map_ref }) = kerberos {
        found.push(Reference::secret("spec.lake.hdfs.kerberos.keytabSecretRef", keytab_secret_ref));
        found.push(Reference::config_map("spec.lake.hdfs.kerberos.krb5ConfigMapRef", krb5_config_map_ref));
    }
    found.extend(
        cassandra_secret.iter().map(|r| Reference::secret("spec.featureStore.cassandra.secretRef", r)),
    );
    found
        .extend(cassandra_ca.iter().map(|r| Reference::secret("spec.featureStore.cassandra.caSecretRef", r)));
    if let Some(Calendar { kind: _, time_zone: _, open: _, close: _, holidays_ref }) = &spec.calendar {
        found.extend(holidays_ref.iter().map(|r| Reference::holidays("spec.calendar.holidaysRef", r)));
    }
    if *enabled {
        found.extend(auth.iter().map(|a| Reference::secret(DASHBOARD_AUTH, &a.secret_ref)));
    }
    found
}

#[cfg(test)]
mod tests {
    use crds::{Bare, File, Manifest};

    use super::*;

    fn pipeline(spec: &str) -> StockPipeline {
        let text = format!(
            "apiVersion: stockpipe.dev/v1alpha1\nkind: StockPipeline\nmetadata: {{name: quotes}}\nspec:\n{spec}"
        );
        let file = File { name: "f".to_owned(), text };
        Manifest::load(&[file], &[], Bare::Pipeline, &|_: &str| None, true).unwrap().pipeline
    }

    #[test]
    fn every_reference_of_the_schema_is_found() {
        let spec = "  source: {kafka: {configMapRef: {name: a}, security: {protocol: SSL, secretRef: {name: b}, caSecretRef: \
                    {name: c}}}}\n  lake: {hdfs: {configMapRef: {name: d}, kerberos: {principal: p, keytabSecretRef: {name: e}, \
                    krb5ConfigMapRef: {name: f}}}}\n  featureStore: {cassandra: {contactPoints: [x], secretRef: {name: g}, \
                    caSecretRef: {name: h}}}\n  calendar: {kind: Sessions, timeZone: Etc/UTC, open: '09:00', close: \
                    '17:00', holidaysRef: {name: i}}\n  dashboard: {auth: {secretRef: {name: j}}}\n  image: {pullSecrets: [{name: not-mounted}]}\n";
        let found = references(&pipeline(spec));
        let names: String = found.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, "abcdefghij");
        // The schema spells each field in the same words.
        let schema = crds::validate::Kind::StockPipeline.schema();
        for Reference { kind, field, .. } in &found {
            let pointer = format!("/properties/{}", field.replace('.', "/properties/"));
            assert!(schema.pointer(&pointer).is_some(), "{field} is no field");
            assert_eq!(field.to_lowercase().contains("secret"), *kind == Kind::Secret, "{field}");
        }
        let in_schema = count_references(schema, "spec");
        assert_eq!(found.len(), in_schema, "the schema has {in_schema} references");
    }

    /// Fields of the schema that are called a reference to something a pod can mount.
    fn count_references(schema: &serde_json::Value, name: &str) -> usize {
        let lower = name.to_lowercase();
        let is_reference =
            ["secretref", "configmapref", "holidaysref"].iter().any(|end| lower.ends_with(end));
        let below = schema["properties"].as_object().into_iter().flatten();
        usize::from(is_reference) + below.map(|(name, schema)| count_references(schema, name)).sum::<usize>()
    }

    #[test]
    fn what_nobody_shows_needs_no_password() {
        let spec = "  source: {kafka: {bootstrapServers: 'k:1'}}\n  lake: {hdfs: {uri: 'hdfs://n'}}\n  featureStore: {cassandra: \
                    {contactPoints: [x]}}\n  dashboard: {enabled: false, auth: {secretRef: {name: j}}}\n";
        assert_eq!(references(&pipeline(spec)), []);
    }

    #[test]
    fn the_pages_password_is_the_pages_alone() {
        let page = Reference { kind: Kind::Secret, name: "n".to_owned(), field: DASHBOARD_AUTH };
        let other = Reference { field: "spec.source.kafka.security.secretRef", ..page.clone() };
        for role in Role::ALL.map(Some).into_iter().chain([None]) {
            assert_eq!(page.mounted_by(role), role == Some(Role::Dashboard));
            assert!(other.mounted_by(role));
        }
    }
}

//! Any valid pipeline: every role, every reference, every shape of override, names as long as they may be.

use std::fmt::Write as _;

use crds::{Bare, File, Manifest, StockPipeline};
use operator::pipeline::desired::Desired;
use proptest::prelude::*;

use super::desired;

/// Names that other objects have: short, with dots, longer than a volume's name may be.
fn object_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "s[a-z]{0,3}",
        "s[a-z]{0,3}\\.[a-z]{1,4}",
        "s[a-z]{63,252}",
        Just("manifest".to_owned()),
        Just("tmp".to_owned())
    ]
}

/// Overrides of every shape that is merged in its own way, and some that attack what must hold.
fn pod_override() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "{metadata: {labels: {app.kubernetes.io/component: stolen, extra: 'yes'}}}",
        "{metadata: {labels: null}}",
        "{metadata: null}",
        "{metadata: {labels: {app.kubernetes.io/instance: null}}}",
        "{spec: {containers: [{name: stockpipe, env: [{name: RUST_LOG, value: debug}]}, {name: side, image: i}]}}",
        "{spec: {volumes: [{name: more, emptyDir: {}}], containers: [{name: stockpipe, volumeMounts: [{name: more, mountPath: /more}]}]}}",
        "{spec: {tolerations: [{operator: Exists}], nodeSelector: {disk: fast}}}",
    ])
    .prop_map(str::to_owned)
}

/// What one generated pipeline says.
#[derive(Debug, Clone)]
pub struct Choice {
    pub name: String,
    partitions: u32,
    replicas: u32,
    dashboards: u32,
    secrets: Vec<Option<String>>,
    maps: Vec<Option<String>>,
    flags: Vec<bool>,
    mode: &'static str,
    overrides: Vec<Option<String>>,
    labels: bool,
    pub held: Option<String>,
    pub cleanup: bool,
}

pub fn choice() -> impl Strategy<Value = Choice> {
    let named = (
        "[a-z]([a-z0-9-]{0,38}[a-z0-9])?",
        prop::collection::vec(prop::option::of(object_name()), 5),
        prop::collection::vec(prop::option::of(object_name()), 3),
    );
    let counted = (1u32..=64, 0u32..=64, 0u32..=5);
    let rest = (
        prop::collection::vec(any::<bool>(), 7),
        prop::sample::select(vec!["Ingress", "Full", "None"]),
        prop::collection::vec(prop::option::of(pod_override()), 3),
        any::<bool>(),
        prop::option::of("[0-9a-f]{10}"),
        prop::bool::weighted(0.1),
    );
    (named, counted, rest).prop_map(|((name, secrets, maps), (partitions, replicas, dashboards), rest)| {
        let (flags, mode, overrides, labels, held, cleanup) = rest;
        let replicas = replicas.min(partitions);
        Choice {
            name,
            partitions,
            replicas,
            dashboards,
            secrets,
            maps,
            flags,
            mode,
            overrides,
            labels,
            held,
            cleanup,
        }
    })
}

impl Choice {
    fn spec(&self) -> String {
        let secret = |i: usize, field: &str| match &self.secrets[i] {
            Some(name) => format!(", {field}: {{name: {name}}}"),
            None => String::new(),
        };
        let patch = |i: usize| match &self.overrides[i] {
            Some(patch) => format!(", podOverrides: {patch}"),
            None => String::new(),
        };
        let kafka = match &self.maps[0] {
            Some(name) => format!("configMapRef: {{name: {name}}}"),
            None => "bootstrapServers: 'k:1,l:2'".to_owned(),
        };
        let hdfs = match &self.maps[1] {
            Some(name) => format!("configMapRef: {{name: {name}}}"),
            None => "uri: 'hdfs://n'".to_owned(),
        };
        let kerberos = match (&self.secrets[4], &self.maps[2]) {
            (Some(keytab), Some(krb5)) => format!(
                ", kerberos: {{principal: p, keytabSecretRef: {{name: {keytab}}}, krb5ConfigMapRef: {{name: {krb5}}}}}"
            ),
            _ => String::new(),
        };
        let auth = self.secrets[3]
            .as_ref()
            .map(|n| format!(", auth: {{secretRef: {{name: {n}}}}}"))
            .unwrap_or_default();
        let Choice { partitions, replicas, dashboards, mode, flags, .. } = self;
        let mut spec = format!(
            "  source: {{keyed: {keyed}, kafka: {{{kafka}, topic: {{partitions: {partitions}}}, security: {{protocol: SSL{user}{ca}}}}}}}\n  \
             lake: {{hdfs: {{{hdfs}{kerberos}}}}}\n  \
             featureStore: {{cassandra: {{contactPoints: [c]{store}}}}}\n  \
             ingest: {{replicas: {replicas}{for_ingest}}}\n  \
             predictor: {{enabled: {predicts}{for_predictor}}}\n  \
             dashboard: {{enabled: {shows}, replicas: {dashboards}{auth}}}\n  \
             producer: {{enabled: {produces}}}\n  \
             operation: {{stopped: {stopped}}}\n  \
             monitoring: {{podMonitor: {monitor}, prometheusRule: {rule}}}\n  \
             networkPolicy: {{mode: {mode}}}\n",
            keyed = flags[0],
            user = secret(0, "secretRef"),
            ca = secret(1, "caSecretRef"),
            store = secret(2, "secretRef"),
            for_ingest = patch(0),
            predicts = flags[1],
            for_predictor = patch(1),
            shows = flags[2],
            produces = flags[3],
            stopped = flags[4],
            monitor = flags[5],
            rule = flags[6],
        );
        if let Some(patch) = &self.overrides[2] {
            let _ = writeln!(spec, "  podOverrides: {patch}");
        }
        if self.labels {
            spec.push_str(
                "  metadata: {labels: {app.kubernetes.io/component: mine, team: a}, annotations: {a: b}}\n",
            );
        }
        spec
    }

    pub fn desired(&self) -> Desired {
        let text = format!(
            "apiVersion: stockpipe.dev/v1alpha1\nkind: StockPipeline\nmetadata: {{name: {}, namespace: trading, uid: 0b5e-uid}}\n\
             spec:\n{}",
            serde_json::to_string(&self.name).unwrap(),
            self.spec()
        );
        let pipeline = load(&text);
        Desired { held_config: self.held.clone(), cleanup: self.cleanup, ..desired(pipeline) }
    }
}

/// Reads a manifest that must be valid.
pub fn load(text: &str) -> StockPipeline {
    let file = File { name: "any.yaml".to_owned(), text: text.to_owned() };
    Manifest::load(&[file], &[], Bare::Pipeline, &|_: &str| None, true)
        .unwrap_or_else(|e| panic!("not valid: {e}\n{text}"))
        .pipeline
}

//! SCRAM over TLS to Kafka, a password over TLS to Cassandra: the whole path. Wrong credentials and missing permissions are
//! clear errors, soon.

use crate::support::{Crew, Load, Program, Reference, assert_exactly_once, assert_same, ends, semantics};
use serde_json::{Value, json};
use servers::{APP, Certificates, NOBODY, Options, SUPERUSER, Stack};
use std::time::Duration;

const PARTITIONS: u32 = 2;
const SOON: Duration = Duration::from_secs(120);
/// An error that a person waits for.
const CLEAR: Duration = Duration::from_secs(30);

fn spec(stack: &Stack) -> Value {
    json!({
        "source": {"kafka": {
            "bootstrapServers": stack.kafka.bootstrap_scram(),
            "security": {
                "protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-256",
                "secretRef": {"name": "kafka"}, "caSecretRef": {"name": "ca"},
            },
        }},
        "featureStore": {"cassandra": {"secretRef": {"name": "cassandra"}, "caSecretRef": {"name": "ca"}, "tls": true}},
    })
}

fn secrets(program: &Program, certificates: &Certificates, kafka: (&str, &str), cassandra: (&str, &str)) {
    program.secret("ca", &[("ca.crt", &certificates.ca)]);
    program.secret("kafka", &[("username", kafka.0), ("password", kafka.1)]);
    program.secret("cassandra", &[("username", cassandra.0), ("password", cassandra.1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_path_over_tls_and_what_is_said_without_permission() {
    let stack = Stack::start(Options { secured: true, ..Options::default() }).await.expect("a secured stack");
    let certificates = stack.certificates.clone().expect("certificates");
    whole_path(&stack, &certificates).await;
    client_certificate(&stack, &certificates).await;
    refusals(&stack, &certificates).await;
}

async fn whole_path(stack: &Stack, certificates: &Certificates) {
    let program = Program::new(stack, "secured", PARTITIONS, spec(stack));
    secrets(&program, certificates, APP, SUPERUSER);
    program.ok(&["init"]).await;
    program.ok(&["doctor"]).await;
    let mut crew = Crew::new(&program, 1);
    // The open listener is the harness's own.
    let bootstrap = stack.kafka.bootstrap();
    Load::default().send(bootstrap, &program.name, 0, 10_000, 0).done().await;
    let ends = ends(bootstrap, &program.name, PARTITIONS).await;
    crew.committed(&ends, SOON).await;
    crew.drain(SOON).await;
    crew.assert_quiet();
    for secret in [APP.1, "PRIVATE KEY"] {
        assert!(!crew.workers[0].log().contains(secret), "a secret is in the log");
    }
    let expected = Reference::of(bootstrap, &program.name, semantics(PARTITIONS)).await;
    let dump = program.ok(&["dump"]).await;
    assert_exactly_once(&dump, &expected.ends);
    assert_same(&expected.lines, &dump, "over TLS");
}

/// Mutual TLS instead of a password, as Strimzi's Secrets have it.
async fn client_certificate(stack: &Stack, certificates: &Certificates) {
    let mut spec = spec(stack);
    spec["source"]["kafka"] = json!({
        "bootstrapServers": stack.kafka.bootstrap_mutual(),
        "security": {"protocol": "SSL", "secretRef": {"name": "kafka"}, "caSecretRef": {"name": "ca"}},
    });
    let program = Program::new(stack, "mutual", PARTITIONS, spec);
    secrets(&program, certificates, APP, SUPERUSER);
    program.secret("kafka", &[("user.crt", &certificates.client), ("user.key", &certificates.client_key)]);
    program.ok(&["init"]).await;
    program.ok(&["status"]).await;
}

/// What it is, the two logins, and the words that `init` must say.
type Case = (&'static str, Login, Login, &'static [&'static str]);
type Login = (&'static str, &'static str);

async fn refusals(stack: &Stack, certificates: &Certificates) {
    let wrong = "not-the-password";
    let cases: [Case; 4] = [
        ("a wrong Kafka password", (APP.0, wrong), SUPERUSER, &["Kafka", "credentials", "secret"]),
        ("a Kafka user without permission", NOBODY, SUPERUSER, &["permi"]),
        ("a wrong Cassandra password", APP, (SUPERUSER.0, wrong), &["Cassandra"]),
        ("a missing Cassandra user", APP, ("stranger", wrong), &["Cassandra"]),
    ];
    for (what, kafka, cassandra, words) in cases {
        let program = Program::new(stack, "refused", PARTITIONS, spec(stack));
        secrets(&program, certificates, kafka, cassandra);
        for command in ["init", "doctor", "ingest"] {
            let said = program.fails(&[command], CLEAR).await;
            let lines = said.lines().count();
            assert!(lines < 60, "{what}, {command}: {lines} lines\n{said}");
            if command == "init" {
                let lower = said.to_lowercase();
                let missing: Vec<&&str> =
                    words.iter().filter(|word| !lower.contains(&word.to_lowercase())).collect();
                assert!(missing.is_empty(), "{what}, {command}: {missing:?} is not in\n{said}");
            }
            assert!(!said.contains(wrong) && !said.contains(NOBODY.1), "{what}: a secret is said\n{said}");
        }
    }
    // A client in the middle of a TLS handshake as the process exits: it crashed or hung in one exit of ten.
    let program = Program::new(stack, "refused", PARTITIONS, spec(stack));
    secrets(&program, certificates, APP, SUPERUSER);
    for _ in 0..50 {
        let said = program.fails(&["ingest"], CLEAR).await;
        assert!(said.contains("stockpipe init"), "{said}");
    }
}

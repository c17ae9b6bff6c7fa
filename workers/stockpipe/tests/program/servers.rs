//! Without `--data` the program works on servers. Here are none: what it says then, how soon, and how it ends.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::program::{Program, STORES, finish};

/// Nobody listens there.
const NOBODY: &str = "source: {kafka: {bootstrapServers: '127.0.0.1:1', topic: {partitions: 2}}}
lake: {hdfs: {uri: 'hdfs://127.0.0.1:1'}}
featureStore: {cassandra: {contactPoints: ['127.0.0.1:1'], keyspace: market}}
";
/// The limit for an answer, with some room for a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// Runs on servers; exit code, stdout, stderr.
fn run(program: &Program, args: &[&str]) -> (Option<i32>, String, String) {
    let began = Instant::now();
    let output = finish(program.command_on_servers(args).spawn().unwrap(), args);
    assert!(began.elapsed() < SOON, "{args:?} took {:?}", began.elapsed());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!err.contains("panicked"), "{err}");
    (output.status.code(), out, err)
}

#[test]
fn an_unreachable_server_is_one_clear_error_soon() {
    let program = Program::new(NOBODY);
    for args in [
        &["bars"][..],
        &["dead-letters"],
        &["status"],
        &["dump"],
        &["init"],
        &["import", "--csv", "/dev/null"],
        &["fsck"],
    ] {
        let (code, out, err) = run(&program, args);
        assert_eq!(code, Some(1), "{args:?}\n{err}");
        assert_eq!(out, "", "{args:?}");
        assert_eq!(err.lines().filter(|l| l.starts_with("error:")).count(), 1, "{args:?}\n{err}");
        assert!(err.contains("127.0.0.1:1"), "{args:?} names the address\n{err}");
        assert!(err.lines().count() <= 5, "{args:?} does not flood\n{err}");
    }
}

#[test]
fn a_role_waits_for_its_servers_says_so_once_and_answers_probes() {
    let program = Program::new(NOBODY);
    for role in ["ingest", "predict", "dashboard"] {
        let args = [role, "--listen", "127.0.0.1:0", "--run-for", "6s"];
        let (code, _, err) = run(&program, &args);
        assert_eq!(code, Some(1), "{role} never worked: that is no success\n{err}");
        assert!(err.contains("/status") && err.contains("waits and tries again"), "{role}\n{err}");
        assert!(err.lines().count() <= 12, "{role} does not flood\n{err}");
    }
}

#[test]
fn doctor_finds_every_server_that_does_not_answer() {
    let program = Program::new(NOBODY);
    let (code, out, err) = run(&program, &["doctor", "-o", "json"]);
    assert_eq!(code, Some(1), "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["ok"], false);
    let failed: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["verdict"] == "fail")
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    for server in ["kafka", "hdfs", "cassandra"] {
        assert!(failed.iter().any(|name| name.starts_with(server)), "{server} in {failed:?}");
    }
}

#[test]
fn what_is_set_up_wrong_is_told_before_anything_is_contacted() {
    let secured = NOBODY.replace(
        "bootstrapServers: '127.0.0.1:1',",
        "bootstrapServers: '127.0.0.1:1', security: {protocol: SASL_SSL, mechanism: SCRAM-SHA-512, secretRef: {name: reader}},",
    );
    let program = Program::new(&secured);
    let mounts = program.path("mounts");
    let mounts = mounts.to_str().unwrap();
    for args in [&["bars", "--mounts", mounts][..], &["ingest", "--mounts", mounts]] {
        let (code, _, err) = run(&program, args);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains("source.kafka.security.secretRef") && err.contains("--mounts"), "{err}");
        assert!(err.contains("secrets/reader"), "{err}");
    }
    fs::create_dir_all(program.path("mounts/secrets/reader")).unwrap();
    let (code, _, err) = run(&program, &["bars", "--mounts", mounts]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("no key password"), "{err}");
}

#[test]
fn neither_servers_nor_a_directory_is_refused() {
    let program = Program::new(&NOBODY.replace("bootstrapServers: '127.0.0.1:1', ", ""));
    let (code, _, err) = run(&program, &["bars"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("bootstrapServers"), "{err}");

    let program = Program::new(STORES);
    let (code, _, err) = run(&program, &["local"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("--data"), "{err}");
}

#[test]
fn the_old_environment_names_are_followed() {
    let program = Program::new(STORES);
    let mut command = program.command_on_servers(&["bars"]);
    command.env("CASSANDRA_HOST", "127.0.0.1").env("CASSANDRA_PORT", "1").env("KEYSPACE", "quotes");
    let output = finish(command.spawn().unwrap(), "bars");
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("127.0.0.1:1"), "{err}");

    let mut command = program.command_on_servers(&["bars"]);
    command.env("CASSANDRA_PORT", "tcp://10.0.0.1:9042");
    let output = finish(command.spawn().unwrap(), "bars");
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("enableServiceLinks"), "{err}");
}

#[test]
fn rekey_is_for_topics_without_keys() {
    let (code, _, err) = run(&Program::new(NOBODY), &["rekey"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("source.keyed"), "{err}");
}

//! The harness itself: a kill is seen, a restarted server keeps its objects, users are who they are, nothing is left behind.

use cluster::{ADMIN, ApiServer, NOBODY, OPERATOR, request, until};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_comes_back_with_its_objects() {
    let server = ApiServer::start_bare().await.expect("an API server");
    let client = server.client(ADMIN).await.expect("a client");
    let body =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"a": "b"}});
    let path = "/api/v1/namespaces/default/configmaps";
    let made = until("the namespace default", SOON, async || {
        client.request::<Value>(request::post(path, &body)).await.map_err(|error| error.to_string())
    })
    .await
    .expect("an object");

    server.server.kill().expect("it is killed");
    assert_eq!(server.server.pid(), None);
    assert!(client.request::<Value>(request::get(path)).await.is_err(), "nobody answers");
    server.restart().await.expect("it is back");
    let again: Value = client.request(request::get(&format!("{path}/kept"))).await.expect("the object");
    assert_eq!(again["metadata"]["uid"], made["metadata"]["uid"]);

    let pids = [&server.server, &server.etcd].map(|server| server.pid().expect("it runs"));
    let dir = server.dir.clone();
    drop(server);
    assert!(pids.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()), "both are gone");
    assert!(!dir.exists(), "so is the folder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_may_do_what_their_groups_may() {
    let server = cluster::shared().await;
    let who = server.kubectl(OPERATOR, &["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
    assert_eq!(who.expect("an answer"), OPERATOR);
    assert!(server.kubectl(ADMIN, &["auth", "can-i", "*", "*", "--all-namespaces"]).is_ok());
    for user in [OPERATOR, NOBODY] {
        let refused = server.kubectl(user, &["get", "configmaps"]).expect_err("nobody allowed it");
        assert!(refused.to_string().contains("Forbidden"), "{refused}");
    }
}

/// Set in a process of ours that is to die with its servers.
const VICTIM: &str = "STOCKPIPE_VICTIM";

/// Nothing where it is run as a test: [`servers_end_with_a_process_that_is_killed`] runs it as a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victim() {
    let Some(told) = std::env::var_os(VICTIM) else { return };
    let server = ApiServer::start_bare().await.expect("an API server");
    let pids = [&server.server, &server.etcd].map(|server| server.pid().expect("it runs").to_string());
    std::fs::write(told, format!("{} {}", pids.join(" "), server.dir.display())).expect("told");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_end_with_a_process_that_is_killed() {
    let dir = tempfile::tempdir().expect("a folder");
    let told = dir.path().join("told");
    let mut process = std::process::Command::new(std::env::current_exe().expect("this test has a file"))
        .args(["--exact", "harness::victim", "--nocapture"])
        .env(VICTIM, &told)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("a process");
    let text = || std::fs::read_to_string(&told).unwrap_or_default();
    until(
        "the victim has servers",
        2 * SOON,
        async || if text().contains('/') { Ok(()) } else { Err(text()) },
    )
    .await
    .expect("servers");
    process.kill().expect("it is killed");
    process.wait().expect("it is gone");
    let text = text();
    let words: Vec<&str> = text.split(' ').collect();
    let [api, etcd, folder] = words[..] else { panic!("{text}") };
    until("servers and folder are gone", SOON, async || {
        let lives = [api, etcd].iter().any(|pid| Path::new(&format!("/proc/{pid}/cwd")).exists());
        if lives || Path::new(folder).exists() { Err(format!("alive {lives}, {text}")) } else { Ok(()) }
    })
    .await
    .expect("nothing is left");
}

//! The operator as a process against a real API server, with the rights it prints for itself and no more: what it makes, that
//! it rests once all is made, that two of them never write at once.
//!
//! No controller runs here: Deployments stay without pods, Jobs end when a test says so.

use crate::support::{create, merge, table};
use cluster::jobs::{Ending, finish, start};
use cluster::operator::{Operator, SYSTEM, grant};
use cluster::{ADMIN, ApiServer, request, until};
use kube::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub const SOON: Duration = Duration::from_secs(120);
pub const NAMESPACE: &str = "market";
const MARKET: &str = "/apis/stockpipe.dev/v1alpha1/namespaces/market/stockpipelines/market";
/// Every kind of child, and what makes them; Events and Leases are written all the time.
const KINDS: &[&str] = &[
    "/api/v1/configmaps",
    "/api/v1/services",
    "/api/v1/serviceaccounts",
    "/apis/apps/v1/deployments",
    "/apis/batch/v1/jobs",
    "/apis/policy/v1/poddisruptionbudgets",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/stockpipe.dev/v1alpha1/stockpipelines",
    "/apis/stockpipe.dev/v1alpha1/trainingruns",
];

/// The operator's program, built beside this test.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("this test has a file");
    let program =
        test.parent().and_then(|deps| deps.parent()).expect("a target folder").join("stockpipe-operator");
    assert!(program.exists(), "{} is missing: cargo build -p stockpipe-operator", program.display());
    program
}

/// An API server on which the user `operator` has the rights that the operator prints, and nothing else.
pub async fn world() -> (ApiServer, Client) {
    let server = ApiServer::start().await.expect("an API server");
    grant(&server, &program()).expect("its rights");
    server.kubectl(ADMIN, &["create", "namespace", NAMESPACE]).expect("a namespace");
    let client = server.client(ADMIN).await.expect("a client");
    (server, client)
}

pub fn pipeline(name: &str) -> Value {
    let mut object = table()["bases"]["pipeline"].clone();
    merge(&mut object, &json!({"metadata": {"name": name}}));
    object
}

/// Children of a pipeline, of a kind, by name.
async fn children(client: &Client, kind: &str, pipeline: &str) -> Result<Vec<Value>, String> {
    let path = format!("{kind}?labelSelector=stockpipe.dev%2Fpipeline%3D{pipeline}");
    let list: Value = client.request(request::get(&path)).await.map_err(|error| error.to_string())?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

/// Waits for the init Job and ends it well.
async fn initialised(client: &Client, pipeline: &str) {
    let job = until("the init Job", SOON, async || {
        let jobs = children(client, "/apis/batch/v1/jobs", pipeline).await?;
        jobs.first()
            .and_then(|job| job["metadata"]["name"].as_str().map(str::to_owned))
            .ok_or("none yet".to_owned())
    })
    .await
    .expect("an init Job");
    let pod = start(client, NAMESPACE, &job).await.expect("it runs");
    finish(client, NAMESPACE, &job, &pod, Ending::exit(0, "")).await.expect("it ends");
    until("the ingest Deployment", SOON, async || {
        let found = children(client, "/apis/apps/v1/deployments", pipeline).await?;
        if found.is_empty() { Err("none yet".to_owned()) } else { Ok(()) }
    })
    .await
    .expect("workers after the init");
}

/// The version of every object there is.
async fn versions(client: &Client) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for kind in KINDS {
        let list: Value = client.request(request::get(kind)).await.expect("a list");
        for object in list["items"].as_array().into_iter().flatten() {
            let meta = &object["metadata"];
            let key = format!("{kind} {}/{}", meta["namespace"], meta["name"]);
            found.insert(key, meta["resourceVersion"].to_string());
        }
    }
    found
}

/// Passes of the controller that writes children; the one of trainings looks at the pipeline sooner.
const PASSES: &str = r#"stockpipe_operator_reconcile_total{kind="StockPipeline""#;

/// Touches the pipeline, waits until the operator has looked at it again, and gives the pipeline's version as touched.
async fn looked_again(client: &Client, operator: &Operator, mark: &str) -> String {
    let before = operator.metric(PASSES).expect("a count");
    let patch = json!({"metadata": {"annotations": {"test": mark}}});
    let touched: Value = client.request(request::merge(MARKET, &patch)).await.expect("a touch");
    until("another reconcile", SOON, async || {
        let now = operator.metric(PASSES)?;
        if now > before { Ok(()) } else { Err(format!("{now} as before")) }
    })
    .await
    .expect("it looks again");
    touched["metadata"]["resourceVersion"].to_string()
}

/// What was written while the operator looked at the pipeline once more, the touch that made it look aside.
async fn written(client: &Client, operator: &Operator, mark: &str) -> Vec<String> {
    let mut before = versions(client).await;
    let touched = looked_again(client, operator, mark).await;
    let touch = before.iter_mut().filter(|(key, _)| key.contains("stockpipelines"));
    touch.for_each(|(_, version)| *version = touched.clone());
    let after = versions(client).await;
    let gone = before.keys().filter(|key| !after.contains_key(*key)).cloned();
    gone.chain(
        after.iter().filter(|(key, version)| before.get(*key) != Some(version)).map(|(key, _)| key.clone()),
    )
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_all_is_made_nothing_more_is_written() {
    let (server, client) = world().await;
    let operator = Operator::start(&server, &program(), "one").expect("the operator");
    create(&client, NAMESPACE, &pipeline("market")).await.expect("a pipeline");
    initialised(&client, "market").await;

    // What follows from the end of the init is written within a few looks; some of it waits, so that no object is written
    // all the time.
    let (mut round, mut quiet) = (0, 0);
    until("three looks in a row that write nothing", SOON, async || {
        round += 1;
        let written = written(&client, &operator, &format!("round {round}")).await;
        quiet = if written.is_empty() { quiet + 1 } else { 0 };
        if quiet == 3 {
            Ok(())
        } else {
            Err(format!("{quiet} quiet looks; written in the last: {written:?}"))
        }
    })
    .await
    .expect("it rests");

    // The test can fail: what a stranger breaks is written again, and seen.
    let at = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments");
    let deployments = children(&client, "/apis/apps/v1/deployments", "market").await.expect("a list");
    let name = deployments[0]["metadata"]["name"].as_str().expect("a name");
    client.request::<Value>(request::delete(&format!("{at}/{name}"))).await.expect("a stranger deletes");
    let mut seen = written(&client, &operator, "broken").await;
    seen.retain(|key| key.contains("deployments"));
    assert!(!seen.is_empty(), "a Deployment that was gone is made again");

    let rest: Value = client.request(request::get(MARKET)).await.expect("the pipeline");
    let conditions = rest["status"]["conditions"].as_array().expect("conditions");
    assert!(conditions.iter().all(|condition| condition["observedGeneration"] == 1), "{conditions:?}");
    assert!(!operator.told().contains("orbidden"), "its own roles suffice:\n{}", operator.told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_are_applied_and_what_others_wrote_stays() {
    let (server, client) = world().await;
    let operator = Operator::start(&server, &program(), "one").expect("the operator");
    create(&client, NAMESPACE, &pipeline("market")).await.expect("a pipeline");
    initialised(&client, "market").await;

    let deployment =
        children(&client, "/apis/apps/v1/deployments", "market").await.expect("a list").remove(0);
    let name = deployment["metadata"]["name"].as_str().expect("a name");
    let writers = deployment["metadata"]["managedFields"].as_array().expect("writers");
    let ours = writers.iter().filter(|writer| writer["operation"] == "Apply").collect::<Vec<_>>();
    assert_eq!(ours.len(), 1, "{writers:?}");
    assert_eq!(ours[0]["manager"], "stockpipe-pipeline");
    assert_eq!(deployment["metadata"]["ownerReferences"][0]["kind"], "StockPipeline");

    // A stranger's label stays; a stranger's change of what is ours does not.
    let at = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}");
    let theirs = json!({
        "metadata": {"labels": {"cost-centre": "7", "stockpipe.dev/pipeline": "market"}},
        "spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}},
    });
    client.request::<Value>(request::merge(&at, &theirs)).await.expect("a stranger writes");
    looked_again(&client, &operator, "drift").await;
    let grace = &deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
    until("the drift is repaired", SOON, async || {
        let now: Value = client.request(request::get(&at)).await.map_err(|error| error.to_string())?;
        let repaired = now["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == *grace;
        let kept = now["metadata"]["labels"]["cost-centre"] == "7";
        if repaired && kept { Ok(()) } else { Err(format!("repaired {repaired}, label kept {kept}")) }
    })
    .await
    .expect("drift");
}

/// The server creates what is applied with a version that no object has, and refuses it where the name is taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_somebody_elses_is_left_alone() {
    let (server, client) = world().await;
    let services = format!("/api/v1/namespaces/{NAMESPACE}/services");
    let theirs = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "market-dashboard"},
                        "spec": {"ports": [{"port": 80}]}});
    let theirs: Value = client.request(request::post(&services, &theirs)).await.expect("their Service");
    let _operator = Operator::start(&server, &program(), "one").expect("the operator");
    create(&client, NAMESPACE, &pipeline("market")).await.expect("a pipeline");
    until("the conflict is told", SOON, async || {
        let market: Value = client.request(request::get(MARKET)).await.map_err(|error| error.to_string())?;
        let conditions = market["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let told = |one: &Value| {
            one["reason"] == "Conflict"
                && one["message"].as_str().is_some_and(|m| m.contains("Service market-dashboard"))
        };
        if conditions.iter().any(told) { Ok(()) } else { Err(format!("{conditions:?}")) }
    })
    .await
    .expect("a conflict");
    let at = format!("{services}/market-dashboard");
    let now: Value = client.request(request::get(&at)).await.expect("their Service");
    assert_eq!(now["metadata"]["resourceVersion"], theirs["metadata"]["resourceVersion"], "{now}");

    client.request::<Value>(request::delete(&at)).await.expect("they delete it");
    initialised(&client, "market").await;
    let ours: Value = client.request(request::get(&at)).await.expect("our Service");
    assert_eq!(ours["metadata"]["ownerReferences"][0]["kind"], "StockPipeline", "{ours}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_operators_one_writes_and_the_other_takes_over() {
    let (server, client) = world().await;
    let leads = async |operator: &Operator| match operator.metric("stockpipe_operator_leader") {
        Ok(leader) if leader >= 1.0 => Ok(()),
        other => Err(format!("{other:?}")),
    };
    let mut first = Operator::start(&server, &program(), "first").expect("the operator");
    until("the first leads", SOON, async || leads(&first).await).await.expect("a leader");
    let second = Operator::start(&server, &program(), "second").expect("the operator");
    until("the second waits", SOON, async || match second.metric("stockpipe_operator_leader") {
        Ok(leader) if leader == 0.0 && second.told().contains("waiting for lease") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .expect("a second");
    create(&client, NAMESPACE, &pipeline("one")).await.expect("a pipeline");
    initialised(&client, "one").await;
    assert!(leads(&second).await.is_err(), "one leads while the other lives");

    first.kill().expect("it is killed");
    until("the second takes over", SOON, async || leads(&second).await).await.expect("a new leader");
    create(&client, NAMESPACE, &pipeline("two")).await.expect("a pipeline");
    initialised(&client, "two").await;
    let lease: Value = client
        .request(request::get(&format!(
            "/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/stockpipe-operator"
        )))
        .await
        .expect("the Lease");
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
    assert!(holder.starts_with("second"), "{lease}");
}

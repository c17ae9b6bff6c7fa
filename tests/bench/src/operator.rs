//! How long the operator takes for many pipelines on a real API server, and what it costs when all is made.
//!
//! No node runs: this process ends each pipeline's init Job well as soon as it sees it, and Deployments stay without pods.
//! etcd, the API server and this process share the machine's cores with the operator, so that the time is of all of them.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Debug;
use std::pin::pin;
use std::time::{Duration, Instant};

use cluster::operator::{Operator, grant};
use cluster::{ADMIN, ApiServer, request, until};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::figures::{Measured, Side};
use crate::servers::worker::beside;

const NAMESPACE: &str = "stocks";
const PIPELINES: &str = "/apis/stockpipe.dev/v1alpha1/namespaces/stocks/stockpipelines";
/// The same pipeline as in the quick start.
const EXAMPLE: &str = include_str!("../../../examples/pipeline.yaml");
/// Its roles: ingest, predictor, dashboard, producer.
const ROLES: usize = 4;
const MANY: usize = 1000;
const FEW: usize = 100;
/// Requests of ours at a time.
const IN_FLIGHT: usize = 16;
const PATIENCE: Duration = Duration::from_secs(600);
/// How long it is watched at rest.
const REST: Duration = Duration::from_secs(60);

/// Seconds until every pipeline has all of its objects; then percent of a core and writes in a minute of rest.
pub fn pipelines(side: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let count = match (side, quick) {
        (Side::Own, false) => MANY,
        (Side::Own, true) | (Side::Peer, false) => FEW,
        (Side::Peer, true) => FEW / 10,
    };
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(measure(count))
}

async fn measure(count: usize) -> Result<Measured, Box<dyn Error>> {
    let program = beside("stockpipe-operator")?;
    let server = ApiServer::start().await?;
    grant(&server, &program)?;
    server.kubectl(ADMIN, &["create", "namespace", NAMESPACE])?;
    let client = server.client(ADMIN).await?;
    create(&client, count).await?;

    let begun = Instant::now();
    let operator = Operator::start(&server, &program, "bench")?;
    made(&client, count).await?;
    let took = begun.elapsed();
    let busy = operator.cpu_time();
    eprintln!(
        "  {count} pipelines after {:.1} s, {:.1} s of CPU time",
        took.as_secs_f64(),
        busy.as_secs_f64()
    );

    settled(&client).await?;
    let (cpu, writes) = (operator.cpu_time(), writes(&client).await?);
    tokio::time::sleep(REST).await;
    let rested = operator.cpu_time().saturating_sub(cpu);
    let written = self::writes(&client).await? - writes;
    Ok(Measured {
        values: vec![took.as_secs_f64(), 100.0 * rested.as_secs_f64() / REST.as_secs_f64(), written],
        cpu_seconds: busy.as_secs_f64(),
        peak_rss_bytes: operator.peak_rss_bytes(),
    })
}

async fn create(client: &Client, count: usize) -> Result<(), Box<dyn Error>> {
    let example: Value = serde_yaml::from_str(EXAMPLE)?;
    let made = stream::iter(0..count).map(|number| {
        let mut one = example.clone();
        one["metadata"] = json!({"name": format!("market-{number:04}")});
        async move { client.request::<Value>(request::post(PIPELINES, &one)).await }
    });
    let made: Vec<_> = made.buffer_unordered(IN_FLIGHT).collect().await;
    made.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(())
}

/// Ends init Jobs as they come, until every Deployment is there. Both are watched: lists of thousands, taken again and
/// again, would cost the API server as much as the operator does.
async fn made(client: &Client, count: usize) -> Result<(), Box<dyn Error>> {
    let (mut jobs, mut deployments) = (pin!(names::<Job>(client)), pin!(names::<Deployment>(client)));
    let (mut ended, mut there) = (BTreeSet::new(), BTreeSet::new());
    let mut ending = FuturesUnordered::new();
    let end = tokio::time::sleep(PATIENCE);
    let mut end = pin!(end);
    while there.len() < count * ROLES {
        tokio::select! {
            Some(job) = jobs.next() => {
                let job = job?;
                if ended.insert(job.clone()) {
                    ending.push(async move { cluster::jobs::complete(client, NAMESPACE, &job).await });
                }
            }
            Some(deployment) = deployments.next() => drop(there.insert(deployment?)),
            Some(done) = ending.next() => done?,
            () = &mut end => {
                return Err(format!("{} of {} Deployments after {PATIENCE:?}", there.len(), count * ROLES).into());
            }
        }
    }
    Ok(())
}

/// Names of the objects there are, and of those that come; of one that changes again.
fn names<K>(client: &Client) -> impl Stream<Item = Result<String, watcher::Error>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let api: Api<PartialObjectMeta<K>> = Api::namespaced(client.clone(), NAMESPACE);
    let changes = watcher::watcher(api, watcher::Config::default());
    changes.applied_objects().map_ok(|object| object.name_any())
}

/// Waits until a second passes without a write.
async fn settled(client: &Client) -> Result<(), Box<dyn Error>> {
    let mut last = writes(client).await?;
    until("an operator at rest", PATIENCE, async || {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let now = writes(client).await.map_err(|error| error.to_string())?;
        let still = now - last;
        last = now;
        if still == 0.0 { Ok(()) } else { Err(format!("{still} writes in the last seconds")) }
    })
    .await?;
    Ok(())
}

/// Writes that the API server has taken, but for the Lease, which is renewed for ever.
async fn writes(client: &Client) -> Result<f64, Box<dyn Error>> {
    let page = client.request_text(request::get("/metrics")).await?;
    let counted = page.lines().filter(|line| {
        let writes = ["APPLY", "DELETE", "PATCH", "POST", "PUT"]
            .iter()
            .any(|verb| line.contains(&format!("verb=\"{verb}\"")));
        line.starts_with("apiserver_request_total{") && writes && !line.contains("resource=\"leases\"")
    });
    Ok(counted.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

//! What workers say of themselves: `GET /status` on the admin port of a pod's address. Bounded in time, size and
//! number at once; a worker that does not answer is no error, it is just not heard.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::pipeline::build::ADMIN_PORT;
use crate::pods;

/// Longest wait for one worker.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest answer, in bytes: 1,024 partitions take about 1 MiB.
const ANSWER_BYTES: usize = 4 << 20;
/// Workers asked at once.
const AT_ONCE: usize = 16;

/// Why a worker was not heard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("http://{address}/status: {reason}")]
pub struct Unheard {
    /// Who was asked.
    pub address: SocketAddr,
    /// What went wrong.
    pub reason: String,
}

/// Asks one worker.
pub type Ask = Arc<dyn Fn(SocketAddr) -> BoxFuture<'static, Result<Value, Unheard>> + Send + Sync>;

/// Asks over plain HTTP.
pub fn over_http() -> Ask {
    Arc::new(|address| Box::pin(get(address)))
}

/// One worker's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Name of the pod.
    pub pod: String,
    /// The role it has by its labels.
    pub role: String,
    /// Its `/status`; `None` where it did not answer, or another pod did.
    pub status: Option<Value>,
}

/// Asks every pod that has an address and runs. Who answers must be that very pod, of this pipeline: addresses are used
/// again, and what another pod says of its partitions would be counted as this one's.
pub async fn ask_all(ask: &Ask, list: &[Pod], namespace: &str, pipeline: &str) -> Vec<Heard> {
    let running =
        list.iter().filter(|pod| !pods::is_finished(pod) && pod.metadata.deletion_timestamp.is_none());
    let questions: Vec<_> = running
        .map(|pod| {
            let (name, role) = (pod.name_any(), pods::role(pod).to_owned());
            let answer = address(pod).map(|address| ask(address));
            let (namespace, pipeline) = (namespace.to_owned(), pipeline.to_owned());
            let uid = pod.metadata.uid.clone();
            async move {
                let status = match answer {
                    Some(answer) => answer
                        .await
                        .inspect_err(|unheard| tracing::debug!("{unheard}"))
                        .ok()
                        .filter(|status| is_ours(status, &namespace, &pipeline, uid.as_deref())),
                    None => None,
                };
                Heard { pod: name, role, status }
            }
        })
        .collect();
    stream::iter(questions).buffered(AT_ONCE).collect().await
}

fn address(pod: &Pod) -> Option<SocketAddr> {
    let ip: IpAddr = pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()?;
    Some(SocketAddr::new(ip, u16::try_from(ADMIN_PORT).ok()?))
}

fn is_ours(status: &Value, namespace: &str, pipeline: &str, uid: Option<&str>) -> bool {
    let process = &status["process"];
    process["pipeline"] == pipeline
        && (process["namespace"].is_null() || process["namespace"] == namespace)
        && process["podUid"].as_str() == uid
}

/// The `/status` of the worker at `address`.
pub async fn get(address: SocketAddr) -> Result<Value, Unheard> {
    let unheard = |reason: String| Unheard { address, reason };
    let bytes = tokio::time::timeout(PATIENCE, exchange(address))
        .await
        .map_err(|_| unheard(format!("no answer in {} s", PATIENCE.as_secs())))?
        .map_err(unheard)?;
    serde_json::from_slice(&bytes).map_err(|error| unheard(format!("its answer is no JSON ({error})")))
}

async fn exchange(address: SocketAddr) -> Result<Bytes, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // It ends with the sender, which is dropped below.
    tokio::spawn(connection);
    let request = Request::get("/status")
        .header("host", address.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    if response.status() != StatusCode::OK {
        return Err(format!("it answers {}", response.status()));
    }
    let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
    Ok(body.map_err(|error| error.to_string())?.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Json, Router, routing};
    use serde_json::json;

    async fn serving(router: Router) -> SocketAddr {
        let shutdown = runtime::Shutdown::new();
        let (address, task) =
            runtime::serve_tcp("127.0.0.1:0".parse().unwrap(), router, shutdown).await.unwrap();
        tokio::spawn(task);
        address
    }

    #[tokio::test]
    async fn a_status_is_read_and_anything_else_is_unheard() {
        let status = || async { Json(json!({"process": {"pipeline": "market"}})) };
        let good = serving(Router::new().route("/status", routing::get(status))).await;
        assert_eq!(get(good).await.unwrap()["process"]["pipeline"], "market");
        let none = serving(Router::new()).await;
        assert!(get(none).await.unwrap_err().to_string().contains("404"));
        let text = serving(Router::new().route("/status", routing::get(|| async { "hello" }))).await;
        assert!(get(text).await.unwrap_err().to_string().contains("no JSON"));
        let long = || async { "x".repeat(ANSWER_BYTES + 1) };
        let long = serving(Router::new().route("/status", routing::get(long))).await;
        assert!(get(long).await.is_err());
    }

    #[tokio::test]
    async fn only_running_pods_are_asked_and_strangers_are_not_believed() {
        let pod = |name: &str, ip: &str, phase: &str| -> Pod {
            let labels = json!({"app.kubernetes.io/component": "ingest"});
            let metadata = json!({"name": name, "uid": format!("uid-{name}"), "labels": labels});
            serde_json::from_value(json!({"metadata": metadata, "status": {"podIP": ip, "phase": phase}}))
                .unwrap()
        };
        let ask: Ask = Arc::new(|address| {
            let (pipeline, uid) = match address.ip().to_string().as_str() {
                "10.0.0.1" => ("market", json!("uid-a")),
                "10.0.0.2" => ("other", json!("uid-b")),
                // The pod that had the address before, or one that does not say who it is.
                "10.0.0.3" => ("market", json!("uid-gone")),
                _ => ("market", json!(null)),
            };
            let process = json!({"pipeline": pipeline, "namespace": "prod", "podUid": uid});
            Box::pin(async move { Ok(json!({"process": process})) })
        });
        let pods = [
            pod("a", "10.0.0.1", "Running"),
            pod("b", "10.0.0.2", "Running"),
            pod("c", "10.0.0.1", "Failed"),
            pod("d", "10.0.0.3", "Running"),
            pod("e", "10.0.0.4", "Running"),
        ];
        let heard = ask_all(&ask, &pods, "prod", "market").await;
        let told: Vec<_> = heard.iter().map(|one| (one.pod.as_str(), one.status.is_some())).collect();
        assert_eq!(told, [("a", true), ("b", false), ("d", false), ("e", false)]);
    }
}

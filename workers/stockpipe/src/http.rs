//! One GET of a running worker's endpoints. Plain HTTP inside a cluster; nothing else is spoken.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use market::ErrorKind;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::Failure;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer, in bytes: 1,024 partitions take about 1 MiB.
const ANSWER_BYTES: usize = 16 << 20;

/// The JSON at `path` of a worker at `url`, which is `http://host:port` or `host:port`.
pub async fn get_json(url: &str, path: &str) -> Result<Value, Failure> {
    let host = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    if host.contains("://") || host.contains('/') || !host.contains(':') {
        return Err(Failure::bad_input(format!("{url:?} is no worker's address: write http://host:port")));
    }
    let failed = |reason: String| {
        let text = format!("http://{host}{path}: {reason}; does a worker run there?");
        Failure::new(ErrorKind::Unavailable, text)
    };
    let answer = tokio::time::timeout(PATIENCE, ask(host, path)).await;
    let bytes =
        answer.map_err(|_| failed(format!("no answer in {} s", PATIENCE.as_secs())))?.map_err(failed)?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Failure::bad_input(format!("http://{host}{path} is no worker: its answer is no JSON ({e})"))
    })
}

async fn ask(host: &str, path: &str) -> Result<Bytes, String> {
    let stream = TcpStream::connect(host).await.map_err(|e| e.to_string())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    let request =
        Request::get(path).header("host", host).body(Empty::<Bytes>::new()).map_err(|e| e.to_string())?;
    let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
    if response.status() != StatusCode::OK {
        return Err(format!("it answers {}", response.status()));
    }
    let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.map_err(|e| e.to_string())?;
    Ok(body.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_that_are_none_are_refused_and_nobody_is_an_error() {
        for wrong in ["https://a:1", "ftp://a:1", "a", "http://a:1/x"] {
            assert_eq!(get_json(wrong, "/status").await.unwrap_err().kind, ErrorKind::BadInput, "{wrong}");
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let nobody = get_json(&address, "/status").await.unwrap_err();
        assert!(nobody.kind == ErrorKind::Unavailable && nobody.text.contains(&address), "{nobody}");
    }

    #[tokio::test]
    async fn a_workers_status_is_read() {
        let router = axum::Router::new()
            .route("/status", axum::routing::get(|| async { axum::Json(serde_json::json!({"a": 1})) }));
        let end = runtime::Shutdown::new();
        let (address, task) =
            runtime::serve_tcp("127.0.0.1:0".parse().unwrap(), router, end.clone()).await.unwrap();
        let task = tokio::spawn(task);
        let got = get_json(&format!("http://{address}/"), "/status").await.unwrap();
        assert_eq!(got["a"], 1);
        assert!(get_json(&address.to_string(), "/other").await.unwrap_err().text.contains("404"));
        end.cancel();
        task.await.unwrap().unwrap();
    }
}

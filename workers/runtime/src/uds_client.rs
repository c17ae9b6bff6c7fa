//! The client of an admin socket: one request, one answer. Read commands use it beside a running `local`.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use market::ErrorKind;
use tokio::{net::UnixStream, time::timeout};

use crate::{Classified, limits};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// True for 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens: open the directory yourself.
    #[error("nobody listens on {path}: {error}", path = .path.display())]
    NotListening {
        /// The socket.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// The process answered no HTTP, or ended while it did.
    #[error("no answer from {path} to {uri}: {why}; the process behind it may have ended, try again",
            path = .path.display())]
    NoAnswer {
        /// The socket.
        path: PathBuf,
        /// The request.
        uri: String,
        /// What went wrong.
        why: String,
    },
}

impl Classified for ClientError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Unavailable
    }
}

/// GETs `uri` (`/status`, `/api/v1/…?…`).
pub async fn get(path: impl AsRef<Path>, uri: &str) -> Result<Answer, ClientError> {
    request(path.as_ref(), Method::GET, uri, Bytes::new()).await
}

/// POSTs a JSON body to `uri`.
pub async fn post(path: impl AsRef<Path>, uri: &str, body: impl Into<Bytes>) -> Result<Answer, ClientError> {
    request(path.as_ref(), Method::POST, uri, body.into()).await
}

async fn request(path: &Path, method: Method, uri: &str, body: Bytes) -> Result<Answer, ClientError> {
    let refused = |error| ClientError::NotListening { path: path.into(), error };
    let failed = |why: String| ClientError::NoAnswer { path: path.into(), uri: uri.into(), why };
    let connected = timeout(limits::ADMIN_CONNECT, UnixStream::connect(path)).await;
    let stream = connected.map_err(|_| refused(io::ErrorKind::TimedOut.into()))?.map_err(refused)?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| failed(e.to_string()))?;
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(|e| failed(e.to_string()))?;
    let driver = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(request).await.map_err(|e| failed(e.to_string()))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), limits::ADMIN_ANSWER_BYTES);
        let body = body.collect().await.map_err(|e| failed(e.to_string()))?.to_bytes();
        Ok(Answer { status, body })
    }
    .await;
    driver.abort();
    answer
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Router, routing};
    use serde_json::{Value, json};

    use super::*;
    use crate::{AdminState, Metrics, Shutdown, serve_uds};

    fn json_of(answer: &Answer) -> Value {
        serde_json::from_slice(&answer.body).unwrap()
    }

    #[tokio::test]
    async fn the_admin_endpoints_answer_on_a_socket() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let gone = get(&path, "/status").await.unwrap_err();
        assert!(matches!(gone, ClientError::NotListening { .. }), "{gone}");

        let admin = AdminState::new(Metrics::new());
        admin.status("ingest", || json!({ "lag": 3 }));
        let ready = admin.readiness("restored");
        let heart = admin.heartbeat("loop", Duration::ZERO);
        let router: Router =
            admin.router().route("/echo", routing::post(async |body: String| format!("<{body}>")));
        let shutdown = Shutdown::new();
        let serving = tokio::spawn(serve_uds(&path, router, shutdown.clone()).await.unwrap());

        assert_eq!(json_of(&get(&path, "/status").await.unwrap()), json!({ "ingest": { "lag": 3 } }));
        let unready = get(&path, "/readyz").await.unwrap();
        assert_eq!((unready.status, json_of(&unready)["failing"].clone()), (503, json!(["restored"])));
        ready.set(true);
        assert!(get(&path, "/readyz").await.unwrap().is_success());
        assert_eq!(get(&path, "/livez").await.unwrap().status, 503, "a limit of zero is always exceeded");
        drop(heart);
        assert_eq!(get(&path, "/livez").await.unwrap().status, 200);
        assert!(get(&path, "/metrics").await.unwrap().body.starts_with(b"# HELP"));
        assert_eq!(post(&path, "/echo", "x").await.unwrap().body, "<x>");

        shutdown.cancel();
        serving.await.unwrap().unwrap();
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        let refused = serve_uds(&path, Router::new(), Shutdown::new()).await.map(drop).unwrap_err();
        assert!(refused.to_string().contains("move it away"), "{refused}");
    }

    #[tokio::test]
    async fn a_leftover_socket_is_replaced_and_only_this_user_may_connect() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let serving = serve_uds(&path, Router::new(), Shutdown::new()).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(serving);
        assert!(!path.exists());
    }
}

//! Nothing of the page, the interface or the stream is there for who does not know the password.

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use dashboard::{Credentials, described};
use futures::StreamExt as _;
use serde_json::Value;

use crate::rows::{World, body, send, settings};

/// Everything that is served: the page, some of its files, every route of the interface, and what is none.
fn requests() -> Vec<(&'static str, String)> {
    let page = ["/", "/js/app.mjs", "/style.css", "/vendor/inter-400.woff2", "/api/v1/nothing"];
    let page = page.map(|path| ("get", path.to_owned()));
    let interface = described().into_iter().map(|r| (r.method, format!("/api/v1{}", r.path)));
    page.into_iter().chain(interface).collect()
}

async fn ask(router: &Router, method: &str, path: &str, pair: Option<&str>) -> axum::http::Response<Body> {
    let mut request = Request::builder().method(method.to_uppercase().as_str()).uri(path);
    if let Some(pair) = pair {
        request = request.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
    }
    send(router, request.body(Body::empty()).unwrap()).await
}

async fn guarded(world: &World) -> (Router, dashboard::Handle) {
    let mut guarded = settings();
    guarded.credentials = Some(Credentials::new("ada", "secret").unwrap());
    world.dashboard(guarded).await
}

#[tokio::test]
async fn nothing_is_answered_without_the_password_and_everything_with_it() {
    let world = World::new().await;
    let (router, _handle) = guarded(&world).await;
    for (method, path) in requests() {
        for pair in [None, Some("ada:secreT"), Some("eve:secret")] {
            let response = ask(&router, method, &path, pair).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path} {pair:?}");
            let headers = response.headers().clone();
            assert!(headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic "), "{path}");
            assert!(headers.contains_key(header::CONTENT_SECURITY_POLICY), "{path}");
            let (_, told) = body(response).await;
            assert_eq!(told["status"], 401, "{path}");
            assert!(told["remedy"].as_str().unwrap().contains("curl -u"), "{told}");
            assert!(!told.to_string().contains("secret"), "{told}");
        }
        let status = ask(&router, method, &path, Some("ada:secret")).await.status();
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn ticks_of_a_stranger_are_not_written() {
    let world = World::new().await;
    let (router, _handle) = guarded(&world).await;
    let tick =
        r#"{"symbol":"A","ts":"2026-03-17T14:32:00Z","open":1.5,"high":2,"low":1,"close":1.75,"volume":10}"#;
    let request = Request::post("/api/v1/ticks").header(header::CONTENT_TYPE, "application/x-ndjson");
    let (status, _) = body(send(&router, request.body(Body::from(tick)).unwrap()).await).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    for partition in 0..world.ticks.partitions() {
        assert_eq!(world.ticks.bounds(partition).await.unwrap().high, 0);
    }
}

#[tokio::test]
async fn the_stream_flows_to_who_knows_the_password() {
    let world = World::new().await;
    let (router, _handle) = guarded(&world).await;
    let response = ask(&router, "get", "/api/v1/stream", Some("ada:secret")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let first = response.into_body().into_data_stream().next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("event: hello"), "{first:?}");
}

#[tokio::test]
async fn without_auth_everybody_may_look() {
    let world = World::new().await;
    let (router, _handle) = world.dashboard(settings()).await;
    let (status, meta): (_, Value) = body(ask(&router, "get", "/api/v1/meta", None).await).await;
    assert_eq!((status, &meta["pipeline"]), (StatusCode::OK, &Value::from("market")));
}

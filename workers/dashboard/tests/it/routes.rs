//! Answers of the interface, its description, and what it refuses.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use dashboard::{OPENAPI, described};
use feature_store::{Fault, FaultyStore, FeatureStore, RowSink as _};
use market::{Alias, AliasEvent, AliasKey, RunRow, Timestamp};
use serde_json::{Value, json};

use crate::rows::{World, bar, body, forecast, get, send, settings};

async fn filled() -> World {
    let world = World::new().await;
    let rows: Vec<_> = (0..20).map(|i| bar("A", i, i < 19)).collect();
    world.store.upsert_rows(&rows).await.unwrap();
    let mut window = bar("A", 1, true);
    window.name = "sma_5".into();
    world.store.upsert_rows(&[window]).await.unwrap();
    world.store.put_predictions(&(0..5).map(forecast).collect::<Vec<_>>()).await.unwrap();
    let at = Timestamp::from_micros(1);
    let run = RunRow {
        pipeline: "market".into(),
        name: "r1".into(),
        phase: "Complete".into(),
        progress_percent: 100,
        started_at: at,
        finished_at: Some(at),
        updated_at: at,
        status: json!({ "version": 4, "metrics": [] }),
    };
    world.store.put_run(&run).await.unwrap();
    let key = AliasKey { pipeline: "market".into(), bar: "1m".into(), horizon: 1 };
    let swap = AliasEvent {
        seq: 1,
        alias: Alias::Champion,
        version: Some(4),
        effective_from: at,
        at,
        actor: "trainer".into(),
        reason: "passed".into(),
    };
    assert!(world.store.append_alias(&key, &swap).await.unwrap());
    world
}

fn api(path: &str) -> String {
    let query = match path {
        "/bars" | "/features" | "/predictions" | "/skill" => "?symbol=A",
        _ => "",
    };
    format!("/api/v1{path}{query}")
}

/// Every key of `value` is described by `schema`, arrays and references followed.
fn check(value: &Value, schema: &Value, all: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = name.rsplit('/').next().unwrap();
        return check(value, &all["components"]["schemas"][target], all, at);
    }
    match value {
        Value::Object(fields) => {
            let Some(properties) = schema["properties"].as_object() else { return };
            for (name, field) in fields {
                let described =
                    properties.get(name).unwrap_or_else(|| panic!("{at}.{name} is not described"));
                check(field, described, all, &format!("{at}.{name}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check(item, &schema["items"], all, at)),
        _ => {}
    }
}

#[tokio::test]
async fn the_description_is_the_interface() {
    let all: Value = serde_json::from_str(OPENAPI).unwrap();
    let paths = all["paths"].as_object().unwrap();
    let mut known = BTreeSet::new();
    for route in described() {
        let operation = &paths[route.path][route.method];
        assert!(operation.is_object(), "{} {} is not described", route.method, route.path);
        let names: Vec<_> =
            operation["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, route.parameters, "parameters of {}", route.path);
        known.insert(format!("{} {}", route.method, route.path));
    }
    for (path, operations) in paths {
        for method in operations.as_object().unwrap().keys() {
            assert!(known.contains(&format!("{method} {path}")), "{method} {path} does not exist");
        }
    }
    let (router, _handle) = filled().await.dashboard(settings()).await;
    for route in described().into_iter().filter(|r| r.method == "get" && r.path != "/stream") {
        let (status, answer) = get(&router, &api(route.path)).await;
        assert_eq!(status, StatusCode::OK, "{}: {answer}", route.path);
        let schema = &paths[route.path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        check(&answer, schema, &all, route.path);
    }
}

#[tokio::test]
async fn history_is_the_newest_of_the_range_oldest_first() {
    let (router, _handle) = filled().await.dashboard(settings()).await;
    let starts = |answer: &Value| -> Vec<String> {
        answer["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["window_start"].as_str().unwrap().to_owned())
            .collect()
    };
    let (_, answer) = get(&router, "/api/v1/bars?symbol=A&bar=1m&limit=3").await;
    assert_eq!(starts(&answer), ["1970-01-01T00:17:00Z", "1970-01-01T00:18:00Z", "1970-01-01T00:19:00Z"]);
    assert_eq!(answer["rows"][2]["final"], json!(false));
    assert!(answer["rows"][0].get("features").is_none(), "the model's vector stays inside");
    let (_, answer) =
        get(&router, "/api/v1/bars?symbol=A&from=1970-01-01T00:02:00Z&to=1970-01-01T00:04:00Z").await;
    assert_eq!(starts(&answer), ["1970-01-01T00:02:00Z", "1970-01-01T00:03:00Z"]);
    let (_, models) = get(&router, "/api/v1/models").await;
    assert_eq!(models["models"][0]["aliases"][0]["alias"], json!("champion"));
}

#[tokio::test]
async fn wrong_questions_name_thing_reason_and_remedy() {
    let (router, _handle) = filled().await.dashboard(settings()).await;
    for (path, status) in [
        ("/api/v1/bars", 400),
        ("/api/v1/bars?symbol=A&bar=7m", 400),
        ("/api/v1/bars?symbol=A&limit=0", 400),
        ("/api/v1/bars?symbol=A&from=yesterday", 400),
        ("/api/v1/bars?symbol=A&limti=3", 400),
        ("/api/v1/predictions?symbol=A&horizon=one", 400),
        ("/api/v1/runs?x=1", 400),
        ("/api/v1/nothing", 404),
        ("/api/v1/ticks", 405),
    ] {
        let (got, problem) = get(&router, path).await;
        assert_eq!(got.as_u16(), status, "{path}: {problem}");
        for part in ["thing", "reason", "remedy"] {
            assert!(problem[part].as_str().is_some_and(|t| !t.is_empty()), "{path} {part}: {problem}");
        }
    }
}

#[tokio::test]
async fn a_store_that_fails_is_a_503_and_the_page_stays() {
    let world = filled().await;
    let store =
        Arc::new(FaultyStore::new(Arc::clone(&world.store) as Arc<dyn FeatureStore>, |_| Fault::Before));
    let (router, _handle) = world.on(settings(), store).await;
    for path in ["/bars", "/predictions", "/symbols", "/runs"] {
        let (status, problem) = get(&router, &api(path)).await;
        assert_eq!(
            (status, problem["thing"].as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, Some("feature store"))
        );
    }
    for path in
        ["/", "/style.css", "/js/app.mjs", "/vendor/lightweight-charts.mjs", "/api/v1/meta", "/api/v1/health"]
    {
        let response = send(&router, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
        assert!(!policy.contains("unsafe"));
    }
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_again() {
    let mut below = settings();
    below.base_path = "/market".into();
    let (router, _handle) = World::new().await.dashboard(below).await;
    let first = send(&router, Request::get("/market/style.css").body(Body::empty()).unwrap()).await;
    let tag = first.headers()[header::ETAG].clone();
    let again =
        Request::get("/market/style.css").header(header::IF_NONE_MATCH, tag).body(Body::empty()).unwrap();
    assert_eq!(send(&router, again).await.status(), StatusCode::NOT_MODIFIED);
    let bare = send(&router, Request::get("/market").body(Body::empty()).unwrap()).await;
    assert_eq!(bare.headers()[header::LOCATION], "/market/");
    assert_eq!(get(&router, "/market/api/v1/meta").await.0, StatusCode::OK);
}

const GOOD: &str =
    r#"{"symbol":"A","ts":"2026-03-17T14:32:00Z","open":1.5,"high":2,"low":1,"close":1.75,"volume":10}"#;

async fn post(router: &Router, kind: &str, text: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post("/api/v1/ticks").header(header::CONTENT_TYPE, kind);
    body(send(router, request.body(text.into()).unwrap()).await).await
}

#[tokio::test]
async fn ticks_get_a_verdict_each_and_the_good_ones_are_in_the_log() {
    let world = World::new().await;
    let (router, _handle) = world.dashboard(settings()).await;
    let bad = GOOD.replace("\"high\":2", "\"high\":1");
    let lines = format!("{GOOD}\n\n{bad}\nnonsense\n{GOOD}\n");
    let (status, answer) = post(&router, "application/x-ndjson", lines).await;
    let verdicts: Vec<_> =
        answer["verdicts"].as_array().unwrap().iter().map(|v| v["verdict"].as_str().unwrap()).collect();
    assert_eq!(
        (status, verdicts),
        (StatusCode::OK, vec!["accepted", "ohlc_order", "malformed_json", "accepted"])
    );
    let array = format!("[{GOOD}, {{\"symbol\":\"A\"}}]");
    let (_, answer) = post(&router, "application/json; charset=utf-8", array).await;
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(1), &json!(1)));
    let mut stored = 0;
    for partition in 0..world.ticks.partitions() {
        stored += world.ticks.bounds(partition).await.unwrap().high;
    }
    assert_eq!(stored, 3);
}

#[tokio::test]
async fn ticks_that_cannot_be_taken_are_refused_whole() {
    let world = World::new().await;
    let (router, _handle) = world.dashboard(settings()).await;
    let kind = "application/x-ndjson";
    assert_eq!(post(&router, "text/plain", GOOD).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(post(&router, "application/json", GOOD).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(post(&router, kind, "x\n").await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let long = "x".repeat(dashboard::limits::TICKS_BODY_BYTES + 1);
    assert_eq!(post(&router, kind, long).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(post(&router, kind, GOOD).await.0, StatusCode::OK);
}

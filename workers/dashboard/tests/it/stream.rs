//! The stream as a browser reads it: cut anywhere, resumed by the last id, nothing lost and nothing twice.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, BodyDataStream},
    http::Request,
};
use futures::StreamExt;
use market::NewRecord;
use serde_json::Value;

use crate::rows::{World, bar, get, send, settings};

/// One message.
#[derive(Debug, Clone)]
struct Message {
    name: String,
    id: String,
    data: Value,
}

impl Message {
    /// What it is about; absent for reports.
    fn key(&self) -> Option<String> {
        match self.name.as_str() {
            "bar" => Some(format!("bar {}", self.data["window_start"].as_str()?)),
            "prediction" => Some(format!("prediction {}", self.data["target_ts"].as_str()?)),
            _ => None,
        }
    }
}

/// A browser's end of one connection.
struct Reader {
    body: BodyDataStream,
    text: String,
}

impl Reader {
    async fn open(router: &Router, last: Option<&str>) -> Self {
        let mut request = Request::get("/api/v1/stream");
        if let Some(id) = last {
            request = request.header("last-event-id", id);
        }
        let response = send(router, request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200);
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let prefix = format!("{name}: ");
                    message.lines().find_map(|l| l.strip_prefix(&prefix)).unwrap_or_default().to_owned()
                };
                let message = Message {
                    name: field("event"),
                    id: field("id"),
                    data: serde_json::from_str(&field("data")).unwrap_or(Value::Null),
                };
                self.text = rest.to_owned();
                return Some(message);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.body.next()).await;
            let chunk = chunk.expect("no event for 20 s")?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

async fn cursor(router: &Router) -> String {
    get(router, "/api/v1/meta").await.1["cursor"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn cut_after_every_event_and_restarted_halfway_nothing_is_lost_or_repeated() {
    let world = World::new().await;
    let (mut router, mut handle) = world.dashboard(settings()).await;
    let mut last = cursor(&router).await;
    let mut expected = Vec::new();
    for i in 0..30 {
        expected.push(world.publish(i).await);
    }
    expected.sort();
    let mut got = Vec::new();
    for round in 0.. {
        if got.len() == expected.len() {
            break;
        }
        assert!(round < 200, "only {got:?}");
        if round == 12 {
            handle.close();
            (router, handle) = world.dashboard(settings()).await;
        }
        let mut reader = Reader::open(&router, Some(&last)).await;
        let mut taken = 0;
        while taken == 0 {
            let message = reader.next().await.unwrap();
            assert_ne!(message.name, "reset");
            taken += usize::from(message.key().is_some());
            got.extend(message.key());
            last = message.id;
        }
    }
    got.sort();
    assert_eq!(got, expected);
    handle.close();
}

#[tokio::test]
async fn of_provisional_values_only_the_newest_is_sent() {
    let world = World::new().await;
    let (router, handle) = world.dashboard(settings()).await;
    let last = cursor(&router).await;
    let mut values: Vec<_> = (0..50).map(|i| bar("A", 7, i == 49)).collect();
    for (i, row) in values.iter_mut().enumerate() {
        row.n = i as u64;
    }
    let records =
        values.iter().map(|r| NewRecord { key: None, value: serde_json::to_vec(r).unwrap() }).collect();
    world.features.append(0, records).await.unwrap();
    let mut reader = Reader::open(&router, Some(&last)).await;
    let mut seen = Vec::new();
    while seen.last() != Some(&49) {
        let message = reader.next().await.unwrap();
        if message.name == "bar" {
            assert!(message.data.get("features").is_none());
            seen.push(message.data["n"].as_i64().unwrap());
        }
    }
    assert!(seen.len() <= 3, "{seen:?}");
    handle.close();
}

#[tokio::test]
async fn a_cursor_of_another_topic_or_of_the_future_asks_for_a_reset() {
    let world = World::new().await;
    let (router, handle) = world.dashboard(settings()).await;
    let good = cursor(&router).await;
    let ahead = good.replace("-0.0-", "-99.0-");
    assert_ne!(ahead, good);
    for id in ["17", "1-0000000000000000-0.0-0.0", &ahead] {
        let first = Reader::open(&router, Some(id)).await.next().await.unwrap();
        assert_eq!((first.name.as_str(), first.id.as_str()), ("reset", good.as_str()), "{id}");
    }
    let first = Reader::open(&router, Some(&good)).await.next().await.unwrap();
    assert_eq!(first.name, "hello");
    handle.close();
}

#[tokio::test]
async fn closing_ends_open_streams_and_gives_their_seats_back() {
    let world = World::new().await;
    let (router, handle) = world.dashboard(settings()).await;
    let mut reader = Reader::open(&router, None).await;
    assert_eq!(reader.next().await.unwrap().name, "hello");
    assert_eq!(handle.stream_clients(), 1);
    handle.cut_streams();
    while reader.next().await.is_some() {}
    drop(reader);
    assert_eq!(handle.stream_clients(), 0);
    handle.close();
}

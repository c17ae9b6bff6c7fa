//! From a request to a response.

use std::convert::Infallible;
use std::sync::Arc;

use futures::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::merge::text;
use super::request::Asked;
use super::store::{Change, Written};
use super::{State, Strike};

/// A body, at once or as a stream.
pub type Bytes = UnsyncBoxBody<hyper::body::Bytes, Infallible>;

/// Answers anything but a watch.
pub fn answer(state: &mut State, asked: &Asked) -> Response<Bytes> {
    let strike = match &mut state.strike {
        Some((0, when)) => Some(*when),
        Some((left, _)) => {
            *left -= 1;
            None
        }
        None => None,
    };
    if strike.is_some() {
        state.strike = None;
    }
    if strike == Some(Strike::Before) {
        return failure(500, "InternalError", "struck before");
    }
    let response = done(state, asked);
    if strike == Some(Strike::After) {
        return failure(500, "InternalError", "struck after");
    }
    response
}

fn done(state: &mut State, asked: &Asked) -> Response<Bytes> {
    let target = &asked.target;
    if let Some((resource, code, message)) = state.refusal.as_ref().filter(|_| asked.is_write())
        && *resource == target.resource
    {
        return failure(*code, if *code == 403 { "Forbidden" } else { "Invalid" }, message);
    }
    let store = &mut state.store;
    let manager = asked.query.get("fieldManager").cloned().unwrap_or_default();
    let written: Written = match asked.verb {
        "list" => return list(store, asked),
        "get" => {
            let key = (target.resource.clone(), target.namespace.clone(), target.name.clone());
            store.at(&key).cloned().ok_or((404, "NotFound", format!("{} not found", target.name)))
        }
        "create" => store.create(target, asked.body.clone()),
        "update" => store.replace(target, asked.body.clone()),
        "patch" if asked.content.contains("apply-patch") => store.apply(target, &manager, asked.body.clone()),
        "patch" => store.merge(target, &asked.body),
        _ => store.delete(target, &asked.body),
    };
    match written {
        Ok(object) => json_response(200, &object),
        Err((code, reason, message)) => failure(code, reason, &message),
    }
}

fn list(store: &super::Store, asked: &Asked) -> Response<Bytes> {
    let all = store.list(&asked.target.resource, &asked.target.namespace);
    let items: Vec<Value> = all.into_iter().filter(|object| is_selected(object, asked)).collect();
    let version = store.version().to_string();
    json_response(
        200,
        &json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items}),
    )
}

/// Equality of labels; field selectors are left to the reader.
fn is_selected(object: &Value, asked: &Asked) -> bool {
    let selector = asked.query.get("labelSelector").map(String::as_str).unwrap_or_default();
    selector
        .split(',')
        .filter_map(|part| part.split_once('='))
        .all(|(key, value)| object["metadata"]["labels"][key] == *value)
}

fn json_response(code: u16, value: &Value) -> Response<Bytes> {
    let body = Full::new(value.to_string().into_bytes().into());
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = code.try_into().expect("a status");
    response
}

fn failure(code: u16, reason: &str, message: &str) -> Response<Bytes> {
    json_response(
        code,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
                "reason": reason, "message": message}),
    )
}

/// Tells every change after the version asked for, for ever.
pub fn watching(state: Arc<Mutex<State>>, changes: watch::Receiver<u64>, asked: Asked) -> Response<Bytes> {
    let from: u64 = asked.query.get("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
    let frames =
        stream::unfold((state, changes, asked, from), |(state, mut changes, asked, from)| async move {
            let mut from = from;
            loop {
                changes.borrow_and_update();
                let news = state.lock().store.since(from);
                from = news.last().map_or(from, |change| change.version);
                let lines: String = news.iter().filter(|change| concerns(change, &asked)).map(line).collect();
                if !lines.is_empty() {
                    let frame = Frame::data(hyper::body::Bytes::from(lines));
                    return Some((Ok::<_, Infallible>(frame), (state, changes, asked, from)));
                }
                if changes.changed().await.is_err() {
                    return None;
                }
            }
        });
    Response::new(StreamBody::new(frames).boxed_unsync())
}

fn concerns(change: &Change, asked: &Asked) -> bool {
    let target = &asked.target;
    let here = target.namespace.is_empty() || text(&change.object, "/metadata/namespace") == target.namespace;
    change.resource == target.resource && here && is_selected(&change.object, asked)
}

fn line(change: &Change) -> String {
    format!("{}\n", json!({"type": change.type_, "object": change.object}))
}

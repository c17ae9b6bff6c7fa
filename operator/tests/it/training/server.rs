//! A small API server for one namespace: objects in a map, versions, owners, preconditions. It can fail or fall silent
//! at any request, before or after it has done what it was asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What happens at one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and nothing was done.
    FailsBefore,
    /// It was done, and the answer says it failed.
    FailsAfter,
    /// No answer, and nothing was done: who asked is gone by then.
    SilentBefore,
    /// It was done, and there is no answer.
    SilentAfter,
}

impl Fault {
    /// Every one.
    pub const ALL: [Fault; 4] =
        [Fault::FailsBefore, Fault::FailsAfter, Fault::SilentBefore, Fault::SilentAfter];
}

/// Everything that is stored, and what was asked.
#[derive(Debug, Default)]
pub struct Store {
    /// By kind (plural) and name.
    pub objects: BTreeMap<(String, String), Value>,
    /// Requests so far.
    pub requests: usize,
    /// Requests so far that changed something, or tried.
    pub writes: Vec<String>,
    /// How often a Job of that name was created.
    pub created: BTreeMap<String, u32>,
    /// The fault, and the request it happens at.
    pub fault: Option<(usize, Fault)>,
    /// The answer to every creation of a Job, where it is not yes.
    pub jobs_refused: Option<(u16, String)>,
    version: u64,
}

impl Store {
    /// An object.
    pub fn get(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(kind.to_owned(), name.to_owned()))
    }

    /// Changes an object as somebody else would.
    pub fn change(&mut self, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
        self.version += 1;
        let version = self.version.to_string();
        if let Some(object) = self.objects.get_mut(&(kind.to_owned(), name.to_owned())) {
            change(object);
            object["metadata"]["resourceVersion"] = json!(version);
        }
    }

    /// Stores an object as it is, with a uid where it has none.
    pub fn put(&mut self, kind: &str, mut object: Value) -> Value {
        self.version += 1;
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("{kind}-{name}-{}", self.version));
        }
        object["metadata"]["namespace"] = json!("shop");
        self.objects.insert((kind.to_owned(), name), object.clone());
        object
    }
}

/// The server, and a bell that rings when it falls silent.
#[derive(Clone, Default)]
pub struct Server {
    /// What it stores.
    pub store: Arc<Mutex<Store>>,
    /// Rings when no answer will come.
    pub silence: Arc<Notify>,
}

impl Server {
    /// A client of it.
    pub fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { server.answer(request).await }
        });
        Client::new(service, "shop")
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let (parts, body) = request.into_parts();
        let body: Bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (code, answer, silent) = {
            let mut store = self.store.lock();
            let fault = store.fault.filter(|(at, _)| *at == store.requests).map(|(_, fault)| fault);
            store.requests += 1;
            if parts.method != Method::GET {
                store.writes.push(format!("{} {}", parts.method, parts.uri.path()));
            }
            let silent = matches!(fault, Some(Fault::SilentBefore | Fault::SilentAfter));
            let (code, answer) = match fault {
                Some(Fault::FailsBefore | Fault::SilentBefore) => failure(500, "out of order"),
                _ => handle(&mut store, &parts.method, &parts.uri.to_string(), body),
            };
            match fault {
                Some(Fault::FailsAfter) => (500, failure(500, "lost on the way").1, silent),
                _ => (code, answer, silent),
            }
        };
        if silent {
            self.silence.notify_one();
            std::future::pending::<()>().await;
        }
        let status = StatusCode::from_u16(code).expect("codes are written here");
        let body = Body::from(serde_json::to_vec(&answer).expect("values can be written"));
        Ok(Response::builder().status(status).body(body).expect("made of valid parts"))
    }
}

fn failure(code: u16, message: &str) -> (u16, Value) {
    let reason = if code == 404 { "NotFound" } else { "Other" };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code});
    (code, status)
}

fn handle(store: &mut Store, method: &Method, uri: &str, body: Value) -> (u16, Value) {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let Some((_, below)) = path.split_once("/namespaces/shop/") else { return failure(404, "no such path") };
    let mut segments = below.split('/');
    let kind = segments.next().unwrap_or_default().to_owned();
    let (name, sub) = (segments.next(), segments.next());
    match (method.as_str(), name) {
        ("GET", Some(name)) => match store.get(&kind, name) {
            Some(object) => (200, object.clone()),
            None => failure(404, "not found"),
        },
        ("GET", None) => list(store, &kind, query),
        ("POST", _) => create(store, &kind, body),
        ("PATCH", Some(_)) if kind == "events" => (200, body),
        ("PATCH", Some(name)) => patch(store, &kind, name, sub, body),
        ("DELETE", Some(name)) => delete(store, &kind, name, &body),
        _ => failure(405, "not here"),
    }
}

fn list(store: &Store, kind: &str, query: &str) -> (u16, Value) {
    let wanted =
        query.split('&').find_map(|pair| pair.trim_start_matches('?').strip_prefix("labelSelector="));
    let wanted = wanted.unwrap_or_default().replace("%3D", "=").replace("%2F", "/").replace("%2C", ",");
    let fits = |object: &Value| {
        wanted
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .all(|(key, value)| object["metadata"]["labels"][key] == value)
    };
    let items: Vec<&Value> = store
        .objects
        .iter()
        .filter(|((of, _), object)| of == kind && fits(object))
        .map(|(_, object)| object)
        .collect();
    (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}))
}

fn create(store: &mut Store, kind: &str, body: Value) -> (u16, Value) {
    if kind == "events" {
        return (201, body);
    }
    let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if store.get(kind, &name).is_some() {
        return failure(409, "already exists");
    }
    if kind == "jobs" {
        if let Some((code, message)) = &store.jobs_refused {
            return failure(*code, message);
        }
        *store.created.entry(name).or_default() += 1;
    }
    (201, store.put(kind, body))
}

fn patch(store: &mut Store, kind: &str, name: &str, sub: Option<&str>, body: Value) -> (u16, Value) {
    let Some(mut object) = store.get(kind, name).cloned() else { return failure(404, "not found") };
    for field in ["resourceVersion", "uid"] {
        let asked = &body["metadata"][field];
        if !asked.is_null() && *asked != object["metadata"][field] {
            return failure(409, "the object has been modified");
        }
    }
    match sub {
        // One manager owns the whole status of a run; of a pipeline's it owns single fields.
        Some("status") if kind == "trainingruns" => object["status"] = body["status"].clone(),
        Some("status") => merge(&mut object["status"], &body["status"]),
        _ => merge(&mut object, &body),
    }
    (200, store.put(kind, object))
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in fields.iter().filter(|(key, _)| *key != "resourceVersion") {
        merge(&mut target[key.as_str()], value);
    }
}

fn delete(store: &mut Store, kind: &str, name: &str, options: &Value) -> (u16, Value) {
    let Some(object) = store.get(kind, name).cloned() else { return failure(404, "not found") };
    if options["propagationPolicy"] != "Background" || options["preconditions"]["uid"].is_null() {
        return failure(400, "a delete names Background and a uid here");
    }
    if options["preconditions"]["uid"] != object["metadata"]["uid"] {
        return failure(409, "another uid");
    }
    store.objects.remove(&(kind.to_owned(), name.to_owned()));
    (200, object)
}

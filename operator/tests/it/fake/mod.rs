//! A Kubernetes API server in memory, good enough to be reconciled against: lists, watches, server-side apply with
//! ownership of fields, the status subresource, generations, deletion with preconditions and collection of what was
//! owned. Any request can be made to fail, before or after it took effect.
//!
//! What it does not do: validation, defaults beyond a few that are set on purpose, admission, other controllers. Tests
//! play those by hand.

mod answer;
mod merge;
mod request;
mod store;

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper::{Request, Response};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

pub use merge::apply;
pub use request::{Asked, Target};
pub use store::Store;

/// When an injected failure strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// Nothing was done.
    Before,
    /// It was done, and nobody was told.
    After,
}

#[derive(Default)]
struct State {
    store: Store,
    asked: Vec<Asked>,
    /// Requests to let pass before one fails, and how.
    strike: Option<(usize, Strike)>,
    /// Every write to this kind is refused with this.
    refusal: Option<(String, u16, String)>,
}

/// The server. Clones share it.
#[derive(Clone)]
pub struct Fake {
    state: Arc<Mutex<State>>,
    changes: watch::Sender<u64>,
}

impl Fake {
    /// An empty cluster.
    pub fn new() -> Self {
        let fake = Fake { state: Arc::default(), changes: watch::Sender::new(0) };
        fake.with(|store| store.now = "2026-01-01T00:00:00Z".to_owned());
        fake
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { Ok::<_, Infallible>(fake.serve(request).await) }
        });
        Client::new(service, "default")
    }

    async fn serve(&self, request: Request<Body>) -> Response<answer::Bytes> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let asked = Asked::read(&parts, &body);
        if asked.verb == "watch" {
            self.state.lock().asked.push(asked.clone());
            return answer::watching(self.state.clone(), self.changes.subscribe(), asked);
        }
        let answer = {
            let mut state = self.state.lock();
            let answer = answer::answer(&mut state, &asked);
            state.asked.push(asked);
            answer
        };
        self.announce();
        answer
    }

    fn announce(&self) {
        let version = self.state.lock().store.version();
        self.changes.send_if_modified(|known| std::mem::replace(known, version) != version);
    }

    /// Tells whenever something changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Works on what is stored, as other controllers and people would.
    pub fn with<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        let result = work(&mut self.state.lock().store);
        self.announce();
        result
    }

    /// One object.
    pub fn get(&self, kind: &str, name: &str) -> Option<Value> {
        self.with(|store| store.find(kind, name).cloned())
    }

    /// Names of all objects of a kind.
    pub fn names(&self, kind: &str) -> Vec<String> {
        self.with(|store| {
            store.of_kind(kind).into_iter().map(|object| merge::text(&object, "/metadata/name")).collect()
        })
    }

    /// What was asked since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().asked)
    }

    /// What was asked to be written since the last call, Events left out.
    pub fn writes(&self) -> Vec<Asked> {
        self.asked()
            .into_iter()
            .filter(|asked| asked.is_write() && asked.target.resource != "events")
            .collect()
    }

    /// The request after `n` others fails, once.
    pub fn strike(&self, n: usize, when: Strike) {
        self.state.lock().strike = Some((n, when));
    }

    /// True while the failure has not struck.
    pub fn is_striking(&self) -> bool {
        self.state.lock().strike.is_some()
    }

    /// Refuses every write of objects of that resource from now on; `None` ends it.
    pub fn refuse(&self, refusal: Option<(&str, u16, &str)>) {
        self.state.lock().refusal =
            refusal.map(|(resource, code, message)| (resource.to_owned(), code, message.to_owned()));
    }
}
